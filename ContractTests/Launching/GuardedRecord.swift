// What clients on real sockets did, as several hosts record it at once.

import Checking
import Foundation
import Vocabulary

/// A record that several hosts write; each call is guarded.
public final class GuardedRecord: Recorder, @unchecked Sendable {
  // `record` is touched under `lock` only, or after all hosts have stopped.
  private let lock = NSLock()
  /// The record; to be read once all hosts have stopped.
  public let record: FlightRecord

  /// Guards `record`.
  public init(_ record: FlightRecord) { self.record = record }

  public func record(_ exchange: ExchangeRecord) { lock.withLock { record.record(exchange) } }
  public func record(_ stream: StreamRecord) { lock.withLock { record.record(stream) } }
  public func record(_ observation: ObservationRecord) { lock.withLock { record.record(observation) } }
  public func record(_ defect: DefectRecord) { lock.withLock { record.record(defect) } }

  /// Whether at least `count` calls have ended, and all were refused.
  public func isRefused(atLeast count: Int) -> Bool {
    lock.withLock { record.exchanges.count >= count && record.exchanges.allSatisfy { $0.outcome == .failed(.refused) } }
  }

  /// Whether a node stated a fact.
  public func hasStated(_ fact: Fact, _ node: NodeID) -> Bool {
    lock.withLock { record.observations.contains { $0.node == node && $0.observation.fact == fact } }
  }
}
