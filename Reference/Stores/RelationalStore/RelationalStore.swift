// A relational store as a node: tables that its callers make, and transactions of several steps, each one message. What the
// sources use PostgreSQL for. Interface and guarantees: `StoreAPI`.
//
// Transactions are carried out one after the other, each in one turn on one SQLite database (`Relational`), and answered once
// they are durable: so they are serializable in the order of their answers. Fault model: that of `RelationalDatabase`; a
// commit that fails ends the life, and who asked finds his connection lost, as with any crash: it may have happened.
// Limits: a transaction's statements take the turn's time, within `RelationalDatabase.Limits`.
// Parts: StoreSteps (what a step says, and its SQL), StoreTables (the tables).

import Relational
import StoresAPI
import Vocabulary
import Wire

/// The machine.
public struct RelationalStore: Machine {
  private enum Route: Sendable {
    case makeTable, tables, transaction, health
  }

  private static let routes = RouteTable<Route>([
    .init(.post, "/tables", .makeTable), .init(.get, "/tables", .tables), .init(.post, "/transactions", .transaction),
    .init(.get, "/health", .health),
  ])
  private static let file = FileName(fixed: "store.db")

  private let limits: RelationalDatabase.Limits
  private var database: RelationalDatabase?
  private var tables = StoreTables()
  /// Whether the transaction that was carried out last only read, and how many there were; for planted bugs.
  private var lastWasRead = false
  private var transactions: UInt64 = 0

  /// A store that has not started.
  public init(limits: RelationalDatabase.Limits = RelationalDatabase.Limits()) { self.limits = limits }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    do throws(RelationalFailure) {
      let database = try RelationalDatabase(Self.file, migrations: StoreTables.migrations, limits: limits, &turn)
      tables = try database.read(&turn) { (transaction) throws(RelationalFailure) in try StoreTables(transaction) }
      self.database = database
    } catch {
      throw StartRefusal("the store cannot be used: \(error)")
    }
  }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: StoreAPI.maximumRequestBytes) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let exchange, let request):
      Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
        let isRead = match.route != .makeTable && match.route != .transaction
        let response = try answer(match, request, &turn)
        let isEarly =
          turn.planted.contains(.storeAnswersEarly) || !isRead && lastWasRead && turn.planted.contains(.storeReadsEarly)
        turn.reply(exchange, response, isEarly ? .immediately : .whenDurable)
      }
    case .response, .failed, .abandoned, .message, .timer, .durable, .completed, .stream: break
    }
  }

  private mutating func answer(
    _ match: RouteTable<Route>.Match, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) -> Response {
    guard let database else { throw RequestProblem(503, code: "UNAVAILABLE", message: "the store has not started") }
    do throws(HTTPTargetError) { try match.target.onlyItems(match.route == .transaction ? ["tenant"] : []) } catch {
      throw RequestProblem(error)
    }
    switch match.route {
    case .health:
      if let shortage = turn.disk.shortage { return .up(degraded: [shortage]) }
      return .up { $0.member("tables", tables.all.count) }
    case .tables:
      return .json(200) { writer in
        writer.beginObject()
        writer.name("tables")
        writer.beginArray()
        for table in tables.all { table.write(&writer) }
        writer.endArray()
        writer.endObject()
      }
    case .makeTable: return try makeTable(try request.decoded(StoreAPI.Table.init(_:)), database, &turn)
    case .transaction: return try transact(match.target, request, database, &turn)
    }
  }

  private mutating func makeTable(
    _ table: StoreAPI.Table, _ database: RelationalDatabase, _ turn: inout Turn
  ) throws(RequestProblem) -> Response {
    if let known = tables.named(table.name) {
      guard known == table else {
        throw RequestProblem(409, code: "TABLE_EXISTS", message: "there is another table of this name", field: "name")
      }
      return .json(200) { table.write(&$0) }
    }
    guard tables.all.count < StoreAPI.maximumTables else {
      throw RequestProblem(409, code: "TOO_MANY_TABLES", message: "there are \(StoreAPI.maximumTables) tables, as many as there may be")
    }
    do throws(RelationalFailure) {
      try database.write(&turn) { (transaction) throws(RelationalFailure) in try StoreTables.make(table, transaction) }
    } catch { throw Self.problem(error, step: nil) }
    tables.add(table)
    return .json(201) { table.write(&$0) }
  }

  private mutating func transact(
    _ target: HTTPTarget, _ request: Request, _ database: RelationalDatabase, _ turn: inout Turn
  ) throws(RequestProblem) -> Response {
    let tenant: String?
    do throws(HTTPTargetError) {
      tenant = try target.item("tenant")
      if let tenant, !(1...StoreAPI.maximumTenantBytes).contains(tenant.utf8.count) {
        throw .invalidItem("tenant", expected: "1 to \(StoreAPI.maximumTenantBytes) bytes")
      }
    } catch { throw RequestProblem(error) }
    let (tables, isMixed) = (tables, turn.planted.contains(.storeMixesTenants))
    let steps = try request.decoded { (field) throws(FieldMistake) in
      try field.onlyMembers(["steps"])
      var steps: [StoreStep] = []
      for element in try field.member("steps").elements(maximum: StoreAPI.maximumSteps, minimum: 1) {
        steps.append(try StoreStep(element, tables, tenant: isMixed ? tenant.map { _ in "all" } : tenant))
      }
      return steps
    }
    var results: [StoreResult] = []
    var place = 0
    var unmet: (step: Int, expected: Int64, found: Int)?
    let keepsHalf = turn.planted.contains(.storeKeepsHalf)
    transactions += 1
    let repeats = turn.planted.contains(.storeAppliesTwice) && transactions % 16 == 0
    lastWasRead = steps.allSatisfy(\.isRead)
    do throws(RelationalFailure) {
      let work = { (transaction: RowTransaction) throws(RelationalFailure) in
        for step in steps {
          let result = try step.run(transaction)
          if let expected = step.expected, Int64(result.count) != expected {
            unmet = (place, expected, result.count)
            if keepsHalf { return }
            throw .unexpected("a step does not do what is expected")
          }
          results.append(result)
          if repeats { _ = try? step.run(transaction) }
          place += 1
        }
      }
      // What only reads waits for no sync, but for those of what it shows.
      if lastWasRead { try database.read(&turn, work) } else { try database.write(&turn, work) }
    } catch {
      if unmet == nil { throw Self.problem(error, step: place) }
    }
    if let unmet {
      throw RequestProblem(
        412, code: "CONDITION_FAILED",
        message: "step \(unmet.step) concerns \(unmet.found) rows, and \(unmet.expected) are expected; nothing was done",
        field: "steps[\(unmet.step)].expect")
    }
    return .json(200) { writer in
      writer.beginObject()
      writer.name("results")
      writer.beginArray()
      for result in results { result.write(&writer) }
      writer.endArray()
      writer.endObject()
    }
  }

  private static func problem(_ failure: RelationalFailure, step: Int?) -> RequestProblem {
    let field = step.map { "steps[\($0)]" }
    switch failure {
    case .constraint(let which): return RequestProblem(409, code: "CONFLICT", message: "\(which); nothing was done", field: field)
    case .full: return RequestProblem(507, code: "DISK_FULL", message: "the store's disk is full; nothing was done")
    case .tooLong: return RequestProblem(422, code: "TOO_LONG", message: "\(failure); nothing was done", field: field)
    case .unexpected(let what): return RequestProblem(422, code: "REFUSED", message: "\(what); nothing was done", field: field)
    case .file, .failed, .newer, .over: return RequestProblem(503, code: "STORE_FAILED", message: "\(failure); it may have been done")
    }
  }
}
