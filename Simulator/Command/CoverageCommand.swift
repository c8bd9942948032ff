// `windtunnel coverage`: which part of each requirement is checked, and by what.

import ArgumentParser
import Console
import Ledger
import Reports

struct CoverageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coverage", abstract: "Show which part of each requirement is checked, and by what.",
    discussion: """
      A system's ledger splits each of its requirements into parts. For each part the contract cases, the checks in scenarios and the planted \
      bugs are shown that check it. A part has a gap where it is unchecked (built, and nothing checks it), unproven (no planted bug is caught by its \
      checks) or later (not built, or not shown yet). Exit code 1 means that a part is unchecked; the other gaps are known ones. 2 means that the \
      ledger names something that is not there, or that something names a requirement which no ledger has.

      EXAMPLES
        windtunnel coverage
        windtunnel coverage --gaps
        windtunnel coverage --format markdown > coverage.md
        windtunnel coverage --contracts mine/ContractTests --scenarios mine/Scenarios
      """)

  /// The forms in which it can be told.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case text, json, markdown
  }

  @Argument(help: "The system; all that have a ledger where none is named.", transform: { try PathText.name($0) }) var system: String?
  @Flag(help: "Only parts with a gap: unchecked, unproven or later.") var gaps = false
  @Option(help: "text, json or markdown.") var format = Format.text
  @Option(help: "The folder of contract cases and ledgers.", transform: { try PathText.read($0) }) var contracts: String?
  @Option(help: "The folder of scenario files.", transform: { try PathText.read($0) }) var scenarios: String?

  func run() throws {
    let ledgers = try LedgerLibrary.all(folder: contracts)
    let names = ledgers.map(\.system)
    if let system, !names.contains(system) {
      throw InputProblem(
        description: NameText.unknown("ledger of a system", system, among: names, list: "there are \(names.joined(separator: ", "))"))
    }
    // All of them are held against what there is: a name may be of another system's ledger.
    var coverage = Coverage(ledgers, try LedgerLibrary.known(contracts: contracts, scenarios: scenarios))
    guard coverage.problems.isEmpty else { throw InputProblem(lines: coverage.problems) }
    if let system { coverage.ledgers.removeAll { $0.system != system } }
    switch format {
    case .text: for line in CoverageReport(coverage, onlyGaps: gaps).lines { Output.line(WrappedText.wrap(line, indentation: 4)) }
    case .json: Output.json(CoverageReport(coverage, onlyGaps: gaps).json)
    case .markdown: Output.line(CoverageReport(coverage, onlyGaps: gaps).markdown)
    }
    if !coverage.unchecked.isEmpty { throw Exit.failed }
  }
}
