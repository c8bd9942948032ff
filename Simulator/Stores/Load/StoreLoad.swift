// A load on a relational store: transfers between accounts, each one transaction that changes two accounts, writes itself down
// and reads what it left; some with a condition that may not hold; and reads of all accounts at once. Open loop. What all
// accounts hold together never changes. Checkers read the exchanges that the host recorded.

import Load
import StoresAPI
import Vocabulary
import Wire

/// What the load does, and the tables that it stands on.
public struct StoreLoadPlan: Sendable, Hashable {
  /// When operations are meant to start.
  public var arrivals: Arrivals
  /// How long it begins new ones.
  public var until: TimeSpan
  /// How many accounts there are.
  public var accounts: Int
  /// How long an operation may take.
  public var timeout = TimeSpan.seconds(2)

  /// What each account holds at first.
  public static let firstBalance: Int64 = 1_000

  /// A plan.
  public init(arrivals: Arrivals, until: TimeSpan, accounts: Int) {
    self.arrivals = arrivals
    self.until = until
    self.accounts = accounts
  }

  /// The accounts: what each holds, and how often it was changed.
  public static let accountsTable = StoreAPI.Table(
    "accounts", [.init("id", .integer), .init("balance", .integer), .init("version", .integer)], key: ["id"])
  /// The transfers that were made.
  public static let transfersTable = StoreAPI.Table(
    "transfers", [.init("id", .text), .init("source", .integer), .init("target", .integer), .init("amount", .integer)], key: ["id"])

  /// What has to be asked before the load begins, in order; each may be asked again.
  public func setUp() -> [(request: Request, accepts: ClosedRange<Int>)] {
    var calls: [(Request, ClosedRange<Int>)] = [(Self.accountsTable.request(), 200...201), (Self.transfersTable.request(), 200...201)]
    let accounts = accounts
    // Asked twice, since the first answer was lost, it is a conflict, and all is there.
    calls.append(
      (
        StoreAPI.transaction { writer in
          for id in 0..<accounts {
            writer.beginObject()
            writer.member("insert", "accounts")
            writer.name("row")
            writer.beginObject()
            writer.member("id", id)
            writer.member("balance", Self.firstBalance)
            writer.member("version", 0)
            writer.endObject()
            writer.endObject()
          }
        }, 200...409
      ))
    return calls
  }

  /// Reads all accounts.
  public static let readAll = StoreAPI.transaction { writer in
    writer.beginObject()
    writer.member("select", "accounts")
    writer.endObject()
  }

  /// Reads all accounts and all transfers, in one state.
  public static let readBack = StoreAPI.transaction { writer in
    for table in ["accounts", "transfers"] {
      writer.beginObject()
      writer.member("select", table)
      writer.endObject()
    }
  }
}

/// The machine.
public struct StoreLoad: Machine {
  private let plan: StoreLoadPlan
  private let store: Endpoint
  private var requests: TimedRequests

  /// A load of `plan` on the store at `store`, which begins `from` after its start, once all is set up.
  public init(_ plan: StoreLoadPlan, store: Endpoint, from: TimeSpan) {
    invariant(plan.accounts > 1, "transfers between \(plan.accounts) accounts")
    self.plan = plan
    self.store = store
    requests = TimedRequests(plan.arrivals, from: from, until: plan.until)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { requests.start(&turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    let (plan, store) = (plan, store)
    requests.take(event, &turn) { response in
      // A condition that does not hold is an answer as good as any.
      [200, 412].contains(response.status) ? .served : .failed
    } make: { number, turn in
      let request = turn.random.chance(0.3) ? StoreLoadPlan.readAll : Self.transfer(plan, number, &turn)
      return (store, request, plan.timeout)
    }
  }

  private static func transfer(_ plan: StoreLoadPlan, _ number: Int, _ turn: inout Turn) -> Request {
    let source = Int64(turn.random.below(UInt64(plan.accounts)))
    let target = (source + 1 + Int64(turn.random.below(UInt64(plan.accounts - 1)))) % Int64(plan.accounts)
    let amount = Int64(1 + turn.random.below(9))
    let id = "\(turn.node.index)-\(number)"
    // In some the second account is one that is not there: nothing of the first may stay.
    let isVain = turn.random.chance(0.15)
    return StoreAPI.transaction { writer in
      for (account, step) in [(source, -amount), (isVain ? -1 : target, amount)] {
        writer.beginObject()
        writer.member("update", "accounts")
        writer.name("where")
        writer.beginObject()
        writer.member("id", account)
        writer.endObject()
        writer.name("set")
        writer.beginObject()
        for (column, by) in [("balance", step), ("version", 1)] {
          writer.name(column)
          writer.beginObject()
          writer.member("add", by)
          writer.endObject()
        }
        writer.endObject()
        writer.member("expect", 1)
        writer.endObject()
      }
      writer.beginObject()
      writer.member("insert", "transfers")
      writer.name("row")
      writer.beginObject()
      writer.member("id", id)
      writer.member("source", source)
      writer.member("target", target)
      writer.member("amount", amount)
      writer.endObject()
      writer.endObject()
      writer.beginObject()
      writer.member("select", "accounts")
      writer.name("where")
      writer.beginObject()
      writer.name("id")
      writer.beginObject()
      writer.name("in")
      writer.beginArray()
      writer.value(source)
      writer.value(target)
      writer.endArray()
      writer.endObject()
      writer.endObject()
      writer.endObject()
    }
  }
}
