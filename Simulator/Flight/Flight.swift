// One flight of a scenario with one seed: its systems placed on a site, its faults put down, the load flown, the
// systems read back; then the checkers.
//
// Limits: a flight whose machines take more turns within a second of virtual time than any of its systems should is
// ended, and fails; what is read back may take `readBackLimit`.

import Checking
import Kernel
import Load
import Scenarios
import Vocabulary
import World

extension ScenarioObjective {
  /// What judges it, by the loads' requests alone.
  var checker: any Checker {
    switch self {
    case .latency(let percentile, let bound): LatencyObjective(percentileThousandths: percentile, below: bound)
    case .served(let share): ServedObjective(partsPerMillion: share)
    }
  }
}

/// One flight.
public struct Flight {
  private let order: FlightOrder
  private let site: Site
  private let placed: [(system: any PlacedSystem, prefix: String, nodes: Range<Int>)]

  /// What the wall clocks of a flight show at its start, unless a system wants it otherwise.
  public static let wallStart = WallTime(milliseconds: 1_700_000_000_000)
  /// How long reading back may take after the systems have settled.
  public static let readBackLimit = TimeSpan.seconds(300)

  /// A flight of what is ordered; `systems` must have all that the scenario names.
  public init(_ order: FlightOrder, systems: [any FlownSystem]) {
    var order = order
    let flown = order.scenario.flown.map { one -> (system: any FlownSystem, flown: Scenario.Flown) in
      guard let system = systems.first(where: { $0.name == one.system }) else {
        breakInvariant("the scenario was read with the words of \(one.system), which is not among the systems")
      }
      return (system, one)
    }
    for (system, one) in flown {
      order.scenario.duration = max(order.scenario.duration, system.duration(ofAny: one.part, order))
    }
    var site = Site()
    site.serviceCost = order.costs.service
    var placed: [(system: any PlacedSystem, prefix: String, nodes: Range<Int>)] = []
    for (system, one) in flown {
      site.prefix = one.prefix
      site.system = one.system
      let first = site.plans.count
      let own = system.place(any: one.part, order, on: &site)
      placed.append((own, one.prefix, first..<site.plans.count))
    }
    site.stand(order.scenario.boxes)
    self.order = order
    self.site = site
    self.placed = placed
  }

  /// The names of its nodes, by their numbers.
  public var nodeNames: [String] { site.plans.map(\.name) }

  /// What judges that a flight ends at all, where its systems bound their turns.
  public static let silenceCheck = "machines fall silent"

  /// The names of all that judges it, as its judgements have them.
  public var checkNames: [String] {
    let record = FlightRecord(nodes: site.plans.enumerated().map { FlightNode(id: NodeID(UInt16($0.offset)), name: $0.element.name) })
    var names = placed.flatMap { one in
      one.system.checkers(self.record(of: one.nodes, in: record), endedAt: Instant(nanoseconds: 0)).map { one.prefix + $0.name }
    }
    for one in order.scenario.flown { names += one.objectives.map { one.prefix + $0.checker.name } }
    names += order.scenario.objectives.map(\.checker.name)
    if placed.allSatisfy({ $0.system.maximumTurnsPerSecond != nil }) { names.append(Self.silenceCheck) }
    return names
  }

  /// When reading back begins.
  private var readBackAt: TimeSpan { order.scenario.duration + order.scenario.settle }

  /// Flies, and judges. `traceSink` hears all that happens; `heartbeat` hears after each second of virtual time how far
  /// the flight is, and how long its load and settling take.
  ///
  /// `mark` is where the turn is noted that is being taken, for another process to see; none is while all is judged.
  public func fly(
    traceSink: (any TraceSink)? = nil, mark: UnsafeMutablePointer<TurnMark>? = nil,
    heartbeat: (_ now: TimeSpan, _ of: TimeSpan) -> Void = { _, _ in }
  ) -> FlightResult {
    let world = world(traceSink, mark)
    let bounds = placed.compactMap(\.system.maximumTurnsPerSecond)
    let mostTurns = bounds.count == placed.count ? bounds.reduce(0, +) : Int.max
    let limit = readBackAt + Self.readBackLimit
    var until = TimeSpan.zero
    var isEndless = false
    var hashes: [TraceHash?] = placed.map { _ in nil }
    while !isEndless, until < readBackAt || until < limit && !isReadBack(world.record) {
      until = until < readBackAt ? min(until + .seconds(1), readBackAt) : until + .seconds(1)
      let before = world.host.turnsTaken
      world.host.run(until: until.nanoseconds, atMost: mostTurns)
      isEndless = mostTurns < .max && world.host.turnsTaken - before >= mostTurns
      // A system's flight ends when it is read back, however long others take.
      for (index, one) in placed.enumerated() where hashes[index] == nil && until >= readBackAt && one.system.isReadBack(world.record) {
        hashes[index] = hash(of: one.nodes, world.host)
      }
      heartbeat(until, readBackAt)
    }
    world.close()
    mark?.pointee.event = 0
    let endedAt = Instant(nanoseconds: world.host.now)
    var judgements: [Judgement] = []
    for (one, flown) in zip(placed, order.scenario.flown) {
      let record = record(of: one.nodes, in: world.record)
      for checker in one.system.checkers(record, endedAt: endedAt) + flown.objectives.map(\.checker) {
        var judgement = checker.judge(record)
        judgement.checker = one.prefix + judgement.checker
        judgements.append(judgement)
      }
    }
    judgements += order.scenario.objectives.map { $0.checker.judge(world.record) }
    if isEndless {
      judgements.append(
        Judgement(
          checker: Self.silenceCheck, requirements: [],
          violations: [Violation(at: Instant(nanoseconds: until.nanoseconds), "more than \(mostTurns) turns in a second of virtual time")],
          examined: "the flight", examinedCount: 1))
    }
    var result = result(judgements, world)
    result.systemHashes = zip(order.scenario.systems, placed.indices).map { system, index in
      (system, hashes[index] ?? hash(of: placed[index].nodes, world.host))
    }
    return result
  }

  private func hash(of nodes: Range<Int>, _ host: SimulatedHost) -> TraceHash {
    var hash = TraceHash(seed: host.seed)
    for node in nodes { hash.mix(host.traceHash(of: NodeID(UInt16(node))).value) }
    return hash
  }

  /// Flies the load and the settling only, and judges nothing: for benches.
  public func flyUnjudged() -> FlightResult {
    let world = world(nil, nil)
    world.host.run(until: readBackAt.nanoseconds - 1)
    return result([], world)
  }

  private func isReadBack(_ record: FlightRecord) -> Bool { placed.allSatisfy { $0.system.isReadBack(record) } }

  private func world(_ traceSink: (any TraceSink)?, _ mark: UnsafeMutablePointer<TurnMark>?) -> FlightWorld {
    let clock = placed.lazy.compactMap(\.system.wallClock).first ?? (Self.wallStart, 1)
    let faults = FaultPlanning(roles: site.roles, boxes: site.boxes) { [placed] role, duration, make in
      for one in placed where role.hasPrefix(one.prefix) {
        if let aimed = one.system.aim(at: String(role.dropFirst(one.prefix.count)), for: duration, make) { return aimed }
      }
      return nil
    }
    return FlightWorld(
      order.scenario, seed: order.seed, plans: site.plans, roles: site.judgedRoles, boxes: site.boxes, costs: order.costs, faults: faults,
      wallStart: clock.start,
      wallSpeed: clock.speed, framesAllPeerLinks: order.framesAllPeerLinks,
      traceSink: traceSink, mark: mark)
  }

  /// What was recorded of one system's nodes; all of it where there is no other.
  private func record(of nodes: Range<Int>, in whole: FlightRecord) -> FlightRecord {
    guard placed.count > 1 else { return whole }
    let own = FlightRecord(nodes: Array(whole.nodes[nodes]))
    func isOwn(_ node: NodeID) -> Bool { nodes.contains(Int(node.index)) }
    for exchange in whole.exchanges where isOwn(exchange.caller) { own.record(exchange) }
    for stream in whole.streams where isOwn(stream.caller) { own.record(stream) }
    for observation in whole.observations where isOwn(observation.node) { own.record(observation) }
    for defect in whole.defects where isOwn(defect.node) { own.record(defect) }
    let ids = Set(nodes.map { NodeID(UInt16($0)) })
    own.faults = whole.faults.filter { $0.reach.touches(ids) }
    return own
  }

  /// The command that repeats what is ordered, where the scenario's name does not say it all.
  public static func ownCommand(_ order: FlightOrder) -> String? {
    order.source.map { FlightResult.replayCommand($0, seed: order.seed, mutant: order.planted.first?.name) }
  }

  private func result(_ judgements: [Judgement], _ world: FlightWorld) -> FlightResult {
    let (scenario, host, mutant) = (order.scenario, world.host, order.planted.first?.name)
    var result = FlightResult(
      scenario: scenario.name, seed: host.seed, mutant: mutant, verdict: Verdict(judgements), traceHash: host.traceHash,
      judgements: judgements, faults: world.record.faults, requests: world.record.timedRequests,
      simulated: TimeSpan(nanoseconds: host.now), turns: host.turnsTaken, requirements: scenario.requirements,
      series: placed.lazy.compactMap(\.system.series).first,
      ownCommand: Self.ownCommand(order))
    result.systemNodes = zip(scenario.systems, placed).map { ($0, $1.nodes) }
    result.costs = (order.costs.name, order.costs.origin)
    return result
  }
}
