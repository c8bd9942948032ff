// An item of context as it is kept: a row of the store's table. A row that is `deleted` tells that the item was taken away;
// it stays for a while, so that an older write which still wanders through the network does not bring it back.

import ModelServicesAPI
import StoresAPI
import Vocabulary
import Wire

/// An item that is kept.
struct KeptItem: Sendable {
  var item: ContextItem
  /// Which write it is from: a later one has a greater number.
  var sequence: Int64
  /// When it is over, on the manager's wall clock; nil for never.
  var expires: WallTime?

  /// The table.
  static let table = StoreAPI.Table(
    "context_items",
    [
      .init("scope", .text), .init("id", .text), .init("sequence", .integer), .init("deleted", .boolean),
      .init("expires_microseconds", .integer, isOptional: true), .init("item", .json),
    ], key: ["scope", "id"],
    // So that what is over is found without a look at all rows; those that never end are not in it.
    unique: [["expires_microseconds", "scope", "id"]])

  init(item: ContextItem, sequence: Int64, expires: WallTime?) {
    self.item = item
    self.sequence = sequence
    self.expires = expires
  }

  /// Reads a row. Throws where it is none of the table's.
  init(_ row: JSONField) throws(FieldMistake) {
    sequence = try row.member("sequence").integer()
    expires = try row.optionalMember("expires_microseconds").map { (field) throws(FieldMistake) in
      WallTime(nanoseconds: TimeSpan.microseconds(try field.integer()).nanoseconds)
    }
    item = try ContextItem(try row.member("id").string(maximumBytes: ContextAPI.maximumNameBytes), try row.member("item"))
  }

  /// Whether it may be given out.
  func isOver(at wallClock: WallTime) -> Bool { expires.map { $0 <= wallClock } ?? false }

  /// Greatest priority first, of equal ones the newest.
  static func precedes(_ left: KeptItem, _ right: KeptItem) -> Bool {
    (right.item.priority, right.sequence, ExactName(left.item.id)) < (left.item.priority, left.sequence, ExactName(right.item.id))
  }

  /// Writes it as an answer.
  func write(_ writer: inout JSONWriter, at wallClock: WallTime) {
    writer.beginObject()
    writer.member("id", item.id)
    item.writeMembers(&writer)
    writer.member("sequence", sequence)
    if let expires { writer.member("remaining_ms", (expires - wallClock).milliseconds) }
    writer.endObject()
  }
}

/// The transactions that a context manager asks of the store.
enum ContextRows {
  /// Puts an item in the place of any older one of its id.
  static func put(_ kept: KeptItem) -> Request {
    write(scope: kept.item.scope, id: kept.item.id, sequence: kept.sequence, expires: kept.expires, isDeleted: false) {
      $0.beginObject()
      kept.item.writeMembers(&$0)
      $0.endObject()
    }
  }

  /// Notes that an item was taken away, until `expires`.
  static func delete(scope: String, id: String, sequence: Int64, expires: WallTime) -> Request {
    write(scope: scope, id: id, sequence: sequence, expires: expires, isDeleted: true) {
      $0.beginObject()
      $0.endObject()
    }
  }

  private static func write(
    scope: String, id: String, sequence: Int64, expires: WallTime?, isDeleted: Bool, _ item: (inout JSONWriter) -> Void
  ) -> Request {
    StoreAPI.transaction { writer in
      // Of an older write: the insertion finds a newer row in its place, and nothing is done. The same write, asked
      // again, replaces itself.
      writer.beginObject()
      writer.member("delete", KeptItem.table.name)
      writer.name("where")
      writer.beginObject()
      writer.member("scope", scope)
      writer.member("id", id)
      writer.name("sequence")
      writer.beginObject()
      writer.member("most", sequence)
      writer.endObject()
      writer.endObject()
      writer.endObject()
      writer.beginObject()
      writer.member("insert", KeptItem.table.name)
      writer.name("row")
      writer.beginObject()
      writer.member("scope", scope)
      writer.member("id", id)
      writer.member("sequence", sequence)
      writer.member("deleted", isDeleted)
      if let expires { writer.member("expires_microseconds", expires.nanoseconds / 1_000) }
      writer.name("item")
      item(&writer)
      writer.endObject()
      writer.endObject()
    }
  }

  /// Reads the items of a scope.
  static func scope(_ scope: String) -> Request {
    select(limit: ContextAPI.maximumItems * 2) { writer in
      writer.member("scope", scope)
      writer.member("deleted", false)
    }
  }

  /// Reads which write of an item is kept.
  static func sequence(scope: String, id: String) -> Request {
    select(limit: 1) { writer in
      writer.member("scope", scope)
      writer.member("id", id)
    }
  }

  /// Reads what was over at `wallClock`, `count` rows at most.
  static func over(at wallClock: WallTime, count: Int) -> Request {
    select(limit: count, order: ["expires_microseconds"]) { writer in
      writer.name("expires_microseconds")
      writer.beginObject()
      writer.member("most", wallClock.nanoseconds / 1_000)
      writer.endObject()
    }
  }

  /// Takes rows away, those that are still of the same write.
  static func remove(_ rows: [RowName]) -> Request {
    StoreAPI.transaction { writer in
      for row in rows {
        writer.beginObject()
        writer.member("delete", KeptItem.table.name)
        writer.name("where")
        writer.beginObject()
        writer.member("scope", row.scope)
        writer.member("id", row.id)
        writer.member("sequence", row.sequence)
        writer.endObject()
        writer.endObject()
      }
    }
  }

  private static func select(limit: Int, order: [String] = [], _ condition: (inout JSONWriter) -> Void) -> Request {
    StoreAPI.transaction { writer in
      writer.beginObject()
      writer.member("select", KeptItem.table.name)
      writer.name("where")
      writer.beginObject()
      condition(&writer)
      writer.endObject()
      if !order.isEmpty {
        writer.name("order")
        writer.beginArray()
        for name in order { writer.value(name) }
        writer.endArray()
      }
      writer.member("limit", limit)
      writer.endObject()
    }
  }

  /// A row, by the write that it is from.
  struct RowName: Sendable {
    var scope: String
    var id: String
    var sequence: Int64
  }

  /// The rows of an answer to a read; nil where it is no such answer.
  static func rows(_ response: Response) -> JSONElements? {
    guard let document = try? response.document(), let results = try? document.member("results").elements(maximum: 1, minimum: 1) else {
      return nil
    }
    for result in results { return try? result.member("rows").elements(maximum: StoreAPI.maximumRows) }
    return nil
  }
}
