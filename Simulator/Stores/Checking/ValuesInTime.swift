// A value that is given out was stored, its time is not over, and nothing was acknowledged since that replaced it or took it
// away. What a cache forgets is no violation.

import Checking
import StoresAPI
import Vocabulary

/// Checks values.
public struct ValuesInTime: Checker {
  /// A checker.
  public init() {}

  public var name: String { "values are given out in their time" }
  public var requirements: [String] { [] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    let byName = Dictionary(grouping: record.cacheOperations()) { $0.name }
    for (name, operations) in byName.sorted(by: { $0.key < $1.key }) {
      var stored: [[UInt8]: CacheOperation] = [:]
      for operation in operations { if case .put(let value) = operation.asked { stored[value] = operation } }
      for read in operations {
        guard case .get = read.asked, read.hasStatus(200), let value = read.response?.body else { continue }
        count += 1
        let shown = String(decoding: value.prefix(40), as: UTF8.self)
        guard let put = stored[value], put.startedAt <= read.endedAt else {
          violations.append(Violation(at: read.endedAt, "\(name) gave \"\(shown)\", which nobody had stored"))
          continue
        }
        // Where nobody knows when it was stored, nobody knows when it is over.
        if let span = put.span, put.response != nil, read.startedAt > put.endedAt + span {
          let late = read.startedAt - (put.endedAt + span)
          violations.append(
            Violation(at: read.startedAt, "\(name) gave \"\(shown)\" \(late.milliseconds) ms behind its time of \(span.milliseconds) ms"))
        }
        if put.response != nil, let later = operations.first(where: { replaces($0, put, before: read) }) {
          violations.append(
            Violation(
              at: read.startedAt,
              "\(name) gave \"\(shown)\", which was \(isPut(later) ? "replaced" : "taken away") before (\(later.endedAt.nanoseconds / 1_000_000) ms)"
            ))
        }
      }
    }
    return judgement(violations, examined: "\(counted(count, "value"))", count: count)
  }

  private func isPut(_ operation: CacheOperation) -> Bool { if case .put = operation.asked { true } else { false } }

  /// Whether an operation certainly took place behind `put` and before `read`, and left something else.
  private func replaces(_ operation: CacheOperation, _ put: CacheOperation, before read: CacheOperation) -> Bool {
    guard operation.startedAt > put.endedAt, operation.endedAt < read.startedAt else { return false }
    switch operation.asked {
    case .put: return operation.hasStatus(201, 204)
    case .delete: return operation.hasStatus(204)
    case .get, .count, .lock, .renew, .unlock: return false
    }
  }
}
