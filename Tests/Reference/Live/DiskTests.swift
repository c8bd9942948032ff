// The file disk keeps the contract of `Disk`: what was written is read at once, and is there for the next life.

import Glibc
import Hosting
import Live
import ProvingGround
import Testing
import Vocabulary

@Suite(.serialized) struct DiskTests {
  /// Runs one machine on a disk until it states the probe `subject`.
  private func value(
    ofProbe subject: UInt64, _ directory: String, witness: (any DiskWitness)? = nil, quotaBytes: Int? = nil,
    _ machine: @autoclosure @escaping @Sendable () -> any Machine
  ) async throws -> UInt64? {
    try await withNode(machine(), directory: directory, witness: witness, quotaBytes: quotaBytes) { _, _, kept -> UInt64? in
      _ = try await eventually { kept.records.probe(subject, of: NodeID(0)) != nil }
      return kept.records.probe(subject, of: NodeID(0))
    }
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>) func randomOperationsReadBackAndSurvive(seed: UInt64) async throws {
    let directory = TemporaryDirectory()
    let disk = directory.path + "/disk"
    let shadow = directory.path + "/shadow"
    let recorder = try DiskRecorder(shadowPath: shadow)
    #expect(try await value(ofProbe: 1, disk, witness: recorder, DiskWorker(seed: seed, turns: 60)) == 1)
    #expect(recorder.shadowFailure == nil)
    #expect(try await value(ofProbe: 2, disk, DiskWorker(seed: seed, turns: 60)) == 1)
    // The last sync covered everything, so the medium that kept synced bytes only holds the same.
    #expect(try await value(ofProbe: 2, shadow, DiskWorker(seed: seed, turns: 60)) == 1)
    #expect(try await value(ofProbe: 2, disk, DiskWorker(seed: seed + 100, turns: 60)) == 0, "another history must not match")
  }

  /// The grace of a stop may end while a sync is under way; what was written meanwhile goes to the medium behind it.
  @Test func aStopDuringASlowSyncLosesNothing() async throws {
    let directory = TemporaryDirectory()
    let seed: UInt64 = 1
    #expect(try await value(ofProbe: 1, directory.path, witness: SlowMedium(), DiskWorker(seed: seed, turns: 60)) == 1)
    #expect(try await value(ofProbe: 2, directory.path, DiskWorker(seed: seed, turns: 60)) == 1)
  }

  @Test func whatCannotBeDoneIsRefused() async throws {
    let directory = TemporaryDirectory()
    try await withNode(RefusalWorker(), directory: directory.path, quotaBytes: 100_000) { _, _, kept in
      for record in kept.records.observations { #expect(record.observation.value == 1, "refusal \(record.observation.subject)") }
      #expect(kept.records.probe(0, of: NodeID(0)) == 1)
    }
  }

  @Test func worksMakeFiles() async throws {
    let directory = TemporaryDirectory()
    try await withNode(WorkWorker(), directory: directory.path) { _, _, kept in
      _ = try await eventually { kept.records.probe(3, of: NodeID(0)) != nil }
      for subject in 1...3 as ClosedRange<UInt64> { #expect(kept.records.probe(subject, of: NodeID(0)) == 1, "work \(subject)") }
    }
  }

  @Test func twoHostsCannotShareADirectory() async throws {
    let directory = TemporaryDirectory()
    try await withNode(DurableCounter(), directory: directory.path) { _, _, _ in
      let second = try LiveHost([LiveNodeSpecification(NodeID(0), name: "second", dataDirectory: directory.path) { DurableCounter() }])
      await #expect(throws: LiveHostError.self) { try await second.start() }
    }
  }

  @Test func aRefusedStartIsLoud() async throws {
    struct Refusing: Machine {
      func start(_ turn: inout Turn) throws(StartRefusal) { throw StartRefusal("the disk holds a riddle") }
      func handle(_ event: Event, _ turn: inout Turn) {}
    }
    let kept = KeptRecords()
    var configuration = LiveConfiguration()
    configuration.log = Notices().log
    let host = try LiveHost([LiveNodeSpecification(NodeID(0), name: "refusing") { Refusing() }], configuration, recorder: kept)
    await #expect(throws: LiveHostError.self) { try await host.start() }
    #expect(kept.records.defects.first?.what.contains("riddle") == true)
  }
}

/// A medium whose syncs take longer than the grace of `withNode`'s stop.
private final class SlowMedium: DiskWitness {
  func opened() {}
  func operated(_ operation: WitnessedOperation, position: DiskPosition) {}
  func syncBegan(upTo position: DiskPosition) -> Int32? {
    usleep(400_000)
    return nil
  }
  func syncEnded(upTo position: DiskPosition, succeeded: Bool) {}
  func created(_ file: FileName, _ bytes: [UInt8]) {}
  func released(_ exchange: ExchangeID, needed: DiskPosition) {}
}
