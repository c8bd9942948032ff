// `--report` and `--overwrite`: where a report is written, and whether one that is there already may go.

import ArgumentParser
import Foundation
import Reports

/// Options of the commands that write a report.
package struct ReportOptions: ParsableArguments {
  @Option(
    name: .customLong("report"),
    help: """
      Write report.html, report.md, report.json and junit.xml into this folder. One that is there and says that all held is replaced; any other \
      is kept, and the command refused, without --overwrite.
      """,
    transform: { try PathText.read($0) })
  package var folder: String?
  @Flag(help: "With --report: replace a report whatever it says.") var overwrite = false

  package init() {}

  package func validate() throws {
    if overwrite && folder == nil { throw ValidationError("--overwrite goes with --report") }
  }

  /// Shows, before a long flight rather than after it, that the report can be written, and that no evidence is lost by
  /// it.
  package func prepare() throws {
    guard let folder else { return }
    if !overwrite, let found = ReportFiles.evidence(in: folder) {
      throw InputProblem(
        description:
          "--report \(folder): \(found) is there and does not say that all held; name another folder, or replace it with --overwrite")
    }
    try ReportFiles.prepare(folder)
  }

  /// Writes the report, after the verdict was printed, and says where it is if `isTold`. What cannot be written costs
  /// no verdict: where a check failed the command still ends with 1, else with 3.
  package func write(_ model: ReportModel, isTold: Bool = true) throws {
    guard let folder else { return }
    do {
      try ReportFiles.write(model, into: folder)
      if isTold { Output.line("report: \(folder)/report.html") }
    } catch let problem as InputProblem {
      throw InputProblem(description: problem.description, exitCode: model.isBroken ? Exit.failed : problem.exitCode)
    }
  }
}
