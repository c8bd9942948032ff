// Nothing is acknowledged before it is durable: shown by a recorder under the disk, by a restart on synced bytes only,
// by failed syncs, and by killing a serving process.

import Glibc
import Hosting
import Live
import ProvingGround
import Testing
import Vocabulary

@Suite(.serialized) struct OutputCommitTests {
  private static let increment = "POST /increment HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"
  private static let value = "GET /value HTTP/1.1\r\nhost: a\r\n\r\n"

  /// The highest value that was acknowledged to `clients` connections with `count` pipelined increments each.
  private func load(_ port: Int, clients: Int, count: Int) throws -> UInt64 {
    let connections = try (0..<clients).map { _ in try RawClient(port: port) }
    for connection in connections { connection.send(String(repeating: Self.increment, count: count)) }
    var highest: UInt64 = 0
    for connection in connections {
      for _ in 0..<count { highest = max(highest, connection.readResponse().flatMap { UInt64($0.text) } ?? 0) }
    }
    return highest
  }

  private func stored(_ port: Int) throws -> UInt64? {
    let client = try RawClient(port: port)
    client.send(Self.value)
    return client.readResponse().flatMap { UInt64($0.text) }
  }

  @Test func everyAcknowledgementLeavesAfterItsSync() async throws {
    let directory = TemporaryDirectory()
    let recorder = try DiskRecorder(shadowPath: directory.path + "/shadow")
    try await withNode(DurableCounter(), directory: directory.path + "/disk", witness: recorder) { port, _, _ in
      let highest = try load(port, clients: 8, count: 50)
      #expect(highest == 400)
    }
    #expect(recorder.unsoundReleases == [])
    var releases = 0
    var syncs = 0
    for entry in recorder.entries {
      if case .released(_, let needed, _) = entry, needed > .zero { releases += 1 }
      if case .syncEnded = entry { syncs += 1 }
    }
    #expect(releases == 400)
    #expect(syncs > 0 && syncs < 400, "one sync serves many: group commit")
    #expect(recorder.shadowFailure == nil)
  }

  /// The control: the same evidence shows the bug of a counter that does not wait.
  @Test func anEarlyAnswerIsSeen() async throws {
    let directory = TemporaryDirectory()
    let recorder = try DiskRecorder(shadowPath: directory.path + "/shadow")
    let early = PlantedBugs([.counterAnswersEarly])
    try await withNode(DurableCounter(), directory: directory.path + "/disk", witness: recorder, planted: early) { port, _, _ in
      _ = try load(port, clients: 2, count: 20)
    }
    let waited = recorder.entries.filter { entry in
      if case .released(_, let needed, _) = entry { return needed > .zero }
      return false
    }
    #expect(waited == [])
    // Each increment was written as operation n; its answer left when less than that was durable.
    var written = DiskPosition.zero
    var isEarly = false
    for entry in recorder.entries {
      if case .operated(_, let position) = entry { written = position }
      if case .released(_, _, let durable) = entry, durable < written { isEarly = true }
    }
    #expect(isEarly)
  }

  @Test func aRestartOnSyncedBytesServesEveryAcknowledgedWrite() async throws {
    let directory = TemporaryDirectory()
    // The shadow is frozen at a moment in the middle of the load, together with what had been acknowledged by then.
    let recorder = try DiskRecorder(shadowPath: directory.path + "/shadow")
    try await withNode(DurableCounter(), directory: directory.path + "/disk", witness: recorder) { port, _, _ in
      let busy = try (0..<4).map { _ in try RawClient(port: port) }
      for client in busy { client.send(String(repeating: Self.increment, count: 200)) }
      for round in 1...5 {
        let acknowledged = busy.compactMap { $0.readResponse().flatMap { UInt64($0.text) } }.max() ?? 0
        let frozen = directory.path + "/frozen-\(round)"
        #expect(mkdir(frozen, 0o755) == 0)
        try copyFile(directory.path + "/shadow/counter.log", frozen + "/counter.log")
        try await withNode(DurableCounter(), directory: frozen) { port, _, _ in
          let recovered = try stored(port) ?? 0
          #expect(recovered >= acknowledged, "round \(round)")
        }
      }
    }
  }

  private func copyFile(_ source: String, _ target: String) throws {
    let input = open(source, O_RDONLY)
    let output = open(target, O_WRONLY | O_CREAT, 0o644)
    defer {
      close(input)
      close(output)
    }
    var chunk = [UInt8](repeating: 0, count: 65_536)
    for _ in 0..<1_000 {
      let count = Glibc.read(input, &chunk, chunk.count)
      if count <= 0 { break }
      try #require(Glibc.write(output, chunk, count) == count)
    }
  }

  @Test func aFailedSyncAcknowledgesNothingAndRestartsTheNode() async throws {
    let directory = TemporaryDirectory()
    let recorder = try DiskRecorder(shadowPath: directory.path + "/shadow")
    try await withNode(
      DurableCounter(), .changed { $0.restartDelay = .milliseconds(5) }, directory: directory.path + "/disk", witness: recorder
    ) { port, host, kept in
      let first = try load(port, clients: 1, count: 3)
      #expect(first == 3)
      for round in 1...6 as ClosedRange<UInt64> {
        recorder.failNextSyncs([EIO])
        let client = try RawClient(port: port)
        client.send(Self.increment)
        #expect(client.readResponse() == nil, "no acknowledgement without a sync")
        #expect(client.isAtEnd)
        #expect(try await eventually { await host.isRunning(NodeID(0)) })
        let recovered = try stored(port)
        #expect(recovered == 2 + round, "what failed is gone, what was acknowledged is there")
        let next = try load(port, clients: 1, count: 1)
        #expect(next == 3 + round)
      }
      #expect(recorder.unsoundReleases == [])
      #expect(kept.records.defects == [])
      let lives = Set(kept.records.observations.map { $0.incarnation })
      #expect(lives == Set(0...6))
    }
  }

  @Test func aKilledProcessServesWhatItAcknowledged() async throws {
    let directory = TemporaryDirectory()
    var acknowledged: UInt64 = 0
    for round in 0..<4 {
      let process = try ServingProcess(directory: directory.path)
      let before = try #require(try stored(process.port))
      #expect(before >= acknowledged, "round \(round)")
      #expect(before <= acknowledged + 400, "round \(round): only what was asked for")
      let clients = try (0..<4).map { _ in try RawClient(port: process.port) }
      for client in clients { client.send(String(repeating: Self.increment, count: 100)) }
      acknowledged = before
      for client in clients {
        for _ in 0..<(10 * (round + 1)) { acknowledged = max(acknowledged, client.readResponse().flatMap { UInt64($0.text) } ?? 0) }
      }
      process.signal(SIGKILL)
      #expect(process.waitForEnd() == SIGKILL)
    }
    let last = try ServingProcess(directory: directory.path)
    #expect(try #require(try stored(last.port)) >= acknowledged)
    last.signal(SIGTERM)
    #expect(last.waitForEnd() == 0, "a graceful end")
  }
}
