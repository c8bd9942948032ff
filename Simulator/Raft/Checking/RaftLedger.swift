// The five properties of Raft (Ongaro and Ousterhout 2014, figure 3), held at every step over what the servers state
// (`RaftFact`): election safety, leader append-only, log matching, leader completeness, state machine safety.
//
// It keeps a model of each server's log, which ends where the server's disk ended when it starts again, and one list of
// what was committed. Limits: servers are trusted in what they state of themselves, as inner invariants always are;
// what clients may see is judged apart. An entry is known by its term and a digest of 40 bits. Memory grows with the
// flight. Requirement: MONITORING-10.

import Checking
import Raft
import Vocabulary

/// Follows the logs of all groups and servers.
public struct RaftLedger: Sendable {
  /// An entry, as it was stated.
  private struct Entry: Hashable {
    var term: UInt64
    var digest: UInt64
  }

  /// One server's log of a group.
  private struct Log {
    /// Index of the entry before the first one.
    var start: UInt64 = 0
    var entries: [Entry] = []
    var commit: UInt64 = 0
    /// The term in which it leads.
    var leads: UInt64?
    /// Since what life of its node this is so.
    var incarnation: UInt32 = 0
    /// What it was before entries were replaced or a snapshot was installed in this life: a crash may bring that back.
    /// Newest last.
    var past: [(start: UInt64, entries: [Entry])] = []

    var last: UInt64 { start + UInt64(entries.count) }
    subscript(index: UInt64) -> Entry? { index > start && index <= last ? entries[Int(index - start - 1)] : nil }
  }

  private struct ServerKey: Hashable {
    var group: UInt16
    var node: NodeID
  }

  private struct Place: Hashable {
    var group: UInt16
    var index: UInt64
    var term: UInt64
  }

  private struct Group {
    /// What is committed, from index 1 on, and in which term and when that became known first.
    var committed: [(entry: Entry, inTerm: UInt64, at: Instant)] = []
    /// Who led which term.
    var leaders: [UInt64: NodeID] = [:]
  }

  private var logs: [ServerKey: Log] = [:]
  private var groups: [UInt16: Group] = [:]
  /// What stands at a place of a term in any log, and the term before it; nil where it stood first behind a snapshot.
  private var places: [Place: (digest: UInt64, before: UInt64?)] = [:]
  /// What broke, in order.
  public private(set) var violations: [Violation] = []
  /// How many facts were looked at.
  public private(set) var examined = 0
  /// Leaders elected, in all groups.
  public private(set) var elections = 0

  /// What the servers are called.
  private let names: [NodeID: String]

  /// A ledger that has taken these statements, in order. `nodes` tells what evidence calls the servers.
  public init(_ records: [ObservationRecord], nodes: [FlightNode] = []) {
    names = Dictionary(nodes.map { ($0.id, $0.name) }) { first, _ in first }
    for record in records { take(record) }
  }

  /// Entries that are known to be committed, in all groups.
  public var committed: Int { groups.values.reduce(0) { $0 + $1.committed.count } }

  /// How far a group was known to be committed at an instant, to the first that knew it.
  public func committed(_ group: UInt16, at instant: Instant) -> UInt64 {
    UInt64((groups[group]?.committed ?? []).reversed().drop { $0.at > instant }.count)
  }

  /// How far each server knows each group to be committed, for a check that they all agree in the end.
  public func commits() -> [(group: UInt16, node: NodeID, index: UInt64)] {
    logs.map { ($0.key.group, $0.key.node, $0.value.commit) }.sorted { ($0.group, $0.node) < ($1.group, $1.node) }
  }

  /// Takes a server's statement.
  private mutating func take(_ record: ObservationRecord) {
    guard let fact = RaftFact(record.observation) else { return }
    let key = ServerKey(group: fact.group, node: record.node)
    switch fact {
    case .led(_, let term, _): led(key, term, record)
    case .appended(_, let index, let term, let digest): appended(key, index, Entry(term: term, digest: digest), record)
    case .committed(_, let index, let term): committed(key, index, term, record)
    case .installed(_, let index, _):
      var log = logs.removeValue(forKey: key) ?? Log()
      log.past.append((log.start, log.entries))
      log.start = index
      log.entries = []
      log.commit = max(log.commit, index)
      logs[key] = log
    case .recovered(_, let start, let last, let term): recovered(key, start: start, last: last, lastTerm: term)
    case .ceased(_, let term, _): if logs[key]?.leads == term { logs[key]?.leads = nil }
    case .stood: return
    }
    examined += 1
  }

  private func name(of node: NodeID) -> String { names[node] ?? "\(node)" }

  private mutating func broken(_ record: ObservationRecord, _ property: String, _ what: String) {
    violations.append(Violation(at: record.at, "\(property): \(what)"))
  }

  private mutating func led(_ key: ServerKey, _ term: UInt64, _ record: ObservationRecord) {
    elections += 1
    if let other = groups[key.group, default: Group()].leaders[term], other != key.node {
      broken(record, "election safety", "\(name(of: other)) and \(name(of: key.node)) lead group \(key.group) in term \(term)")
    }
    groups[key.group, default: Group()].leaders[term] = key.node
    logs[key, default: Log()].leads = term
    logs[key, default: Log()].incarnation = record.incarnation
    // All that was committed in earlier terms must be in its log.
    let log = logs[key] ?? Log()
    for (offset, known) in (groups[key.group]?.committed ?? []).enumerated() where known.inTerm < term {
      let index = UInt64(offset + 1)
      guard index > log.start else { continue }
      if log[index] != known.entry {
        broken(
          record, "leader completeness",
          "\(name(of: key.node)) leads group \(key.group) in term \(term) without the entry at index \(index) that was committed in term \(known.inTerm)"
        )
        return
      }
    }
  }

  private mutating func appended(_ key: ServerKey, _ index: UInt64, _ entry: Entry, _ record: ObservationRecord) {
    var log = logs.removeValue(forKey: key) ?? Log()
    defer { logs[key] = log }
    guard index > log.start, index <= log.last + 1 else {
      return broken(
        record, "log matching", "\(name(of: key.node)) put an entry at index \(index) of group \(key.group), whose log ends at \(log.last)")
    }
    if index <= log.last {
      // Once it has said that it leads no longer, what it wrote in its term may be replaced, and come back with a
      // leader that still has it.
      if let leads = log.leads, log.incarnation == record.incarnation {
        broken(
          record, "leader append-only",
          "\(name(of: key.node)) leads group \(key.group) in term \(leads) and replaces its entry at index \(index)")
      }
      if index <= log.commit {
        broken(record, "state machine safety", "\(name(of: key.node)) replaces the committed entry at index \(index) of group \(key.group)")
      }
      log.past.append((log.start, log.entries))
      log.entries.removeLast(Int(log.last - index + 1))
    }
    let before = index == 1 ? 0 : log[index - 1]?.term
    log.entries.append(entry)
    let place = Place(group: key.group, index: index, term: entry.term)
    if let known = places[place] {
      if known.digest != entry.digest {
        broken(record, "log matching", "two different entries stand at index \(index) of term \(entry.term) in group \(key.group)")
      } else if let before, let other = known.before, other != before {
        broken(record, "log matching", "two logs of group \(key.group) agree at index \(index) and differ before it")
      }
      places[place] = (known.digest, known.before ?? before)
    } else {
      places[place] = (entry.digest, before)
    }
  }

  private mutating func committed(_ key: ServerKey, _ upTo: UInt64, _ term: UInt64, _ record: ObservationRecord) {
    var log = logs.removeValue(forKey: key) ?? Log()
    var group = groups.removeValue(forKey: key.group) ?? Group()
    defer {
      logs[key] = log
      groups[key.group] = group
    }
    var index = max(log.commit, log.start) + 1
    while index <= upTo {
      guard let entry = log[index] else {
        return broken(
          record, "state machine safety", "\(name(of: key.node)) commits index \(index) of group \(key.group), which its log does not have")
      }
      if index <= UInt64(group.committed.count) {
        if group.committed[Int(index - 1)].entry != entry {
          return broken(record, "state machine safety", "index \(index) of group \(key.group) is committed with two different entries")
        }
      } else if index == UInt64(group.committed.count) + 1 {
        group.committed.append((entry, term, record.at))
      }
      index += 1
    }
    log.commit = max(log.commit, upTo)
  }

  private mutating func recovered(_ key: ServerKey, start: UInt64, last: UInt64, lastTerm: UInt64) {
    var log = logs.removeValue(forKey: key) ?? Log()
    // The disk has what it was before what it had not synced: the newest state with this last entry, which tells all
    // before it.
    if last > start, log.start > start || log[last]?.term != lastTerm {
      let found = log.past.last { past in
        past.start <= start && last > past.start && last <= past.start + UInt64(past.entries.count)
          && past.entries[Int(last - past.start - 1)].term == lastTerm
      }
      if let found { (log.start, log.entries) = found }
    }
    if start > log.last || start < log.start {
      log.entries = []
    } else {
      log.entries.removeFirst(Int(start - log.start))
    }
    log.start = start
    if log.last > last { log.entries.removeLast(Int(min(log.last - last, UInt64(log.entries.count)))) }
    // What is committed is learnt anew from the snapshot on.
    log.commit = start
    log.leads = nil
    log.past.removeAll()
    logs[key] = log
  }
}
