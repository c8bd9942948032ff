// The journal and the twin file on the simulated disk: torn tails are cut, damage is refused, what was durable is
// there.

import Durable
import Kernel
import Testing
import Vocabulary
import World

/// The payloads that recovery visits.
func recoverAll(_ disk: SimulatedDisk, segmentBytes: Int = 600) throws -> (journal: Journal, payloads: [[UInt8]]) {
  var payloads: [[UInt8]] = []
  let recovered = try Journal.recover(from: disk, segmentBytes: segmentBytes) { (_, payload) throws(JournalError) in
    payloads.append(Array(payload))
  }
  return (recovered.journal, payloads)
}

@Suite struct JournalTests {
  /// Appends, syncs and crashes at random; after each crash the journal holds all that was durable, in order, and
  /// nothing else than what was appended.
  @Test func whatWasDurableIsRecoveredAndTheRestIsAPrefix() throws {
    for seed in UInt64(1)...300 {
      var random = RandomStream(seed: seed)
      let disk = SimulatedDisk(random: RandomStream(seed: seed &+ 1_000))
      var expected: [[UInt8]] = []
      var durableCount = 0
      for _ in 0..<4 {
        var (journal, payloads) = try recoverAll(disk)
        #expect(payloads.count >= durableCount, "seed \(seed)")
        #expect(payloads[...] == expected.prefix(payloads.count), "seed \(seed)")
        expected = payloads
        for _ in 0..<random.below(20) {
          let payload = random.bytes(Int(random.below(300)))
          _ = try journal.append(payload, to: disk)
          expected.append(payload)
          if random.chance(0.3) {
            disk.sync(upTo: disk.position)
            durableCount = expected.count
          }
        }
        // Recovery's own cutting is durable once something is synced after it.
        durableCount = min(durableCount, expected.count)
        disk.crash()
      }
    }
  }

  /// Records of one length, and crashes again and again before the first sync after a recovery: a cut tail must never
  /// come back.
  @Test func aCutTailNeverComesBack() throws {
    for seed in UInt64(1)...400 {
      var random = RandomStream(seed: seed)
      let disk = SimulatedDisk(random: RandomStream(seed: seed &+ 5_000))
      var expected: [[UInt8]] = []
      var durableCount = 0
      for life in 0..<8 {
        var (journal, payloads) = try recoverAll(disk, segmentBytes: 4_096)
        #expect(payloads.count >= durableCount, "seed \(seed)")
        #expect(payloads[...] == expected.prefix(payloads.count), "seed \(seed), life \(life): a record of a past life came back")
        expected = payloads
        for number in 0..<(1 + random.below(8)) {
          // The payload names its life: a stale record behind a new one would show.
          let payload = [UInt8(life), UInt8(number)] + Array(repeating: 7, count: 200)
          _ = try journal.append(payload, to: disk)
          expected.append(payload)
          if random.chance(0.15) {
            disk.sync(upTo: disk.position)
            durableCount = expected.count
          }
        }
        disk.crash()
      }
    }
  }

  @Test(arguments: 0..<32) func damageToTheFirstHeaderLosesNothingSilently(offset: Int) throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var (journal, _) = try recoverAll(disk)
    for number in UInt8(0)..<3 {
      _ = try journal.append(Array(repeating: number, count: 50), to: disk)
      disk.sync(upTo: disk.position)
    }
    let file = FileName("journal", number: 1, suffix: "log")
    let byte = try disk.read(file, at: offset, count: 1)[0]
    try disk.write(file, at: offset, [byte ^ 0x10])
    disk.sync(upTo: disk.position)
    do {
      _ = try recoverAll(disk)
      Issue.record("offset \(offset): three durable records vanished silently")
    } catch let error as JournalError {
      guard case .damaged(let named, _, _) = error else {
        Issue.record("offset \(offset): \(error)")
        return
      }
      #expect(named == file)
    }
  }

  @Test func damageToADurableRecordIsRefusedWithItsPlace() throws {
    var refused = 0
    for seed in UInt64(1)...100 {
      let disk = SimulatedDisk(random: RandomStream(seed: seed))
      var (journal, _) = try recoverAll(disk)
      for number in UInt8(0)..<40 {
        _ = try journal.append(Array(repeating: number, count: 50), to: disk)
        disk.sync(upTo: disk.position)
      }
      let before = try recoverAll(disk).payloads
      _ = disk.rot(filesStartingWith: "journal", bits: 1)
      do {
        let after = try recoverAll(disk).payloads
        // Not told only where the damage lies in bytes that no record behind them vouches for: the last record or two.
        #expect(after.count >= 38, "seed \(seed): durable records vanished silently")
        #expect(after[...] == before.prefix(after.count))
      } catch let error as JournalError {
        refused += 1
        guard case .damaged(let file, _, _) = error else {
          Issue.record("seed \(seed): \(error)")
          continue
        }
        #expect(file.text.hasPrefix("journal-"))
      }
    }
    #expect(refused > 80)
  }

  @Test func discardedSegmentsAreGoneAndTheRestStays() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var (journal, _) = try recoverAll(disk)
    var locations: [JournalLocation] = []
    for number in UInt8(0)..<60 { locations.append(try journal.append(Array(repeating: number, count: 50), to: disk)) }
    try journal.discard(before: locations[30].position, on: disk)
    #expect(try journal.read(locations[30], from: disk) == Array(repeating: 30, count: 50))
    #expect(throws: JournalError.self) { try journal.read(locations[0], from: disk) }
    disk.sync(upTo: disk.position)
    let (again, payloads) = try recoverAll(disk)
    #expect(again.start <= locations[30].position)
    #expect(again.end == journal.end)
    #expect(payloads.last == Array(repeating: 59, count: 50))
  }

  @Test func aFullDiskLeavesTheJournalAsItWas() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var (journal, _) = try recoverAll(disk)
    _ = try journal.append([1, 2, 3], to: disk)
    disk.capacityBytes = disk.used + 10
    #expect(throws: JournalError.self) { try journal.append(Array(repeating: 9, count: 100), to: disk) }
    disk.capacityBytes = 1 << 30
    _ = try journal.append([4, 5, 6], to: disk)
    #expect(try recoverAll(disk).payloads == [[1, 2, 3], [4, 5, 6]])
  }
}

@Suite struct TwinFileTests {
  @Test func theLastDurableStateOrALaterOneIsLoaded() throws {
    for seed in UInt64(1)...300 {
      var random = RandomStream(seed: seed)
      let disk = SimulatedDisk(random: RandomStream(seed: seed &+ 1_000))
      var saved: [[UInt8]] = []
      var durable = 0
      for _ in 0..<5 {
        var (file, state) = try TwinFile.load(stem: "state", from: disk)
        if let state {
          let index = try #require(saved.lastIndex(of: state), "seed \(seed): a state that was never saved")
          #expect(index + 1 >= durable, "seed \(seed): an older state than the durable one")
        } else {
          #expect(durable == 0, "seed \(seed): a durable state is gone")
        }
        for _ in 0..<random.below(6) {
          let state = [UInt8(saved.count & 0xFF)] + random.bytes(Int(random.below(1_500)))
          try file.save(state, to: disk)
          saved.append(state)
          if random.chance(0.4) {
            disk.sync(upTo: disk.position)
            durable = saved.count
          }
        }
        disk.crash()
      }
    }
  }
}
