// `windtunnel list`: what can be flown, and what each is about.

import ArgumentParser
import Scenarios

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List scenarios, suites and what they check.")

  @Option(help: "The folder of scenario files.", transform: { try PathText.read($0) }) var scenarios: String?

  func run() throws {
    for scenario in try ScenarioLibrary(folder: scenarios).scenarios {
      Output.line("\(scenario.name)  [\(([scenario.system] + scenario.suites).joined(separator: ", "))]")
      Output.line("  \(scenario.about.split(whereSeparator: \.isNewline).joined(separator: " "))")
      Output.line("  checks \(scenario.requirements.joined(separator: ", "))")
    }
  }
}
