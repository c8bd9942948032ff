// Somebody who listens to the registry's events of health, and connects anew where he is cut off. What he hears is in the
// streams that the host recorded.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

/// The machine.
public struct HealthWatcher: Machine {
  private let registry: Endpoint
  private var streams = Streams<Void>()

  /// A listener at the registry at `registry`.
  public init(registry: Endpoint) { self.registry = registry }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    let policy = StreamPolicy(
      openTimeout: .seconds(1), silenceTimeout: nil, attempts: 10_000, reconnect: .always,
      backoff: Backoff(base: .milliseconds(50), cap: .milliseconds(200)), breaker: nil)
    _ = streams.open(registry, Request(.get, "/events"), .whole, policy: policy, for: (), &turn)
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .mine(let notices) = streams.settle(event, &turn) else { return }
    for notice in notices {
      if case .received(let bytes, _) = notice.news { streams.grant(notice.key, bytes.count, &turn) }
    }
  }
}
