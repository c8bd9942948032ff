// `windtunnel bench models`: how long it takes model services, on real sockets and files, to initialise a service, to give out
// cached context, to route a task with its context, and to do one from end to end, at a stated rate.
//
// The services are one process and one event loop, as they are served; the load has a loop of its own in the same process, and
// takes its share of the cores. Open loop: latency counts from when a request was meant to start. Load goes to 127.0.0.1 only.

import ArgumentParser
import Checking
import Console
import Foundation
import Launching
import Live
import Load
import ModelServicesAPI
import ModelServicesAssembly
import ModelServicesLoad
import Reports
import Vocabulary
import Wire

package struct ModelsBench: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "models", abstract: "How long model services take to initialise, to give out context, to route and to do tasks.",
    discussion: """
      EXAMPLES
        windtunnel bench models
        windtunnel bench models --rate 1000 --seconds 20
      """)

  @Option(help: "Requests a second. (default: 2000)", transform: { try Bounds(1...100_000).read($0) }) var rate = 2_000
  @Option(help: "Seconds of each measurement. (default: 8)", transform: { try Bounds(1...600).read($0) }) var seconds = 8
  @Option(help: "Items of context in the scope that is asked for. (default: 10)", transform: { try Bounds(1...200).read($0) }) var items =
    10
  @Option(help: "Services that are initialised one after the other. (default: 20)", transform: { try Bounds(1...200).read($0) })
  var services = 20
  @Option(
    help: "A folder on the disk that is to be measured; not one that a service keeps its data in.", transform: { try PathText.read($0) })
  var data: String?
  @Flag(help: "Print one JSON object instead of text.") var json = false

  package init() {}

  /// Latencies, ascending, and how many requests failed.
  private struct Figures {
    var latencies: [TimeSpan] = []
    var failed = 0

    func milliseconds(_ percent: Int) -> Double { Double(Percentile.value(percent * 1_000, of: latencies)?.nanoseconds ?? 0) / 1e6 }
    var text: String {
      String(
        format: "p50 %.3f ms   p99 %.3f ms   max %.3f ms   (%d, %d failed)", milliseconds(50), milliseconds(99),
        Double(latencies.last?.nanoseconds ?? 0) / 1e6, latencies.count, failed)
    }
    func members(_ name: String) -> [JSON.Member] {
      [
        .init("\(name)_p50_ms", .double(milliseconds(50))), .init("\(name)_p99_ms", .double(milliseconds(99))),
        .init("\(name)_failed", .integer(Int64(failed))),
      ]
    }
  }

  package func run() async throws {
    Interruption.listen()
    let own = try RunFolder("bench", below: data, option: "--data")
    defer { own.remove() }
    let endpoint = { (place: Int) in Endpoint(NodeID(UInt16(place))) }
    let assembly = ModelServicesAssembly(
      .init(registry: endpoint(0), context: endpoint(1), store: endpoint(2), hosts: [endpoint(3), endpoint(4)]))
    let machines = [assembly.makeRegistry, assembly.makeContext, assembly.makeStore, assembly.makeHost(0), assembly.makeHost(1)]
    let host = try LiveHost(
      machines.enumerated().map { place, make in
        LiveNodeSpecification(
          NodeID(UInt16(place)), name: "node-\(place)", listen: NetworkAddress(host: "127.0.0.1", port: 0),
          dataDirectory: "\(own.path)/\(place)", isRecorded: false, makeMachine: make)
      })
    try await host.start()
    do {
      try await measure(host)
    } catch {
      await host.stop(grace: .zero)
      throw error
    }
    await host.stop(grace: .zero)
  }

  private func measure(_ host: LiveHost) async throws {
    var addresses: [Endpoint: Destination] = [:]
    for place in 0..<5 {
      let node = NodeID(UInt16(place))
      if let address = host.address(of: node) { addresses[Endpoint(node)] = Destination(address) }
    }
    let registry = Endpoint(NodeID(0))
    let context = Endpoint(NodeID(1))
    guard let registryAddress = host.address(of: NodeID(0)), let contextAddress = host.address(of: NodeID(1)) else { return }
    // The store's table is made, and hosts are heard of, within the first moments.
    var tries = 0
    while try await SingleCall.answer(to: Request(.get, "/health"), at: contextAddress)?.status != 200, tries < 100 {
      tries += 1
      try await Task.sleep(for: .milliseconds(50))
    }
    let initialise = try await initialise(registryAddress)
    for item in 0..<items {
      let kind: ContextKind = item == 0 ? .gain : item == 1 ? .reference : .note
      let content: JSON = item == 0 ? ["gain": 2] : item == 1 ? ["level": 100] : ["text": .string("note \(item)")]
      _ = try await SingleCall.answer(
        to: ContextItem("item-\(item)", scope: TaskLoadPlan.scope(0), kind: kind.rawValue, content: content, priority: Int64(item % 5))
          .request(),
        at: contextAddress)
    }
    try Interruption.check("no measurement: the services were started")
    let arrivals = Arrivals(perSecond: Double(rate), spacing: .poisson)
    let until = TimeSpan.seconds(Int64(seconds))
    let fetch = try await drive(addresses) {
      PacedCaller(arrivals, until: until, context) { _ in
        ContextAPI.adapted(.language, format: 2, ContextFilter(scope: TaskLoadPlan.scope(0)))
      }
    }
    try Interruption.check("a part of the measurements: nothing is told of them")
    let plan = TaskLoadPlan(
      arrivals: arrivals, from: .zero, until: until, targets: [.init("effect-0", .audioEffect), .init("effect-1", .audioEffect)],
      contextShare: 1, scopes: 1)
    let tasks = try await drive(addresses) { TaskLoad(plan, registry: registry) }
    try Interruption.check("a part of the measurements: nothing is told of them")
    let route = Self.routes(tasks)
    tell(initialise, Self.timed(fetch), route, Self.timed(tasks))
  }

  private func tell(_ initialise: Figures, _ fetch: Figures, _ route: Figures, _ tasks: Figures) {
    if json {
      let members =
        [.init("requests_per_second", .integer(Int64(rate)))] + initialise.members("initialise") + fetch.members("context_fetch")
        + route.members("route") + tasks.members("end_to_end")
      if let text = try? JSON.object([.init("machine", MachineText.json)] + ProductVersion.members + members).serializedText() {
        Output.line(text)
      }
      return
    }
    Output.line(MachineText.line)
    Output.line("model services as one process, \(rate) requests a second, open loop, latency from the intended start; all measured")
    Output.line("initialise a service      \(initialise.text)")
    Output.line("context fetch, in memory  \(fetch.text)")
    Output.line("route, with context       \(route.text)")
    Output.line("end to end                \(tasks.text)")
  }

  /// How long services take to be ready that nobody asked for before.
  private func initialise(_ registry: NetworkAddress) async throws -> Figures {
    var figures = Figures()
    for number in 0..<services {
      let id = "effect-\(number)"
      _ = try await SingleCall.answer(to: ServiceRegistration(id, .audioEffect, replicas: 2).request(), at: registry)
      let began = ContinuousClock.now
      let response = try await SingleCall.answer(to: ServicesAPI.initialize(id), at: registry)
      guard response?.status == 200 else {
        figures.failed += 1
        continue
      }
      let parts = (ContinuousClock.now - began).components
      figures.latencies.append(.nanoseconds(parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000))
    }
    figures.latencies.sort()
    return figures
  }

  /// Runs one machine on a loop of its own, until it is done.
  private func drive(_ addresses: [Endpoint: Destination], _ make: @escaping @Sendable () -> any Machine) async throws -> FlightRecord {
    let node = NodeID(9)
    let record = GuardedRecord(FlightRecord(nodes: [FlightNode(id: node, name: "load")]))
    var live = LiveConfiguration()
    live.directory = addresses
    live.limits.connectionsPerEndpoint = 256
    let host = try LiveHost(
      [LiveNodeSpecification(node, name: "load", listen: nil, dataDirectory: nil, isRecorded: true, makeMachine: make)], live,
      recorder: record)
    try await host.start()
    try await Interruption.sleep(for: .seconds(seconds) + .milliseconds(500))
    await host.stop(grace: .zero)
    return record.record
  }

  private static func timed(_ record: FlightRecord) -> Figures {
    var figures = Figures()
    for request in record.timedRequests {
      if request.outcome == .served { figures.latencies.append(request.latency) } else { figures.failed += 1 }
    }
    figures.latencies.sort()
    return figures
  }

  /// From a task's request until it is on its way to an instance, as the registry's answers tell.
  private static func routes(_ record: FlightRecord) -> Figures {
    var figures = Figures()
    for exchange in record.exchanges {
      guard case .answered(let response) = exchange.outcome, let document = try? response.document(), let answer = try? TaskAnswer(document)
      else {
        figures.failed += 1
        continue
      }
      figures.latencies.append(.nanoseconds(answer.routeNanoseconds))
    }
    figures.latencies.sort()
    return figures
  }
}
