// A load on a cache: values that are stored with and without a time to live, read, and taken away; counters; locks that are
// taken, renewed, given back or left to run out. Open loop. Every value is stored once, so that a read tells which one it saw.
// Checkers read the exchanges that the host recorded.

import Load
import StoresAPI
import Vocabulary

/// What the load does.
public struct CacheLoadPlan: Sendable, Hashable {
  /// When operations are meant to start.
  public var arrivals: Arrivals
  /// How long it begins new ones.
  public var until: TimeSpan
  /// How many keys, counters and locks there are of each.
  public var keys: Int
  /// How long an operation may take.
  public var timeout = TimeSpan.seconds(1)

  /// A plan.
  public init(arrivals: Arrivals, until: TimeSpan, keys: Int) {
    self.arrivals = arrivals
    self.until = until
    self.keys = keys
  }
}

/// The machine.
public struct CacheLoad: Machine {
  private enum Operation {
    case plain(intended: Instant)
    /// A lock is asked for.
    case lock(name: String, span: TimeSpan, intended: Instant)
    /// It is held, and what is to be done with it is due.
    case held(name: String, token: UInt64, span: TimeSpan)
  }

  private let plan: CacheLoadPlan
  private let cache: Endpoint
  private var arrival: ArrivalTimer
  private var open = OpenOperations<Operation>()

  /// A load of `plan` on the cache at `cache`.
  public init(_ plan: CacheLoadPlan, cache: Endpoint) {
    invariant(plan.keys > 0, "a load of \(plan.keys) keys")
    self.plan = plan
    self.cache = cache
    arrival = ArrivalTimer(plan.arrivals, until: plan.until)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { arrival.start(&turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if arrival.isDue(event) {
      begin(&turn)
      return arrival.goOn(&turn)
    }
    switch open.change(by: event, &turn) {
    case .answered(let operation, let response): answered(operation, response, &turn)
    case .failed(let operation, _), .timedOut(let operation): tell(operation, .failed, &turn)
    case .due(let operation): useLock(operation, &turn)
    case nil: break
    }
  }

  private mutating func begin(_ turn: inout Turn) {
    let key = "k\(turn.random.below(UInt64(plan.keys)))"
    let span = TimeSpan.milliseconds(Int64(50 + turn.random.below(1_500)))
    let operation = Operation.plain(intended: turn.now)
    switch turn.random.below(100) {
    case ..<45: call(CacheAPI.get(key), operation, &turn)
    case ..<65:
      let value = Array("\(turn.node.index)-\(arrival.number)".utf8)
      call(CacheAPI.put(key, value, timeToLive: turn.random.chance(0.7) ? span : nil), operation, &turn)
    case ..<72: call(CacheAPI.delete(key), operation, &turn)
    case ..<85: call(CacheAPI.count(key), operation, &turn)
    default:
      let lock = CacheAPI.lock(key, owner: "\(turn.node.index)-\(arrival.number)", for: span)
      call(lock, .lock(name: key, span: span, intended: turn.now), &turn)
    }
  }

  private mutating func call(_ request: Request, _ operation: Operation, _ turn: inout Turn) {
    open.call(cache, request, for: operation, until: turn.now + plan.timeout, &turn)
  }

  private mutating func answered(_ operation: Operation, _ response: Response, _ turn: inout Turn) {
    if case .lock(let name, let span, _) = operation, response.status == 201, let document = try? response.document(),
      let grant = try? LockGrant(document)
    {
      // Some give it back, some hold it for longer, some let it run out.
      let pause = TimeSpan(nanoseconds: Int64(turn.random.below(UInt64(span.nanoseconds))))
      if turn.random.chance(0.7) { open.wait(.held(name: name, token: grant.token, span: span), for: pause, &turn) }
    }
    // What is not there, or is held by somebody else, is an answer as good as any.
    tell(operation, [200, 201, 204, 404, 409].contains(response.status) ? .served : .failed, &turn)
  }

  private mutating func useLock(_ operation: Operation, _ turn: inout Turn) {
    guard case .held(let name, let token, let span) = operation else { return }
    let isRenewed = turn.random.chance(0.5)
    call(isRenewed ? CacheAPI.renew(name, token: token, for: span) : CacheAPI.unlock(name, token: token), .plain(intended: turn.now), &turn)
  }

  private func tell(_ operation: Operation, _ outcome: LoadOutcome, _ turn: inout Turn) {
    switch operation {
    case .plain(let intended), .lock(_, _, let intended): outcome.tell(intended: intended, &turn)
    case .held: break
    }
  }
}
