// Three brokers as real processes, under load: killed, started again, cut off from each other. The same guarantees as in the simulation, judged by the same
// checkers on what the clients' host recorded.

import Checking
import Foundation
import Launching
import Live
import Load
import MonitoringAPI
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
          cluster.kill(number)
          try await Task.sleep(for: .milliseconds(900))
          try cluster.start(number)
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

  private static func judge(_ record: FlightRecord) {
    for checker in [
      NoDefects(), ReadBackEnded(), QueueLinearizable(), DenseOffsets(), RecordsKept(),
      GroupsDeliver(members: ["member-1", "member-2"]), GroupsDivide(members: ["member-1", "member-2"]),
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
      let fourth = try cluster.startJoining()
      let at = "\(cluster.brokers[1].address)"
      let added = try cluster.run(["brokers", "--at", at, "--add", "\(fourth)=\(cluster.brokers[3].address)"])
      #expect(added == 0)
      let removed = try cluster.run(["brokers", "--at", at, "--remove", "1"])
      #expect(removed == 0)
      cluster.kill(1)
      // A cluster of 2, 3 and 4 does without any one of its own.
      cluster.kill(3)
      try await Task.sleep(for: .seconds(1))
      try cluster.start(3)
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

  /// The load, and the faults while it runs.
  private static func drive(
    _ cluster: BrokerProcesses, asked: [UInt32], load: Int64, _ faults: () async throws -> Void
  ) async throws -> FlightRecord {
    let names = ["load", "member-1", "member-2", "probe"]
    let record = GuardedRecord(FlightRecord(nodes: names.enumerated().map { FlightNode(id: NodeID(UInt16($0.offset)), name: $0.element) }))
    var configuration = LiveConfiguration()
    var endpoints: [Endpoint] = []
    for broker in cluster.brokers where asked.contains(broker.number) {
      let endpoint = Endpoint(UInt16(100 + broker.number))
      configuration.directory[endpoint] = broker.address
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
    let host = LiveHost(
      machines.enumerated().map { index, make in
        LiveNodeSpecification(
          NodeID(UInt16(index)), name: names[index], listen: nil, dataDirectory: nil, isRecorded: true, makeMachine: make)
      }, configuration, recorder: record)
    try await host.start()
    try await faults()
    let probe = NodeID(3)
    for _ in 0..<600 {
      try await Task.sleep(for: .milliseconds(100))
      if record.hasProbe(of: probe) { break }
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
