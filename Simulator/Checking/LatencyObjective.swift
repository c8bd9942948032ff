// A latency objective: a percentile of a load's requests, counted from their intended start, lies below a bound.
//
// Requests that a limit refused (429) are not counted; those that failed count as slower than any bound, so that
// failing fast cannot pass for being fast. The figures are modelled in simulation and measured live.

import Load
import Vocabulary

/// One request of a load as its fact tells it.
public struct TimedRequest: Sendable, Hashable {
  /// The load's node.
  public var node: NodeID
  /// When it was meant to start, on the load's clock.
  public var intendedAt: Instant
  /// From then to its end.
  public var latency: TimeSpan
  /// How it ended.
  public var outcome: LoadOutcome

  /// A request.
  public init(node: NodeID, intendedAt: Instant, latency: TimeSpan, outcome: LoadOutcome) {
    self.node = node
    self.intendedAt = intendedAt
    self.latency = latency
    self.outcome = outcome
  }
}

extension FlightRecord {
  /// All requests that loads timed, by intended start.
  public var timedRequests: [TimedRequest] {
    observations.compactMap { record -> TimedRequest? in
      guard record.observation.fact == .timed else { return nil }
      let (outcome, nanoseconds) = LoadOutcome.parts(of: record.observation.value)
      return TimedRequest(
        node: record.node, intendedAt: Instant(nanoseconds: Int64(record.observation.subject)),
        latency: TimeSpan(nanoseconds: nanoseconds), outcome: outcome)
    }.sorted { ($0.intendedAt, $0.latency) < ($1.intendedAt, $1.latency) }
  }
}

extension Sequence where Element == TimedRequest {
  /// The latencies that all percentiles are of, ascending: of the requests that no limit refused; of one that failed it
  /// is `TimeSpan.forever`.
  public var countedLatencies: [TimeSpan] {
    filter { $0.outcome != .limited }.map { $0.outcome == .failed ? .forever : $0.latency }.sorted()
  }
}

/// Checks a percentile of latency.
public struct LatencyObjective: Checker {
  /// The percentile, in thousandths of a percent: 99,000 is p99.
  public var percentileThousandths: Int
  /// What it must stay below.
  public var bound: TimeSpan

  /// An objective.
  public init(percentileThousandths: Int, below bound: TimeSpan) {
    self.percentileThousandths = percentileThousandths
    self.bound = bound
  }

  public var name: String { "\(Percentile.label(percentileThousandths)) below \(bound.label)" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let requests = record.timedRequests
    let latencies = requests.countedLatencies
    let examined = requests.examined
    guard let value = Percentile.value(percentileThousandths, of: latencies) else {
      return judgement([], examined: examined, count: 0)
    }
    var violations: [Violation] = []
    if value >= bound {
      let found = value == .forever ? "a failed request" : value.label
      violations.append(Violation("\(Percentile.label(percentileThousandths)) is \(found), not below \(bound.label)"))
    }
    return judgement(violations, examined: examined, count: latencies.count)
  }
}

extension Instant {
  /// "13.960123 s": to the microsecond, as traces, evidence and plots tell a moment of a flight.
  public var label: String {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let digits = String(rest.magnitude / 1_000)
    return (nanoseconds < 0 ? "-" : "") + "\(seconds.magnitude)." + String(repeating: "0", count: 6 - digits.utf8.count) + digits + " s"
  }
}

extension TimeSpan {
  /// "1.25 ms", "3 s": three digits, for people.
  public var label: String {
    func text(_ value: Double, _ unit: String) -> String {
      let places = abs(value) >= 100 ? 1.0 : abs(value) >= 10 ? 10.0 : 100.0
      let rounded = (value * places).rounded() / places
      return rounded == rounded.rounded() ? "\(Int64(rounded)) \(unit)" : "\(rounded) \(unit)"
    }
    let magnitude = abs(Double(nanoseconds))
    if magnitude < 1e3 { return "\(nanoseconds) ns" }
    if magnitude < 1e6 { return text(Double(nanoseconds) / 1e3, "µs") }
    if magnitude < 1e9 { return text(Double(nanoseconds) / 1e6, "ms") }
    return text(Double(nanoseconds) / 1e9, "s")
  }
}
