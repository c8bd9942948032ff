// `windtunnel bench`: measurements of this machine. Every figure is measured, and printed with the machine's
// description.

import ArgumentParser

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure on this machine.", subcommands: [KernelBench.self, MonitoringBench.self, QueueBench.self])
}
