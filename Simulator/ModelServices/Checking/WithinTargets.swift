// The latencies that the source of model services allows, at the 99th percentile of a load: a service is initialised within a
// second, context given out within 20 ms, a task on its way within 30 ms, and done within 50 ms. Modelled in simulation. Seen
// from outside but for the way of a task, which its answer tells.

import Checking
import Load
import ModelServicesAPI
import Vocabulary

/// Checks latencies.
public struct WithinTargets: Checker {
  private let seen: ModelsSeen

  /// A checker of what was `seen`.
  public init(_ seen: ModelsSeen) { self.seen = seen }

  public var name: String { "latencies within their targets" }
  public var requirements: [String] { ["MODELS-9", "MODELS-10", "MODELS-11", "MODELS-12"] }

  /// What the source allows.
  static let targets: [(what: String, most: TimeSpan)] = [
    ("initialising a service", .seconds(1)), ("giving context out", .milliseconds(20)), ("routing a task", .milliseconds(30)),
    ("a task from end to end", .milliseconds(50)),
  ]

  public func judge(_ record: FlightRecord) -> Judgement {
    let served = seen.tasks.filter { $0.status == 200 }
    let measured: [[TimeSpan]] = [
      seen.initializations.map { $0.endedAt - $0.startedAt },
      seen.context.reads.compactMap { read in if case .adapted = read.asked { read.endedAt - read.startedAt } else { nil } },
      served.compactMap { task in task.answer.map { .nanoseconds($0.routeNanoseconds) } },
      served.map { $0.endedAt - $0.startedAt },
    ]
    var violations: [Violation] = []
    var words: [String] = []
    for ((what, most), spans) in zip(Self.targets, measured) {
      guard let found = Percentile.value(99_000, of: spans.sorted()) else {
        violations.append(Violation("nothing was seen of \(what)"))
        continue
      }
      words.append("\(what) \(found.label)")
      if found >= most { violations.append(Violation("p99 of \(what) is \(found.label), and the target is \(most.label)")) }
    }
    return judgement(violations, examined: "\(counted(served.count, "task")); p99 of \(words.joined(separator: ", "))", count: served.count)
  }
}
