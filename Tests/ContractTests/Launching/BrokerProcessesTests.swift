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
    let record = try await Self.drive(cluster)
    await cluster.end()
    for checker in [
      NoDefects(), QueueLinearizable(), DenseOffsets(), RecordsKept(), GroupsDeliver(members: ["member-1", "member-2"]),
    ] as [any Checker] {
      let judgement = checker.judge(record)
      #expect(judgement.held, "\(judgement.checker): \(judgement.violations.map(\.summary)), \(judgement.examined)")
    }
  }

  @Test func aCutProxyPassesOnAndSwallows() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "windtunnel-proxy-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cluster = try await BrokerProcesses(count: 1, folder: folder.path, executable: Self.program)
    let proxy = try await CutProxy(to: cluster.brokers[0].address)
    let open = try await Self.outcome(of: Request(.get, "/health"), at: proxy.address)
    #expect(open?.status == 200)
    proxy.setCut(true)
    #expect(try await Self.outcome(of: Request(.get, "/health"), at: proxy.address) == nil)
    proxy.setCut(false)
    #expect(try await Self.outcome(of: Request(.get, "/health"), at: proxy.address)?.status == 200)
    await proxy.close()
    await cluster.end()
  }

  /// The answer to one request; nil where there was none within a second.
  private static func outcome(of request: Request, at address: NetworkAddress) async throws -> Response? {
    let record = GuardedRecord(FlightRecord(nodes: []))
    var configuration = LiveConfiguration()
    configuration.directory[Endpoint(1)] = address
    let host = LiveHost(
      [
        LiveNodeSpecification(NodeID(0), name: "caller", listen: nil, dataDirectory: nil, isRecorded: true) {
          ScriptedCaller(from: .zero, [ScriptedCall(Endpoint(1), request)])
        }
      ], configuration, recorder: record)
    try await host.start()
    for _ in 0..<50 where !record.hasProbe(of: NodeID(0)) { try await Task.sleep(for: .milliseconds(20)) }
    await host.stop(grace: .zero)
    for exchange in record.record.exchanges { if case .answered(let response) = exchange.outcome { return response } }
    return nil
  }

  /// The load, and the faults while it runs.
  private static func drive(_ cluster: BrokerProcesses) async throws -> FlightRecord {
    let load: Int64 = 12
    let names = ["load", "member-1", "member-2", "probe"]
    let record = GuardedRecord(FlightRecord(nodes: names.enumerated().map { FlightNode(id: NodeID(UInt16($0.offset)), name: $0.element) }))
    var configuration = LiveConfiguration()
    var endpoints: [Endpoint] = []
    for broker in cluster.brokers {
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
