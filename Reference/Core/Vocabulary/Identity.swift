// The names of things: nodes, endpoints, exchanges, timers, works, files. Each is a type of its own and none is a
// `String` or a bare integer, so that one cannot be taken for another.

/// One process of the world that is flown: a service instance, a client, or an external world.
@frozen public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Position in the assembly's list of nodes, from 0.
  public var index: UInt16

  /// The node at position `index`.
  @inlinable public init(_ index: UInt16) { self.index = index }

  @inlinable public static func < (left: NodeID, right: NodeID) -> Bool { left.index < right.index }
  /// "node 3".
  public var description: String { "node \(index)" }
}

/// Where a call goes. The host resolves it: to a simulated node, or to an address and port.
@frozen public struct Endpoint: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Position in the assembly's list of endpoints, from 0. For endpoints inside the system it equals the node's index.
  public var index: UInt16

  /// The endpoint at position `index`.
  @inlinable public init(_ index: UInt16) { self.index = index }
  /// No endpoint: in records, that of a call to a destination that led to none.
  @inlinable public static var elsewhere: Endpoint { Endpoint(.max) }
  /// The endpoint which node `node` serves.
  @inlinable public init(_ node: NodeID) { index = node.index }

  @inlinable public static func < (left: Endpoint, right: Endpoint) -> Bool { left.index < right.index }
  /// "endpoint 3".
  public var description: String { "endpoint \(index)" }
}

/// One HTTP exchange or WebSocket, in either role. It also names the streams of its bodies.
/// Unique within a node over all its incarnations; a caller and a server name the same exchange by ids of their own.
@frozen public struct ExchangeID: Hashable, Comparable, Sendable {
  /// Opaque; incarnation in the upper bits (`IdentitySource`).
  public var value: UInt64

  /// The exchange with the raw `value`; for hosts and `IdentitySource` only.
  @inlinable public init(_ value: UInt64) { self.value = value }

  @inlinable public static func < (left: ExchangeID, right: ExchangeID) -> Bool { left.value < right.value }
}

/// One wake that was asked for.
@frozen public struct TimerID: Hashable, Comparable, Sendable {
  /// Opaque; incarnation in the upper bits (`IdentitySource`).
  public var value: UInt64

  /// The timer with the raw `value`.
  @inlinable public init(_ value: UInt64) { self.value = value }

  @inlinable public static func < (left: TimerID, right: TimerID) -> Bool { left.value < right.value }
}

/// One piece of work that runs beside the turns.
@frozen public struct WorkID: Hashable, Comparable, Sendable {
  /// Opaque; incarnation in the upper bits (`IdentitySource`).
  public var value: UInt64

  /// The work with the raw `value`.
  @inlinable public init(_ value: UInt64) { self.value = value }

  @inlinable public static func < (left: WorkID, right: WorkID) -> Bool { left.value < right.value }
}

/// Draws ids that are unique within a node over all its incarnations, so that a reply to an old life never matches a
/// new call.
///
/// Layout of a raw id: bit 63 set for ids that the host draws, bits 62–40 the incarnation, bits 39–0 a counter.
@frozen public struct IdentitySource: Sendable {
  /// Bits below the incarnation.
  public static var counterBits: UInt64 { 40 }
  @usableFromInline var next: UInt64

  /// A source for the `incarnation`-th life of a node (from 0), for the host's own ids or the machine's.
  @inlinable public init(incarnation: UInt32, ofHost: Bool) {
    next = (ofHost ? 1 << 63 : 0) | (UInt64(incarnation & 0x7F_FFFF) << Self.counterBits)
  }

  /// A raw id that was not drawn before.
  @inlinable public mutating func draw() -> UInt64 {
    next &+= 1
    return next
  }
}
