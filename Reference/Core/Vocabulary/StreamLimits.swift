// The bounds of streams that both hosts keep: stated once, so that the simulator is no more lenient than a real host.

/// What each direction of a stream may carry at once: 64 KiB. The sender counts on it from `Turn.open` or `Turn.accept`
/// on, without being told; the receiver from the stream's beginning.
public let initialStreamCreditBytes = 65_536

/// The bounds of streams. None may be zero.
public struct StreamLimits: Sendable, Hashable {
  /// Longest message of a WebSocket that a node takes in caller role; in server role `Intake.webSocket` says it. 16 MiB
  /// and 64 KiB for what stands around them.
  public var messageBytes = 16_842_752
  /// A node's memory for what waits on its streams to be taken by their peers. An eighth of it may be overrun: bytes by
  /// which sends went beyond the credits of their streams.
  public var accountBytes = 268_435_456
  /// A WebSocket that is silent for so long is pinged; three times as long, and it is given up.
  public var pingInterval = TimeSpan.seconds(30)
  /// How long a closed WebSocket waits for its peer's close.
  public var closeTimeout = TimeSpan.seconds(2)

  /// The bounds for ordinary service.
  public init() {}

  /// Most bytes of overrun at once.
  public var overrunBytes: Int { accountBytes / 8 }

  /// Whether so much of the overrun is taken that no new stream is begun: half of it.
  public func isCrowded(overrun: Int) -> Bool { overrun >= overrunBytes / 2 }
}
