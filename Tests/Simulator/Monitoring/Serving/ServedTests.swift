// What is served of the platform and of its queue, for given options: names, ports, folders. Nothing is started.

import Console
import Flight
import Live
import MonitoringFlight
import MonitoringServing
import Scenarios
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

  /// What is served is what a flight places in one box: the same nodes, in the same order, under the same names.
  @Test(arguments: [1, 3]) func whatIsServedIsWhatIsFlown(brokers: Int) throws {
    let plan = try ServedMonitoring.plan(try ServedMonitoring.Options.parse(["--brokers", "\(brokers)"]), Self.nowhere)
    let scenario = try Scenario(
      yaml: """
        scenario: example
        about: The platform in one box.
        system: monitoring
        brokers: \(brokers)
        duration: 20s
        load:
          - metrics: 10/s
        boxes:
          - all
        """, file: "x.yaml", systems: [MonitoringSystem()])
    let flight = Flight(FlightOrder(scenario, seed: 1), systems: [MonitoringSystem()])
    #expect(Array(flight.nodeNames.prefix(plan.nodes.count)) == plan.nodes.map(\.name))
    #expect(plan.nodes.enumerated().allSatisfy { Int($1.node.index) == $0 })
    // Behind them stand clients and the world outside alone.
    #expect(flight.nodeNames.dropFirst(plan.nodes.count).prefix(1) == ["monitoring/webhook"])
  }

  /// Who is called by TLS calls its like by TLS: nothing that a client sent by it goes on in the clear.
  @Test func brokersCallEachOtherAsTheyAreCalled() throws {
    let options = try ServedQueue.Options.parse(["--peers", "1=a.example:7001,2=b.example:7002,3=c.example:7003"])
    for scheme in [Destination.Scheme.http, .https] {
      let plan = try ServedQueue.plan(options, ServedHosting(folder: Self.nowhere.folder, planted: .none, scheme: scheme))
      #expect(plan.directory.values.map(\.description).sorted() == ["b.example:7002", "c.example:7003"].map { "\(scheme.text)://\($0)" })
    }
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
