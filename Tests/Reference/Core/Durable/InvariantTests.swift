// The invariants of this room end the process.

import Durable
import Testing
import Vocabulary
import World

@Suite struct InvariantTests {
  @Test func aJournalIsNotCutBehindItsEnd() async throws {
    let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let disk = SimulatedDisk(random: RandomStream(seed: 1))
      var (journal, _) = try Journal.recover(from: disk) { (_, _) throws(JournalError) in }
      _ = try journal.append([1, 2, 3], to: disk)
      try journal.discard(before: JournalPosition(journal.end.bytes + 1), on: disk)
    }
    #expect(
      String(decoding: try #require(end).standardErrorContent, as: UTF8.self).contains(
        "invariant broken: journal journal: cut before 28, and it ends at 27"))
  }
}
