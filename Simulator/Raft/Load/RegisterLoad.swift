// A load of reads, writes and swaps on named registers that several servers keep together. Open loop. Every value is
// written once, so that a read tells which write it saw. Checkers read the exchanges that the host recorded: each
// exchange is an operation.
//
// A server that answers 421 did nothing: the operation goes on to the leader that it names, or to the next server.
// Everything else ends it.

import Load
import Vocabulary

/// What the load does.
public struct RegisterLoadPlan: Sendable, Hashable {
  /// When operations are meant to start.
  public var arrivals: Arrivals
  /// How long it sends.
  public var until: TimeSpan
  /// How many registers there are.
  public var keys: Int
  /// Share of the operations that read, 0 … 1; of the rest a third are swaps.
  public var readShare: Double
  /// How long an operation may take, redirections included.
  public var timeout: TimeSpan

  /// A plan.
  public init(
    arrivals: Arrivals, until: TimeSpan, keys: Int = 5, readShare: Double = 0.5, timeout: TimeSpan = .seconds(1)
  ) {
    self.arrivals = arrivals
    self.until = until
    self.keys = keys
    self.readShare = readShare
    self.timeout = timeout
  }
}

/// The machine.
public struct RegisterLoad: Machine {
  private struct Operation {
    var request: Request
    var key: String
    var intended: Instant
    var until: Instant
    var server: Int
    var tries: Int
  }

  private let plan: RegisterLoadPlan
  /// Endpoints of the servers, by number.
  private let servers: [(number: UInt32, endpoint: Endpoint)]
  private var arrival: ArrivalTimer
  private var leaders: [String: Int] = [:]
  private var seen: [String: String] = [:]
  private var open = OpenOperations<Operation>()

  static let pause = TimeSpan.milliseconds(20)
  static let maximumTries = 100
  static let explorerShare = 0.25

  /// A load of `plan` on `servers`.
  public init(_ plan: RegisterLoadPlan, servers: [(number: UInt32, endpoint: Endpoint)]) {
    invariant(!servers.isEmpty && plan.keys > 0, "a load of \(plan.keys) keys on \(servers.count) servers")
    self.plan = plan
    self.servers = servers
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
    case .failed(let operation, let failure):
      leaders[operation.key] = nil
      if failure == .refused { again(operation, nil, &turn) } else { end(operation, .failed, &turn) }
    case .timedOut(let operation): end(operation, .failed, &turn)
    case .due(let operation): send(operation, &turn)
    case nil: break
    }
  }

  private mutating func begin(_ turn: inout Turn) {
    let key = "r\(turn.random.below(UInt64(plan.keys)))"
    let value = Array("\(turn.node.index)-\(arrival.number)".utf8)
    let request: Request
    if turn.random.chance(plan.readShare) {
      request = Request(.get, "/registers/\(key)")
    } else if turn.random.chance(1.0 / 3) {
      request = Request(.post, "/registers/\(key)/swap?expect=\(seen[key] ?? "")", body: value)
    } else {
      request = Request(.put, "/registers/\(key)", body: value)
    }
    // Some go to any server: clients do not all believe in the same leader.
    let anyone = Int(turn.random.below(UInt64(servers.count)))
    let server = turn.random.chance(Self.explorerShare) ? anyone : leaders[key] ?? anyone
    send(
      Operation(request: request, key: key, intended: turn.now, until: turn.now + plan.timeout, server: server, tries: 0), &turn)
  }

  private mutating func send(_ operation: Operation, _ turn: inout Turn) {
    guard turn.now < operation.until else { return end(operation, .failed, &turn) }
    open.call(servers[operation.server].endpoint, operation.request, for: operation, until: operation.until, &turn)
  }

  private mutating func answered(_ operation: Operation, _ response: Response, _ turn: inout Turn) {
    switch response.status {
    case 421:
      let named = response.head.headers["leader"].flatMap { UInt32($0) }.flatMap { number in servers.firstIndex { $0.number == number } }
      again(operation, named, &turn)
    case 200, 404, 409:
      leaders[operation.key] = operation.server
      if operation.request.head.method == .get { seen[operation.key] = String(decoding: response.body, as: UTF8.self) }
      end(operation, .served, &turn)
    default:
      leaders[operation.key] = nil
      end(operation, .failed, &turn)
    }
  }

  /// Nothing was done: the operation goes to another server.
  private mutating func again(_ operation: Operation, _ leader: Int?, _ turn: inout Turn) {
    var operation = operation
    operation.tries += 1
    leaders[operation.key] = leader
    guard operation.tries < Self.maximumTries else { return end(operation, .failed, &turn) }
    if let leader, leader != operation.server {
      operation.server = leader
      return send(operation, &turn)
    }
    operation.server = (operation.server + 1) % servers.count
    open.wait(operation, for: Self.pause, &turn)
  }

  private func end(_ operation: Operation, _ outcome: LoadOutcome, _ turn: inout Turn) {
    outcome.tell(intended: operation.intended, &turn)
  }
}
