// Carrying forward: a quiet group must not pin the journal. When the journal's files have grown long because some
// groups still hold old entries, these are written once more at the journal's end, a bounded piece at each tick; then
// the old segments can go.
//
// Fault model: nothing goes before its copy is durable: segments are discarded by a checkpoint that is written behind
// the copies. A crash in between leaves both, and recovery takes either. Limits: carrying needs room on the disk; where
// there is none it waits. An entry that cannot be read stays where it is, and so does its segment. Requirement:
// MONITORING-9.

import Durable
import Vocabulary

/// A search for entries that stand before a place in the journal.
struct Carrying {
  /// Entries whose records stand before this are written again.
  var goal: JournalPosition
  /// Where the search is.
  var group = 0
  var next = LogIndex.zero
}

extension RaftServer {
  /// Bytes that are carried at one tick, beyond which it ends (one entry always fits): what a turn may read.
  static let carriedBytesPerTick = maximumTurnReadBytes
  /// Entries that are looked at in one tick.
  static let searchedEntriesPerTick = 16_384

  /// What would be left of the journal if all else were gone, about.
  private var liveBytes: Int {
    stores.reduce(0) { $0 + $1.heldBytes } + snapshots.reduce(0) { $0 + ($1?.state.count ?? 0) + 64 }
  }

  /// Carries a piece forward, where the journal is too long.
  mutating func carry(_ turn: inout Turn) {
    guard !hasFailed, !isDiscarding, let journal else { return }
    if carrying == nil {
      guard journal.fileBytes > configuration.journalLimitBytes, let goal = goal(journal) else { return }
      carrying = Carrying(goal: goal)
    }
    if let left = turn.disk.availableBytes, left < Self.carriedBytesPerTick + Self.reserveBytes { return }
    guard var search = carrying else { return }
    var bytesLeft = Self.carriedBytesPerTick
    var entriesLeft = Self.searchedEntriesPerTick
    while search.group < stores.count, bytesLeft > 0, entriesLeft > 0 {
      if (stores[search.group].oldestPosition() ?? search.goal) >= search.goal {
        search.group += 1
        search.next = .zero
        continue
      }
      let begin = max(search.next, stores[search.group].firstIndex)
      let piece = stores[search.group].piece(before: search.goal, from: begin, limitBytes: bytesLeft, limitCount: entriesLeft)
      entriesLeft -= piece.end - begin
      if piece.count > 0 {
        guard let bytes = carry(piece.first, piece.count, GroupID(UInt16(search.group)), &turn) else {
          // What cannot be read now may be readable at the next search.
          carrying = nil
          return
        }
        invariant(bytes > 0, "\(piece.count) entries from \(piece.first) on were carried forward in \(bytes) bytes")
        bytesLeft -= bytes
      }
      invariant(
        piece.end >= begin && (piece.end > begin || piece.isLast),
        "a search of group \(search.group) from \(begin) on came to \(piece.end): it would never end")
      search.next = piece.end
      if piece.isLast {
        search.group += 1
        search.next = .zero
      }
    }
    carrying = search
    guard search.group >= stores.count else { return }
    carrying = nil
    discardSegments(&turn)
  }

  /// Up to where it is worth to carry: the oldest segment where little in it is needed, or half of the journal where
  /// little of it all is.
  private mutating func goal(_ journal: Journal) -> JournalPosition? {
    if journal.fileBytes > 4 * liveBytes {
      let half = journal.position(keepingBytes: journal.fileBytes / 2)
      if journal.canDiscard(before: half) { return half }
    }
    // The search looks at many entries: not again before the journal has grown.
    guard journal.end >= searchAgainAt, let second = journal.secondSegmentStart else { return nil }
    searchAgainAt = JournalPosition(journal.end.bytes + UInt64(max(1, configuration.segmentBytes / 4)))
    let most = Int(second.bytes - journal.start.bytes) / 4
    var needed = 0
    for store in stores where needed <= most { needed += store.heldBytes(before: second, upTo: most) }
    return needed <= most ? second : nil
  }

  /// Writes entries of a group once more; gives their bytes, nil where it could not be done.
  private mutating func carry(_ first: LogIndex, _ count: Int, _ group: GroupID, _ turn: inout Turn) -> Int? {
    let index = Int(group.value)
    guard let journal, let entries = try? stores[index].entries(from: first, count: count, journal, turn.disk),
      let location = write(.carried(group, first: first, entries), &turn)
    else { return nil }
    stores[index].fill(entries, first: first, at: location, keepsOrder: turn.planted.contains(.raftKeepsOrderWhenCarrying))
    return Int(location.payloadBytes)
  }
}
