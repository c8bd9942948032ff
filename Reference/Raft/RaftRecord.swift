// What a server writes into its journal for its groups. The byte format is on the page RaftRecord.md.

import Wire

/// One record of the journal.
enum RaftRecord: Equatable {
  /// Entries of a group, oldest first; the first has this index. What an earlier record put there and behind is
  /// replaced.
  case entries(GroupID, first: LogIndex, [LogEntry])
  /// A group's term, vote and floor.
  case state(GroupID, HardState)
  /// A group's snapshot: it covers the log up to its last entry, and the log goes on behind it.
  case snapshot(GroupID, RaftMessage.Snapshot)
  /// Entries that the group holds, oldest first, written once more: the first has this index. Nothing is replaced.
  case carried(GroupID, first: LogIndex, [LogEntry])
  /// A snapshot behind which the log begins anew: what came before is no part of it any more.
  case installed(GroupID, RaftMessage.Snapshot)

  /// Whose record it is.
  var group: GroupID {
    switch self {
    case .entries(let group, _, _), .state(let group, _), .snapshot(let group, _), .carried(let group, _, _), .installed(let group, _):
      group
    }
  }

  func encoded() -> [UInt8] {
    switch self {
    case .entries(let group, let first, let entries): return Self.encoded(1, group, first, entries)
    case .carried(let group, let first, let entries): return Self.encoded(4, group, first, entries)
    case .state(let group, let state):
      var writer = ByteWriter(capacity: 24)
      writer.byte(2)
      writer.varint(UInt64(group.value))
      writer.varint(state.term.value)
      // No server votes for nobody: 0 stands for none, and numbers are shifted by one.
      writer.varint(state.votedFor.map { UInt64($0.value) + 1 } ?? 0)
      writer.byte(state.floor == nil ? 0 : 1)
      if let floor = state.floor { floor.write(to: &writer) }
      return writer.finish()
    case .snapshot(let group, let snapshot): return Self.encoded(3, group, snapshot)
    case .installed(let group, let snapshot): return Self.encoded(5, group, snapshot)
    }
  }

  private static func encoded(_ kind: UInt8, _ group: GroupID, _ first: LogIndex, _ entries: [LogEntry]) -> [UInt8] {
    var writer = ByteWriter(capacity: 16 + entries.reduce(0) { $0 + $1.bytes.count + 16 })
    writer.byte(kind)
    writer.varint(UInt64(group.value))
    writer.varint(first.value)
    writer.count(entries.count)
    for entry in entries { entry.write(to: &writer) }
    return writer.finish()
  }

  private static func encoded(_ kind: UInt8, _ group: GroupID, _ snapshot: RaftMessage.Snapshot) -> [UInt8] {
    var writer = ByteWriter(capacity: 64 + snapshot.state.count)
    writer.byte(kind)
    writer.varint(UInt64(group.value))
    snapshot.write(to: &writer)
    return writer.finish()
  }

  init(_ payload: ArraySlice<UInt8>) throws(ByteError) {
    var reader = ByteReader(Array(payload))
    let kind = try reader.byte()
    let offset = reader.position
    let number = try reader.varint()
    guard let value = UInt16(exactly: number) else { throw ByteError(offset: offset, expected: "a group's number", found: "\(number)") }
    let group = GroupID(value)
    switch kind {
    case 1, 4:
      let first = LogIndex(try reader.varint())
      var entries: [LogEntry] = []
      for _ in 0..<(try reader.count(minimumBytesEach: 3)) { entries.append(try LogEntry(from: &reader)) }
      guard first > .zero, first < .limit, !entries.isEmpty else {
        throw ByteError(offset: 0, expected: "entries from index 1 on", found: "none")
      }
      self = kind == 1 ? .entries(group, first: first, entries) : .carried(group, first: first, entries)
    case 2:
      let term = Term(try reader.varint())
      guard term < .limit else {
        throw ByteError(offset: reader.position, expected: "a term below \(Term.limit.value)", found: "\(term.value)")
      }
      let vote = try reader.varint()
      guard vote <= UInt64(UInt32.max) + 1 else {
        throw ByteError(offset: reader.position, expected: "a server's number", found: "\(vote)")
      }
      let floor = try reader.byte() == 1 ? try LogPosition(from: &reader) : nil
      self = .state(
        group, HardState(term: term, votedFor: vote == 0 ? nil : ServerID(UInt32(truncatingIfNeeded: vote - 1)), floor: floor))
    case 3: self = .snapshot(group, try RaftMessage.Snapshot(from: &reader))
    case 5: self = .installed(group, try RaftMessage.Snapshot(from: &reader))
    default: throw ByteError(offset: 0, expected: "a record of kind 1 to 5", found: "kind \(kind)")
    }
    try reader.expectEnd()
  }
}

extension LogEntry {
  func write(to writer: inout ByteWriter) {
    writer.varint(term.value)
    writer.byte(kind.rawValue)
    writer.prefixedBytes(bytes)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    let term = Term(try reader.varint())
    let offset = reader.position
    guard term < .limit else { throw ByteError(offset: offset, expected: "a term below \(Term.limit.value)", found: "\(term.value)") }
    let number = try reader.byte()
    guard let kind = EntryKind(rawValue: number) else {
      throw ByteError(offset: offset, expected: "a kind of entry from 0 to 2", found: "\(number)")
    }
    let bytes = try reader.prefixedBytes()
    if kind == .membership { _ = try Membership(bytes) }
    self.init(term: term, kind: kind, bytes: bytes)
  }
}

extension LogPosition {
  func write(to writer: inout ByteWriter) {
    writer.varint(index.value)
    writer.varint(term.value)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    let index = LogIndex(try reader.varint())
    self.init(index: index, term: Term(try reader.varint()))
  }
}

extension RaftMessage.Snapshot {
  func write(to writer: inout ByteWriter) {
    last.write(to: &writer)
    membership.write(to: &writer)
    writer.prefixedBytes(state)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    let last = try LogPosition(from: &reader)
    let membership = try Membership(from: &reader)
    guard last.index < .limit else {
      throw ByteError(offset: reader.position, expected: "an index below \(LogIndex.limit.value)", found: "\(last.index.value)")
    }
    self.init(last: last, membership: membership, state: try reader.prefixedBytes())
  }
}
