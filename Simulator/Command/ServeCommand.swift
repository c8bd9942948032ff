// `windtunnel serve`: the reference implementation on real sockets and real files. What is served of a system, and with
// which options, the system says (`ServedForm`).

import ArgumentParser
import Console

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the reference implementation on real sockets and files.",
    subcommands: Systems.entries.flatMap(\.commands.serving))
}
