// The bytes of works are no business of the journal's syncs, and a work's file takes no other's place.

import ProvingGround
import Testing
import Vocabulary
import World

/// Creates a file.
struct Creating: Work {
  var file = FileName(fixed: "made")
  let bytes: Int

  func run(_ files: any WorkFiles) throws(WorkFailure) -> Int {
    try files.create(file, [UInt8](repeating: 1, count: bytes))
    return files.size(of: file) ?? 0
  }
}

@Suite struct WorksAndSyncs {
  /// When a node writes its byte: once the work has ended, behind a barrier or not, or while the work writes its file.
  enum Moment: CaseIterable, Sendable {
    case afterwards, behindABarrier, meanwhile
  }

  @Test(arguments: Moment.allCases) func aWorksBytesDoNotLengthenTheJournalsSync(_ moment: Moment) {
    let notebook = Notebook()
    func write(_ turn: inout Turn) {
      turn.observe(.probe, subject: 1, value: UInt64(turn.now.nanoseconds / 1_000))
      do throws(DiskError) { try turn.disk.write(FileName(fixed: "log"), at: 0, [1]) } catch { return }
      _ = turn.notifyWhenDurable()
    }
    let host = SimulatedHost(
      seed: 3,
      plans: [
        NodePlan("node") {
          Scripted(
            onStart: { turn in
              _ = turn.compute(Creating(bytes: 67_108_864), .immediately)
              if moment == .meanwhile { _ = turn.wake(after: .milliseconds(20)) }
            },
            onEvent: { event, turn in
              switch event {
              case .timer: write(&turn)
              case .completed:
                if moment == .behindABarrier { turn.disk.barrier() }
                if moment != .meanwhile { write(&turn) }
              case .durable: turn.observe(.probe, subject: 2, value: UInt64(turn.now.nanoseconds / 1_000))
              case .request, .response, .failed, .abandoned, .message, .stream: break
              }
            })
        }
      ])
    host.recorder = notebook
    host.startAll()
    host.run(until: 1_000_000_000)
    let moments = notebook.probes(of: 0)
    #expect(moments.map(\.subject) == [1, 2])
    // 64 MiB take 37 ms.
    #expect(moments.count == 2 && moments[1].value - moments[0].value < 3_000, "\(moments.map(\.value))")
    #expect(host.disk(of: NodeID(0)).unsyncedBytes == 0)
  }

  /// A turn that writes nothing answers at once, also where a work has left a file just before it: that has its own sync.
  @Test func noSyncFollowsAWorkThatNobodyWroteBeside() {
    let notebook = Notebook()
    let host = SimulatedHost(
      seed: 3,
      plans: [
        NodePlan("node") {
          Scripted(
            onStart: { turn in _ = turn.compute(Creating(bytes: 1_000), .immediately) },
            onEvent: { event, turn in
              switch event {
              case .completed:
                turn.observe(.probe, subject: 1, value: UInt64(turn.now.nanoseconds / 1_000))
                _ = turn.notifyWhenDurable()
              case .durable: turn.observe(.probe, subject: 2, value: UInt64(turn.now.nanoseconds / 1_000))
              case .request, .response, .failed, .abandoned, .message, .timer, .stream: break
              }
            })
        }
      ])
    host.recorder = notebook
    host.startAll()
    host.run(until: 1_000_000_000)
    let moments = notebook.probes(of: 0)
    #expect(moments.map(\.subject) == [1, 2])
    // A sync takes at least twice as long.
    #expect(moments.count == 2 && moments[1].value - moments[0].value < 50, "\(moments.map(\.value))")
    #expect(!host.disk(of: NodeID(0)).isDirty)
  }

  @Test func whatIsSyncedAheadNeedsNoOtherSyncOnceAllBeforeItIsDurable() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    let (one, two) = (FileName(fixed: "one"), FileName(fixed: "two"))
    try disk.write(one, at: 0, [1])
    disk.syncFile(one)
    #expect(!disk.isDirty && disk.durablePosition == disk.position)
    try disk.write(two, at: 0, [2])
    let behindTwo = disk.position
    disk.barrier()
    try disk.write(one, at: 1, [1])
    disk.syncFile(one)
    #expect(disk.isDirty && disk.durablePosition < behindTwo, "what stands before it still waits")
    disk.sync(upTo: disk.syncTarget)
    #expect(!disk.isDirty && disk.durablePosition == disk.position)
    // A barrier behind what is durable divides nothing.
    try disk.write(one, at: 2, [1])
    disk.barrier()
    disk.syncFile(one)
    #expect(disk.phaseCount == 1 && disk.syncTarget == disk.position)
    disk.crash()
    #expect(try disk.readAll(one, limitBytes: 8) == [1, 1, 1] && disk.readAll(two, limitBytes: 8) == [2])
  }

  @Test func whatTheNextSyncCarriesIsCountedInOneWay() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    let (one, two) = (FileName(fixed: "one"), FileName(fixed: "two"))
    try disk.write(one, at: 0, [UInt8](repeating: 1, count: 1_000))
    try disk.write(two, at: 0, [UInt8](repeating: 1, count: 300))
    #expect(disk.bytesOfNextSync == 1_300)
    disk.syncFile(one)
    #expect(disk.bytesOfNextSync == 300 && disk.unsyncedBytes == 300)
    disk.barrier()
    try disk.write(one, at: 0, [UInt8](repeating: 2, count: 50))
    #expect(disk.bytesOfNextSync == 300 && disk.unsyncedBytes == 350)
    disk.sync(upTo: disk.syncTarget)
    #expect(disk.bytesOfNextSync == 50 && disk.unsyncedBytes == 50)
    disk.crash()
    #expect(disk.bytesOfNextSync == 0 && disk.unsyncedBytes == 0)
  }
}
