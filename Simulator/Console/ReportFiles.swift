// Writes a report's forms into a folder.

import Foundation
import Reports

/// Writes reports.
package enum ReportFiles {
  private static let names = ["report.html", "report.md", "report.json", "junit.xml"]

  /// Makes `folder` where it is missing, and shows that files can be made in it; before a long flight rather than after
  /// it.
  package static func prepare(_ folder: String) throws {
    let root = URL(fileURLWithPath: folder)
    do {
      try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
      let sample = root.appendingPathComponent(".windtunnel-\(ProcessInfo.processInfo.processIdentifier)")
      try Data().write(to: sample)
      try FileManager.default.removeItem(at: sample)
    } catch {
      throw InputProblem.unwritable(folder, error, option: "--report")
    }
  }

  /// The name of a report in `folder` that may be evidence: it is there, and does not say that all held. Nil where
  /// there is none.
  package static func evidence(in folder: String) -> String? {
    let root = URL(fileURLWithPath: folder)
    let found = names.filter { FileManager.default.fileExists(atPath: root.appendingPathComponent($0).path) }
    guard let first = found.first else { return nil }
    // The verdict stands at the beginning of report.json; of a long one no more is read.
    let beginning = FileHandle(forReadingAtPath: root.appendingPathComponent("report.json").path)
    let bytes = (try? beginning?.read(upToCount: JSONReport.heldBeginning.utf8.count)) ?? Data()
    return Array(bytes) == Array(JSONReport.heldBeginning.utf8) ? nil : (found.contains("report.json") ? "report.json" : first)
  }

  /// Writes report.html, report.md, report.json and junit.xml into `folder`, which is made where it is missing.
  package static func write(_ model: ReportModel, into folder: String) throws {
    let root = URL(fileURLWithPath: folder)
    try prepare(folder)
    do {
      for (name, text) in zip(
        names, [HTMLReport.render(model), MarkdownReport.render(model), JSONReport.render(model), JUnitReport.render(model)])
      {
        try Data(text.utf8).write(to: root.appendingPathComponent(name), options: .atomic)
      }
    } catch {
      throw InputProblem.unwritable(folder, error, option: "--report")
    }
  }
}
