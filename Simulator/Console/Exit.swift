// What a command ends with: its exit codes, and the messages of what went wrong.
//
// 0: all held. 1: a check failed. 2: bad usage or bad input. 3: could not run, was asked to end before it was through,
// or could not write what it found. Where a check failed and something could not be written too, 1 stays.

import ArgumentParser
import Reports
import Wire

/// What the command ends with.
package enum Exit {
  /// All promises held.
  package static let held = ExitCode(0)
  /// A check failed.
  package static let failed = ExitCode(1)
  /// The command line or a file is wrong.
  package static let badInput = ExitCode(2)
  /// Something that the command needs could not be had, or what it found could not be written; or it was asked to end.
  package static let couldNotRun = ExitCode(3)
}

/// Bad usage or bad input, with a message for people.
package struct InputProblem: Error, CustomStringConvertible {
  /// Where and what was expected.
  package var description: String
  /// What the command ends with.
  package var exitCode: ExitCode

  /// A problem.
  package init(description: String, exitCode: ExitCode = Exit.badInput) {
    self.description = description
    self.exitCode = exitCode
  }

  /// So many lines of what is wrong are said; of more, how many.
  private static let mostLines = 20

  /// All that is wrong, a line each, of which the first are said.
  package init(lines: [String], exitCode: ExitCode = Exit.badInput) {
    let more = lines.count - Self.mostLines
    let rest = more > 0 ? ["and \(CountText.grouped(more)) more"] : []
    self.init(description: (lines.prefix(Self.mostLines) + rest).joined(separator: "\n"), exitCode: exitCode)
  }
}

/// What is said of a name that nothing has.
package enum NameText {
  /// `there is no scenario "clam" (did you mean "calm"?)`, with `list` behind it on a line of its own.
  package static func unknown(_ what: String, _ name: String, among names: [String], list: String) -> String {
    unknown(what, name, meant: nearestName(to: name, among: names).map { [$0] } ?? [], list: list)
  }

  /// The same where it is known which names may be meant.
  package static func unknown(_ what: String, _ name: String, meant: [String], list: String) -> String {
    let suggestion = meant.isEmpty ? "" : " (did you mean \(meant.map { "\"\($0)\"" }.joined(separator: " or "))?)"
    return "there is no \(what) \"\(name)\"\(suggestion)\n\(list)"
  }

  /// The same with the names themselves as the list, in one line.
  package static func unknown(_ what: String, _ name: String, among names: [String]) -> String {
    unknown(what, name, among: names, list: "there are \(names.joined(separator: ", "))")
  }
}
