// `windtunnel bench`: measurements of this machine. Every figure is measured, and printed with the machine's
// description. Those that are about a system come from the system.

import ArgumentParser
import Console

struct BenchCommand: AsyncParsableCommand {
  /// The benches of the tunnel itself.
  private static let general: [any ParsableCommand.Type] = [
    KernelBench.self, SocketBench.self,
  ]

  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure on this machine; alone, it lists what can be measured.",
    discussion: """
      EXAMPLES
        windtunnel bench
        windtunnel bench kernel
        windtunnel bench sockets --help
      """,
    subcommands: general + Systems.entries.flatMap(\.commands.benches))

  @Flag(help: "Only list what can be measured.") var list = false

  func run() async throws {
    for bench in Self.configuration.subcommands {
      let name = bench.configuration.commandName ?? ""
      Output.line(WrappedText.wrap("\(name.padded(to: 12))\(bench.configuration.abstract)", indentation: 12))
    }
  }
}

extension String {
  /// The text with spaces up to `width` characters, at least one.
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
