// A file that a work made durable under a name whose old file was deleted, unsynced, in a turn before: it must stay.

import Testing
import Vocabulary
import World

@Suite struct SyncedAheadOfDeletion {
  @Test func aNewFileOutlivesTheDeletionOfItsPredecessor() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    let name = FileName(fixed: "file")
    try disk.write(name, at: 0, [1])
    disk.sync(upTo: disk.position)
    try disk.delete(name)
    try disk.write(name, at: 0, [2])
    disk.syncFile(name)
    disk.sync(upTo: disk.position)
    disk.crash()
    #expect(try disk.readAll(name, limitBytes: 8) == [2])
  }
}
