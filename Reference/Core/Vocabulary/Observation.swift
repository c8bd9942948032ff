// Facts that a machine states for checkers of inner invariants. They survive the crash that discards their turn's
// effects. Client-visible guarantees are never checked on these, but on the exchanges that the host recorded.

/// A kind of fact. Each is declared by the room that states it, as `extension Fact { public static let raftLed =
/// Fact("raft/led") }`.
public struct Fact: Hashable, Sendable, CustomStringConvertible {
  /// Its name, unique among all: the room's, a slash, and what happened.
  public let name: StaticString
  /// What stands for the name where it is compared and where a trace is hashed (FNV-1a of its bytes), the same in every
  /// process.
  public let digest: UInt64

  /// A kind of fact of this name.
  public init(_ name: StaticString) {
    self.name = name
    digest = name.withUTF8Buffer { NameDigest.of($0) }
  }

  /// Its name.
  public var description: String { "\(name)" }
  /// Whether two are of one name.
  public static func == (left: Fact, right: Fact) -> Bool { left.digest == right.digest }
  public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

/// A fact about a node's inner state.
public struct Observation: Hashable, Sendable {
  /// What kind of fact.
  public var fact: Fact
  /// Its subject; see the fact.
  public var subject: UInt64
  /// Its value; see the fact.
  public var value: UInt64

  /// A fact.
  public init(_ fact: Fact, subject: UInt64 = 0, value: UInt64 = 0) {
    self.fact = fact
    self.subject = subject
    self.value = value
  }
}
