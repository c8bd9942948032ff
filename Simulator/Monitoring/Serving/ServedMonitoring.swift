// How the monitoring platform is served: its services at ports in a row, in one process.

import ArgumentParser
import Console
import Live
import MonitoringAPI
import MonitoringAssembly
import Vocabulary
import Wire

/// The monitoring platform as it is served.
package enum ServedMonitoring: ServedForm {
  /// Its options.
  package struct Options: ParsableArguments {
    @OptionGroup package var ports: PortsInARow
    @Option(help: "Brokers of the queue: 1, or 3 or 5 that replicate. (default: 1)", transform: { try Bounds.brokers.read($0) })
    package var brokers = 1
    @Option(
      name: .customLong("webhook"),
      help: """
        A channel for alerts: NAME=http://HOST:PORT/PATH?QUERY, or https:// where the command was built with TLS, called as it is given; may be given \
        more than once.
        """,
      transform: { try WebhookOption($0) })
    package var webhooks: [WebhookOption] = []
    @Option(help: "Requests that one client may make within a second. (default: 10)", transform: { try Bounds.rate.read($0) })
    package var clientRate = 10

    package init() {}

    package func validate() throws {
      for (index, webhook) in webhooks.enumerated()
      where webhooks[..<index].contains(where: { $0.name.utf8.elementsEqual(webhook.name.utf8) }) {
        throw ValidationError("--webhook: the channel \"\(webhook.name)\" is given twice")
      }
    }
  }

  package static let name = "monitoring"
  package static let abstract = "Serve the monitoring platform."
  package static let discussion = """
    The five services listen on five ports in a row on 127.0.0.1 and call each other over them. Further brokers listen behind them. Ctrl-C (or \
    SIGTERM) stops gracefully, a second one at once; `kill -9` at any moment loses nothing that was acknowledged.

    EXAMPLES
      windtunnel serve monitoring --data ./data
      windtunnel serve monitoring --data ./data --brokers 3
      windtunnel serve monitoring --data ./data --port 9000 \\
        --webhook ops=http://127.0.0.1:5001/alerts
      curl -i localhost:8080/metrics -H 'Authorization: me' \\
        -d '{"metrics":[{"name":"cpu_usage","value":75.5,"type":"gauge"}]}'
    """
  package static var mutants: [Mutant] { monitoringMutants + monitoringBlindMutants + queueBlindMutants }

  package static func plan(_ options: Options, _ hosting: ServedHosting) throws -> ServedPlan {
    var platform = MonitoringConfiguration()
    var directory: [Endpoint: Destination] = [:]
    platform.ingestion.requestsPerSecond = options.clientRate
    platform.brokers = options.brokers
    for (index, webhook) in options.webhooks.enumerated() {
      let endpoint = Endpoint(NodeID(UInt16(MonitoringAssembly(platform).nodeCount + index)))
      platform.channels.append(MonitoringChannel(name: webhook.name, endpoint: endpoint, path: webhook.target))
      directory[endpoint] = webhook.destination
    }
    let assembly = MonitoringAssembly(platform)
    // Brokers are peers of each other on ports of their own; their key is drawn anew and never leaves this process.
    let peers = options.brokers > 1 ? assembly.brokerNodes : []
    let nodes = assembly.nodes.enumerated().map { index, node in
      LiveNodeSpecification(
        node.id, name: "\(name)/\(node.name)", listen: options.ports.address(index),
        peerListen: peers.contains(node.id) ? .ephemeral : nil, dataDirectory: "\(hosting.folder.path)/\(node.name)",
        planted: hosting.planted, makeMachine: node.make)
    }
    var plan = ServedPlan(
      "platform", nodes: nodes, folders: MonitoringFolders.folders(platform: assembly.nodes.map(\.name)),
      addressOption: "--port (it is the first of five)")
    plan.directory = directory
    return plan
  }
}

extension Bounds {
  /// Brokers that vote.
  package static let brokers = Bounds(1...1, or: [3, 5])
  /// The number of a broker.
  package static let brokerNumber = Bounds(1...65_535)
  /// The first of the platform's five ports.
  package static let firstOfFivePorts = Bounds(1...65_531)
}

/// A channel for alerts: `name=http://host:port/path?query`. The target is kept as it was given.
package struct WebhookOption: Sendable {
  /// The channel's name, as rules use it.
  package var name: String
  /// Where it is, as the operator said.
  package var destination: Destination
  /// Path and query of the request.
  package var target: String

  /// Reads a channel. Throws what was expected.
  package init(_ text: String) throws {
    guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")), equals > text.startIndex else {
      throw ValidationError("expected NAME=http://HOST:PORT/PATH")
    }
    name = String(text[..<equals])
    if let control = NameRule.control(in: name) { throw ValidationError("expected \(NameRule.words), found \(control)") }
    guard name.utf8.count <= AlertingAPI.maximumChannelNameBytes else {
      throw ValidationError("expected a name of at most \(AlertingAPI.maximumChannelNameBytes) bytes")
    }
    let given = String(text[text.index(after: equals)...])
    do { (destination, target) = try Destination.url(given, namedBy: .operator) } catch { throw ValidationError(error.description) }
    if case .network(.https, _) = destination.place, !TransportSecurity.isBuiltIn {
      throw ValidationError(TransportSecurity.howToBuildIn)
    }
  }
}
