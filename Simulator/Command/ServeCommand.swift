// `windtunnel serve`: the reference implementation on real sockets and real files. What is served of a system, and with
// which options, the system says (`ServedForm`).

import ArgumentParser
import Console

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the reference implementation on real sockets and files.",
    discussion: """
      EXAMPLES
      \(examples)
        windtunnel serve \(forms.first ?? "NAME") --help
      """,
    subcommands: Systems.entries.flatMap(\.commands.serving))

  /// What can be served, by name.
  private static let forms = Systems.entries.flatMap(\.commands.serving).compactMap { $0.configuration.commandName }
  private static let examples = forms.map { "  windtunnel serve \($0) --data ./\($0)" }.joined(separator: "\n")
}
