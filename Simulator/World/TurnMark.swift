// The turn that is being taken, where another process can see it: memory that both share. A machine that traps, or that
// never ends its turn, can say nothing more itself.

import Vocabulary

/// The turn that a world takes, or took last. Laid out for memory that processes share: plain numbers only.
@frozen public struct TurnMark: BitwiseCopyable, Sendable {
  /// How many turns were begun.
  public var turns: UInt64 = 0
  /// When the turn was taken, in nanoseconds of virtual time.
  public var at: Int64 = 0
  /// The number of its node.
  public var node: UInt16 = 0
  /// What it takes: the place of a name in `TurnMark.names`; 0 while no turn is being taken.
  public var event: UInt8 = 0

  /// No turn yet.
  public init() {}

  /// What a turn can take, in words; the first stands for no turn.
  public static let names = [
    "nothing", "its start", "a request", "a response", "the failure of a call", "the leaving of a caller", "a message", "a timer",
    "the durability of what it wrote", "the end of a work", "a part of a stream", "the order to stop",
  ]

  static let start: UInt8 = 1
  static let stop: UInt8 = 11

  /// What `event` is among `names`.
  @inline(__always) static func number(_ event: Event) -> UInt8 {
    switch event {
    case .request: 2
    case .response: 3
    case .failed: 4
    case .abandoned: 5
    case .message: 6
    case .timer: 7
    case .durable: 8
    case .completed: 9
    case .stream: 10
    }
  }
}

extension SimulatedHost {
  /// Notes the turn that is about to be taken.
  @inline(__always) func note(_ node: SimulatedNode, _ event: UInt8) {
    guard let mark else { return }
    mark.pointee.turns &+= 1
    mark.pointee.at = now
    mark.pointee.node = node.id.index
    mark.pointee.event = event
  }
}
