// What a relational store is asked, and answers. A transaction is one message: all of its steps are done, or none.
//
// POST /tables {"name", "columns": {NAME: TYPE, …}, "key": [NAME, …], "unique": [[NAME, …], …], "tenancy": false}
//                                      → 201 made; 200 it is there as asked; 409 it is there otherwise
// GET  /tables                         → 200 {"tables": [as above, …]}
// POST /transactions[?tenant=T] {"steps": [STEP, …]}
//                                      → 200 {"results": [{"changed": n} or {"rows": [{NAME: value, …}, …]}, …]};
//                                        409 CONFLICT, 412 CONDITION_FAILED, with the step in `field`; nothing was done
// GET  /health
//
// A step is {"insert": TABLE, "row": {…}}, {"update": TABLE, "where": {…}, "set": {…}}, {"delete": TABLE, "where": {…}} or
// {"select": TABLE, "where": {…}, "order": [NAME or "-NAME", …], "limit": n}, each with "expect": n, where it must change or
// find n rows. Types: text, integer (64 bits, signed), real, boolean, json; a column whose type ends in ? may be null. In
// `where` a column is held against a value, or against {"is", "not", "less", "most", "greater", "least", "in"}; a name with
// dots (meta.colour) leads into a column of JSON. In `set` {"add": n} adds to a number.
//
// Guarantees: transactions are serializable, in the order in which they are answered; what was answered 200 survives crashes.
// Rows of a table with tenancy are seen and changed by the tenant alone that made them; their keys are each tenant's own.

import Vocabulary
import Wire

/// The store's interface.
public enum StoreAPI {
  /// Longest body of a request in bytes.
  public static let maximumRequestBytes = 4 << 20
  /// Most steps of a transaction.
  public static let maximumSteps = 1_000
  /// Most rows that a step finds; more are a mistake of whoever asked without a limit.
  public static let maximumRows = 10_000
  /// Most tables, and columns of one.
  public static let maximumTables = 1_000
  public static let maximumColumns = 100
  /// Longest name of a tenant in bytes.
  public static let maximumTenantBytes = 256

  /// What a column holds.
  public enum ColumnType: String, Sendable, CaseIterable {
    case text, integer, real, boolean, json
  }

  /// A column.
  public struct Column: Sendable, Hashable {
    /// Its name: small letters, digits and `_`, not beginning with a digit, 63 bytes at most.
    public var name: String
    /// What it holds.
    public var type: ColumnType
    /// Whether it may hold nothing.
    public var isOptional: Bool

    /// A column.
    public init(_ name: String, _ type: ColumnType, isOptional: Bool = false) {
      self.name = name
      self.type = type
      self.isOptional = isOptional
    }
  }

  /// A table.
  public struct Table: Sendable, Hashable {
    /// Its name, as a column's.
    public var name: String
    /// Its columns, in order.
    public var columns: [Column]
    /// The names of the columns that tell its rows apart.
    public var key: [String]
    /// Further groups of columns that no two rows share; rows with nothing in one of them are left out.
    public var unique: [[String]]
    /// Whether its rows are each one tenant's.
    public var hasTenancy: Bool

    /// A table.
    public init(_ name: String, _ columns: [Column], key: [String], unique: [[String]] = [], hasTenancy: Bool = false) {
      self.name = name
      self.columns = columns
      self.key = key
      self.unique = unique
      self.hasTenancy = hasTenancy
    }

    /// Reads what was asked for. Throws what is no table.
    public init(_ field: JSONField) throws(FieldMistake) {
      try field.onlyMembers(["name", "columns", "key", "unique", "tenancy"])
      name = try StoreAPI.name(try field.member("name"))
      columns = []
      let columnsField = try field.member("columns")
      for (name, type) in try columnsField.fields(maximum: StoreAPI.maximumColumns) {
        guard StoreAPI.isName(name) else { throw type.mismatch("a column's name: \(StoreAPI.nameWords)", found: "\"\(name)\"") }
        let word = try type.string(maximumBytes: 16)
        guard let known = ColumnType(rawValue: word.hasSuffix("?") ? String(word.dropLast()) : word) else {
          throw type.mismatch("text, integer, real, boolean or json, with ? where it may be null")
        }
        columns.append(Column(name, known, isOptional: word.hasSuffix("?")))
      }
      if columns.isEmpty { throw columnsField.mismatch("one column at least") }
      let known = columns
      func names(_ list: JSONField) throws(FieldMistake) -> [String] {
        var names: [String] = []
        for element in try list.elements(maximum: 16, minimum: 1) {
          let name = try element.string(maximumBytes: 63)
          guard let column = known.first(where: { sameBytes($0.name, name) }), !names.contains(name), column.type != .json else {
            throw element.mismatch("the name of a column that holds no JSON, once")
          }
          names.append(name)
        }
        return names
      }
      let keyField = try field.member("key")
      key = try names(keyField)
      if let optional = key.first(where: { name in known.contains { $0.name == name && $0.isOptional } }) {
        throw keyField.mismatch("columns that may not be null", found: "\"\(optional)\"")
      }
      unique = []
      if let list = try field.optionalMember("unique") {
        for element in try list.elements(maximum: 16) { unique.append(try names(element)) }
      }
      hasTenancy = try field.optionalMember("tenancy").map { (field) throws(FieldMistake) in try field.bool() } ?? false
    }

    /// Writes it.
    public func write(_ writer: inout JSONWriter) {
      writer.beginObject()
      writer.member("name", name)
      writer.name("columns")
      writer.beginObject()
      for column in columns { writer.member(column.name, column.type.rawValue + (column.isOptional ? "?" : "")) }
      writer.endObject()
      func list(_ names: [String]) {
        writer.beginArray()
        for name in names { writer.value(name) }
        writer.endArray()
      }
      writer.name("key")
      list(key)
      writer.name("unique")
      writer.beginArray()
      for names in unique { list(names) }
      writer.endArray()
      writer.member("tenancy", hasTenancy)
      writer.endObject()
    }

    /// Asks for it.
    public func request() -> Request { .json(.post, "/tables") { write(&$0) } }
  }

  static let nameWords = "small letters, digits and _, not beginning with a digit, 63 bytes at most"

  static func isName(_ text: String) -> Bool {
    let bytes = text.utf8
    guard (1...63).contains(bytes.count), let first = bytes.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
      return false
    }
    return bytes.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || byte == UInt8(ascii: "_")
    }
  }

  /// A name of a table or column. Throws where it is none.
  public static func name(_ field: JSONField) throws(FieldMistake) -> String {
    let text = try field.string(maximumBytes: 63)
    guard isName(text) else { throw field.mismatch("a name: \(nameWords)") }
    return text
  }

  /// Asks for a transaction; `write` writes its steps, each an object.
  public static func transaction(tenant: String? = nil, _ write: (inout JSONWriter) -> Void) -> Request {
    .json(.post, "/transactions" + (tenant.map { "?tenant=\(HTTPTarget.escaped($0))" } ?? "")) { writer in
      writer.beginObject()
      writer.name("steps")
      writer.beginArray()
      write(&writer)
      writer.endArray()
      writer.endObject()
    }
  }
}
