// A bench for tests of services: the services in the simulated world, and a client whose requests the test makes one
// after the other and waits for, in virtual time. Everything is a function of the seed.

import Kernel
import Vocabulary
import World

/// Services in a simulated world, with a client at the test's hand.
public final class TestBench: Recorder {
  /// The world.
  public let host: SimulatedHost
  /// Facts that nodes stated.
  public private(set) var observations: [ObservationRecord] = []
  /// What nodes must never do, and refusals to start.
  public private(set) var defects: [DefectRecord] = []
  /// The test's own chance.
  public var random: RandomStream
  private let desk = Desk()
  private var faultsUntil: Int64 = 0

  /// A world of these nodes, started; the client is one more node behind them.
  public init(seed: UInt64 = 1, _ plans: [NodePlan]) {
    random = RandomStream(seed: seed, name: "test")
    let desk = desk
    host = SimulatedHost(seed: seed, plans: plans + [NodePlan("client", cost: .client) { DeskClient(desk: desk) }])
    host.recorder = self
    host.startAll()
  }

  public func record(_ exchange: ExchangeRecord) {}
  public func record(_ stream: StreamRecord) {}
  public func record(_ observation: ObservationRecord) { observations.append(observation) }
  public func record(_ defect: DefectRecord) { defects.append(defect) }

  /// Facts of a kind, in order.
  public func facts(_ fact: Fact) -> [Observation] { observations.map(\.observation).filter { $0.fact == fact } }

  /// Lets virtual time go on.
  public func run(for span: TimeSpan) { host.run(until: host.now + span.nanoseconds) }

  /// Makes a request and waits for its answer; nil where it failed or took longer than `limit`.
  public func ask(_ endpoint: Endpoint, _ request: Request, within limit: TimeSpan = .seconds(15)) -> Response? {
    desk.nextTag += 1
    let tag = desk.nextTag
    desk.outgoing.append((tag, endpoint, request, limit))
    let end = host.now + limit.nanoseconds + 2_000_000
    while host.now < end {
      run(for: .milliseconds(1))
      if let outcome = desk.answers.removeValue(forKey: tag) { return outcome }
    }
    return nil
  }

  /// Whether the health of the service on `node` tells of a full disk: before its disk is full, while it is, and once
  /// there is room again.
  public func tellsOfAFullDisk(_ node: NodeID) -> [Bool] {
    func tells() -> Bool {
      ask(Endpoint(node), Request(.get, "/health")).map { String(decoding: $0.body, as: UTF8.self).contains("the disk is full") } ?? false
    }
    let before = tells()
    host.plan([PlannedFault(at: TimeSpan(nanoseconds: host.now), for: .seconds(3), FullDisk(of: node))])
    run(for: .seconds(1))
    let meanwhile = tells()
    run(for: .seconds(3))
    return [before, meanwhile, tells()]
  }

  /// Makes a request again and again until it is answered with a status below 300; nil after `attempts`.
  public func insist(_ endpoint: Endpoint, _ request: Request, attempts: Int = 60) -> Response? {
    for _ in 0..<attempts {
      if let response = ask(endpoint, request, within: .seconds(3)), response.status < 300 { return response }
      run(for: .milliseconds(50))
    }
    return nil
  }

  /// Sends damaged copies of `bodies`, `count` in all: bytes changed, cut out and repeated. Returns the statuses; every
  /// one is answered, or nil stands for it.
  public func sendDamaged(_ bodies: [(Method, String, String)], to endpoint: Endpoint, count: Int) -> [Int?] {
    (0..<count).map { _ in
      let (method, path, text) = bodies[Int(random.below(UInt64(bodies.count)))]
      var body = Array(text.utf8)
      for _ in 0...random.below(4) where !body.isEmpty {
        let place = Int(random.below(UInt64(body.count)))
        switch random.below(4) {
        case 0: body[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: body.removeSubrange(place..<min(body.count, place + Int(random.below(12))))
        case 2: body.insert(contentsOf: body[place..<min(body.count, place + Int(random.below(12)))], at: place)
        default: body[place] = Array("0123456789eE.-+\"{}[],:nul".utf8)[Int(random.below(25))]
        }
      }
      return ask(endpoint, Request(method, path, body: body))?.status
    }
  }

  /// Crashes a node, starts it again `span` later, and lets virtual time go on for `settle`.
  public func crashAndRestart(_ node: NodeID, after span: TimeSpan = .zero, settle: TimeSpan = .zero) {
    host.crash(node)
    host.restart(node, after: span)
    if settle > .zero { run(for: settle) }
  }

  /// Puts down a random crash of a node somewhere in the next `span`: at once, in a sync or in a work.
  public func crashSoon(_ node: NodeID, within span: TimeSpan) {
    guard host.now >= faultsUntil else { return }
    let at = TimeSpan(nanoseconds: host.now) + random.span(in: .zero...span)
    let length = random.span(in: .milliseconds(5)...(.milliseconds(60)))
    let moments: [ProcessCrash.Moment] = [
      .atOnce, .duringSync(downtime: length), .duringSync(downtime: length), .duringWork(downtime: length),
    ]
    host.plan([PlannedFault(at: at, for: length, ProcessCrash(of: node, moments[Int(random.below(4))]))])
    // A crash that waits for its moment may come at the end of its time, and lasts as long again.
    faultsUntil = (at + length + length).nanoseconds
  }
}

/// What the test and the client's machine share.
private final class Desk {
  var nextTag = 0
  var outgoing: [(tag: Int, Endpoint, Request, TimeSpan)] = []
  /// Ended calls; nil inside for those that failed.
  var answers: [Int: Response?] = [:]
}

/// The client: looks at its desk every two milliseconds.
private struct DeskClient: Machine {
  let desk: Desk
  var open: [ExchangeID: Int] = [:]

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(2)) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      for (tag, endpoint, request, limit) in desk.outgoing {
        var request = request
        request.deadline = Deadline(turn.now + limit)
        open[turn.call(endpoint, request)] = tag
      }
      desk.outgoing.removeAll()
      _ = turn.wake(after: .milliseconds(2))
    case .response(let id, let response):
      if let tag = open.removeValue(forKey: id) { desk.answers[tag] = .some(response) }
    case .failed(let id, _):
      if let tag = open.removeValue(forKey: id) { desk.answers[tag] = .some(nil) }
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

/// A machine made of one closure that answers requests, for stand-ins.
public struct Responder: Machine {
  private let answer: (Request, WallTime) -> Response?

  /// Answers each request with what `answer` gives; nil leaves the caller waiting.
  public init(_ answer: @escaping (Request, WallTime) -> Response?) { self.answer = answer }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {}
  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .request(let id, let request) = event, let response = answer(request, turn.wallClock) { turn.reply(id, response) }
  }
}
