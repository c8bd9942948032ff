// Writes a report's forms into a folder.

import Foundation
import Reports

/// Writes reports.
enum ReportFiles {
  /// Makes `folder` where it is missing, and shows that files can be made in it; before a long flight rather than after it.
  static func prepare(_ folder: String) throws {
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

  /// Writes report.html, report.md, report.json and junit.xml into `folder`, which is made where it is missing.
  static func write(_ model: ReportModel, into folder: String) throws {
    let root = URL(fileURLWithPath: folder)
    try prepare(folder)
    do {
      for (name, text) in [
        ("report.html", HTMLReport.render(model)), ("report.md", MarkdownReport.render(model)),
        ("report.json", JSONReport.render(model)), ("junit.xml", JUnitReport.render(model)),
      ] {
        try Data(text.utf8).write(to: root.appendingPathComponent(name), options: .atomic)
      }
    } catch {
      throw InputProblem.unwritable(folder, error, option: "--report")
    }
  }
}
