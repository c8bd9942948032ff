// A scenario: what we do, what breaks, what must hold. The values here are what a scenario file says, before any seed
// has drawn.
//
// The file format is on the page Scenarios.md. Requirements: see each file's own list.

import Vocabulary
import YAMLReading

/// A span that is fixed, or drawn by the seed from a range.
public struct DrawnSpan: Sendable, Hashable {
  /// The range; both ends equal where the span is fixed.
  public var range: ClosedRange<TimeSpan>

  /// A fixed span.
  public init(_ span: TimeSpan) { range = span...span }
  /// A span from a range.
  public init(_ range: ClosedRange<TimeSpan>) { self.range = range }

  /// The span of one run.
  public func draw(_ random: inout RandomStream) -> TimeSpan {
    range.lowerBound == range.upperBound ? range.lowerBound : random.span(in: range)
  }
}

/// What a scenario breaks.
public enum ScenarioFaultKind: Sendable, Hashable {
  /// At which moment a process ends.
  public enum CrashMoment: Sendable, Hashable {
    case atOnce, duringSync, duringWork
  }

  /// The process and its operating system end, and start again when the fault is over: what was not synced is lost in
  /// any part.
  case crash(node: String, CrashMoment)
  /// All that stands in the node's box ends, and the operating system with it, and starts again when the fault is over.
  case crashBox(node: String)
  /// The process ends alone, and starts again when the fault is over.
  case kill(node: String)
  /// The process stands still.
  case pause(node: String)
  /// Nothing passes between two groups of nodes.
  case partition([String], from: [String])
  /// Nothing passes from one group to another, but back.
  case cut([String], to: [String])
  /// A share (0 … 1) of the packets is lost.
  case lose(Double, between: [String], and: [String])
  /// A share of the messages arrives twice.
  case duplicate(Double, between: [String], and: [String])
  /// A share of the messages is overtaken.
  case reorder(Double, between: [String], and: [String])
  /// Somebody without the key of peers puts frames of his own on their links.
  case forge(Double, between: [String], and: [String])
  /// Somebody repeats what passed between peers.
  case replay(Double, between: [String], and: [String])
  /// Somebody sends frames of peers back to their sender.
  case reflect(Double, between: [String], and: [String])
  /// Latency grows.
  case slowLink(between: [String], and: [String], by: TimeSpan)
  /// Latency grows from one group to another, but not back.
  case slowWay(from: [String], to: [String], by: TimeSpan)
  /// Both clocks gain, in parts per million.
  case driftClock(node: String, partsPerMillion: Int64)
  /// The wall clock jumps.
  case jumpClock(node: String, by: TimeSpan)
  /// Syncs and transfers take a multiple of their time.
  case slowDisk(node: String, factor: Int64)
  /// No space is left but this.
  case fillDisk(node: String, bytesLeft: Int)
  /// A share of the syncs fails.
  case failSyncs(Double, node: String)
  /// A share of the reads fails.
  case failReads(Double, node: String)
  /// The process and its operating system end, and while they are down bits of the files flip whose names begin so.
  case crashRotting(node: String, bits: Int, files: String)
  /// Bits of durable files flip.
  case rot(bits: Int, node: String)
  /// A node's name leads to another node from each caller's second look-up on.
  case rebindName(node: String, to: String)
  /// A node's name is not known.
  case hideName(node: String)
  /// The resolver is slow.
  case slowNames(by: TimeSpan)
  /// As many faults as the line says, of kinds that the seed draws, within the span that `at` says.
  case swarm(node: String)

  /// The node whose files it damages, or keeps from being read; nil for most.
  public var spoils: String? {
    switch self {
    case .crashRotting(let node, _, _), .failReads(_, let node), .rot(_, let node): node
    case .crash, .crashBox, .kill, .pause, .partition, .cut, .lose, .duplicate, .reorder, .forge, .replay, .reflect, .slowLink, .slowWay,
      .driftClock, .jumpClock, .slowDisk, .fillDisk, .failSyncs, .rebindName, .hideName, .slowNames, .swarm:
      nil
    }
  }

  /// All nodes that it names.
  public var nodes: [String] {
    switch self {
    case .crash(let node, _), .crashRotting(let node, _, _), .crashBox(let node), .kill(let node), .pause(let node),
      .driftClock(let node, _),
      .jumpClock(let node, _), .slowDisk(let node, _),
      .fillDisk(let node, _), .failSyncs(_, let node), .failReads(_, let node), .rot(_, let node),
      .hideName(let node), .swarm(let node):
      [node]
    case .rebindName(let node, let other): [node, other]
    case .slowNames: []
    case .partition(let first, let second), .cut(let first, let second), .lose(_, let first, let second),
      .duplicate(_, let first, let second), .reorder(_, let first, let second), .forge(_, let first, let second),
      .replay(_, let first, let second), .reflect(_, let first, let second), .slowLink(let first, let second, _),
      .slowWay(let first, let second, _):
      first + second
    }
  }
}

/// One line of a scenario's faults.
public struct ScenarioFault: Sendable, Hashable {
  /// What breaks.
  public var kind: ScenarioFaultKind
  /// When it begins.
  public var at: DrawnSpan
  /// How long it lasts; nil for what is over at once.
  public var duration: DrawnSpan?
  /// How often it happens in a run; `at` and `duration` are drawn each time.
  public var times: Int

  /// A fault.
  public init(_ kind: ScenarioFaultKind, at: DrawnSpan, for duration: DrawnSpan? = nil, times: Int = 1) {
    self.kind = kind
    self.at = at
    self.duration = duration
    self.times = times
  }
}

/// What must hold of the loads' requests, in any system. A system may have objectives of its own beside.
public enum ScenarioObjective: Sendable, Hashable {
  /// A percentile (in thousandths of a percent) of the load's latency lies below a bound.
  case latency(percentileThousandths: Int, below: TimeSpan)
  /// A share of the load's requests is served, in parts per million.
  case served(partsPerMillion: Int)
}

/// What we do, what breaks, what must hold.
public struct Scenario: Sendable {
  /// One system that it flies, and what it says of it.
  public struct Flown: Sendable {
    /// The system's name.
    public var system: String
    /// What the scenario says of it.
    public var part: any ScenarioPart
    /// What its faults call the system's nodes begins so: its name and a slash where the file has `systems`, else
    /// nothing.
    public var prefix: String
    /// What must hold of its own loads, where the file says so of it alone.
    public var objectives: [ScenarioObjective] = []

    /// One system; nothing is said of its requests alone.
    public init(system: String, part: any ScenarioPart, prefix: String) {
      self.system = system
      self.part = part
      self.prefix = prefix
    }
  }

  /// Its name, unique among all: `queue-crash-under-load`.
  public var name: String
  /// What it is about, in a sentence or two.
  public var about: String
  /// What it flies, in the order of the file.
  public var flown: [Flown]
  /// Ids of the requirements that it checks.
  public var requirements: [String]
  /// How long the loads send.
  public var duration: TimeSpan
  /// How long the systems have after that, with all faults over, before they are read back.
  public var settle: TimeSpan
  /// Which nodes stand in one box. A node that several name stands in the first of them.
  public var boxes: [ScenarioBox]
  /// What breaks.
  public var faults: [ScenarioFault]
  /// What must hold of all loads.
  public var objectives: [ScenarioObjective]
  /// Suites that it belongs to, beside those of its systems.
  public var suites: [String]

  /// The names of the systems that it flies.
  public var systems: [String] { flown.map(\.system) }
}
