// `windtunnel bench monitoring`: how fast the whole monitoring platform flies, and where the time goes.
//
// The load: 1,000 requests a second, open loop, one metric each, from 250 clients, through all five services, without
// faults.

import ArgumentParser
import Console
import Flight
import Foundation
import MonitoringFlight
import Scenarios
import Vocabulary

package struct MonitoringBench: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "monitoring", abstract: "How fast the monitoring platform flies at a load.",
    discussion: """
      Where the time goes is told by the machine's own profiler:

        perf record -g windtunnel bench monitoring && perf report

      EXAMPLES
        windtunnel bench monitoring
        windtunnel bench monitoring --rate 200
      """)

  @Option(help: "Requests a second. (default: 1000)", transform: { try Bounds(1...100_000).read($0) }) var rate = 1_000
  @Option(help: "Simulated seconds of load. (default: 30)", transform: { try Bounds(1...3_600).read($0) }) var seconds = 30
  @Option(help: "The seed. (default: 1)", transform: { try SeedText.seed($0) }) var seed: UInt64 = 1

  package init() {}

  package func run() throws {
    let yaml = """
      scenario: bench
      about: The bench's own load.
      system: monitoring
      requirements: [MONITORING-3]
      duration: \(seconds)s
      settle: 5s
      load:
        - metrics: \(rate)/s
          clients: \(max(250, rate / 4))
      """
    var order = FlightOrder(try Scenario(yaml: yaml, file: "bench", systems: [MonitoringSystem()]), seed: seed)
    order.isJudged = false
    var result: FlightResult?
    let elapsed = ContinuousClock().measure { [order] in result = Flight(order, systems: [MonitoringSystem()]).flyUnjudged() }
    guard let result else { return }
    let wall = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let simulated = result.simulated.seconds
    Output.line(MachineText.line)
    Output.line(
      String(
        format: "%d requests, %d turns, %.1f simulated seconds in %.2f s (measured)", result.requests.count, result.turns, simulated, wall))
    Output.line(String(format: "%.1f simulated seconds a second (measured)", simulated / wall))
    Output.line(
      String(
        format: "%.1f µs a request through all five services, %.0f ns a turn (measured)",
        wall / Double(max(1, result.requests.count)) * 1e6, wall / Double(max(1, result.turns)) * 1e9))
  }
}
