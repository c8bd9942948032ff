// The bounds of streams that both hosts keep: stated once, so that the simulator is no more lenient than a real host.

/// What each direction of a stream may carry at once: 64 KiB. The sender counts on it from `Turn.open` or `Turn.accept`
/// on, without being told; the receiver from the stream's beginning.
public let initialStreamCreditBytes = 65_536

/// The bounds of streams. None may be zero.
public struct StreamLimits: Sendable, Hashable {
  /// Longest message of a WebSocket that a node takes in caller role; in server role `Intake.webSocket` says it. 16 MiB
  /// and 64 KiB for what stands around them.
  public var messageBytes = 16_842_752
  /// A node's memory for what waits to be taken by its peers. An eighth of it may be overrun: bytes by which sends went
  /// beyond the credits of their streams. Half of it may be answers, whole ones and what is left of streams that are
  /// complete.
  public var accountBytes = 268_435_456
  /// How long a peer may take nothing of a stream by which more than a window waits: then it is aborted
  /// (`StreamClosure.connectionLost`). One that is only quiet, or whose peer grants nothing, takes no more memory than a
  /// window, and may stay so for as long as its machines like.
  public var overrunTimeout = TimeSpan.seconds(30)
  /// A WebSocket that is silent for so long is pinged; three times as long, and it is given up.
  public var pingInterval = TimeSpan.seconds(30)
  /// How long a closed WebSocket waits for its peer's close.
  public var closeTimeout = TimeSpan.seconds(2)

  /// The bounds for ordinary service.
  public init() {}

  /// Most bytes of overrun at once.
  public var overrunBytes: Int { accountBytes / 8 }

  /// Most bytes of answers at once.
  public var answerBytes: Int { accountBytes / 2 }

  /// Whether so much of the overrun is taken that no new stream is begun: half of it.
  public func isCrowded(overrun: Int) -> Bool { overrun >= overrunBytes / 2 }
}
