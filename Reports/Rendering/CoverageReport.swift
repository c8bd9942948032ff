// Every part of every requirement beside what checks it, as text, Markdown and JSON.

import Ledger
import Wire

/// Renders coverage.
public struct CoverageReport: Sendable {
  /// What is told of.
  public var coverage: Coverage
  /// Whether only those parts are shown that lack something.
  public var onlyGaps: Bool

  /// A report.
  public init(_ coverage: Coverage, onlyGaps: Bool = false) {
    self.coverage = coverage
    self.onlyGaps = onlyGaps
  }

  /// The requirements of which parts are shown, each with those.
  private var shown: [(requirement: Requirement, parts: [RequirementPart])] {
    coverage.ledgers.flatMap(\.requirements).compactMap { requirement in
      let parts = requirement.parts.filter { !onlyGaps || Self.words($0) != nil }
      return parts.isEmpty ? nil : (requirement, parts)
    }
  }

  /// What a part lacks; nil where it lacks nothing.
  private static func words(_ part: RequirementPart) -> String? {
    switch part.gap {
    case .later:
      switch part.state {
      case .later(let missing): "later: \(missing)"
      case .built: nil
      }
    case .unchecked: "UNCHECKED: nothing checks it"
    case .unproven: "unproven: no planted bug is caught by its checks"
    case nil: nil
    }
  }

  private static func cases(_ checks: PartChecks) -> [String] { checks.cases.map(\.name) }

  private static func checks(_ checks: PartChecks) -> [String] {
    checks.scenarios.map { "\($0.check.name) (\($0.scenarios.map(\.name).joined(separator: ", ")))" }
  }

  /// One line at the end.
  private var summary: String {
    let counts = coverage.counts
    return "\(CountText.of(counts.requirements, "requirement")) of \(CountText.of(counts.parts, "part")): \(counts.built) built, of which "
      + "\(counts.byCases) are checked by cases, \(counts.byScenarios) in scenarios, \(counts.byPlantedBugs) with planted bugs; "
      + "gaps: \(counts.unchecked) unchecked, \(counts.unproven) unproven, \(counts.later) later"
  }

  // MARK: text

  /// For people, a line each.
  public var lines: [String] {
    var lines: [String] = []
    for (requirement, parts) in shown {
      lines.append("\(requirement.id)  \(requirement.says)")
      for part in parts {
        lines.append("  \(part.id)  \(part.says)")
        if case .built(let checks) = part.state, !onlyGaps {
          let lists = [("cases", Self.cases(checks)), ("checks", Self.checks(checks)), ("planted bugs", checks.plantedBugs.map(\.name))]
          for (what, names) in lists where !names.isEmpty { lines.append("    \(what): \(names.joined(separator: ", "))") }
        }
        if let words = Self.words(part) { lines.append("    \(words)") }
      }
    }
    return lines + [summary]
  }

  // MARK: Markdown

  /// A table for each requirement.
  public var markdown: String {
    var out = ""
    for (requirement, parts) in shown {
      out += "## \(requirement.id)\n\n\(requirement.says)\n\n"
      out += "| part | | cases | checks (scenarios) | planted bugs |\n|---|---|---|---|---|\n"
      for part in parts {
        var cells = ["", "", ""]
        if case .built(let checks) = part.state {
          cells = [Self.cases(checks), Self.checks(checks), checks.plantedBugs.map(\.name)].map { $0.joined(separator: ", ") }
        }
        let words = Self.words(part).map { " *\($0)*" } ?? ""
        out += "| \(part.id) | \(part.says)\(words) | \(cells.joined(separator: " | ")) |\n"
      }
      out += "\n"
    }
    return out + summary + "."
  }

  // MARK: JSON

  /// `{"requirements":[{"id","says","source","parts":[{"id","says","source","gap","state","missing","cases","scenarios":[{"check","scenarios"}],
  /// "planted_bugs"}]}],"counts":{…,"gaps":{"unchecked","unproven","later"}}}`; "gap" is one of those three, or null.
  public var json: String {
    func texts(_ names: [LedgerReference]) -> JSON { .array(names.map { .string($0.name) }) }
    let requirements = shown.map { one in
      JSON.object([
        .init("id", .string(one.requirement.id)), .init("says", .string(one.requirement.says)),
        .init("source", .string(one.requirement.source)),
        .init(
          "parts",
          .array(
            one.parts.map { part in
              var members: [JSON.Member] = [
                .init("id", .string(part.id)), .init("says", .string(part.says)),
                .init("source", .string(part.source ?? one.requirement.source)),
                .init("gap", part.gap.map { .string($0.rawValue) } ?? .null),
              ]
              switch part.state {
              case .later(let missing): members += [.init("state", "later"), .init("missing", .string(missing))]
              case .built(let checks):
                members += [
                  .init("state", "built"), .init("cases", texts(checks.cases)),
                  .init(
                    "scenarios",
                    .array(
                      checks.scenarios.map {
                        .object([.init("check", .string($0.check.name)), .init("scenarios", texts($0.scenarios))])
                      })),
                  .init("planted_bugs", texts(checks.plantedBugs)),
                ]
              }
              return .object(members)
            })),
      ])
    }
    let counts = coverage.counts
    func number(_ name: String, _ count: Int) -> JSON.Member { .init(name, .integer(Int64(count))) }
    let document = JSON.object([
      .init("requirements", .array(requirements)),
      .init(
        "counts",
        .object([
          number("requirements", counts.requirements), number("parts", counts.parts), number("built", counts.built),
          number("by_cases", counts.byCases), number("by_scenarios", counts.byScenarios), number("by_planted_bugs", counts.byPlantedBugs),
          .init(
            "gaps", .object([number("unchecked", counts.unchecked), number("unproven", counts.unproven), number("later", counts.later)])),
        ])),
    ])
    // All numbers are integers; there is nothing that JSON has no form for.
    return (try? document.serializedText()) ?? "{}"
  }
}
