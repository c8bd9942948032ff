// The words of Raft: servers, groups, terms, places in the log, entries. Each is a type of its own, so that a term is
// never taken for an index.
//
// Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), and Ongaro's dissertation
// (2014), whose chapters are named where a rule comes from one of them. Requirement: MONITORING-10.

import Vocabulary

/// One member of a cluster. It keeps its number over restarts, and a number is never given to another.
@frozen public struct ServerID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number, as an operator gives it.
  public var value: UInt32

  /// The server of this number.
  @inlinable public init(_ value: UInt32) { self.value = value }

  @inlinable public static func < (left: ServerID, right: ServerID) -> Bool { left.value < right.value }
  /// "server 3".
  public var description: String { "server \(value)" }
}

/// One replicated log among those that a server keeps: a partition of a queue has one.
@frozen public struct GroupID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number, from 0.
  public var value: UInt16

  /// The group of this number.
  @inlinable public init(_ value: UInt16) { self.value = value }

  @inlinable public static func < (left: GroupID, right: GroupID) -> Bool { left.value < right.value }
  /// "group 3".
  public var description: String { "group \(value)" }
}

/// A stretch of time with at most one leader (Raft, section 5.1). Terms only grow.
@frozen public struct Term: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number; 0 before any election.
  public var value: UInt64

  /// The term of this number.
  @inlinable public init(_ value: UInt64) { self.value = value }
  /// Before any election.
  @inlinable public static var zero: Term { Term(0) }
  /// No term comes so far: what says that it does was not written by a server.
  static let limit = Term(1 << 62)
  /// The term after this one.
  @inlinable public var next: Term { Term(value &+ 1) }

  @inlinable public static func < (left: Term, right: Term) -> Bool { left.value < right.value }
  /// "term 3".
  public var description: String { "term \(value)" }
}

/// The place of an entry in its group's log. The first entry has index 1; 0 is the place before it.
@frozen public struct LogIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number.
  public var value: UInt64

  /// The place of this number.
  @inlinable public init(_ value: UInt64) { self.value = value }
  /// Before the first entry.
  @inlinable public static var zero: LogIndex { LogIndex(0) }
  /// No log comes so far: what says that it does was not written by a server.
  static let limit = LogIndex(1 << 62)
  /// The place after this one.
  @inlinable public var next: LogIndex { LogIndex(value &+ 1) }
  /// The place before this one; 0 stays 0.
  @inlinable public var previous: LogIndex { LogIndex(value == 0 ? 0 : value - 1) }

  @inlinable public static func < (left: LogIndex, right: LogIndex) -> Bool { left.value < right.value }
  /// The place `count` entries later.
  @inlinable public static func + (left: LogIndex, count: Int) -> LogIndex { LogIndex(left.value &+ UInt64(max(0, count))) }
  /// How many entries lie between; 0 where `right` lies behind `left`.
  @inlinable public static func - (left: LogIndex, right: LogIndex) -> Int {
    left.value > right.value ? Int(clamping: left.value - right.value) : 0
  }
  /// "index 3".
  public var description: String { "index \(value)" }
}

/// A place in a log together with the term of the entry that stands there: it names the entry, and all before it (the
/// log matching property).
@frozen public struct LogPosition: Hashable, Sendable, CustomStringConvertible {
  /// The place.
  public var index: LogIndex
  /// The term of the entry there; 0 at place 0.
  public var term: Term

  /// A place and its term.
  @inlinable public init(index: LogIndex, term: Term) {
    self.index = index
    self.term = term
  }

  /// Before the first entry.
  @inlinable public static var zero: LogPosition { LogPosition(index: .zero, term: .zero) }

  /// Whether a log that ends here holds at least as much as one that ends at `other` (Raft, section 5.4.1): by term,
  /// then by length.
  @inlinable public func isAtLeast(_ other: LogPosition) -> Bool {
    term != other.term ? term > other.term : index >= other.index
  }

  /// "index 3 of term 2".
  public var description: String { "\(index) of \(term)" }
}

/// What an entry is for.
public enum EntryKind: UInt8, Sendable, Hashable {
  /// A command of the state machine that is replicated.
  case command = 0
  /// Nothing: each leader begins its term with one, since it may not count replicas of earlier terms' entries (Raft,
  /// section 5.4.2).
  case noOperation = 1
  /// A `Membership`, in force from the moment it stands in a log (dissertation, section 4.1).
  case membership = 2
}

/// One entry of a log.
public struct LogEntry: Sendable, Hashable {
  /// The term of the leader that made it.
  public var term: Term
  /// What it is for.
  public var kind: EntryKind
  /// The command, or the encoded membership.
  public var bytes: [UInt8]

  /// An entry.
  @inlinable public init(term: Term, kind: EntryKind, bytes: [UInt8]) {
    self.term = term
    self.kind = kind
    self.bytes = bytes
  }
}
