// Three brokers as real processes, under load: killed, started again, cut off from each other. The same guarantees as
// in the simulation, judged by the same checkers on what the clients' host recorded.

import Checking
import Foundation
import Launching
import Live
import Load
import MonitoringAPI
import MonitoringChecking
import MonitoringCommand
import MonitoringLoad
import Testing
import Vocabulary
import Wire

@Suite(.serialized) struct BrokerProcessesTests {
  /// The program as the build left it beside the tests.
  private static var program: String {
    URL(fileURLWithPath: BrokerProcesses.thisProgram).deletingLastPathComponent().appendingPathComponent("windtunnel").path
  }

  @Test func killsAndCutsLoseNothingThatWasAcknowledged() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "windtunnel-brokers-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cluster = try await BrokerProcesses(count: 3, folder: folder.path, executable: Self.program, isCuttable: true)
    let record = try await Self.drive(cluster, asked: [1, 2, 3], load: 12) {
      for round in 0..<6 {
        let number = UInt32(1 + round % 3)
        try await Task.sleep(for: .milliseconds(700))
        if round.isMultiple(of: 2) {
          await cluster.kill(number)
          try await Task.sleep(for: .milliseconds(900))
          try await cluster.start(number)
        } else {
          cluster.setCut(number, true)
          try await Task.sleep(for: .milliseconds(1_200))
          cluster.setCut(number, false)
        }
      }
    }
    await cluster.end()
    Self.judge(record)
  }

  /// The nodes of the clients, by number.
  private static let names = ["load", "member-1", "member-2", "probe"]
  private static let members = [NodeID(1), NodeID(2)]

  private static func judge(_ record: FlightRecord) {
    for checker in [
      NoDefects(), ReadBackEnded(), QueueLinearizable(), DenseOffsets(), RecordsKept(),
      GroupsDeliver(members: Self.members), GroupsDivide(members: Self.members),
    ] as [any Checker] {
      let judgement = checker.judge(record)
      #expect(judgement.held, "\(judgement.checker): \(judgement.violations.map(\.summary)), \(judgement.examined)")
    }
  }

  @Test func membersAreReplacedUnderLoadByACommand() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "windtunnel-members-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cluster = try await BrokerProcesses(count: 3, folder: folder.path, executable: Self.program)
    // The load and the probe ask brokers 2 and 3, which stay.
    let record = try await Self.drive(cluster, asked: [2, 3], load: 8) {
      _ = try await cluster.startJoining()
      let at = "\(cluster.brokers[1].address)"
      // Whichever of them is asked, and whichever leads: none forwards what it was asked by who proves nothing.
      for broker in cluster.brokers {
        for (target, body) in [
          ("/brokers", #"{"number":9,"address":"127.0.0.1:1"}"#), ("/raft/groups/3/membership", #"{"voters":[1]}"#),
          ("/raft/groups/3/transfer", #"{"to":2}"#),
        ] {
          let refused = try await SingleCall.answer(to: Request(.post, target, body: Array(body.utf8)), at: broker.address)
          #expect(refused?.status == 401, "\(target) at broker \(broker.number)")
        }
      }
      let unproved = try await cluster.run(["brokers", "--at", at, "--add", cluster.brokers[3].option])
      #expect(unproved == 1, "who cannot prove the key changes nothing")
      let added = try await cluster.administer(["--at", at, "--add", cluster.brokers[3].option])
      #expect(added == 0)
      let removed = try await cluster.administer(["--at", at, "--remove", "1"])
      #expect(removed == 0)
      await cluster.kill(1)
      // A cluster of 2, 3 and 4 does without any one of its own.
      await cluster.kill(3)
      try await Task.sleep(for: .seconds(1))
      try await cluster.start(3)
    }
    await cluster.end()
    Self.judge(record)
  }

  @Test func aCutProxyPassesOnAndSwallows() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "windtunnel-proxy-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cluster = try await BrokerProcesses(count: 1, folder: folder.path, executable: Self.program)
    let proxy = try await CutProxy(to: cluster.brokers[0].address)
    let open = try await SingleCall.answer(to: Request(.get, "/health"), at: proxy.address, within: .seconds(2))
    #expect(open?.status == 200)
    proxy.setCut(true)
    #expect(try await SingleCall.answer(to: Request(.get, "/health"), at: proxy.address, within: .seconds(2)) == nil)
    proxy.setCut(false)
    #expect(try await SingleCall.answer(to: Request(.get, "/health"), at: proxy.address, within: .seconds(2))?.status == 200)
    await proxy.close()
    await cluster.end()
  }

  @Test func aBrokerThatOthersReachNeedsAKey() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "windtunnel-keyless-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cluster = try await BrokerProcesses(count: 1, folder: folder.path, executable: Self.program)
    func refused(_ options: [String]) async throws -> Int32 {
      try await cluster.run(["serve", "queue", "--data", folder.appendingPathComponent("never").path] + options)
    }
    let short = folder.appendingPathComponent("short.key").path
    try "short".write(toFile: short, atomically: true, encoding: .utf8)
    for options in [
      ["--peers", "1=0.0.0.0:7001"], ["--peers", "1=127.0.0.1:7001@0.0.0.0:7101"], ["--peer-listen", "0.0.0.0:7101"],
      ["--peer-key-file", short], ["--peer-key-file", short + ".missing"],
    ] { #expect(try await refused(options) == 2, "\(options)") }
    #expect(try await refused(["--peers", "1=127.0.0.1:60000"]) != 0, "the peers' port would be beyond the last one")
    #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("never").path), "nothing is written")
    await cluster.end()
  }

  @Test func aFolderIsServedByItsOwnerAlone() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "windtunnel-folders-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cluster = try await BrokerProcesses(count: 1, folder: folder.path, executable: Self.program)
    let own = folder.appendingPathComponent("queue-1").path
    await cluster.kill(1)
    func names() throws -> [String] { try FileManager.default.subpathsOfDirectory(atPath: own).sorted() }
    let before = try names()
    #expect(before.contains(".windtunnel"))
    #expect(try await cluster.run(["serve", "monitoring", "--port", "0", "--data", own]) == 2)
    #expect(try await cluster.run(["serve", "queue", "--id", "2", "--peers", "2=127.0.0.1:21990", "--data", own]) == 2)
    #expect(try names() == before, "nothing is written")
    // As an earlier version left it, and beside it what another service put there meanwhile.
    try FileManager.default.removeItem(atPath: "\(own)/.windtunnel")
    #expect(try await cluster.run(["serve", "monitoring", "--port", "0", "--data", own]) == 2)
    #expect(try !names().contains(".windtunnel"), "without its number nobody knows whose it is")
    try "1\n".write(toFile: "\(own)/.broker", atomically: true, encoding: .utf8)
    #expect(try await cluster.run(["serve", "queue", "--id", "2", "--peers", "2=127.0.0.1:21990", "--data", own]) == 2)
    try await cluster.start(1)
    #expect(try names().contains(".windtunnel"))
    await cluster.end()
  }

  @Test func aStoppedBrokerAnswersItsLongPollsAtOnce() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "windtunnel-stopped-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cluster = try await BrokerProcesses(count: 1, folder: folder.path, executable: Self.program)
    let broker = cluster.brokers[0].address
    // One that is answered shows that there is a leader.
    for _ in 0..<100 {
      if try await SingleCall.answer(to: ConsumeRequest(partition: 3, offset: 0, count: 1).request(), at: broker)?.status == 200 { break }
      try await Task.sleep(for: .milliseconds(50))
    }
    async let polled = SingleCall.answer(
      to: Request(.get, "/consume?partition=3&offset=0&count=1&wait=30000"), at: broker, within: .seconds(60))
    try await Task.sleep(for: .milliseconds(500))
    await cluster.end()
    let answer = try await polled
    #expect(answer?.status == 200 && answer?.head.headers["connection"] == "close")
    #expect(answer.map { String(decoding: $0.body, as: UTF8.self).contains("\"messages\":[]") } == true)
  }

  /// The load, and the faults while it runs.
  private static func drive(
    _ cluster: BrokerProcesses, asked: [UInt32], load: Int64, _ faults: () async throws -> Void
  ) async throws -> FlightRecord {
    let record = GuardedRecord(
      FlightRecord(
        nodes: names.enumerated().map {
          FlightNode(id: NodeID(UInt16($0.offset)), name: "queue/\($0.element)", roles: [NodeRole($0.element)])
        }))
    var configuration = LiveConfiguration()
    var endpoints: [Endpoint] = []
    for broker in cluster.brokers where asked.contains(broker.number) {
      let endpoint = Endpoint(UInt16(100 + broker.number))
      configuration.directory[endpoint] = Destination(broker.address)
      endpoints.append(endpoint)
    }
    let brokers = endpoints
    let plan = QueueLoadPlan(arrivals: Arrivals(perSecond: 50, spacing: .poisson), until: .seconds(load), keys: 4)
    let calls = (0..<QueueAPI.partitionCount).map { all(of: $0, from: 0, brokers[0]) }
    let machines: [@Sendable () -> any Machine] = [
      { QueueLoad(plan, brokers: brokers) },
      { GroupConsumer(group: "group", brokers: brokers, until: .seconds(load + 20)) },
      { GroupConsumer(group: "group", brokers: brokers, until: .seconds(load + 20)) },
      { ScriptedCaller(from: .seconds(load + 20), calls) },
    ]
    let host = try LiveHost(
      machines.enumerated().map { index, make in
        LiveNodeSpecification(
          NodeID(UInt16(index)), name: names[index], listen: nil, dataDirectory: nil, isRecorded: true, makeMachine: make)
      }, configuration, recorder: record)
    try await host.start()
    try await faults()
    let probe = NodeID(3)
    for _ in 0..<600 {
      try await Task.sleep(for: .milliseconds(100))
      if record.hasStated(.scriptEnded, probe) { break }
    }
    await host.stop(grace: .zero)
    return record.record
  }

  /// All messages of a partition.
  private static func all(of partition: Int, from offset: Int64, _ broker: Endpoint) -> ScriptedCall {
    ScriptedCall(broker, ConsumeRequest(partition: partition, offset: offset, count: 1_000).request()) { response in
      guard let document = try? response.document(), let answer = try? ConsumeResponse(document), !answer.messages.isEmpty else {
        return []
      }
      return [all(of: partition, from: answer.nextOffset, broker)]
    }
  }
}
