// `windtunnel serve`: the reference implementation on real sockets and real files.

import ArgumentParser
import Foundation
import Live
import MonitoringAPI
import MonitoringAssembly
import Vocabulary

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the reference implementation on real sockets and files.",
    subcommands: [ServeMonitoringCommand.self, ServeQueueCommand.self])
}

struct ServeMonitoringCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitoring", abstract: "Serve the monitoring platform.",
    discussion: """
      The five services listen on five ports in a row on 127.0.0.1 and call each other over them. Ctrl-C (or SIGTERM) stops gracefully, a second \
      one at once; `kill -9` at any moment loses nothing that was acknowledged.

      EXAMPLES
        windtunnel serve monitoring --data ./data
        windtunnel serve monitoring --data ./data --brokers 3
        windtunnel serve monitoring --data ./data --port 9000 \\
          --webhook ops=http://127.0.0.1:5001/alerts
        curl -i localhost:8080/metrics -H 'Authorization: me' \\
          -d '{"metrics":[{"name":"cpu_usage","value":75.5,"type":"gauge"}]}'
      """)

  @Option(help: "The folder of the services' data; made where it is missing.", transform: { try PathText.read($0) }) var data: String
  @Option(
    help: "The first of five ports; 0 lets the system choose all five. Further brokers listen behind them.",
    transform: { try Bounds.servedPort.read($0) })
  var port = 8080
  @Option(help: "Brokers of the queue: 1, or 3 or 5 that replicate.", transform: { try Bounds.brokers.read($0) }) var brokers = 1
  @Option(
    name: .customLong("webhook"),
    help: "A channel for alerts: NAME=http://HOST:PORT/PATH?QUERY, called as it is given; may be given more than once.",
    transform: { try WebhookOption($0) })
  var webhooks: [WebhookOption] = []
  @Option(help: "Requests that one client may make within a second.", transform: { try Bounds.rate.read($0) }) var clientRate = 10
  @Option(help: "Event loops; the services are spread over them.", transform: { try Bounds.loops.read($0) }) var loops = 1
  @Option(
    help: "Start the services' wall clock here, in seconds since 1970 (time-lapse).", transform: { try Bounds.clockStartSeconds.read($0) })
  var clockStart: Int?
  @Option(
    help: "Let the services' wall clock run this many times as fast (time-lapse).", transform: { try Bounds.speed.read($0) })
  var clockSpeed = 1
  @Option(help: "Switch a planted bug on; to see that a contract catches it.") var mutant: String?

  func validate() throws {
    for (index, webhook) in webhooks.enumerated()
    where webhooks[..<index].contains(where: { $0.name.utf8.elementsEqual(webhook.name.utf8) }) {
      throw ValidationError("--webhook: the channel \"\(webhook.name)\" is given twice")
    }
  }

  func run() async throws {
    let planted = PlantedBugs(try mutant.map { [try MutantsCommand.named($0)] } ?? [])
    var platform = MonitoringConfiguration()
    var live = LiveConfiguration()
    platform.ingestion.requestsPerSecond = clientRate
    platform.brokers = brokers
    for (index, webhook) in webhooks.enumerated() {
      let endpoint = Endpoint(NodeID(UInt16(MonitoringAssembly(platform).nodeCount + index)))
      platform.channels.append(MonitoringChannel(name: webhook.name, endpoint: endpoint, path: webhook.target))
      live.directory[endpoint] = webhook.address
    }
    live.loops = loops
    if clockStart != nil || clockSpeed != 1 {
      let start =
        clockStart.map { WallTime(milliseconds: Int64($0) * 1_000) } ?? WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
      live.wallClock = .mapped(start: start, speed: Double(clockSpeed))
    }
    let assembly = MonitoringAssembly(platform)
    // Brokers are peers of each other on ports of their own; their key is drawn anew and never leaves this process.
    let peers = brokers > 1 ? assembly.brokerNodes : []
    let specifications = assembly.nodes.enumerated().map { index, node in
      LiveNodeSpecification(
        node.id, name: node.name, listen: NetworkAddress(host: "127.0.0.1", port: port == 0 ? 0 : port + index),
        peerListen: peers.contains(node.id) ? .ephemeral : nil,
        dataDirectory: "\(data)/\(node.name)", planted: planted, makeMachine: node.make)
    }
    try ServedFolders.claim(platform: assembly.nodes.map(\.name), data)
    Interruption.listen()
    let host: LiveHost
    do {
      host = try LiveHost(specifications, live)
      try await host.start()
    } catch let error as LiveHostError {
      throw InputProblem("the platform cannot start", error, address: "--port (it is the first of five)", folder: "--data")
    }
    for node in assembly.nodes {
      if let address = host.address(of: node.id) {
        Output.line("\(node.name.padding(toLength: 10, withPad: " ", startingAt: 0)) http://\(address)")
      }
    }
    Output.line("ready; data in \(data)")
    let failure = await ServingEnd.untilAskedOrFailed(host)
    Output.line("stopping")
    await host.stop()
    if let failure { throw InputProblem("the platform cannot go on", failure, folder: "--data") }
  }
}

/// When a serving process ends.
enum ServingEnd {
  /// Returns when the process is asked to end (nil), or when a service is down for good.
  static func untilAskedOrFailed(_ host: LiveHost) async -> LiveHostError? {
    await withTaskGroup(of: LiveHostError?.self) { group in
      group.addTask {
        await untilAsked()
        return nil
      }
      group.addTask { await host.untilFailed() }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }

  /// Returns when the process is asked to end, or nobody waits for it any more. `Interruption.listen` was called before
  /// anybody could know that the process serves: a signal that came meanwhile counts.
  private static func untilAsked() async {
    while !Interruption.isAsked, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
  }
}
