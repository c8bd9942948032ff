// Terms and votes once more, in a journal of their own: a vote that is lost could be cast twice, and nobody else can
// tell what it was. So one damage to the disk must not take it away: it stands in both journals, and both are durable
// before it is spoken of.
//
// Files `votes-0000000001.log`, …, in the format of Journal.md; their records are those of kind 2 in RaftRecord.md.
// Limits: what is damaged in both journals at once is lost; then the server refuses to start. Requirements:
// MONITORING-9, 10.

import Durable
import Vocabulary
import Wire

/// The second copy of all terms and votes.
struct VoteBook {
  /// What was found of one group.
  struct Found {
    var state: HardState?
    /// Whether a later record of the group may have stood in a gap.
    var isSuspect = false
  }

  private var journal: Journal
  /// Length of the files when all was last written anew, in bytes.
  private var bytesWhenWritten = 0
  private static let segmentBytes = 16 << 10

  /// Reads the book from the disk. Gives what it says of each group, what it says of groups that it does not know, and
  /// its gaps.
  static func open(_ disk: any Disk) throws(JournalError) -> (book: VoteBook, found: [Found], others: Found, recovery: JournalRecovery) {
    var found: [Found] = []
    var others = Found()
    let (journal, recovery) = try Journal.salvage(from: disk, stem: "votes", segmentBytes: segmentBytes) {
      (finding) throws(JournalError) in
      switch finding {
      case .record(let location, let payload):
        guard case .state(let group, let state)? = try? RaftRecord(payload) else {
          throw .damaged(FileName(fixed: "votes"), offset: Int(location.position.bytes), "not a record of a term and a vote")
        }
        while found.count <= Int(group.value) { found.append(others) }
        found[Int(group.value)] = Found(state: state)
      case .gap:
        others.isSuspect = true
        for index in found.indices { found[index].isSuspect = true }
      }
    }
    return (VoteBook(journal: journal), found, others, recovery)
  }

  private init(journal: Journal) { self.journal = journal }

  /// Whether it holds nothing at all.
  var isEmpty: Bool { journal.fileBytes == 0 }
  /// Whether it should be written anew, so that it stays short.
  var isLong: Bool { journal.fileBytes > 4 * max(Self.segmentBytes, bytesWhenWritten) }

  mutating func append(_ record: RaftRecord, _ disk: any Disk) throws(JournalError) { _ = try journal.append(record.encoded(), to: disk) }

  /// Writes these states anew. What stands before the place that it gives can be discarded once they are durable.
  mutating func writeAll(_ states: [(GroupID, HardState)], _ disk: any Disk) throws(JournalError) -> JournalPosition {
    try journal.rotate(on: disk)
    let begin = journal.end
    for (group, state) in states { try append(.state(group, state), disk) }
    invariant(journal.end >= begin, "the vote book was written from \(begin.bytes) to \(journal.end.bytes)")
    bytesWhenWritten = Int(journal.end.bytes - begin.bytes)
    return begin
  }

  mutating func discard(before position: JournalPosition, on disk: any Disk) {
    // What cannot be deleted now is deleted the next time.
    try? journal.discard(before: position, on: disk)
  }
}
