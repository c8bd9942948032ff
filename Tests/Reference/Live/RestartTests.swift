// A node that lost its disk comes back as soon as the system lets it; what cannot come back ends the host's run with a
// reason.

import Glibc
import Hosting
import Live
import ProvingGround
import Synchronization
import Testing
import Vocabulary

/// Serves in its first life only.
private struct OnceOnly: Machine {
  func start(_ turn: inout Turn) throws(StartRefusal) { if turn.incarnation > 0 { throw StartRefusal("the disk holds a riddle") } }
  func handle(_ event: Event, _ turn: inout Turn) {}
}

/// Keeps more files than the host keeps open, and reads all that it finds; states as probe 1 of each life how many they
/// were.
private struct ManyFiles: Machine {
  static let count: UInt64 = 600

  func start(_ turn: inout Turn) throws(StartRefusal) {
    let found = turn.disk.list()
    do throws(DiskError) {
      for name in found { _ = try turn.disk.read(name, at: 0, count: 1) }
      if turn.incarnation == 0 { for number in 0..<Self.count { try turn.disk.write(Self.name(number), at: 0, [7]) } }
    } catch { throw StartRefusal("\(error)") }
    turn.observe(.probe, subject: 1, value: UInt64(found.count))
  }

  func handle(_ event: Event, _ turn: inout Turn) {}

  static func name(_ number: UInt64) -> FileName { FileName("file", number: number, suffix: "data") }
}

/// Puts the files of `ManyFiles` aside when the second life has opened the directory, before its machine reads them.
private final class FileThief: DiskWitness {
  private let directory: String
  private let openings = Mutex(0)
  private let synced = Atomic<Bool>(false)

  init(_ directory: String) { self.directory = directory }

  var hasSynced: Bool { synced.load(ordering: .relaxed) }

  func opened() {
    let count = openings.withLock { count in
      count += 1
      return count
    }
    guard count == 2 else { return }
    mkdir("\(directory)/.aside", 0o755)
    for number in 0..<ManyFiles.count {
      let name = ManyFiles.name(number).text
      rename("\(directory)/\(name)", "\(directory)/.aside/\(name)")
    }
  }

  func operated(_ operation: WitnessedOperation, position: DiskPosition) {}
  func syncBegan(upTo position: DiskPosition) -> Int32? { nil }
  func syncEnded(upTo position: DiskPosition, succeeded: Bool) { synced.store(true, ordering: .relaxed) }
  func created(_ file: FileName, _ bytes: [UInt8]) {}
  func released(_ exchange: ExchangeID, needed: DiskPosition) {}
}

/// Counts its lives on its disk, and asks to be started anew when it is asked to fail.
private struct FailingOnRequest: Machine {
  static let file = FileName(fixed: "lives")
  private var lives: UInt8 = 0

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    do throws(DiskError) {
      if turn.disk.size(of: Self.file) != nil { lives = try turn.disk.read(Self.file, at: 0, count: 1).first ?? 0 }
      lives += 1
      try turn.disk.write(Self.file, at: 0, [lives])
    } catch { throw StartRefusal("\(error)") }
  }

  func handle(_ event: Event, _ turn: inout Turn) {
    guard case .request(let id, let request) = event else { return }
    turn.reply(id, Response(status: 200, body: Array("\(lives)".utf8)), .immediately)
    if request.head.target == "/fail" { turn.restart("its state is broken") }
  }
}

@Suite(.serialized) struct RestartTests {
  /// A file in the directory's place: no life can open it, whoever runs the tests.
  private func block(_ path: String) {
    rename(path, path + ".aside")
    close(open(path, O_CREAT | O_WRONLY, 0o644))
  }

  private func unblock(_ path: String) {
    unlink(path)
    rename(path + ".aside", path)
  }

  private func increment(_ port: Int) throws -> String? {
    let client = try RawClient(port: port)
    client.send("POST /increment HTTP/1.1\r\nhost: a\r\n\r\n")
    return client.readResponse()?.text
  }

  /// A counter whose restarts follow one another quickly, with its directory.
  private func withCounter(
    startTries: Int, _ body: (_ path: String, _ port: Int, _ host: LiveHost, _ notices: Notices) async throws -> Void
  ) async throws {
    let directory = TemporaryDirectory()
    let path = directory.path + "/disk"
    let notices = Notices()
    let limits = LiveLimits.changed {
      $0.restartDelay = .milliseconds(1)
      $0.startTries = startTries
    }
    try await withNode(DurableCounter(), limits, directory: path, notices: notices) { port, host, _ in
      try await body(path, port, host, notices)
    }
  }

  @Test func aDirectoryThatIsAwayForAWhileIsTriedAgain() async throws {
    try await withCounter(startTries: 100_000) { path, port, host, notices in
      let first = try increment(port)
      #expect(first == "1")
      block(path)
      await host.crash(NodeID(0))
      #expect(try await eventually { notices.all.contains { $0.contains("try 3 of 100000") } })
      #expect(notices.all.contains { $0.contains(path) && $0.contains("Not a directory") })
      #expect(await !host.isRunning(NodeID(0)))
      unblock(path)
      #expect(try await eventually { await host.isRunning(NodeID(0)) })
      #expect(try increment(port) == "2", "what was acknowledged is still there")
      #expect(host.failure == nil)
    }
  }

  @Test func aMachineThatAsksForItIsStartedAnew() async throws {
    let directory = TemporaryDirectory()
    let notices = Notices()
    let quick = LiveLimits.changed { $0.restartDelay = .milliseconds(1) }
    try await withNode(FailingOnRequest(), quick, directory: directory.path, notices: notices) { port, host, kept in
      for life in 1...3 {
        #expect(try await eventually { await host.isRunning(NodeID(0)) })
        let client = try RawClient(port: port)
        client.send("GET /fail HTTP/1.1\r\nhost: a\r\n\r\n")
        // The answer of the failing turn needs nothing of the disk, and leaves.
        #expect(client.readResponse()?.text == "\(life)")
        #expect(try await eventually { notices.all.count { $0.contains("its state is broken; it restarts from its disk") } == life })
      }
      #expect(host.failure == nil && kept.records.defects == [])
    }
  }

  @Test func aDirectoryThatStaysAwayEndsTheRun() async throws {
    try await withCounter(startTries: 3) { path, _, host, notices in
      block(path)
      await host.crash(NodeID(0))
      let failure = await host.untilFailed()
      guard case .directoryUnusable(path, _) = failure?.cause else {
        Issue.record("it must fail because of its directory, not: \(String(describing: failure))")
        return
      }
      #expect(host.failure == failure && failure?.node == "node")
      #expect(notices.all.filter { $0.contains(" of 3, the next in") }.count == 2, "the third start is the last")
      #expect(notices.all.last?.contains("it stays down") == true)
      unblock(path)
      #expect(await !host.isRunning(NodeID(0)))
    }
  }

  @Test func aMachineThatRefusesItsDiskIsNotTriedAgain() async throws {
    let directory = TemporaryDirectory()
    let notices = Notices()
    let quick = LiveLimits.changed { $0.restartDelay = .milliseconds(1) }
    try await withNode(OnceOnly(), quick, directory: directory.path, notices: notices) { _, host, kept in
      await host.crash(NodeID(0))
      let failure = await host.untilFailed()
      #expect(failure?.cause == .refused(StartRefusal("the disk holds a riddle")))
      #expect(kept.records.defects.count == 1, "it was started once")
      #expect(notices.all.last?.contains("riddle") == true)
    }
  }

  @Test func aFileThatCannotBeOpenedIsNoRefusal() async throws {
    let directory = TemporaryDirectory()
    let notices = Notices()
    let thief = FileThief(directory.path)
    let quick = LiveLimits.changed { $0.restartDelay = .milliseconds(1) }
    try await withNode(ManyFiles(), quick, directory: directory.path, witness: thief, notices: notices) { _, host, kept in
      let hasSynced = try await eventually { thief.hasSynced }
      #expect(hasSynced)
      await host.crash(NodeID(0))
      #expect(try await eventually { notices.all.contains { $0.contains("No such file") && $0.contains("try 1 of") } })
      #expect(try await eventually { await host.isRunning(NodeID(0)) })
      #expect(kept.records.defects == [], "the system failed, not the machine")
      #expect(kept.records.observations.map(\.observation.value) == [0, 0], "the second life was not believed")
    }
  }

  /// Starts a host that must not start, and returns why.
  private func causeOfRefusedStart(listen: NetworkAddress? = nil, directory: String? = nil) async throws -> LiveHostError.Cause? {
    let node = LiveNodeSpecification(NodeID(0), name: "second", listen: listen, dataDirectory: directory) { DurableCounter() }
    let host = try LiveHost([node])
    do {
      try await host.start()
      await host.stop(grace: .zero)
      return nil
    } catch let error as LiveHostError {
      #expect(error.node == "second" && !error.description.contains("errno"))
      return error.cause
    }
  }

  @Test func whatCannotBeHadIsNamed() async throws {
    let directory = TemporaryDirectory()
    let path = directory.path + "/disk"
    try await withNode(DurableCounter(), directory: path) { port, _, _ in
      let taken = NetworkAddress(host: "127.0.0.1", port: port)
      let unknown = NetworkAddress(host: "no.such.host.invalid", port: 0)
      let foreign = NetworkAddress(host: "192.0.2.1", port: 0)
      let causes = try await [
        causeOfRefusedStart(listen: taken), causeOfRefusedStart(listen: unknown), causeOfRefusedStart(listen: foreign),
        causeOfRefusedStart(directory: path),
      ]
      #expect(causes[0] == .addressInUse(taken))
      #expect(causes[1] == .addressUnusable(unknown, reason: "no such host"))
      #expect(causes[2] == .addressUnusable(foreign, reason: "Cannot assign requested address"))
      #expect(causes[3] == .directoryInUse(path: path))
    }
    block(path)
    let cause = try await causeOfRefusedStart(directory: path)
    #expect(cause == .directoryUnusable(path: path, SystemError("open directory \(path)", ENOTDIR)))
  }

  @Test func aStoppedHostFailsNoMore() async throws {
    let host = try LiveHost([LiveNodeSpecification(NodeID(0), name: "counter") { DurableCounter() }])
    try await host.start()
    async let failure = host.untilFailed()
    await host.stop(grace: .zero)
    #expect(await failure == nil)
  }
}
