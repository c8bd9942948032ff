// The report as JUnit XML, as build servers read it: a test suite for each run, a test case for each check.

import Checking
import Flight
import Vocabulary

/// Renders JUnit XML.
public enum JUnitReport {
  /// The document. Times are those of the simulated world, in seconds.
  public static func render(_ model: ReportModel) -> String {
    // A campaign that was stopped is no failure, and not all of it: a build server must not take it for whole.
    let errors = model.stopped == nil ? 0 : 1
    let tests = model.runs.reduce(0) { $0 + $1.judgements.count } + errors
    let failures = model.runs.reduce(0) { $0 + $1.judgements.count { !$0.held } }
    var out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"windtunnel \(ProductVersion.text)\" tests=\"\(tests)\" failures=\"\(failures)\" errors=\"\(errors)\">\n"
    if let stopped = model.stopped {
      out += "  <testsuite name=\"campaign\" tests=\"1\" failures=\"0\" errors=\"1\" time=\"0\">\n"
      out += "    <testcase classname=\"campaign\" name=\"all flights\">"
      out += "<error message=\"\(HTMLText.escaped(stopped))\"/></testcase>\n  </testsuite>\n"
    }
    for run in model.runs {
      let name = HTMLText.escaped("\(run.scenario) seed \(run.seed)")
      let broken = run.judgements.count { !$0.held }
      out += "  <testsuite name=\"\(name)\" tests=\"\(run.judgements.count)\" failures=\"\(broken)\" time=\"\(run.simulated.seconds)\">\n"
      out += "    <properties><property name=\"trace_hash\" value=\"\(run.hashText)\"/>"
      out += "<property name=\"replay\" value=\"\(HTMLText.escaped(run.replayCommand))\"/></properties>\n"
      for judgement in run.judgements {
        out += "    <testcase classname=\"\(HTMLText.escaped(run.scenario))\" name=\"\(HTMLText.escaped(judgement.checker))\""
        if judgement.held {
          out += "/>\n"
        } else {
          let lines = judgement.violations.map(\.summary)
          let first = lines.first ?? "nothing was examined"
          out +=
            "><failure message=\"\(HTMLText.escaped(first))\">\(HTMLText.escaped(lines.joined(separator: "\n")))</failure></testcase>\n"
        }
      }
      out += "  </testsuite>\n"
    }
    return out + "</testsuites>\n"
  }
}
