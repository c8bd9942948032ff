// What a turn, a byte and a sync cost in virtual time. Without it nothing queues and a latency objective would be
// empty.
//
// Every figure that follows from it is *modelled*. The defaults were measured (`Costs.shipped`); another machine's can
// be measured and given.

import Kernel
import Vocabulary

/// The modelled costs of one node.
public struct CostModel: Sendable {
  /// CPU time of a turn whose event is a request or response.
  public var exchangeTurn: TimeSpan
  /// CPU time of a turn whose event is a message of a peer.
  public var messageTurn: TimeSpan
  /// CPU time of a turn whose event is a timer or anything else that does not come from a socket.
  public var smallTurn: TimeSpan
  /// CPU time per 1,024 bytes that a turn takes in.
  public var perKibibyte: TimeSpan
  /// Duration of a sync before any byte is counted.
  public var sync: Distribution
  /// Bytes a second that the medium writes and reads.
  public var transferBytesPerSecond: Int64
  /// Duration of one read in a turn before any byte is counted (page cache and device mixed).
  public var read: TimeSpan
  /// Events that may wait for the node; beyond it the host answers 503 and drops messages.
  public var mailboxLimit: Int

  /// A service on the machine of `Costs.shipped`.
  public static let service = CostModel(
    exchangeTurn: .nanoseconds(15_631), messageTurn: .nanoseconds(7_327), smallTurn: .nanoseconds(2_097), perKibibyte: .nanoseconds(401),
    sync: .longTail(
      minimum: .nanoseconds(114_371), median: .nanoseconds(177_124), p99: .nanoseconds(280_949), maximum: .nanoseconds(570_309)),
    transferBytesPerSecond: 1_792_585_935, read: .nanoseconds(1_242), mailboxLimit: 8_192)

  /// A client or an external world, which costs nothing that we want to measure.
  public static let client = CostModel(
    exchangeTurn: .zero, messageTurn: .zero, smallTurn: .zero, perKibibyte: .zero, sync: .fixed(.microseconds(100)),
    transferBytesPerSecond: 10_000_000_000, read: .zero, mailboxLimit: 1_000_000)

  /// Costs.
  public init(
    exchangeTurn: TimeSpan, messageTurn: TimeSpan, smallTurn: TimeSpan, perKibibyte: TimeSpan, sync: Distribution,
    transferBytesPerSecond: Int64,
    read: TimeSpan, mailboxLimit: Int
  ) {
    self.exchangeTurn = exchangeTurn
    self.messageTurn = messageTurn
    self.smallTurn = smallTurn
    self.perKibibyte = perKibibyte
    self.sync = sync
    self.transferBytesPerSecond = transferBytesPerSecond
    self.read = read
    self.mailboxLimit = mailboxLimit
  }

  /// Whether its turns cost nothing: a client's, or an external world's.
  public var isFree: Bool { exchangeTurn == .zero && messageTurn == .zero && smallTurn == .zero && perKibibyte == .zero }

  /// Time in nanoseconds that `bytes` take on the medium.
  func transferNanoseconds(_ bytes: Int) -> Int64 {
    bytes == 0 ? 0 : Int64(Double(bytes) * 1e9 / Double(transferBytesPerSecond))
  }

  /// CPU time in nanoseconds of the turn that takes `event`.
  @inline(__always) func turnNanoseconds(_ event: Event) -> Int64 {
    switch event {
    case .message(_, let bytes): messageTurn.nanoseconds + (perKibibyte.nanoseconds * Int64(bytes.count)) >> 10
    case .request(_, let request): exchangeTurn.nanoseconds + (perKibibyte.nanoseconds * Int64(request.body.count)) >> 10
    case .response(_, let response): exchangeTurn.nanoseconds + (perKibibyte.nanoseconds * Int64(response.body.count)) >> 10
    case .stream(_, .received(let bytes, _)): messageTurn.nanoseconds + (perKibibyte.nanoseconds * Int64(bytes.count)) >> 10
    case .timer, .durable, .completed, .failed, .abandoned: smallTurn.nanoseconds
    case .stream(_, .opened), .stream(_, .accepted), .stream(_, .credit), .stream(_, .finished), .stream(_, .aborted):
      smallTurn.nanoseconds
    }
  }
}
