// Giving up the oldest part of the journal: a group's entries go once a snapshot covers them, and segments once nothing
// in them is needed.
//
// Fault model: no segment goes before what it alone held is durable behind it: states and snapshots that stand in it
// are written again first, and a checkpoint waits for that. A crash in between leaves both. Limit: a state machine's
// whole state is one record. Requirement: MONITORING-9.

import Durable
import Vocabulary

/// Where what is known of a group beside its entries stands in the journal; nil where that is not known, as after a
/// start.
struct Standing {
  var state: JournalPosition?
  var snapshot: JournalPosition?
}

extension RaftServer {
  /// Bytes of a state beyond which it does not fit into a record, with what stands beside it.
  public static let maximumStateBytes = Journal.maximumPayloadBytes - (64 << 10)

  /// Forgets a group's entries up to `index`, which must be applied: `state` is what they came to. Segments of the
  /// journal that nothing needs any more are deleted. A state of more than `maximumStateBytes` is not taken, and the
  /// entries stay: false.
  @discardableResult
  public mutating func compact(_ group: GroupID, upTo index: LogIndex, state: [UInt8], _ turn: inout Turn) -> Bool {
    let place = Int(group.value)
    guard state.count <= Self.maximumStateBytes else { return false }
    guard groups.indices.contains(place), index > groups[place].start.index, index <= groups[place].commitIndex,
      let term = groups[place].term(at: index)
    else { return true }
    let snapshot = RaftMessage.Snapshot(
      last: LogPosition(index: index, term: term), membership: groups[place].membership(at: index), state: state)
    guard write(.snapshot(group, snapshot), &turn) != nil else { return false }
    snapshots[place] = snapshot
    groups[place].discard(upTo: index)
    stores[place].discard(upTo: index)
    invariant(
      groups[place].start == snapshot.last && stores[place].firstIndex == groups[place].firstIndex,
      "\(group) begins behind \(groups[place].start) and holds entries from \(stores[place].firstIndex) on, with a snapshot of \(snapshot.last)"
    )
    searchAgainAt = JournalPosition(0)
    discardSegments(&turn)
    return true
  }

  mutating func discardSegments(_ turn: inout Turn) {
    guard !isDiscarding, let journal else { return }
    var needed = journal.end
    for index in stores.indices { needed = min(needed, stores[index].oldestPosition() ?? needed) }
    guard journal.canDiscard(before: needed) else { return }
    for index in groups.indices {
      let group = GroupID(UInt16(index))
      if isBefore(needed, standing(index).state), write(.state(group, groups[index].hardState), &turn) == nil { return }
      if let snapshot = snapshots[index], isBefore(needed, standing(index).snapshot), write(.snapshot(group, snapshot), &turn) == nil {
        return
      }
    }
    guard !turn.planted.contains(.raftDiscardsBeforeDurable) else {
      try? self.journal?.discard(before: needed, on: turn.disk)
      return
    }
    invariant(needed <= journal.end, "what is needed of the journal begins at \(needed.bytes), behind its end at \(journal.end.bytes)")
    isDiscarding = true
    awaitDurable(.checkpoint(needed), turn.disk)
  }

  private func isBefore(_ needed: JournalPosition, _ position: JournalPosition?) -> Bool { position.map { $0 < needed } ?? true }

  private func standing(_ index: Int) -> Standing { standing.indices.contains(index) ? standing[index] : Standing() }

  /// Notes where a record was written that holds a state or a snapshot.
  mutating func note(_ record: RaftRecord, at position: JournalPosition) {
    let index = Int(record.group.value)
    while standing.count <= index { standing.append(Standing()) }
    switch record {
    case .state: standing[index].state = position
    case .snapshot, .installed: standing[index].snapshot = position
    case .entries, .carried: break
    }
  }
}
