// Rows on a node's disk: one SQLite database, through GRDB, on the node's own files (`DiskFileSystem`), in both worlds.
//
// Guarantees: a transaction is whole or not at all, whatever crashes; what is answered behind it with the default release
// (`whenDurable`) survives any crash. A commit or a checkpoint that fails ends the life (`Turn.restart`), since what is in
// memory may not be what is on disk. A statement may take `Limits.statementSteps`. Fault model: that of `Disk`; a page that
// rotted is a failure that names file and byte, when it is read or when a life begins, and no guess. Time is the node's wall
// clock, chance the node's own.
//
// Costs in the model: what SQLite does is counted in the steps of its virtual machine, and lengthens the turn
// (`stepNanoseconds`); reads of the disk are charged by the host. Limits: statements run in the turn; a node has a journal
// or a database, not both; the write-ahead log is carried over once it is beyond `Limits.logBytes`, in that turn.

internal import Foundation
internal import GRDB
internal import GRDBSQLite
import Vocabulary

/// One version of a schema: what makes it of the one before.
public struct Migration: Sendable {
  /// Statements of SQL, separated by semicolons.
  public var statements: String

  /// A migration by these statements.
  public init(_ statements: String) { self.statements = statements }
}

/// A database that a node has on its disk.
public final class RelationalDatabase {
  /// What a database may take.
  public struct Limits: Sendable {
    /// Bytes of the write-ahead log beyond which it is carried over into the database.
    public var logBytes = 1 << 20
    /// Steps of SQLite's virtual machine that one transaction may take.
    public var statementSteps = 50_000_000
    /// Most rows of one query.
    public var rows = 100_000
    /// Pages that are kept in memory, in KiB.
    public var cacheKibibytes = 2_048

    /// The usual bounds.
    public init() {}
  }

  private let session: DatabaseSession
  private let connection: DatabaseQueue
  private var isOver = false
  /// Whether a transaction is under way: none begins within another.
  private var isInUse = false

  /// What one transaction costs at least in the model, and a step of SQLite's virtual machine.
  private static let transactionCost = TimeSpan.microseconds(6)
  private static let stepPicoseconds: Int64 = 20_000

  /// Opens the database `name` on the disk of `turn`, makes it where there is none, and brings it to the version of the
  /// last of `migrations` (versions are counted from 1). Throws where it must not be used: damaged, or of a newer version.
  public init(
    _ name: FileName, migrations: [Migration], limits: Limits = Limits(), _ turn: inout Turn
  ) throws(RelationalFailure) {
    let session = DatabaseSession(turn.disk, limits)
    session.files.wallClock = turn.wallClock
    self.session = session
    var configuration = Configuration()
    configuration.label = "rows"
    configuration.busyMode = .immediateError
    // GRDB notes when a transaction begins, by default by the system's clock. Nobody here asks for it.
    configuration.transactionClock = .custom { _ in Date(timeIntervalSince1970: 0) }
    configuration.prepareDatabase { [limits] database in try Self.prepare(database, limits) }
    let path = "file:\(name)?vfs=\(session.files.name)"
    do throws(RelationalFailure) {
      connection = try SQLiteChance.with(turn.random.next()) { () throws(RelationalFailure) in
        do {
          return try DatabaseQueue(path: path, configuration: configuration)
        } catch {
          throw session.failure(error)
        }
      }
    } catch { throw error }
    try use(&turn) { (database) throws(RelationalFailure) in
      sqlite3_progress_handler(
        database.sqliteConnection, DatabaseSession.stepsPerCall, DatabaseSession.countSteps, Unmanaged.passUnretained(session).toOpaque())
      try migrate(database, migrations)
      // What a crash tore is whole again once the log is carried over; then every page can be looked at. Where there is no
      // room for that, what is torn stands whole in the log, and is read there.
      if try carryOver(database) { try verify(name, database) }
    }
  }

  deinit { try? connection.close() }

  private static func prepare(_ database: Database, _ limits: Limits) throws {
    // The lock must come before anything else is asked: without it SQLite wants shared memory for its log.
    try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
    var reserved = CInt(DiskFileSystem.reservedBytes)
    let code = sqlite3_file_control(database.sqliteConnection, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved)
    guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code), message: "no room in pages") }
    for pragma in [
      "page_size = \(DiskFileSystem.pageBytes)", "synchronous = NORMAL", "wal_autocheckpoint = 0", "temp_store = MEMORY",
      "cache_size = -\(limits.cacheKibibytes)", "trusted_schema = OFF", "journal_mode = WAL",
    ] {
      try database.execute(sql: "PRAGMA \(pragma)")
    }
  }

  // MARK: use

  /// Runs a transaction: all of it is done, or nothing. What `body` throws undoes it.
  public func write<Result>(
    _ turn: inout Turn, _ body: (RowTransaction) throws(RelationalFailure) -> Result
  ) throws(RelationalFailure) -> Result {
    try use(&turn) { (database) throws(RelationalFailure) in
      try mark(database, "BEGIN IMMEDIATE")
      let result: Result
      do throws(RelationalFailure) {
        result = try body(RowTransaction(database, session))
      } catch {
        // SQLite may have undone it already.
        if database.isInsideTransaction { try conclude(database, "ROLLBACK") }
        throw error
      }
      try conclude(database, "COMMIT")
      if session.files.loggedBytes > session.limits.logBytes { try carryOver(database) }
      return result
    }
  }

  /// Reads, in one state of the database.
  public func read<Result>(
    _ turn: inout Turn, _ body: (RowTransaction) throws(RelationalFailure) -> Result
  ) throws(RelationalFailure) -> Result {
    try use(&turn) { (database) throws(RelationalFailure) in
      try mark(database, "BEGIN")
      let outcome: Swift.Result<Result, RelationalFailure>
      do throws(RelationalFailure) { outcome = .success(try body(RowTransaction(database, session))) } catch { outcome = .failure(error) }
      if database.isInsideTransaction { try conclude(database, "ROLLBACK") }
      return try outcome.get()
    }
  }

  /// Lends the connection to a turn: with its clock and its chance, and at its cost.
  private func use<Result>(
    _ turn: inout Turn, _ body: (Database) throws(RelationalFailure) -> Result
  ) throws(RelationalFailure) -> Result {
    guard !isOver else { throw .over }
    invariant(!isInUse, "a transaction begins within another")
    isInUse = true
    defer { isInUse = false }
    session.begin(turn.wallClock)
    let seed = turn.random.next()
    let outcome: Swift.Result<Result, RelationalFailure> = SQLiteChance.with(seed) {
      connection.writeWithoutTransaction { database in
        do throws(RelationalFailure) { return .success(try body(database)) } catch { return .failure(error) }
      }
    }
    turn.spend(Self.transactionCost + TimeSpan(nanoseconds: Int64(session.steps) * Self.stepPicoseconds / 1_000))
    if isOver { turn.restart("its database failed: \(session.files.failure.map { "\($0)" } ?? "SQLite does not commit")") }
    return try outcome.get()
  }

  private func perform(_ database: Database, _ sql: String) throws(RelationalFailure) {
    do { try database.execute(sql: sql) } catch { throw session.failure(error) }
  }

  /// Begins or ends a transaction, by a statement that is kept ready.
  private func mark(_ database: Database, _ sql: String) throws(RelationalFailure) {
    do { try database.cachedStatement(sql: sql).execute() } catch { throw session.failure(error) }
  }

  /// Ends a transaction. If that fails nobody knows what holds: the life ends.
  private func conclude(_ database: Database, _ sql: String) throws(RelationalFailure) {
    do throws(RelationalFailure) { try mark(database, sql) } catch {
      switch error {
      case .constraint, .full:
        // A commit that finds the disk full, or a constraint that is looked at last, is undone, if SQLite has not done that.
        if sql == "COMMIT", !database.isInsideTransaction || (try? database.execute(sql: "ROLLBACK")) != nil { throw error }
      case .tooLong, .file, .failed, .unexpected, .newer, .over: break
      }
      isOver = true
      throw error
    }
  }

  /// Carries what stands in the log over into the database. False where there is no room for it.
  @discardableResult private func carryOver(_ database: Database) throws(RelationalFailure) -> Bool {
    var (inLog, carried): (CInt, CInt) = (0, 0)
    let code = sqlite3_wal_checkpoint_v2(database.sqliteConnection, nil, SQLITE_CHECKPOINT_PASSIVE, &inLog, &carried)
    guard code == SQLITE_OK else {
      // A full disk is no reason to end: the log goes on, and the next commit tries again.
      if code == SQLITE_FULL {
        session.files.forgetFailure()
        return false
      }
      isOver = true
      throw session.failure(DatabaseError(resultCode: ResultCode(rawValue: code)))
    }
    invariant(carried == inLog, "\(carried) of \(inLog) frames were carried over, and nobody else reads")
    session.files.forgetLogged()
    return true
  }

  private func migrate(_ database: Database, _ migrations: [Migration]) throws(RelationalFailure) {
    let transaction = RowTransaction(database, session)
    let version = try transaction.rows("PRAGMA user_version").first?.integer(0) ?? 0
    guard version <= Int64(migrations.count) else { throw .newer(version: version, known: Int64(migrations.count)) }
    for (number, migration) in migrations.enumerated().dropFirst(Int(max(0, version))) {
      try perform(database, "BEGIN IMMEDIATE")
      do throws(RelationalFailure) {
        try perform(database, migration.statements)
        try perform(database, "PRAGMA user_version = \(number + 1)")
        try perform(database, "COMMIT")
      } catch {
        if database.isInsideTransaction { try? database.execute(sql: "ROLLBACK") }
        throw error
      }
    }
  }

  /// Looks at every page.
  private func verify(_ name: FileName, _ database: Database) throws(RelationalFailure) {
    let count = try RowTransaction(database, session).rows("PRAGMA page_count").first?.integer(0) ?? 0
    if let offset = session.files.firstDamage(in: name, pages: Int(count)) { throw .file(.damaged(name, offset: offset)) }
  }
}

/// What a connection and its transactions share.
final class DatabaseSession {
  let files: DiskFileSystem
  let limits: RelationalDatabase.Limits
  /// Steps of SQLite's virtual machine that the turn has taken, by hundreds.
  private(set) var steps = 0
  static let stepsPerCall: CInt = 100
  private var kept: Set<String> = []
  private static let mostKept = 500

  init(_ disk: any Disk, _ limits: RelationalDatabase.Limits) {
    files = DiskFileSystem(disk)
    self.limits = limits
  }

  /// A turn begins to use the connection.
  func begin(_ wallClock: WallTime) {
    files.wallClock = wallClock
    files.forgetFailure()
    steps = 0
  }

  /// Tells SQLite after each hundred steps whether it has to stop.
  static let countSteps: @convention(c) (UnsafeMutableRawPointer?) -> CInt = { context in
    guard let context else { return 0 }
    return Unmanaged<DatabaseSession>.fromOpaque(context)._withUnsafeGuaranteedRef { session in
      session.steps += Int(stepsPerCall)
      return session.steps > session.limits.statementSteps ? 1 : 0
    }
  }

  /// Whether a statement is kept ready: GRDB keeps each for as long as the connection lives, and statements that are put
  /// together from what others ask are of ever new kinds.
  func isKept(_ sql: String) -> Bool {
    if kept.contains(sql) { return true }
    guard kept.count < Self.mostKept else { return false }
    kept.insert(sql)
    return true
  }

  /// What became of a statement, by what SQLite and the files say of it.
  func failure(_ error: any Error) -> RelationalFailure {
    guard let error = error as? DatabaseError else { return .unexpected("\(error)") }
    if let failure = files.failure {
      if case .disk(.full) = failure { return .full }
      return .file(failure)
    }
    switch error.resultCode {
    case .SQLITE_CONSTRAINT: return .constraint(error.message ?? "a constraint of the schema refuses it")
    case .SQLITE_FULL: return .full
    case .SQLITE_INTERRUPT: return .tooLong(steps: limits.statementSteps)
    default: return .failed(code: error.extendedResultCode.rawValue, error.message ?? "")
    }
  }
}

/// What a transaction can do. It must not be kept beyond it.
public struct RowTransaction {
  private let database: Database
  private let session: DatabaseSession

  init(_ database: Database, _ session: DatabaseSession) {
    self.database = database
    self.session = session
  }

  /// Runs one statement with these values for its parameters (`?`), and says how many rows it changed.
  @discardableResult public func run(_ sql: String, _ values: [RowValue] = []) throws(RelationalFailure) -> Int {
    do {
      try statement(sql, values).execute()
      return database.changesCount
    } catch { throw session.failure(error) }
  }

  /// The rows of one query, at most `Limits.rows`; more are a failure.
  public func rows(_ sql: String, _ values: [RowValue] = []) throws(RelationalFailure) -> [Row] {
    var rows: [Row] = []
    do {
      let statement = try statement(sql, values)
      let cursor = try GRDB.Row.fetchCursor(statement)
      while try cursor.next() != nil {
        guard rows.count < session.limits.rows else {
          throw RelationalFailure.unexpected("a query has more than \(session.limits.rows) rows")
        }
        rows.append(Row((0..<CInt(statement.columnCount)).map { RowValue(column: $0, of: statement.sqliteStatement) }))
      }
    } catch let error as RelationalFailure { throw error } catch { throw session.failure(error) }
    return rows
  }

  /// The number that the last inserted row has.
  public var lastInsertedNumber: Int64 { database.lastInsertedRowID }

  /// A statement with its values. They are bound here, not as arguments of GRDB's: it would end a text at its first zero,
  /// and take longer for it than SQLite for the whole statement.
  private func statement(_ sql: String, _ values: [RowValue]) throws -> Statement {
    let statement = session.isKept(sql) ? try database.cachedStatement(sql: sql) : try database.makeStatement(sql: sql)
    // GRDB takes a statement for reset that has been.
    sqlite3_reset(statement.sqliteStatement)
    statement.setUncheckedArguments(StatementArguments())
    guard sqlite3_bind_parameter_count(statement.sqliteStatement) == CInt(values.count) else {
      throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "\(values.count) values for \(sql)")
    }
    for (place, value) in values.enumerated() {
      let code = value.bind(to: statement.sqliteStatement, at: CInt(place + 1))
      guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }
    return statement
  }
}

/// Has SQLite keep a copy of what it is given (`SQLITE_TRANSIENT`).
private let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

extension RowValue {
  /// Gives a statement this value for one of its parameters; SQLite's code of whether it took it.
  fileprivate func bind(to statement: SQLiteStatement, at place: CInt) -> CInt {
    switch self {
    case .null: return sqlite3_bind_null(statement, place)
    case .integer(let number): return sqlite3_bind_int64(statement, place, number)
    case .real(let number): return sqlite3_bind_double(statement, place, number)
    case .text(let text):
      var text = text
      return text.withUTF8 { bytes in
        // An empty text is one too: SQLite takes no address for null.
        guard let start = bytes.baseAddress else { return sqlite3_bind_text(statement, place, "", 0, copied) }
        return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
          sqlite3_bind_text64(statement, place, $0, UInt64(bytes.count), copied, UInt8(SQLITE_UTF8))
        }
      }
    case .blob(let bytes):
      return bytes.withUnsafeBytes { raw in
        guard let start = raw.baseAddress, !raw.isEmpty else { return sqlite3_bind_zeroblob(statement, place, 0) }
        return sqlite3_bind_blob64(statement, place, start, UInt64(raw.count), copied)
      }
    }
  }

  /// What stands in a column of the row that a statement is at: texts with their zeros, which GRDB would end at the first.
  fileprivate init(column: CInt, of statement: SQLiteStatement) {
    func bytes() -> UnsafeRawBufferPointer {
      let start = sqlite3_column_blob(statement, column)
      return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(statement, column)))
    }
    switch sqlite3_column_type(statement, column) {
    case SQLITE_INTEGER: self = .integer(sqlite3_column_int64(statement, column))
    case SQLITE_FLOAT: self = .real(sqlite3_column_double(statement, column))
    case SQLITE_TEXT: self = .text(String(decoding: bytes(), as: UTF8.self))
    case SQLITE_BLOB: self = .blob(Array(bytes()))
    case SQLITE_NULL: self = .null
    case let other: breakInvariant("SQLite has a type \(other)")
    }
  }
}
