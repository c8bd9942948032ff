// Salvage of damaged journals: every whole record is given, every gap is told, a torn tail is none, and it can be done
// again and again.

import Durable
import Kernel
import Testing
import Vocabulary
import World

/// What salvage gave, in order.
private struct Salvaged {
  var journal: Journal
  var payloads: [[UInt8]] = []
  var positions: [JournalPosition] = []
  var recovery: JournalRecovery
}

private func salvageAll(_ disk: SimulatedDisk, segmentBytes: Int = 600) throws -> Salvaged {
  var payloads: [[UInt8]] = []
  var positions: [JournalPosition] = []
  var gaps: [JournalGap] = []
  let (journal, recovery) = try Journal.salvage(from: disk, segmentBytes: segmentBytes) { (finding) throws(JournalError) in
    switch finding {
    case .record(let location, let payload):
      payloads.append(Array(payload))
      positions.append(location.position)
    case .gap(let gap): gaps.append(gap)
    }
  }
  #expect(gaps == recovery.gaps)
  return Salvaged(journal: journal, payloads: payloads, positions: positions, recovery: recovery)
}

@Suite struct SalvageTests {
  /// One record, and the bytes of the disk that it takes.
  private struct Written {
    var payload: [UInt8]
    var file: FileName
    var bytes: Range<Int>
    var position: JournalPosition
  }

  @Test func everyWholeRecordIsGivenAndEveryGapIsTold() throws {
    var (gaps, cutRecords, damagedJournals) = (0, 0, 0)
    for seed in UInt64(1)...400 {
      var random = RandomStream(seed: seed)
      let disk = SimulatedDisk(random: RandomStream(seed: seed &+ 9_000))
      var written: [Written] = []
      func write(_ journal: inout Journal, _ count: Int) throws {
        for _ in 0..<count {
          let payload = random.bytes(1 + Int(random.below(120)))
          let location = try journal.append(payload, to: disk)
          let file = try #require(disk.list().last { $0.text.hasPrefix("journal-") })
          let end = disk.size(of: file) ?? 0
          written.append(
            Written(payload: payload, file: file, bytes: (end - payload.count - 24)..<end, position: location.position))
          if random.chance(0.7) { disk.sync(upTo: disk.position) }
        }
      }
      var journal = try salvageAll(disk).journal
      try write(&journal, 40)
      disk.sync(upTo: disk.position)
      let durableCount = written.count
      if random.chance(0.5) {
        // A torn tail beside the damage.
        try write(&journal, 3)
        disk.crash()
      }
      let flips = disk.rot(filesStartingWith: "journal", bits: 1 + Int(random.below(4)))
      let found = try salvageAll(disk)
      func isDamaged(_ record: Written) -> Bool { flips.contains { $0.0 == record.file && record.bytes.contains($0.1) } }

      // What is given was written there, in order, and is whole.
      var next = 0
      for (payload, position) in zip(found.payloads, found.positions) {
        while next < written.count, written[next].position != position { next += 1 }
        try #require(next < written.count, "seed \(seed): a record out of nowhere")
        #expect(written[next].payload == payload, "seed \(seed)")
      }
      // What is whole is given, and what is not given is told; but for a tail that a lost sector explains.
      let given = Set(found.positions)
      for record in written[..<durableCount] where !given.contains(record.position) {
        let isTold = found.recovery.gaps.contains { $0.start <= record.position && record.position < $0.end }
        if !isTold {
          #expect(found.positions.allSatisfy { $0 < record.position }, "seed \(seed): left out in silence at \(record.position)")
          cutRecords += 1
        } else {
          #expect(isDamaged(record), "seed \(seed): a whole record was lost")
        }
      }
      for gap in found.recovery.gaps { #expect(gap.start < gap.end && gap.end <= found.journal.end, "seed \(seed)") }
      gaps += found.recovery.gaps.count
      damagedJournals += found.recovery.gaps.isEmpty ? 0 : 1

      // The same is found again, also after a crash at once; and appends go on.
      disk.crash()
      var again = try salvageAll(disk)
      #expect(again.payloads == found.payloads && again.recovery.gaps.map(\.start) == found.recovery.gaps.map(\.start), "seed \(seed)")
      for number in UInt8(0)..<10 { _ = try again.journal.append([number, number], to: disk) }
      disk.sync(upTo: disk.position)
      let third = try salvageAll(disk)
      #expect(third.payloads == found.payloads + (UInt8(0)..<10).map { [$0, $0] }, "seed \(seed)")
      #expect(third.recovery.gaps.map(\.end) == found.recovery.gaps.map(\.end), "seed \(seed)")
      #expect(third.journal.end == again.journal.end)
    }
    #expect(damagedJournals > 300, "damage is found")
    #expect(gaps > damagedJournals)
    #expect(cutRecords < 12, "\(cutRecords) durable records were taken for a torn tail")
  }

  /// What crashes leave is never taken for damage, and salvage finds what recovery finds.
  @Test func aTornTailIsNoDamage() throws {
    for seed in UInt64(1)...200 {
      var random = RandomStream(seed: seed)
      let disk = SimulatedDisk(random: RandomStream(seed: seed &+ 1_000))
      var durable: [[UInt8]] = []
      for life in 0..<6 {
        var found = try salvageAll(disk, segmentBytes: 1_500)
        #expect(found.recovery.gaps.isEmpty, "seed \(seed), life \(life): \(found.recovery.gaps)")
        #expect(found.payloads.starts(with: durable), "seed \(seed), life \(life)")
        var all = found.payloads
        durable = []
        for _ in 0..<random.below(14) {
          let payload = random.bytes(1 + Int(random.below(random.chance(0.1) ? 3_000 : 300)))
          _ = try found.journal.append(payload, to: disk)
          all.append(payload)
          if random.chance(0.3) {
            disk.sync(upTo: disk.position)
            durable = all
          }
        }
        disk.crash()
        if random.chance(0.2) {
          #expect(try recoverAll(disk, segmentBytes: 1_500).payloads.starts(with: durable), "seed \(seed)")
          // What the next life finds is durable, as hosts see to.
          disk.sync(upTo: disk.position)
        }
      }
    }
  }

  @Test func sectorsThatCannotBeReadAreDamageAndAFailingDiskIsNot() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var journal = try salvageAll(disk, segmentBytes: 1 << 20).journal
    for number in UInt8(0)..<100 {
      _ = try journal.append(Array(repeating: number, count: 100), to: disk)
      disk.sync(upTo: disk.position)
    }
    let file = FileName("journal", number: 1, suffix: "log")
    disk.spoil(file, range: 2_000..<2_001)
    let found = try salvageAll(disk, segmentBytes: 1 << 20)
    let gap = try #require(found.recovery.gaps.first)
    #expect(found.recovery.gaps.count == 1 && gap.isProven && gap.file == file)
    #expect(found.payloads.count == 100 - Int(gap.end.bytes - gap.start.bytes) / 124)
    #expect(found.payloads.count > 90)
    disk.medium.readFailureProbability = 1
    #expect(throws: JournalError.disk(.unreadable(file, offset: 0))) { try salvageAll(disk) }
    #expect(disk.size(of: file) == 32 + 100 * 124, "nothing was changed")
  }

  @Test func aDamagedSegmentIsKeptUnderAnotherName() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var journal = try salvageAll(disk).journal
    for number in UInt8(0)..<40 {
      _ = try journal.append(Array(repeating: number, count: 50), to: disk)
      disk.sync(upTo: disk.position)
    }
    let file = FileName("journal", number: 2, suffix: "log")
    try disk.write(file, at: 200, [0xAA])
    var found = try salvageAll(disk)
    #expect(found.recovery.gaps.map(\.file) == [file])
    _ = try found.journal.append([1], to: disk)
    try found.journal.discard(before: found.journal.end, on: disk)
    let names = disk.list().map(\.text)
    #expect(names.count == 2 && names.first == "damaged-journal-0000000002.log", "\(names)")
    #expect(try salvageAll(disk).payloads == [[1]])
  }

  /// A journal of which no record and no header is left is one gap: it is not taken for a new one.
  @Test func aJournalOfWhichNothingIsLeftIsOneGap() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    try disk.write(FileName("journal", number: 7, suffix: "log"), at: 0, Array(repeating: 0x11, count: 300))
    try disk.write(FileName("journal", number: 8, suffix: "log"), at: 0, Array(repeating: 0x11, count: 700))
    var found = try salvageAll(disk)
    #expect(found.recovery.gaps.map(\.isProven) == [true, true])
    _ = try found.journal.append([1], to: disk)
    #expect(try salvageAll(disk).payloads == [[1]])
    #expect(try salvageAll(disk).recovery.gaps.last?.end == found.recovery.gaps.last?.end)
  }
}
