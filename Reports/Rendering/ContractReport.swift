// The verdicts of contract cases as text, JSON and JUnit XML. A case that was not run is never shown as passed.

import ContractTests
import Ledger
import Vocabulary
import Wire

/// Renders verdicts.
public struct ContractReport: Sendable {
  /// The verdicts, in the order of the cases.
  public var verdicts: [CaseVerdict]
  /// Cases that were not to be judged, for want of an option: not run, and no reason that the others do not hold.
  public var leftOut: [CaseVerdict]
  /// The system that was judged.
  public var system: String
  /// In which world: "in simulation", "at http://127.0.0.1:8080".
  public var world: String
  /// The command that made the report.
  public var command: String
  /// What the requirements say, and what their parts are checked by; nil where there is none.
  public var ledger: Ledger?

  /// A report.
  public init(
    verdicts: [CaseVerdict], leftOut: [CaseVerdict] = [], system: String, world: String, command: String, ledger: Ledger? = nil
  ) {
    self.ledger = ledger
    self.verdicts = verdicts
    self.leftOut = leftOut
    self.system = system
    self.world = world
    self.command = command
  }

  /// All cases, those that were left out too.
  private var all: [CaseVerdict] { verdicts + leftOut }

  /// Whether every binding case was made and passed, other than those that were left out.
  public var held: Bool { !verdicts.isEmpty && verdicts.allSatisfy { $0.level != .must || $0.passed } }

  /// Whether a binding case failed.
  public var isBroken: Bool {
    verdicts.contains { verdict in
      switch verdict.outcome {
      case .failed: verdict.level == .must
      case .passed, .notRun: false
      }
    }
  }

  // MARK: text

  /// One case in lines for people.
  public static func lines(_ verdict: CaseVerdict) -> [String] {
    let level = verdict.level.rawValue.uppercased()
    switch verdict.outcome {
    case .passed: return ["passed   \(verdict.id)"]
    case .notRun(let reason): return ["not run  \(verdict.id)  [\(level)] \(reason)"]
    case .failed(let failure):
      let requirements = failure.isOfCase ? verdict.requirements.joined(separator: ", ") : "a rule of the host"
      return [
        "FAILED   \(verdict.id)  [\(level), \(requirements)]", "           \(failure.step), line \(failure.line)",
        "           expected \(failure.expected)", "           found    \(failure.found)",
      ] + (failure.commands.isEmpty ? [] : ["           repeat it:"] + failure.commands.map { "             \($0)" })
    }
  }

  /// What was checked of the requirements that cases are about, in the order of the ledger.
  private var requirements: [(requirement: Requirement, standing: RequirementStanding)] {
    var held: Set<MadeCheck> = []
    var broken: Set<MadeCheck> = []
    for verdict in verdicts {
      switch verdict.outcome {
      case .passed: held.insert(.contractCase(ExactName(verdict.id)))
      // A case that failed by something else than what it asks for shows nothing of its requirements.
      case .failed(let failure): if failure.isOfCase { broken.insert(.contractCase(ExactName(verdict.id))) }
      case .notRun: break
      }
    }
    return (ledger?.requirements ?? []).compactMap { requirement in
      let standing = requirement.standing(held: held, broken: broken)
      return standing.checked == 0 && standing.broken.isEmpty ? nil : (requirement, standing)
    }
  }

  /// The requirements, the scores by service and level, and one line at the end.
  public var summary: [String] {
    var lines: [String] = []
    for (requirement, standing) in requirements {
      lines.append("\(requirement.id)  \(standing.words): \(requirement.says)")
      // Of a requirement in parts its sentence need not be what broke.
      for part in requirement.parts(named: standing.broken) { lines.append("  \(part.id) is broken: \(part.says)") }
    }
    if !lines.isEmpty { lines += [RequirementText.note, ""] }
    let scores = ContractScore.scores(all)
    var services: [String] = []
    for score in scores where !services.contains(score.service) { services.append(score.service) }
    for service in services {
      let parts = scores.filter { $0.service == service }.map { score in
        let notRun = score.notRun > 0 ? " (\(score.notRun) not run)" : ""
        return "\(score.level.rawValue.uppercased()) \(score.passed)/\(score.total)\(notRun)"
      }
      let name = "\(system)/\(service)"
      lines.append("\(name)\(String(repeating: " ", count: max(1, 24 - name.count)))\(parts.joined(separator: "   "))")
    }
    let passed = verdicts.count(where: \.passed)
    let left = leftOut.isEmpty ? "" : "; \(leftOut.count) were left out for want of options"
    lines.append("\(system) \(world): \(passed) of \(verdicts.count) cases passed\(left)")
    return lines
  }

  // MARK: JSON

  /// The document: {"held", "version", "commit", "modified", "system", "world", "cases":[{"case","verdict", …}],
  /// "scores":[…], "left_out"}. Times are in nanoseconds.
  public var json: String {
    let document = JSON.object(
      [.init("held", .bool(held))] + ProductVersion.members + [
        .init("system", .string(system)), .init("world", .string(world)), .init("command", .string(command)),
        .init("cases", .array(all.map(Self.json))), .init("scores", .array(ContractScore.scores(all).map(Self.json))),
        .init("left_out", .integer(Int64(leftOut.count))),
        .init(
          "requirements",
          .array(
            requirements.map { one in
              .object([
                .init("id", .string(one.requirement.id)), .init("says", .string(one.requirement.says)),
                .init("standing", RequirementText.json(one.standing, isBroken: false)),
              ])
            })),
      ])
    // All numbers are integers; there is nothing that JSON has no form for.
    return (try? document.serializedText()) ?? "{}"
  }

  private static func json(_ verdict: CaseVerdict) -> JSON {
    var members: [JSON.Member] = [
      .init("case", .string(verdict.id)), .init("service", .string(verdict.service)), .init("level", .string(verdict.level.rawValue)),
      .init("requirements", .array(verdict.requirements.map { .string($0) })),
    ]
    switch verdict.outcome {
    case .passed: members.append(.init("verdict", "passed"))
    case .notRun(let reason): members += [.init("verdict", "not run"), .init("reason", .string(reason))]
    case .failed(let failure):
      members += [
        .init("verdict", "failed"), .init("step", .string(failure.step)), .init("line", .integer(Int64(failure.line))),
        .init("expected", .string(failure.expected)), .init("found", .string(failure.found)),
        .init("repeat", .array(failure.commands.map { .string($0) })),
      ]
    }
    members += [.init("answers", .integer(Int64(verdict.answers))), .init("took_ns", .integer(verdict.took.nanoseconds))]
    return .object(members)
  }

  private static func json(_ score: ContractScore) -> JSON {
    .object([
      .init("service", .string(score.service)), .init("level", .string(score.level.rawValue)),
      .init("passed", .integer(Int64(score.passed))), .init("failed", .integer(Int64(score.failed))),
      .init("not_run", .integer(Int64(score.notRun))),
    ])
  }

  // MARK: JUnit

  /// JUnit XML, as build servers read it: a test suite for each service, a test case for each case.
  public var junit: String {
    let failures = ContractScore.scores(all).reduce(0) { $0 + $1.failed }
    var out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    out += "<testsuites name=\"windtunnel verify \(HTMLText.escaped(system))\" tests=\"\(all.count)\" failures=\"\(failures)\">\n"
    var services: [String] = []
    for verdict in all where !services.contains(verdict.service) { services.append(verdict.service) }
    for service in services {
      let cases = all.filter { $0.service == service }
      out += "  <testsuite name=\"\(HTMLText.escaped("\(system)/\(service)"))\" tests=\"\(cases.count)\">\n"
      for verdict in cases { out += Self.junit(verdict) }
      out += "  </testsuite>\n"
    }
    return out + "</testsuites>\n"
  }

  private static func junit(_ verdict: CaseVerdict) -> String {
    let head =
      "    <testcase classname=\"\(HTMLText.escaped(verdict.service)).\(verdict.level.rawValue)\" "
      + "name=\"\(HTMLText.escaped(verdict.id))\" time=\"\(verdict.took.seconds)\""
    switch verdict.outcome {
    case .passed: return head + "/>\n"
    case .notRun(let reason): return head + "><skipped message=\"\(HTMLText.escaped(reason))\"/></testcase>\n"
    case .failed(let failure):
      let message = HTMLText.escaped("\(failure.step): expected \(failure.expected), found \(failure.found)")
      return head + "><failure message=\"\(message)\">\(HTMLText.escaped(failure.commands.joined(separator: "\n")))</failure></testcase>\n"
    }
  }
}
