// `windtunnel list`: what can be flown, and what each is about.

import ArgumentParser
import Console
import Scenarios

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List scenarios, suites and what they check.",
    discussion: """
      Each scenario is told with its systems and suites, by any of which `windtunnel run` flies it.

      EXAMPLES
        windtunnel list
        windtunnel list --scenarios mine/Scenarios
      """)

  @Option(help: "The folder of scenario files.", transform: { try PathText.read($0) }) var scenarios: String?

  func run() throws {
    let library = try ScenarioLibrary(folder: scenarios)
    for scenario in library.scenarios {
      let about = scenario.about.split(whereSeparator: \.isNewline).joined(separator: " ")
      for text in [
        "\(scenario.name)  [\((scenario.systems + scenario.suites).joined(separator: ", "))]", "  " + about,
        "  checks \(scenario.requirements.isEmpty ? "no requirement of a ledger" : scenario.requirements.joined(separator: ", "))",
      ] { Output.line(WrappedText.wrap(text, indentation: 4)) }
    }
    if let problem = library.allProblems { throw problem }
  }
}
