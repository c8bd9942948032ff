// The tables of a store: what they are is kept in a table of the store's own, as it was asked for, and each is a table of
// SQLite besides. Names of SQLite's tables and columns are those of the store behind a letter, so that none is SQLite's own.

import Relational
import StoresAPI
import Vocabulary
import Wire

/// The tables that there are.
struct StoreTables {
  static let migrations = [Migration("CREATE TABLE store_tables (name TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID")]
  /// The column of the tenant.
  static let tenantColumn = "tenant"

  private(set) var all: [StoreAPI.Table] = []

  /// None.
  init() {}

  /// Those that a database holds.
  init(_ transaction: RowTransaction) throws(RelationalFailure) {
    for row in try transaction.rows("SELECT definition FROM store_tables ORDER BY name") {
      let text = try row.text(0)
      guard let document = try? JSON(parsing: Array(text.utf8)), let table = try? StoreAPI.Table(JSONField(document)) else {
        throw .unexpected("a table's definition does not read: \(text.prefix(200))")
      }
      add(table)
    }
  }

  mutating func add(_ table: StoreAPI.Table) {
    all.append(table)
    all.sort { $0.name < $1.name }
  }

  func named(_ name: String) -> StoreAPI.Table? { all.first { $0.name == name } }

  static func sqlName(ofTable name: String) -> String { "t_\(name)" }
  static func sqlName(ofColumn name: String) -> String { "c_\(name)" }

  /// Makes a table.
  static func make(_ table: StoreAPI.Table, _ transaction: RowTransaction) throws(RelationalFailure) {
    var columns = table.hasTenancy ? ["\(tenantColumn) TEXT NOT NULL"] : []
    for column in table.columns {
      columns.append("\(sqlName(ofColumn: column.name)) \(column.type.sqlType)\(column.isOptional ? "" : " NOT NULL")")
    }
    func group(_ names: [String]) -> String {
      ((table.hasTenancy ? [tenantColumn] : []) + names.map { sqlName(ofColumn: $0) }).joined(separator: ", ")
    }
    columns.append("PRIMARY KEY (\(group(table.key)))")
    columns += table.unique.map { "UNIQUE (\(group($0)))" }
    try transaction.run("CREATE TABLE \(sqlName(ofTable: table.name)) (\(columns.joined(separator: ", "))) STRICT, WITHOUT ROWID")
    var writer = JSONWriter()
    table.write(&writer)
    guard let definition = try? writer.finish() else { throw .unexpected("a table's definition cannot be written") }
    try transaction.run(
      "INSERT INTO store_tables VALUES (?, ?)", [.text(table.name), .text(String(decoding: definition, as: UTF8.self))])
  }
}

extension StoreAPI.ColumnType {
  /// SQLite's type of it, in a strict table.
  var sqlType: String {
    switch self {
    case .text, .json: "TEXT"
    case .integer, .boolean: "INTEGER"
    case .real: "REAL"
    }
  }
}
