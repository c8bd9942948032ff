// How streams to other services are kept, and what their table tells of them.

import Vocabulary

/// How a stream is opened, watched and opened again.
public struct StreamPolicy: Sendable, Hashable {
  /// Which ends are worth another connection.
  public enum Reconnect: Sendable, Hashable {
    /// None.
    case never
    /// Those that do not say that the peer is done: a lost connection, silence, a refusal that may pass, and the close
    /// codes 1001, 1006, 1011, 1012 and 1013.
    case whenLost
    /// Also a peer that is done: for event streams, which servers end when they like.
    case always
  }

  /// How long one attempt may take, until the head of the answer is there.
  public var openTimeout: TimeSpan
  /// How long nothing may be received before the connection counts as lost; nil for ever (a WebSocket's host looks after
  /// its peer by pings).
  public var silenceTimeout: TimeSpan?
  /// Attempts in a row, of which none led to a connection that stood for `settledAfter`; at least 1.
  public var attempts: Int
  /// How long a connection stands before earlier attempts are forgotten.
  public var settledAfter: TimeSpan
  /// Which ends are worth another connection.
  public var reconnect: Reconnect
  /// Waits between attempts.
  public var backoff: Backoff
  /// The endpoint's breaker; nil for none.
  public var breaker: CircuitBreaker.Policy?

  /// A policy. The endpoint's first stream decides about its breaker.
  public init(
    openTimeout: TimeSpan = .seconds(5), silenceTimeout: TimeSpan? = nil, attempts: Int = 8, settledAfter: TimeSpan = .seconds(10),
    reconnect: Reconnect = .whenLost, backoff: Backoff = Backoff(base: .milliseconds(100), cap: .seconds(10)),
    breaker: CircuitBreaker.Policy? = CircuitBreaker.Policy()
  ) {
    invariant(
      attempts >= 1 && openTimeout > .zero && settledAfter >= .zero,
      "a policy of \(attempts) attempts of \(openTimeout), settled after \(settledAfter)")
    self.openTimeout = openTimeout
    self.silenceTimeout = silenceTimeout
    self.attempts = attempts
    self.settledAfter = settledAfter
    self.reconnect = reconnect
    self.backoff = backoff
    self.breaker = breaker
  }
}

/// Why a connection of a stream came to nothing, or ended.
public enum StreamFailure: Error, Hashable, Sendable {
  /// No answer came in time.
  case timedOut
  /// Nothing was received for too long.
  case silent
  /// No connection, for this reason.
  case transport(TransportFailure)
  /// It was answered with a head that opens no stream.
  case refused(ResponseHead)
  /// The connection broke, or this node's host ended it.
  case aborted(StreamClosure)
  /// The peer closed.
  case closed(StreamClosure)
  /// The endpoint's breaker is open: nothing was sent.
  case circuitOpen
  /// The stream's deadline is over.
  case deadline
}

/// What a stream's machine is to hear.
public enum StreamNews: Hashable, Sendable {
  /// A connection stands; after the first one, a new one in place of the last. Its credit is whole.
  case opened(ResponseHead)
  /// Bytes, or one message.
  case received([UInt8], isText: Bool)
  /// It is no longer blocked.
  case writable
  /// The connection is gone, for this reason, and another will be tried. What was sent on it may have arrived.
  case lost(StreamFailure)
  /// The stream ended, for this reason; the table has forgotten it. Comes once for each, unless it was given up.
  case ended(StreamFailure)
}

/// A stream in a table; it outlives its connections.
public struct StreamKey: Hashable, Comparable, Sendable {
  let number: UInt64

  public static func < (left: StreamKey, right: StreamKey) -> Bool { left.number < right.number }
}
