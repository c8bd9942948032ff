// Facts about replicated logs, for the checkers of Raft's five properties: packed into an observation's two words, so
// that they cost little and name no type of the service that states them.
//
// Limits: a group's number takes 16 bits, an index 48, a term 24, a digest 40. Requirement: MONITORING-10.

/// Facts about replicated logs.
public enum RaftFact {
  /// A group and a place in its log, in one word.
  public static func subject(group: UInt16, index: UInt64) -> UInt64 { UInt64(group) << 48 | index & (1 << 48 - 1) }
  /// The group and the place.
  public static func parts(ofSubject word: UInt64) -> (group: UInt16, index: UInt64) { (UInt16(word >> 48), word & (1 << 48 - 1)) }
  /// A term and something beside it (a digest, a server), in one word.
  public static func value(term: UInt64, _ rest: UInt64) -> UInt64 { term << 40 | rest & (1 << 40 - 1) }
  /// The term and what is beside it.
  public static func parts(ofValue word: UInt64) -> (term: UInt64, rest: UInt64) { (word >> 40, word & (1 << 40 - 1)) }

  /// What tells an entry from another: its length, its first and its last bytes. Cheap, since it is made for every
  /// entry, in both worlds.
  public static func digest(_ bytes: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(bytes.count)
    for byte in bytes.prefix(24) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    for byte in bytes.suffix(24) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash >> 24
  }

  /// A server leads its group in a term.
  public static func led(group: UInt16, term: UInt64, server: UInt32, _ turn: inout Turn) {
    turn.observe(.raftLed, subject: subject(group: group, index: 0), value: value(term: term, UInt64(server)))
  }

  /// A server that led its group does so no longer.
  public static func ceased(group: UInt16, term: UInt64, server: UInt32, _ turn: inout Turn) {
    turn.observe(.raftCeased, subject: subject(group: group, index: 0), value: value(term: term, UInt64(server)))
  }

  /// A server begins a term to be elected in it, because the leader asked it to (`isTransfer`, told as place 1) or
  /// because it hears of none.
  public static func stood(group: UInt16, term: UInt64, server: UInt32, isTransfer: Bool, _ turn: inout Turn) {
    turn.observe(.raftStood, subject: subject(group: group, index: isTransfer ? 1 : 0), value: value(term: term, UInt64(server)))
  }

  /// A server put an entry into its log; what stood there and behind is gone.
  public static func appended(group: UInt16, index: UInt64, term: UInt64, _ bytes: [UInt8], _ turn: inout Turn) {
    turn.observe(.raftAppended, subject: subject(group: group, index: index), value: value(term: term, digest(bytes)))
  }

  /// A server knows its log to be committed up to here, in this term.
  public static func committed(group: UInt16, index: UInt64, term: UInt64, _ turn: inout Turn) {
    turn.observe(.raftCommitted, subject: subject(group: group, index: index), value: value(term: term, 0))
  }

  /// A server's log begins behind a snapshot of this last entry.
  public static func installed(group: UInt16, index: UInt64, term: UInt64, _ turn: inout Turn) {
    turn.observe(.raftInstalled, subject: subject(group: group, index: index), value: value(term: term, 0))
  }

  /// A server found a log on its disk that begins behind `start` and ends with the entry `last` of `term`.
  public static func recovered(group: UInt16, start: UInt64, last: UInt64, term: UInt64, _ turn: inout Turn) {
    turn.observe(.raftRecovered, subject: subject(group: group, index: last), value: value(term: term, start))
  }
}
