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
  /// As many faults as the line says, of kinds that the seed draws, within the span that `at` says.
  case swarm(node: String)

  /// All nodes that it names.
  public var nodes: [String] {
    switch self {
    case .crash(let node, _), .crashRotting(let node, _, _), .kill(let node), .pause(let node), .driftClock(let node, _),
      .jumpClock(let node, _), .slowDisk(let node, _),
      .fillDisk(let node, _), .failSyncs(_, let node), .failReads(_, let node), .rot(_, let node),
      .swarm(let node):
      [node]
    case .partition(let first, let second), .cut(let first, let second), .lose(_, let first, let second),
      .duplicate(_, let first, let second), .reorder(_, let first, let second), .slowLink(let first, let second, _),
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

/// One load.
public enum ScenarioLoad: Sendable, Hashable {
  /// Many clients that send metrics, open loop.
  case metrics(ScenarioMetricsLoad)
  /// One gauge that is high in some windows.
  case signal(ScenarioSignalLoad)
  /// The rows of recorded series, sent as their time comes: files that are given from outside, or a synthetic stand-in.
  case replay(ScenarioReplayLoad)
  /// Reads, writes and swaps on registers that several servers keep together, open loop.
  case registers(ScenarioRegistersLoad)
  /// Somebody who hands offices over and changes memberships, and restores them in the end.
  case operators(ScenarioOperatorLoad)
  /// Produces and consumes on a queue of several brokers, open loop, and members of a consumer group.
  case queue(ScenarioQueueLoad)
}

/// A load of kind *queue*.
public struct ScenarioQueueLoad: Sendable, Hashable {
  /// Operations a second.
  public var perSecond: Double
  /// Whether gaps are exponential; else even.
  public var isPoisson: Bool
  /// How many keys.
  public var keys: Int
  /// Share of the operations that consume, 0 … 1.
  public var readShare: Double
  /// Members of a consumer group of its own.
  public var members: Int
}

/// A load of kind *operator*.
public struct ScenarioOperatorLoad: Sendable, Hashable {
  /// Acts a second.
  public var perSecond: Double
  /// Share of the acts that hand an office over, 0 … 1; the others change a membership.
  public var transferShare: Double
  /// The first how many of the replicated logs it works on; nil for all of them.
  public var groups: Int?

  /// A load.
  public init(perSecond: Double, transferShare: Double, groups: Int? = nil) {
    self.perSecond = perSecond
    self.transferShare = transferShare
    self.groups = groups
  }
}

/// A load of kind *registers*.
public struct ScenarioRegistersLoad: Sendable, Hashable {
  /// Operations a second.
  public var perSecond: Double
  /// Whether gaps are exponential; else even.
  public var isPoisson: Bool
  /// How many registers.
  public var keys: Int
  /// Share of the operations that read, 0 … 1.
  public var readShare: Double
  /// How long an operation may take, redirections included.
  public var patience: TimeSpan
}

/// A load of kind *replay*.
public struct ScenarioReplayLoad: Sendable, Hashable {
  /// How many times as fast as it was recorded it is sent; the services' wall clocks run so fast too.
  public var speed: Int64
}

/// A load of kind *metrics*.
public struct ScenarioMetricsLoad: Sendable, Hashable {
  /// Requests a second.
  public var perSecond: Double
  /// Whether gaps are exponential; else even.
  public var isPoisson: Bool
  /// Client ids.
  public var clients: Int
  /// Metrics in each request.
  public var metricsPerRequest: Int
  /// Name of the metrics.
  public var name: String
  /// How many names.
  public var names: Int
  /// Share of the requests that are repeated until they are accepted, 0 … 1.
  public var repeatedShare: Double
  /// Share of the requests whose metrics carry timestamps, 0 … 1.
  public var stampedShare: Double
}

/// A load of kind *signal*.
public struct ScenarioSignalLoad: Sendable, Hashable {
  /// Name of the gauge.
  public var name: String
  /// Time between two values.
  public var every: TimeSpan
  /// The value outside the windows.
  public var low: Double
  /// The value within them.
  public var high: Double
  /// The windows, from the run's start.
  public var windows: [Range<TimeSpan>]
}

/// An alert rule that is set up before the flight.
public struct ScenarioRule: Sendable, Hashable {
  /// Its name.
  public var name: String
  /// Its query: `avg(cpu_usage) > 80`.
  public var query: String
  /// How long the condition must hold, as text: `5s`.
  public var duration: String
  /// Names of channels.
  public var channels: [String]
  /// What missing data does: `keep`, `fire` or `resolve`; nil for the service's default.
  public var missingData: String?

  /// A rule.
  public init(name: String, query: String, duration: String, channels: [String], missingData: String?) {
    self.name = name
    self.query = query
    self.duration = duration
    self.channels = channels
    self.missingData = missingData
  }
}

/// What must hold beyond the system's own guarantees.
public enum ScenarioObjective: Sendable, Hashable {
  /// A percentile (in thousandths of a percent) of the load's latency lies below a bound.
  case latency(percentileThousandths: Int, below: TimeSpan)
  /// A share of the load's requests is served, in parts per million.
  case served(partsPerMillion: Int)
  /// Each breach of a signal alerts once, not later than this beyond the rule's duration.
  case alerts(within: TimeSpan)
}

/// How the services' tunables are set.
public enum ScenarioTuning: String, Sendable, Hashable, CaseIterable {
  /// Drawn by the seed, so that flushes and new segments happen in some runs often and in others hardly ever.
  case drawn
  /// As small as they go, so that files are written, named and discarded all the time.
  case small
}

/// What we do, what breaks, what must hold.
public struct Scenario: Sendable, Hashable {
  /// Its name, unique among all: `queue-crash-under-load`.
  public var name: String
  /// What it is about, in a sentence or two.
  public var about: String
  /// The system that it flies: `monitoring`.
  public var system: String
  /// How many servers keep each piece of the system's data, where the system leaves it open; else 0.
  public var servers: Int
  /// Ids of the requirements that it checks.
  public var requirements: [String]
  /// How long the loads send.
  public var duration: TimeSpan
  /// How long the system has after that, with all faults over, before it is read back. Loads of registers go on in the
  /// first half of it.
  public var settle: TimeSpan
  /// The loads.
  public var loads: [ScenarioLoad]
  /// Alert rules to set up.
  public var rules: [ScenarioRule]
  /// What breaks.
  public var faults: [ScenarioFault]
  /// What must hold.
  public var objectives: [ScenarioObjective]
  /// Suites that it belongs to, beside that of its system.
  public var suites: [String]
  /// How the services' tunables are set.
  public var tuning: ScenarioTuning
  /// After what time the message queue forgets a consumer group that is not used; nil for its default.
  public var groupRetention: TimeSpan?
}

extension Scenario {
  /// A span as scenario files write it (`5s`, `250ms`), or nil.
  public static func span(text: String) -> TimeSpan? { SpanText.span(text) }
}
