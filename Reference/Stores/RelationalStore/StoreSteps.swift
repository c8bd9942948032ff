// A step of a transaction: read from JSON with every name held against the table and every value against its column, and run
// as one statement of SQL in which every value is a parameter.

import Relational
import StoresAPI
import Vocabulary
import Wire

/// What a step came to.
enum StoreResult {
  case changed(Int)
  case rows([Row], [StoreAPI.Column])

  var count: Int {
    switch self {
    case .changed(let count): count
    case .rows(let rows, _): rows.count
    }
  }

  func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    switch self {
    case .changed(let count): writer.member("changed", count)
    case .rows(let rows, let columns):
      writer.name("rows")
      writer.beginArray()
      for row in rows {
        writer.beginObject()
        for (column, value) in zip(columns, row.values) { writer.member(column.name, column.type.json(value)) }
        writer.endObject()
      }
      writer.endArray()
    }
    writer.endObject()
  }
}

/// One step.
struct StoreStep {
  private let sql: String
  private let values: [RowValue]
  /// What a read gives; nil of what changes.
  private let columns: [StoreAPI.Column]?
  /// How many rows it must concern; nil for any number.
  let expected: Int64?

  var isRead: Bool { columns != nil }

  func run(_ transaction: RowTransaction) throws(RelationalFailure) -> StoreResult {
    guard let columns else { return .changed(try transaction.run(sql, values)) }
    let rows = try transaction.rows(sql, values)
    guard rows.count <= StoreAPI.maximumRows else {
      throw .unexpected("a step finds more than \(StoreAPI.maximumRows) rows, and says no limit")
    }
    return .rows(rows, columns)
  }

  /// Reads a step. Throws what is wrong with it, and where.
  init(_ field: JSONField, _ tables: StoreTables, tenant: String?) throws(FieldMistake) {
    let verbs = ["insert", "update", "delete", "select"]
    var found: (verb: String, field: JSONField)?
    for verb in verbs {
      guard let name = try field.optionalMember(verb) else { continue }
      guard found == nil else { throw field.mismatch("one of \(verbs.joined(separator: ", "))", found: "two") }
      found = (verb, name)
    }
    guard let (verb, name) = found else { throw field.mismatch("one of the members \(verbs.joined(separator: ", "))") }
    let tableName = try name.string(maximumBytes: 63)
    guard let table = tables.named(tableName) else { throw name.mismatch("the name of a table", found: "\"\(tableName)\", which is none") }
    guard !table.hasTenancy || tenant != nil else {
      throw name.mismatch("a table without tenancy, since no tenant is named (?tenant=)", found: "\"\(tableName)\"")
    }
    let allowed = [
      "insert": ["insert", "row", "expect"], "update": ["update", "where", "set", "expect"], "delete": ["delete", "where", "expect"],
      "select": ["select", "where", "order", "limit", "expect"],
    ]
    try field.onlyMembers(allowed[verb] ?? [])
    expected = try field.optionalMember("expect").map { (field) throws(FieldMistake) in
      try field.integer(in: 0...Int64(StoreAPI.maximumRows))
    }
    let sqlTable = StoreTables.sqlName(ofTable: table.name)
    var values: [RowValue] = []
    switch verb {
    case "insert":
      var names = table.hasTenancy ? [StoreTables.tenantColumn] : []
      if table.hasTenancy { values.append(.text(tenant ?? "")) }
      let row = try field.member("row")
      for (name, value) in try row.fields(maximum: StoreAPI.maximumColumns) {
        let column = try table.column(name, value)
        names.append(StoreTables.sqlName(ofColumn: column.name))
        values.append(try column.read(value))
      }
      if let missing = table.columns.first(where: { column in
        !column.isOptional && !names.contains(StoreTables.sqlName(ofColumn: column.name))
      }) {
        throw row.mismatch("a value for the column \"\(missing.name)\"", found: "none")
      }
      sql = "INSERT INTO \(sqlTable) (\(names.joined(separator: ", "))) VALUES (\(names.map { _ in "?" }.joined(separator: ", ")))"
      columns = nil
    case "update":
      var changes: [String] = []
      let set = try field.member("set")
      for (name, value) in try set.fields(maximum: StoreAPI.maximumColumns) {
        changes.append(try table.column(name, value).change(value, &values))
      }
      if changes.isEmpty { throw set.mismatch("a column at least") }
      let condition = try StoreCondition(table, try field.member("where"), tenant, &values)
      sql = "UPDATE \(sqlTable) SET \(changes.joined(separator: ", ")) WHERE \(condition.sql)"
      columns = nil
    case "delete":
      let condition = try StoreCondition(table, try field.member("where"), tenant, &values)
      sql = "DELETE FROM \(sqlTable) WHERE \(condition.sql)"
      columns = nil
    default:
      let condition = try StoreCondition(table, try field.optionalMember("where"), tenant, &values)
      var order: [String] = []
      if let list = try field.optionalMember("order") {
        for element in try list.elements(maximum: 16) {
          let word = try element.string(maximumBytes: 64)
          let column = try table.column(word.hasPrefix("-") ? String(word.dropFirst()) : word, element)
          order.append(StoreTables.sqlName(ofColumn: column.name) + (word.hasPrefix("-") ? " DESC" : ""))
        }
      }
      // By the key at last: one question has one answer.
      order += table.key.map { StoreTables.sqlName(ofColumn: $0) }
      let limit = try field.optionalMember("limit").map { (field) throws(FieldMistake) in
        try field.integer(in: 1...Int64(StoreAPI.maximumRows))
      }
      let names = table.columns.map { StoreTables.sqlName(ofColumn: $0.name) }.joined(separator: ", ")
      values.append(.integer(limit ?? Int64(StoreAPI.maximumRows) + 1))
      sql = "SELECT \(names) FROM \(sqlTable) WHERE \(condition.sql) ORDER BY \(order.joined(separator: ", ")) LIMIT ?"
      columns = table.columns
    }
    self.values = values
  }
}

/// What rows a step concerns.
private struct StoreCondition {
  let sql: String

  init(_ table: StoreAPI.Table, _ field: JSONField?, _ tenant: String?, _ values: inout [RowValue]) throws(FieldMistake) {
    var parts: [String] = []
    if table.hasTenancy {
      parts.append("\(StoreTables.tenantColumn) = ?")
      values.append(.text(tenant ?? ""))
    }
    for (name, value) in try field?.fields(maximum: StoreAPI.maximumColumns) ?? [] {
      let pieces = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      let column = try table.column(pieces[0], value)
      if pieces.count > 1 {
        guard column.type == .json, pieces.dropFirst().allSatisfy({ StoreAPI.isPathPiece($0) }) else {
          throw value.mismatch("a column of JSON before the dot, and letters, digits and _ behind it", found: "\"\(name)\"")
        }
        parts.append(try Self.path(column, pieces.dropFirst(), value, &values))
      } else {
        parts += try Self.comparisons(column, value, &values)
      }
    }
    sql = parts.isEmpty ? "1" : parts.joined(separator: " AND ")
  }

  private static func path(
    _ column: StoreAPI.Column, _ pieces: ArraySlice<String>, _ field: JSONField, _ values: inout [RowValue]
  ) throws(FieldMistake) -> String {
    values.append(.text("$." + pieces.map { "\"\($0)\"" }.joined(separator: ".")))
    let place = "json_extract(\(StoreTables.sqlName(ofColumn: column.name)), ?)"
    switch field.value {
    case .null: return "\(place) IS NULL"
    case .string(let text): values.append(.text(text))
    case .integer(let number): values.append(.integer(number))
    case .double(let number): values.append(.real(number))
    case .bool(let isTrue): values.append(.integer(isTrue ? 1 : 0))
    case .decimal, .array, .object: throw field.mismatch("a text, a number of 64 bits, true, false or null")
    }
    return "\(place) = ?"
  }

  private static func comparisons(
    _ column: StoreAPI.Column, _ field: JSONField, _ values: inout [RowValue]
  ) throws(FieldMistake) -> [String] {
    let name = StoreTables.sqlName(ofColumn: column.name)
    guard column.type != .json else { throw field.mismatch("a place within the JSON, like \"\(column.name).member\"", found: "the column") }
    guard case .object = field.value else {
      if case .null = field.value { return ["\(name) IS NULL"] }
      values.append(try column.read(field))
      return ["\(name) = ?"]
    }
    let signs = ["is": "IS", "not": "IS NOT", "less": "<", "most": "<=", "greater": ">", "least": ">="]
    var parts: [String] = []
    for (word, operand) in try field.fields(maximum: 8) {
      if word == "in" {
        var marks: [String] = []
        for element in try operand.elements(maximum: 1_000) {
          values.append(try column.read(element))
          marks.append("?")
        }
        parts.append("\(name) IN (\(marks.joined(separator: ", ")))")
      } else if let sign = signs[word] {
        if case .null = operand.value, word == "is" || word == "not" {
          values.append(.null)
        } else {
          values.append(try column.read(operand))
        }
        parts.append("\(name) \(sign) ?")
      } else {
        throw operand.mismatch("one of in, \(signs.keys.sorted().joined(separator: ", "))", found: "\"\(word)\"")
      }
    }
    if parts.isEmpty { throw field.mismatch("a comparison at least") }
    return parts
  }
}

extension StoreAPI {
  fileprivate static func isPathPiece(_ text: String) -> Bool {
    (1...63).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}

extension StoreAPI.Table {
  /// The column of a name; `field` is where it is said.
  func column(_ name: String, _ field: JSONField) throws(FieldMistake) -> StoreAPI.Column {
    guard let column = columns.first(where: { sameBytes($0.name, name) }) else {
      let near = nearestName(to: name, among: columns.map(\.name)).map { " (did you mean \"\($0)\"?)" } ?? ""
      throw field.mismatch("a column of \"\(self.name)\"", found: "\"\(name)\"\(near)")
    }
    return column
  }
}

extension StoreAPI.Column {
  /// The value that stands in a field, for this column.
  func read(_ field: JSONField) throws(FieldMistake) -> RowValue {
    switch (type, field.value) {
    case (_, .null):
      guard isOptional else { throw field.mismatch("a value: the column \"\(name)\" may not be null") }
      return .null
    case (.text, .string(let text)): return .text(text)
    case (.integer, _): return .integer(try field.integer())
    case (.real, _): return .real(try field.finiteDouble())
    case (.boolean, .bool(let isTrue)): return .integer(isTrue ? 1 : 0)
    case (.json, let value):
      guard let text = try? value.serializedText() else { throw field.mismatch("JSON that can be written") }
      return .text(text)
    case (.text, _): throw field.mismatch("a text")
    case (.boolean, _): throw field.mismatch("true or false")
    }
  }

  /// What becomes of the column: a value, or a sum.
  func change(_ field: JSONField, _ values: inout [RowValue]) throws(FieldMistake) -> String {
    let sqlName = StoreTables.sqlName(ofColumn: name)
    if case .object = field.value, type == .integer || type == .real {
      try field.onlyMembers(["add"])
      values.append(try read(try field.member("add")))
      return "\(sqlName) = \(sqlName) + ?"
    }
    values.append(try read(field))
    return "\(sqlName) = ?"
  }
}

extension StoreAPI.ColumnType {
  /// The value of a column as JSON.
  func json(_ value: RowValue) -> JSON {
    switch (self, value) {
    case (_, .null): .null
    case (.boolean, .integer(let number)): .bool(number != 0)
    case (.json, .text(let text)): (try? JSON(parsing: Array(text.utf8))) ?? .string(text)
    case (_, .integer(let number)): .integer(number)
    case (_, .real(let number)): .double(number)
    case (_, .text(let text)): .string(text)
    // No column holds bytes.
    case (_, .blob): .null
    }
  }
}
