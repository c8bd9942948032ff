// What a server states about its replicated logs, for checkers of Raft's five properties: packed into an observation's
// two words, so that it costs little, and read back from them.
//
// Limits: a group's number takes 16 bits, an index 48, a term 24, a digest 40. Requirement: MONITORING-10.

import Vocabulary

extension Fact {
  /// A server leads a replicated log; `RaftFact` tells what the words of these seven mean.
  public static let raftLed = Fact("raft/led")
  /// A server leads a replicated log no longer.
  public static let raftCeased = Fact("raft/ceased")
  /// A server stands for election.
  public static let raftStood = Fact("raft/stood")
  /// An entry was put into a replicated log.
  public static let raftAppended = Fact("raft/appended")
  /// A replicated log is known to be committed up to a place.
  public static let raftCommitted = Fact("raft/committed")
  /// A replicated log begins behind a snapshot.
  public static let raftInstalled = Fact("raft/installed")
  /// A replicated log was found on the disk.
  public static let raftRecovered = Fact("raft/recovered")
}

/// One statement of a server about one of its groups.
public enum RaftFact: Hashable, Sendable {
  /// It leads the group in a term.
  case led(group: UInt16, term: UInt64, server: UInt32)
  /// It led the group and does so no longer.
  case ceased(group: UInt16, term: UInt64, server: UInt32)
  /// It begins a term to be elected in it, because the leader asked it to (`isTransfer`) or because it hears of none.
  case stood(group: UInt16, term: UInt64, server: UInt32, isTransfer: Bool)
  /// It put an entry into its log; what stood there and behind is gone.
  case appended(group: UInt16, index: UInt64, term: UInt64, digest: UInt64)
  /// It knows its log to be committed up to here, in this term.
  case committed(group: UInt16, index: UInt64, term: UInt64)
  /// Its log begins behind a snapshot of this last entry.
  case installed(group: UInt16, index: UInt64, term: UInt64)
  /// It found a log on its disk that begins behind `start` and ends with the entry `last` of `term`.
  case recovered(group: UInt16, start: UInt64, last: UInt64, term: UInt64)

  /// What tells an entry from another: its length, its first and its last bytes. Cheap, since it is made for every
  /// entry, in both worlds.
  public static func digest(_ bytes: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(bytes.count)
    for byte in bytes.prefix(24) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    for byte in bytes.suffix(24) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash >> 24
  }

  /// The group that it is about.
  public var group: UInt16 {
    switch self {
    case .led(let group, _, _), .ceased(let group, _, _), .stood(let group, _, _, _), .appended(let group, _, _, _),
      .committed(let group, _, _), .installed(let group, _, _), .recovered(let group, _, _, _):
      group
    }
  }

  /// States it.
  public func state(_ turn: inout Turn) { turn.ask(.observe(observation), .immediately) }

  // MARK: words

  private static func subject(_ group: UInt16, _ index: UInt64) -> UInt64 { UInt64(group) << 48 | index & (1 << 48 - 1) }
  private static func value(_ term: UInt64, _ rest: UInt64) -> UInt64 { term << 40 | rest & (1 << 40 - 1) }

  /// As an observation.
  public var observation: Observation {
    switch self {
    case .led(let group, let term, let server):
      Observation(.raftLed, subject: Self.subject(group, 0), value: Self.value(term, UInt64(server)))
    case .ceased(let group, let term, let server):
      Observation(.raftCeased, subject: Self.subject(group, 0), value: Self.value(term, UInt64(server)))
    case .stood(let group, let term, let server, let isTransfer):
      Observation(.raftStood, subject: Self.subject(group, isTransfer ? 1 : 0), value: Self.value(term, UInt64(server)))
    case .appended(let group, let index, let term, let digest):
      Observation(.raftAppended, subject: Self.subject(group, index), value: Self.value(term, digest))
    case .committed(let group, let index, let term):
      Observation(.raftCommitted, subject: Self.subject(group, index), value: Self.value(term, 0))
    case .installed(let group, let index, let term):
      Observation(.raftInstalled, subject: Self.subject(group, index), value: Self.value(term, 0))
    case .recovered(let group, let start, let last, let term):
      Observation(.raftRecovered, subject: Self.subject(group, last), value: Self.value(term, start))
    }
  }

  /// What an observation states about a replicated log; nil where it is about something else.
  public init?(_ observation: Observation) {
    let (group, index) = (UInt16(observation.subject >> 48), observation.subject & (1 << 48 - 1))
    let (term, rest) = (observation.value >> 40, observation.value & (1 << 40 - 1))
    switch observation.fact {
    case .raftLed: self = .led(group: group, term: term, server: UInt32(truncatingIfNeeded: rest))
    case .raftCeased: self = .ceased(group: group, term: term, server: UInt32(truncatingIfNeeded: rest))
    case .raftStood: self = .stood(group: group, term: term, server: UInt32(truncatingIfNeeded: rest), isTransfer: index == 1)
    case .raftAppended: self = .appended(group: group, index: index, term: term, digest: rest)
    case .raftCommitted: self = .committed(group: group, index: index, term: term)
    case .raftInstalled: self = .installed(group: group, index: index, term: term)
    case .raftRecovered: self = .recovered(group: group, start: rest, last: index, term: term)
    case _: return nil
    }
  }
}
