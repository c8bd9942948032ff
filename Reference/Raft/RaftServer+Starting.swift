// Recovery of all groups from the journal, also from a damaged one. A damaged entry that was committed is got from the
// others, never guessed at and never dropped in silence.
//
// A gap in the journal may have held anything of any group, since they share it. What is lost by it, and what makes up
// for it:
//  * Terms and votes stand in the vote book too, whole or as a later record. Where both are damaged behind the last
//    record of a group, the server refuses to start: a vote cast twice can elect two leaders, and nobody else knows
//    whom it was given to.
//  * Entries, truncations, snapshots. The group falls back to a log that it really had (FoundGroup), with a floor
//    (`HardState.floor`): the last entry of the true log, where a later record tells it; else "all of the latest term".
//    The true log's entries are of terms up to the server's own term T, which is known. So whatever it acknowledged
//    lies at or below the floor. A candidate whose log reaches the floor has all that; and once the server's own log
//    reaches it, by a leader's appends, so has that: of the floor's own term because one leader makes one sequence of
//    entries in a term, of a later term because that leader's log has all that was committed (Raft, section 5.4.3).
//  * What a leader counts. The leader of T may count on entries that are gone here, would never send them again, and
//    would take refusals for old ones. So the server begins in term T + 1, in which it never voted: its first answer
//    makes that leader step down, and the next one begins anew. That one's first entry is of a term above T, so that
//    the floor is reached as soon as the log is whole again.
// Until then the server follows and acknowledges what it is sent, votes for logs that reach the floor, and leads
// nobody. With one of three servers so, the other two elect a leader between them; while one of these is down as well,
// there may be none.
//
// Then all that is held is written anew, behind the damage: each group's state with its floor first, that its log
// begins anew, and the log. A crash in between leaves less of a log behind a floor that knows it. When it is durable,
// all older segments go, damaged ones under another name. A server that alone is a group's majority has nobody to get
// anything from: it refuses to start where anything durable is damaged. Limits: writing anew is one turn, however much
// it is. A journal all of whose files vanish looks like a new one. Requirements: MONITORING-9, 10.

import Durable
import Vocabulary
import Wire

extension RaftServer {
  /// Recovers the groups from the disk, and begins to keep time. The machine calls `finish` after it, as after any
  /// turn.
  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    startedAt = turn.now
    var (found, gaps) = try recover(&turn)
    let areGroupsSuspect = found.contains { $0.isSuspect }
    for index in found.indices {
      let isMissing = try settle(&found[index], index, gaps, turn.planted)
      let state = found[index].state
      let floor = state.floor.flatMap { found[index].lastEntry.isAtLeast($0) ? nil : $0 }
      // A leader that counts on what is gone must not go on so.
      let begun = turn.planted.contains(.raftRepairsWithinItsTerm) ? state : HardState(term: state.term.next)
      found[index].state =
        isMissing || floor != nil
        ? HardState(term: begun.term, votedFor: begun.votedFor, floor: floor) : HardState(term: state.term, votedFor: state.votedFor)
    }
    hasFoundDamage = !gaps.isEmpty
    if areGroupsSuspect { try writeAnew(&found, &turn) }
    for (number, found) in found.enumerated() {
      let id = GroupID(UInt16(number))
      let group = RaftGroup(
        server: configuration.server, configuration: configuration.raft, planted: turn.planted, hard: found.state, start: found.start,
        membership: founding(found, number), entries: found.log.entries, random: RandomStream(seed: turn.random.next()), now: turn.now)
      invariant(
        found.log.firstIndex == group.firstIndex && found.log.endIndex == group.last.index.next,
        "\(id) was found with entries from \(found.log.firstIndex) to \(found.log.endIndex), and has them from \(group.firstIndex) to \(group.last.index)"
      )
      groups.append(group)
      stores.append(found.log.store)
      snapshots.append(found.snapshot)
      invariant(
        groups.count == number + 1 && stores.count == groups.count && snapshots.count == groups.count,
        "\(id) is one of \(groups.count), with \(stores.count) stores and \(snapshots.count) snapshots")
      // One of place 0 only says who founded the group.
      if let snapshot = found.snapshot, snapshot.last != .zero { updates.append(.installed(id, snapshot)) }
      if !areGroupsSuspect {
        RaftFact.recovered(
          group: id.value, start: found.start.index.value, last: group.last.index.value, term: group.last.term.value
        ).state(&turn)
        // The new term is begun.
        if found.state.floor != nil, write(.state(id, group.hardState), &turn) == nil { break }
      }
    }
    // Damage that is dealt with in the journal already: only its segments are left.
    if !gaps.isEmpty, !areGroupsSuspect { discardSegments(&turn) }
    if isVoteBookDamaged { writeAllVotes(&turn) }
    guard !hasFailed else { throw StartRefusal("the log of Raft cannot be repaired: the disk has no room for what is held") }
    lastState = turn.disk.position
    ticker = turn.wake(after: configuration.tickInterval)
    for index in groups.indices { groups[index].tick(turn.now) }
  }

  // MARK: reading

  /// Reads both journals.
  private mutating func recover(_ turn: inout Turn) throws(StartRefusal) -> (found: [FoundGroup], gaps: [JournalGap]) {
    // What is known of a group that no record has named.
    var other = FoundGroup(recentLimitBytes: configuration.recentLimitBytes)
    var found = Array(repeating: other, count: configuration.groupCount)
    do throws(JournalError) {
      let (journal, recovery) = try Journal.salvage(from: turn.disk, segmentBytes: configuration.segmentBytes) {
        (finding) throws(JournalError) in
        switch finding {
        case .record(let location, let payload):
          let record: RaftRecord
          do throws(ByteError) { record = try RaftRecord(payload) } catch {
            throw .damaged(FileName(fixed: "journal"), offset: Int(location.position.bytes), "not a record of Raft: \(error)")
          }
          let group = Int(record.group.value)
          // Groups that were opened later are known by the journal alone.
          while found.count <= group { found.append(other) }
          guard found[group].take(record, location) else {
            throw .damaged(
              FileName(fixed: "journal"), offset: Int(location.position.bytes), "a record that does not fit the ones before it")
          }
        case .gap:
          other.noteGap()
          for index in found.indices { found[index].noteGap() }
        }
      }
      self.journal = journal
      turn.observe(.journalRecovered, subject: UInt64(recovery.records), value: UInt64(recovery.tornBytes))
      for gap in recovery.gaps { turn.observe(.journalDamaged, subject: gap.start.bytes, value: gap.end.bytes - gap.start.bytes) }
      try readVotes(&found, other, recovery, turn.disk)
      return (found, recovery.gaps)
    } catch {
      throw StartRefusal("the log of Raft cannot be recovered: \(error)")
    }
  }

  /// Takes terms and votes from the vote book that may have stood in a gap of the journal.
  private mutating func readVotes(
    _ found: inout [FoundGroup], _ other: FoundGroup, _ recovery: JournalRecovery, _ disk: any Disk
  ) throws(JournalError) {
    let (book, inBook, others, bookRecovery) = try VoteBook.open(disk)
    // What the book kept of a group of which the journal has nothing and lost nothing was never spoken of.
    while !recovery.gaps.isEmpty, found.count < inBook.count { found.append(other) }
    let isBookGone = book.isEmpty && recovery.records > 0
    // A journal without a record is one that a crash prevented from beginning; what the book kept of that moment was
    // never spoken of.
    for index in found.indices where !found[index].isStateKnown || recovery.records == 0 {
      let entry = inBook.indices.contains(index) ? inBook[index] : others
      guard !entry.isSuspect, !isBookGone else {
        throw .damaged(
          recovery.gaps.last?.file ?? FileName(fixed: "journal"), offset: recovery.gaps.last?.offset ?? 0,
          "the vote of group \(index) may have stood here, and its copy (votes-….log) is damaged too; replace this server by one of a new number"
        )
      }
      if let state = entry.state, state.term >= found[index].state.term { found[index].state = state }
    }
    votes = book
    isVoteBookDamaged = !bookRecovery.gaps.isEmpty || book.isEmpty && recovery.records > 0
  }

  // MARK: damage

  /// Makes a group's log whole, and sets its floor; tells whether something may be missing.
  private func settle(
    _ found: inout FoundGroup, _ number: Int, _ gaps: [JournalGap], _ planted: PlantedBugs
  ) throws(StartRefusal) -> Bool {
    let missing: LogPosition?
    do throws(StartRefusalReason) { missing = try found.settle() } catch {
      throw StartRefusal("the log of Raft cannot be recovered: group \(number): \(error.text)")
    }
    guard let missing else { return false }
    if planted.contains(.raftDropsWhatIsDamaged) { return true }
    let membership = found.log.entries.last { $0.membership != nil }?.membership ?? founding(found, number)
    if membership.isQuorum({ $0 == configuration.server }) {
      // A tail that nothing vouches for is cut off, as everywhere.
      guard let gap = gaps.first(where: { $0.isProven }) else { return false }
      throw StartRefusal(
        "the log of Raft is damaged, and group \(number) has no other server to get it from: \(gap); restore the file, or remove it and all "
          + "after it to lose its records")
    }
    if !(found.state.floor?.isAtLeast(missing) ?? false) { found.state.floor = missing }
    return true
  }

  /// Who votes at the beginning of a group's log. Of a group that was opened later and whose record of that is lost
  /// nobody is known: `open`, a snapshot or an entry will tell.
  private func founding(_ found: FoundGroup, _ number: Int) -> Membership {
    found.snapshot?.membership ?? Membership(voters: number < configuration.groupCount ? configuration.founders : [])
  }

  /// Bytes of entries in one record that is written anew, beyond which it ends.
  private static let pieceBytes = 256 << 10

  /// Writes all that is held anew, so that the journal up to here can go.
  private mutating func writeAnew(_ found: inout [FoundGroup], _ turn: inout Turn) throws(StartRefusal) {
    guard let begin = journal?.end else { return }
    for index in found.indices {
      let id = GroupID(UInt16(index))
      var state = found[index].state
      // While its log is not all there again, no more of it is promised than what it holds now.
      let last = found[index].lastEntry
      if state.floor == nil, last != .zero, !turn.planted.contains(.raftDropsWhatIsDamaged) { state.floor = last }
      let snapshot = found[index].snapshot ?? RaftMessage.Snapshot(last: .zero, membership: founding(found[index], index), state: [])
      _ = write(.state(id, state), &turn)
      _ = write(.installed(id, snapshot), &turn)
      RaftFact.recovered(
        group: id.value, start: found[index].start.index.value, last: found[index].start.index.value, term: found[index].start.term.value
      ).state(&turn)
      if !writeEntries(&found[index].log, id, &turn) {
        // Something can be read no more: the rest is got from the others, like what was damaged.
        found[index].state = HardState(term: state.term.next, floor: state.floor)
        _ = write(.state(id, found[index].state), &turn)
      }
    }
    guard !hasFailed else { return }
    isDiscarding = true
    awaitDurable(.checkpoint(begin), turn.disk)
  }

  /// Writes a log's entries anew; where one cannot be read it ends the log before it, and gives false.
  private mutating func writeEntries(_ log: inout FoundLog, _ group: GroupID, _ turn: inout Turn) -> Bool {
    var next = log.firstIndex
    while next < log.endIndex, !hasFailed, let journal {
      let count = log.store.count(from: next, limitBytes: Self.pieceBytes)
      guard let entries = try? log.store.entries(from: next, count: count, journal, turn.disk),
        let location = write(.entries(group, first: next, entries), &turn)
      else {
        log.truncate(from: next)
        return false
      }
      log.moved(entries, first: next, to: location)
      for (offset, entry) in entries.enumerated() {
        RaftFact.appended(group: group.value, index: (next + offset).value, term: entry.term.value, digest: RaftFact.digest(entry.bytes))
          .state(&turn)
      }
      next = next + count
    }
    return true
  }
}
