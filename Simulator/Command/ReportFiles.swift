// Writes a report's forms into a folder.

import Foundation
import Reports

/// Writes reports.
enum ReportFiles {
  /// Writes report.html, report.md, report.json and junit.xml into `folder`, which is made where it is missing.
  static func write(_ model: ReportModel, into folder: String) throws {
    let root = URL(fileURLWithPath: folder)
    do {
      try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
      for (name, text) in [
        ("report.html", HTMLReport.render(model)), ("report.md", MarkdownReport.render(model)),
        ("report.json", JSONReport.render(model)), ("junit.xml", JUnitReport.render(model)),
      ] {
        try Data(text.utf8).write(to: root.appendingPathComponent(name), options: .atomic)
      }
    } catch {
      throw InputProblem(
        description: "the report cannot be written to \(folder): \(error.localizedDescription)", exitCode: Exit.couldNotRun)
    }
  }
}
