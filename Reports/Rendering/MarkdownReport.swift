// The report as Markdown, for a terminal, a commit or a merge request.

import Checking
import Flight
import Vocabulary

/// Renders Markdown.
public enum MarkdownReport {
  /// The document.
  public static func render(_ model: ReportModel) -> String {
    var out = "# Windtunnel: \(model.headline)\n\n"
    out +=
      "Made by `\(model.command)`, version \(ProductVersion.text). Latencies are \(model.timingText).\n\n"
    for run in model.runs where run.verdict == .failed {
      out += "## \(run.scenario), seed \(run.seed): failed\n\nRepeat it: `\(run.replayCommand)`\n\n"
      for judgement in run.judgementsByEvidence where !judgement.held {
        out += "* **\(judgement.checker)** (\(judgement.examined))\n"
        for violation in judgement.violations {
          let at = violation.at.map { ", at \($0.label)" } ?? ""
          out += "  * \(violation.summary)\(at)\n"
        }
        if judgement.violations.isEmpty { out += "  * nothing was examined: a check that saw nothing is no pass\n" }
      }
      out += "\n"
    }
    if model.isBroken { out += "## All flights\n\n" }
    out += "| scenario | seed | verdict | requests | p50 | p99 | trace hash |\n|---|---:|---|---:|---:|---:|---|\n"
    for run in model.runs {
      let figures = LatencyFigures(run.requests)
      out += "| \(run.scenarioLabel) | \(run.seed) | \(run.verdict.rawValue) | \(figures.count) | \(figures.label(50_000)) "
      out += "| \(figures.label(99_000)) | `\(run.hashText)` |\n"
      for (system, figures, _) in run.figuresBySystem {
        out += "| … its \(system) | \(run.seed) | | \(figures.count) | \(figures.label(50_000)) | \(figures.label(99_000)) | |\n"
      }
    }
    out += "\n\(LatencyFigures.note)\n"
    for note in model.notes { out += "\nNote: \(note.scenario): \(note.text).\n" }
    out += "\n## Requirements\n\n\(ReportModel.requirementNote)\n\n"
    out += "| requirement | what is asked | here | checks made | held | broken |\n|---|---|---|---:|---|---|\n"
    for row in model.requirements {
      let held = row.checks == 0 ? ReportModel.RequirementRow.unchecked : row.held.joined(separator: ", ")
      out += "| \(row.id) | \(row.says ?? RequirementText.unknown) | \(row.words) "
      out += "| \(row.checks) | \(held) | \(row.broken.joined(separator: ", ")) |\n"
    }
    return out
  }
}
