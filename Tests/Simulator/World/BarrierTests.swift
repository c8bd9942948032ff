// Barriers under loss of power: whatever a crash leaves of a phase, all that stands before it is there.

import Testing
import Vocabulary
import World

private let files = (0..<3).map { FileName("file-\($0)") ?? FileName(fixed: "file") }

/// Writes some phases, syncs a part of them, crashes, and says how much of each phase is there: 0 nothing, 1 a part, 2
/// all of it.
private func leftOfPhases(seed: UInt64, barriers: Bool) throws -> [Int] {
  var random = RandomStream(seed: seed, name: "barriers")
  let disk = SimulatedDisk(random: RandomStream(seed: seed))
  let phases = 4
  let bytes = 1_500
  for phase in 0..<phases {
    for file in files { try disk.write(file, at: phase * bytes, [UInt8](repeating: UInt8(phase + 1), count: bytes)) }
    if barriers { disk.barrier() }
    if random.chance(0.6) { disk.sync(upTo: disk.syncTarget) }
  }
  disk.crash()
  return try (0..<phases).map { phase in
    var found = 0
    for file in files {
      guard let size = disk.size(of: file), size > phase * bytes else { continue }
      let part = try disk.readAnyLength(file, at: phase * bytes, count: min(bytes, size - phase * bytes))
      found += part.count { $0 == UInt8(phase + 1) }
    }
    return found == 0 ? 0 : found < bytes * files.count ? 1 : 2
  }
}

@Suite struct BarrierTests {
  /// Whether something is there of a phase while one before it is not whole.
  private func isOutOfOrder(_ left: [Int]) -> Bool {
    left.indices.contains { later in left[later] > 0 && left[..<later].contains { $0 < 2 } }
  }

  @Test func noPhaseIsThereBeforeThoseBeforeIt() throws {
    var seen: Set<[Int]> = []
    for seed in UInt64(1)...400 {
      let left = try leftOfPhases(seed: seed, barriers: true)
      #expect(!isOutOfOrder(left), "seed \(seed): \(left)")
      seen.insert(left)
    }
    // Every way in which a crash may come among four phases came.
    #expect(seen.contains([2, 2, 2, 2]) && seen.contains([0, 0, 0, 0]) && seen.contains { $0.contains(1) })
    #expect((1...3).allSatisfy { whole in seen.contains { $0.prefix(whole).allSatisfy { $0 == 2 } && $0[whole] < 2 } })
  }

  @Test func withoutBarriersOrderIsPunished() throws {
    #expect(try (UInt64(1)...400).contains { isOutOfOrder(try leftOfPhases(seed: $0, barriers: false)) })
  }

  @Test func namesKeepTheirOrderToo() throws {
    for seed in UInt64(1)...200 {
      let disk = SimulatedDisk(random: RandomStream(seed: seed))
      try disk.write(files[0], at: 0, [1])
      disk.barrier()
      try disk.rename(files[0], to: files[1])
      disk.barrier()
      try disk.write(files[2], at: 0, [2])
      disk.crash()
      let names = disk.list()
      if names.contains(files[2]) { #expect(names == [files[1], files[2]], "seed \(seed)") }
      if names.contains(files[1]) { #expect(try disk.readAnyLength(files[1], at: 0, count: 1) == [1], "seed \(seed)") }
    }
  }
}
