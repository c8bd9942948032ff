// What is served of the platform and of its queue, for given options: names, ports, folders. Nothing is started.

import Console
import Live
import MonitoringServing
import Testing
import Vocabulary

@Suite struct ServedTests {
  private static let nowhere = ServedHosting(folder: FolderView("/nonexistent/folder"), planted: .none)

  @Test func thePlatformStandsAtPortsInARow() throws {
    let options = try ServedMonitoring.Options.parse(["--port", "9000", "--brokers", "3"])
    let plan = try ServedMonitoring.plan(options, Self.nowhere)
    #expect(plan.nodes.map(\.name).prefix(2) == ["monitoring/ingestion", "monitoring/queue"])
    let ports = plan.nodes.compactMap { $0.listen?.port }
    #expect(ports == Array(9_000..<9_007))
    #expect(plan.nodes.filter { $0.peerListen != nil }.count == 3)
    let folders = plan.nodes.map { String($0.name.dropFirst("monitoring/".count)) }
    #expect(plan.folders.map(\.name) == [""] + folders)
    #expect(plan.peerKey == nil)
  }

  @Test func aChannelLeadsToItsWebhook() throws {
    let options = try ServedMonitoring.Options.parse(["--webhook", "ops=http://127.0.0.1:5001/a?b=%20"])
    let plan = try ServedMonitoring.plan(options, Self.nowhere)
    #expect(plan.directory.values.map(\.description) == ["http://127.0.0.1:5001"])
  }

  /// A build without TLS says how to have it; one with it takes the URL as it is.
  @Test func aChannelMayWantTLS() throws {
    guard TransportSecurity.isBuiltIn else {
      let error = #expect(throws: (any Error).self) { try ServedMonitoring.Options.parse(["--webhook", "ops=HTTPS://hooks.example/a?b"]) }
      #expect(error.map { ServedMonitoring.Options.message(for: $0).contains("--traits TLS") } == true)
      return
    }
    let options = try ServedMonitoring.Options.parse(["--webhook", "ops=HTTPS://hooks.example/a?b"])
    #expect(try ServedMonitoring.plan(options, Self.nowhere).directory.values.map(\.description) == ["https://hooks.example:443"])
  }

  @Test func aBrokerStandsAloneWithItsPeersOutside() throws {
    let options = try ServedQueue.Options.parse(["--id", "2", "--peers", "1=127.0.0.1:7001,2=127.0.0.1:7002@7999,3=127.0.0.1:7003"])
    let plan = try ServedQueue.plan(options, Self.nowhere)
    #expect(plan.nodes.map(\.name) == ["queue/queue-2"])
    #expect(plan.nodes.first?.listen?.port == 7_002 && plan.nodes.first?.peerListen?.port == 7_999)
    #expect(plan.directory.count == 2 && plan.peerDirectory.count == 2)
    let owners = plan.folders.map(\.owner)
    #expect(owners == [DataFolderOwner(service: "message queue", node: "broker 2", founders: [1, 2, 3])])
  }

  @Test(arguments: [
    ["--id", "4"], ["--peers", "1=127.0.0.1:7001,1=127.0.0.1:7002"], ["--join", "--founders", "1"], ["--founders", "2"],
    ["--founders", "1,1"],
  ]) func whatContradictsItselfIsRefused(_ words: [String]) throws {
    let options = try ServedQueue.Options.parse(words)
    #expect(throws: (any Error).self) { try ServedQueue.plan(options, Self.nowhere) }
  }
}
