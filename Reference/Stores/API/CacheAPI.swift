// What a cache is asked, and answers: requests as callers make them, and the bounds of both sides.
//
// GET    /entries?key=K                      → 200 the value, with `remaining-milliseconds` where it has a time to live; 404
// PUT    /entries?key=K[&ttl=MS][&if=absent|present]   (the body is the value) → 201 made, 204 replaced; 412
// DELETE /entries?key=K                      → 204; 404
// DELETE /entries?pattern=P                  → 200 {"removed": n}; `*` stands for any bytes
// POST   /counters?key=K[&by=N][&ttl=MS]     → 200 {"value": n}; the time to live is that of the counter's first step
// GET    /counters?key=K                     → 200 {"value": n}; 404      DELETE /counters?key=K → 204; 404
// POST   /locks?name=N&ttl=MS&owner=O        → 201 {"token", "owner", "remaining_ms"}; 409 LOCKED, with when to come again
// PUT    /locks?name=N&token=T&ttl=MS        → 200 as above; 409 LOCK_LOST
// DELETE /locks?name=N&token=T               → 204; 409 LOCK_LOST
// GET    /locks?name=N                       → 200 as above; 404
// POST   /messages?channel=C                 (the body is the message, UTF-8) → 200 {"receivers": n}
// GET    /messages?pattern=P                 → 200, an event stream: the event's type is the channel, its data the message
// GET    /health, GET /metrics
//
// Guarantees: nothing is given out behind its time to live. A lock has one owner, whose token is greater than every token of
// that lock before it, also before a restart: who guards something by a lock refuses tokens below the greatest that it has
// seen. Messages reach those who listen when they come, at most once. All else is memory: a restart forgets it, and where
// there is no room what was used longest ago goes. In front of a Redis (`windtunnel serve … --redis`) all is kept as Redis keeps
// it, and while that is away requests are answered 503.

import Vocabulary
import Wire

/// The cache's interface.
public enum CacheAPI {
  /// Longest key, name of a lock, channel or pattern, in bytes; at least 1.
  public static let maximumNameBytes = 1_024
  /// Longest value in bytes.
  public static let maximumValueBytes = 1 << 20
  /// Longest message in bytes.
  public static let maximumMessageBytes = 64 << 10
  /// Longest time to live, in milliseconds: a year.
  public static let maximumTimeToLiveMilliseconds: Int64 = 31_536_000_000
  /// Longest time that a lock is held without being renewed, in milliseconds: an hour.
  public static let maximumLockMilliseconds: Int64 = 3_600_000
  /// The header that says how long a value has to live, in milliseconds; of one without end there is none.
  public static let remainingHeader = "remaining-milliseconds"

  /// When a value is stored.
  public enum Condition: String, Sendable, CaseIterable {
    /// Only where there is none.
    case absent
    /// Only where there is one.
    case present
  }

  /// Asks for a value.
  public static func get(_ key: String) -> Request { Request(.get, "/entries?key=\(HTTPTarget.escaped(key))") }

  /// Stores a value, for as long as `timeToLive`; without end where that is nil.
  public static func put(
    _ key: String, _ value: [UInt8], timeToLive: TimeSpan? = nil, if condition: Condition? = nil, contentType: String? = nil
  ) -> Request {
    var target = "/entries?key=\(HTTPTarget.escaped(key))"
    if let timeToLive { target += "&ttl=\(timeToLive.milliseconds)" }
    if let condition { target += "&if=\(condition.rawValue)" }
    return Request(.put, target, headers: contentType.map { ["content-type": $0] } ?? [:], body: value)
  }

  /// Takes a value away.
  public static func delete(_ key: String) -> Request { Request(.delete, "/entries?key=\(HTTPTarget.escaped(key))") }

  /// Takes all values away whose keys a pattern matches.
  public static func delete(matching pattern: String) -> Request { Request(.delete, "/entries?pattern=\(HTTPTarget.escaped(pattern))") }

  /// Adds to a counter.
  public static func count(_ key: String, by step: Int64 = 1, timeToLive: TimeSpan? = nil) -> Request {
    Request(.post, "/counters?key=\(HTTPTarget.escaped(key))&by=\(step)" + (timeToLive.map { "&ttl=\($0.milliseconds)" } ?? ""))
  }

  /// Takes a lock.
  public static func lock(_ name: String, owner: String, for span: TimeSpan) -> Request {
    Request(.post, "/locks?name=\(HTTPTarget.escaped(name))&ttl=\(span.milliseconds)&owner=\(HTTPTarget.escaped(owner))")
  }

  /// Holds a lock for longer.
  public static func renew(_ name: String, token: UInt64, for span: TimeSpan) -> Request {
    Request(.put, "/locks?name=\(HTTPTarget.escaped(name))&token=\(token)&ttl=\(span.milliseconds)")
  }

  /// Gives a lock back.
  public static func unlock(_ name: String, token: UInt64) -> Request {
    Request(.delete, "/locks?name=\(HTTPTarget.escaped(name))&token=\(token)")
  }

  /// Tells a message to all who listen to a channel.
  public static func publish(_ channel: String, _ message: [UInt8]) -> Request {
    Request(.post, "/messages?channel=\(HTTPTarget.escaped(channel))", body: message)
  }

  /// Listens to all channels that a pattern matches.
  public static func subscribe(_ pattern: String) -> Request { Request(.get, "/messages?pattern=\(HTTPTarget.escaped(pattern))") }
}

/// A lock that somebody holds.
public struct LockGrant: Hashable, Sendable {
  /// Greater than every token of this lock before it.
  public var token: UInt64
  /// Who holds it, as he said.
  public var owner: String
  /// How long he still does, unless he renews it.
  public var remainingMilliseconds: Int64

  /// A lock that is held.
  public init(token: UInt64, owner: String, remainingMilliseconds: Int64) {
    self.token = token
    self.owner = owner
    self.remainingMilliseconds = remainingMilliseconds
  }

  /// Reads the answer to a lock.
  public init(_ field: JSONField) throws(FieldMistake) {
    token = UInt64(try field.member("token").integer(in: 0...Int64.max))
    owner = try field.member("owner").string(maximumBytes: CacheAPI.maximumNameBytes)
    remainingMilliseconds = try field.member("remaining_ms").integer()
  }

  /// The answer.
  public func response(_ status: Int) -> Response {
    .json(status) { writer in
      writer.beginObject()
      writer.member("token", Int64(clamping: token))
      writer.member("owner", owner)
      writer.member("remaining_ms", remainingMilliseconds)
      writer.endObject()
    }
  }
}
