// The exchanges of a flight with a cache, as what was asked and what came of it. A cache may forget whatever it likes at any
// time; what it must not do is to give out what is over, what was replaced or taken away, or a lock that is held.

import Checking
import StoresAPI
import Vocabulary
import Wire

extension NodeRole {
  /// The cache.
  public static let cache = NodeRole("cache")
}

/// One exchange with a cache.
struct CacheOperation {
  /// What was asked.
  enum Asked {
    case get, delete, count, lock, renew, unlock
    case put(value: [UInt8])
  }

  var asked: Asked
  /// The key, or the lock's name.
  var name: ExactName
  /// How long what was asked is to live; nil without end.
  var span: TimeSpan?
  /// The token that was shown.
  var token: UInt64?
  /// What was answered; nil where nobody knows.
  var response: Response?
  var startedAt: Instant
  /// When it ended; the end of time where nobody knows what became of it.
  var endedAt: Instant

  /// What an exchange was; nil of what is none of these.
  init?(_ exchange: ExchangeRecord) {
    guard let target = try? HTTPTarget(exchange.request.head.target) else { return nil }
    switch (exchange.request.head.method, target.segments.first) {
    case (.get, "entries"): asked = .get
    case (.put, "entries"): asked = .put(value: exchange.request.body)
    case (.delete, "entries"): asked = .delete
    case (.post, "counters"): asked = .count
    case (.post, "locks"): asked = .lock
    case (.put, "locks"): asked = .renew
    case (.delete, "locks"): asked = .unlock
    default: return nil
    }
    guard let text = (try? target.item("key")) ?? (try? target.item("name")) else { return nil }
    name = ExactName(text)
    span = (try? target.integer("ttl", in: 1...Int64.max)).flatMap { $0 }.map { .milliseconds($0) }
    token = (try? target.integer("token", in: 0...Int64.max)).flatMap { $0 }.map { UInt64($0) }
    startedAt = exchange.startedAt
    if case .answered(let answer) = exchange.outcome {
      response = answer
      endedAt = exchange.endedAt
    } else {
      endedAt = Instant(nanoseconds: .max)
    }
  }

  /// Whether it was answered with this status.
  func hasStatus(_ statuses: Int...) -> Bool { response.map { statuses.contains($0.status) } ?? false }
}

extension FlightRecord {
  /// All operations on the cache, in the order in which they began.
  func cacheOperations() -> [CacheOperation] {
    exchanges(to: .cache).compactMap { CacheOperation($0) }.sorted { ($0.startedAt, $0.endedAt) < ($1.startedAt, $1.endedAt) }
  }

  /// Whether the cache's process may have ended between two moments.
  func cacheMayHaveRestarted(from: Instant, until: Instant) -> Bool {
    guard let cache = node(.cache) else { return false }
    return faults.contains { fault in
      guard case .stops(let nodes) = fault.reach, nodes.contains(cache), fault.happened else { return false }
      return fault.beganAt <= until && fault.endedAt >= from
    }
  }
}
