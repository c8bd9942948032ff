// One test for each disk fault, and the crash model of the simulated disk.

import Kernel
import ProvingGround
import Testing
import Vocabulary
import World

@Suite struct DiskFaults {
  private let file = FileName(fixed: "file")

  private func disk(_ seed: UInt64 = 1) -> SimulatedDisk { SimulatedDisk(random: RandomStream(seed: seed)) }

  /// What a fault is known to have spoilt excuses that the node refuses to start.
  @Test func onlyWhatSpoilsFilesSaysSo() {
    let node = NodeID(2)
    let plans = (0..<4).map { NodePlan("node-\($0)") { Scripted() } }
    let host = SimulatedHost(seed: 1, plans: plans, boxes: [BoxPlan("box", nodes: [NodeID(1), node])])
    let spoiling: [any Fault] = [BitRot(of: node), RottingCrash(of: node), UnreadableDisk(of: node, probability: 1)]
    // Bits rot in the files of one; reads fail on the disk that all of a box share.
    #expect(spoiling.map { $0.spoils(host) } == [[node], [node], [NodeID(1), node]])
    let others: [any Fault] = [
      FullDisk(of: node, bytesLeft: 0), SlowDisk(of: node, factor: 2), FailingSync(of: node, probability: 1),
      ProcessCrash(of: node, .atOnce),
      ProcessKill(of: node),
    ]
    #expect(others.allSatisfy { $0.spoils(host).isEmpty })
  }

  @Test func whatWasSyncedSurvivesACrash() throws {
    for seed in UInt64(1)...50 {
      let disk = disk(seed)
      try disk.write(file, at: 0, [1, 2, 3])
      disk.sync(upTo: disk.position)
      try disk.write(file, at: 3, [4, 5, 6])
      disk.crash()
      #expect(try disk.read(file, at: 0, count: 3) == [1, 2, 3])
    }
  }

  @Test func aCrashTearsAtSectorsAndLosesInAnyOrder() throws {
    var kept: Set<[Bool]> = []
    for seed in UInt64(1)...400 {
      let disk = disk(seed)
      try disk.write(file, at: 0, Array(repeating: 0, count: 2_048))
      disk.sync(upTo: disk.position)
      try disk.write(file, at: 0, Array(repeating: 7, count: 2_048))
      disk.crash()
      let bytes = try disk.read(file, at: 0, count: 2_048)
      kept.insert((0..<4).map { bytes[$0 * 512] == 7 })
      // A sector is whole or not there.
      for sector in 0..<4 { #expect(Set(bytes[sector * 512..<(sector + 1) * 512]).count == 1) }
    }
    #expect(kept.contains([false, false, false, false]))
    #expect(kept.contains([true, true, true, true]))
    // A later sector without an earlier one: lost in the middle.
    #expect(kept.contains([false, true, false, true]) || kept.contains([true, false, true, false]))
  }

  @Test func anUnsyncedRenameIsLostOrKept() throws {
    let other = FileName(fixed: "other")
    var outcomes: Set<Bool> = []
    for seed in UInt64(1)...50 {
      let disk = disk(seed)
      try disk.write(file, at: 0, [1])
      disk.sync(upTo: disk.position)
      try disk.rename(file, to: other)
      disk.crash()
      #expect((disk.size(of: file) == nil) != (disk.size(of: other) == nil))
      outcomes.insert(disk.size(of: other) != nil)
    }
    #expect(outcomes == [true, false])
  }

  @Test func aFullDiskRefusesInTheTurnAndKeepsWhatItHas() throws {
    let disk = disk()
    try disk.write(file, at: 0, [1, 2, 3])
    disk.capacityBytes = disk.used + 2
    #expect(throws: DiskError.full(neededBytes: 3)) { try disk.write(file, at: 3, [4, 5, 6]) }
    #expect(disk.size(of: file) == 3)
    try disk.write(file, at: 3, [4, 5])
    #expect(disk.size(of: file) == 5)
  }

  @Test func anUnreadableDiskThrows() throws {
    let disk = disk()
    try disk.write(file, at: 0, [1, 2, 3])
    disk.medium.readFailureProbability = 1
    #expect(throws: DiskError.unreadable(file, offset: 0)) { try disk.read(file, at: 0, count: 1) }
    disk.medium.readFailureProbability = 0
    #expect(try disk.read(file, at: 0, count: 1) == [1])
  }

  @Test func bitRotFlipsWhatIsDurable() throws {
    let disk = disk()
    try disk.write(file, at: 0, Array(repeating: 0, count: 100))
    disk.sync(upTo: disk.position)
    let flipped = disk.rot(filesStartingWith: "fi", bits: 1)
    #expect(flipped.count == 1)
    #expect(try disk.read(file, at: 0, count: 100).reduce(0) { $0 + $1.nonzeroBitCount } == 1)
    #expect(disk.rot(filesStartingWith: "absent", bits: 1).isEmpty)
  }

  /// A node that writes a byte every 10 ms and states when it is durable.
  private func flyWriter(under faults: [PlannedFault]) -> (durableMilliseconds: [UInt64], notebook: Notebook) {
    let notebook = Notebook()
    let host = SimulatedHost(
      seed: 3,
      plans: [
        NodePlan("writer") {
          Scripted(
            onStart: { turn in _ = turn.wake(after: .milliseconds(10)) },
            onEvent: { event, turn in
              guard case .timer = event else { return }
              try? turn.disk.write(FileName(fixed: "log"), at: turn.disk.size(of: FileName(fixed: "log")) ?? 0, [1])
              turn.ask(.observe(Observation(.probe, subject: UInt64(turn.now.nanoseconds / 1_000_000))))
              _ = turn.wake(after: .milliseconds(10))
            })
        }
      ])
    host.recorder = notebook
    host.plan(faults)
    host.startAll()
    host.run(until: 1_000_000_000)
    let delays = notebook.observations.filter { $0.observation.fact == .probe }.map {
      UInt64($0.at.nanoseconds / 1_000_000) - $0.observation.subject
    }
    return (delays, notebook)
  }

  @Test func aSlowDiskDelaysWhatWaitsForIt() {
    let node = NodeID(0)
    let plain = flyWriter(under: []).durableMilliseconds.max() ?? 0
    let slow = flyWriter(under: window(SlowDisk(of: node, factor: 200))).durableMilliseconds.max() ?? 0
    #expect(plain <= 21)
    #expect(slow >= 40)
  }

  @Test func aFailedSyncDiscardsWhatWaitedAndRestartsTheNode() {
    let (_, notebook) = flyWriter(under: window(FailingSync(of: NodeID(0), probability: 1)))
    let lives = Set(notebook.observations.map(\.incarnation))
    #expect(lives.count >= 2)
    // Nothing that waited for a sync in the window left. What is written in its very first instant may come before it.
    let inWindow = notebook.observations.filter {
      (200_000_000...600_000_000).contains($0.at.nanoseconds) && $0.observation.subject > 200
    }
    #expect(inWindow.isEmpty)
  }
}
