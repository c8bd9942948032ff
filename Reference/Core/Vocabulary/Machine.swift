// A service is a value that takes a turn: event in, effects out, and nothing else.

/// A node's service, client or external world as a pure state machine.
///
/// A machine knows itself, its disk and what the turn tells it. It has no clock, no socket, no task and no randomness
/// of its own. Its turns are serial. A crash drops the value; a restart makes a new one and calls `start` on what the
/// disk kept.
public protocol Machine {
  /// Recovers from the disk and arms the first timers. Throws where the node must not serve: the host then leaves it
  /// down, loudly.
  mutating func start(_ turn: inout Turn) throws(StartRefusal)
  /// Takes one event.
  mutating func handle(_ event: Event, _ turn: inout Turn)
  /// The host stops this node in order: no new connection is taken, what is being received is still handed over, and
  /// what is answered within the host's patience reaches its caller. A turn like any other, once in a life at most. A
  /// machine that keeps requests until something happens (long polls) answers them now, and keeps none from here on.
  mutating func stopping(_ turn: inout Turn)
  /// How the request with this head is to be taken; asked before any byte of its body is accepted.
  func intake(_ head: RequestHead) -> Intake
}

extension Machine {
  /// Nothing is kept.
  public mutating func stopping(_ turn: inout Turn) {}

  /// Whole bodies up to 1 MiB.
  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: 1_048_576) }
}

/// Why a node does not serve: its disk holds something that must not be guessed at.
public struct StartRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was found, where, and what an operator can do.
  public var description: String

  /// A refusal.
  public init(_ description: String) { self.description = description }
}
