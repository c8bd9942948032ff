// What the harness must know of a system that it flies. Each system says it in one value, in a room of its own; the
// list of all systems is `Simulator/Command/Systems.swift`, and nothing else of the harness names one.

import Checking
import Scenarios
import Vocabulary
import World

/// What a flight is given from outside beside its scenario, for one of its systems: a recording.
public protocol FlightInput: Sendable {}

/// Several of them, of which each system takes its own.
public struct FlightInputs: FlightInput {
  /// What is given.
  public var all: [any FlightInput]

  /// What is given, at most one of a kind.
  public init(_ all: [any FlightInput]) { self.all = all }
}

/// One flight to be flown.
public struct FlightOrder: Sendable {
  /// What is flown.
  public var scenario: Scenario
  /// The seed.
  public var seed: UInt64
  /// Planted bugs that are switched on.
  public var planted: [Mutant]
  /// What a system is given from outside; a stand-in where nil.
  public var input: (any FlightInput)?
  /// How a command names the scenario, in words of a shell, where that is not its name: a file's path, and options.
  public var source: String?
  /// What turns, bytes and syncs cost.
  public var costs = Costs.shipped
  /// Whether the systems are read while and after they are flown, and judged. A bench does without.
  public var isJudged = true
  /// Whether all messages between nodes pass as frames of links that are really proved (`SimulatedHost`), not only those
  /// on links that a fault meddles with. What machines see is the same.
  public var framesAllPeerLinks = false

  /// An order.
  public init(
    _ scenario: Scenario, seed: UInt64, planted: [Mutant] = [], input: (any FlightInput)? = nil, source: String? = nil
  ) {
    self.scenario = scenario
    self.seed = seed
    self.planted = planted
    self.input = input
    self.source = source
  }

  /// What is given from outside of one kind; nil where it is not given.
  public func input<Input: FlightInput>(_ kind: Input.Type) -> Input? {
    ((input as? FlightInputs)?.all ?? input.map { [$0] } ?? []).lazy.compactMap { $0 as? Input }.first
  }
}

/// A system that can be flown.
public protocol FlownSystem: ScenarioWords {
  /// What its words make of a scenario.
  associatedtype Part: ScenarioPart

  /// The planted bugs that its scenarios are to catch.
  var mutants: [Mutant] { get }
  /// Those that were planted by someone who had not read the checkers; scored apart.
  var blindMutants: [Mutant] { get }
  /// The seeds that are tried for each planted bug, unless it is said otherwise.
  var mutantSeeds: ClosedRange<UInt64> { get }

  /// What its contract judges; nil for a system without one.
  var contract: SystemContract? { get }

  /// How long the loads of a flight send: what the scenario says, unless what is sent takes longer.
  func duration(of part: Part, _ order: FlightOrder) -> TimeSpan
  /// Places its services and clients. `order.scenario` has the flight's duration.
  func place(_ part: Part, _ order: FlightOrder, on site: inout Site) -> any PlacedSystem
}

extension FlownSystem {
  public var blindMutants: [Mutant] { [] }
  public var mutantSeeds: ClosedRange<UInt64> { 1...5 }
  public var contract: SystemContract? { nil }
  public func duration(of part: Part, _ order: FlightOrder) -> TimeSpan { order.scenario.duration }

  /// `part` as this system's own words made it.
  private func own(_ part: any ScenarioPart) -> Part {
    guard let own = part as? Part else { breakInvariant("a scenario of \(name) was read by the words of another system") }
    return own
  }

  func duration(ofAny part: any ScenarioPart, _ order: FlightOrder) -> TimeSpan { duration(of: own(part), order) }
  func place(any part: any ScenarioPart, _ order: FlightOrder, on site: inout Site) -> any PlacedSystem {
    place(own(part), order, on: &site)
  }
}

/// A system that was placed on a site, for one flight.
public protocol PlacedSystem {
  /// What the wall clocks show at the start, and how many times as fast as real time they run; nil for the usual.
  var wallClock: (start: WallTime, speed: Int64)? { get }
  /// Where the series come from that it was sent; nil where it was sent none.
  var series: SeriesOrigin? { get }
  /// Turns of the whole flight within a second of virtual time beyond which it is taken for endless; nil for no bound.
  var maximumTurnsPerSecond: Int? { get }
  /// What a fault becomes that aims at `role` (a `ScenarioRole.isAim`); `make` makes it once it is known who
  /// is hit.
  func aim(
    at role: String, for duration: TimeSpan, _ make: @escaping @Sendable (NodeID) -> any Fault
  ) -> (any Fault)?
  /// Whether all was read that is to be read after the flight.
  func isReadBack(_ record: FlightRecord) -> Bool
  /// What judges it. `record` is of this system's nodes alone; `endedAt` is the flight's end.
  func checkers(_ record: FlightRecord, endedAt: Instant) -> [any Checker]
}

extension PlacedSystem {
  public var wallClock: (start: WallTime, speed: Int64)? { nil }
  public var series: SeriesOrigin? { nil }
  public var maximumTurnsPerSecond: Int? { nil }
  public func aim(
    at role: String, for duration: TimeSpan, _ make: @escaping @Sendable (NodeID) -> any Fault
  ) -> (any Fault)? { nil }
  public func isReadBack(_ record: FlightRecord) -> Bool { true }
}
