// `windtunnel bench monitoring`: how fast the whole monitoring platform flies, and where the time goes.
//
// The load: 1,000 requests a second, open loop, one metric each, from 250 clients, through all five services, without faults.

import ArgumentParser
import Flight
import Foundation
import Scenarios
import Vocabulary

struct MonitoringBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitoring", abstract: "How fast the monitoring platform flies at a load.",
    discussion: """
      Where the time goes is told by the machine's own profiler:
        perf record -g windtunnel bench monitoring && perf report
      """)

  @Option(help: "Requests a second.") var rate = 1_000
  @Option(help: "Simulated seconds of load.") var seconds = 30
  @Option(help: "The seed.") var seed: UInt64 = 1

  func validate() throws {
    guard (1...100_000).contains(rate), (1...3_600).contains(seconds) else {
      throw ValidationError("--rate must be 1 to 100000 and --seconds 1 to 3600")
    }
  }

  func run() throws {
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
    let scenario = try Scenario(yaml: yaml, file: "bench")
    var result: FlightResult?
    let elapsed = ContinuousClock().measure { result = MonitoringFlight(scenario, seed: seed).flyWithoutReadBack() }
    guard let result else { return }
    let wall = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let simulated = result.simulated.seconds
    print(MachineText.line)
    print(
      String(
        format: "%d requests, %d turns, %.1f simulated seconds in %.2f s (measured)", result.requests.count, result.turns, simulated, wall))
    print(String(format: "%.1f simulated seconds a second (measured)", simulated / wall))
    print(
      String(
        format: "%.1f µs a request through all five services, %.0f ns a turn (measured)",
        wall / Double(max(1, result.requests.count)) * 1e6, wall / Double(max(1, result.turns)) * 1e9))
  }
}

/// What machine this is.
enum MachineText {
  /// "Intel … , 2 cores, 23 GiB".
  static var line: String {
    let cpu = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n")
      .first { $0.hasPrefix("model name") }?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
    let memory = ProcessInfo.processInfo.physicalMemory >> 30
    return "\(cpu ?? "unknown processor"), \(ProcessInfo.processInfo.activeProcessorCount) cores, \(memory) GiB"
  }
}
