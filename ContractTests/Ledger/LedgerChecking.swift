// Holds ledgers against what there is: cases, scenarios with their checks, planted bugs. What the ledger names must be
// there; what names a requirement must name one that a ledger has, and a part of that requirement must name it back, so
// that neither can say of the other what it does not say itself; and a planted bug that a part names must be caught by
// one of the part's own checks, else it shows nothing of them.

import Vocabulary
import Wire

/// What there is that can check a requirement, of all systems.
public struct KnownChecks: Sendable {
  /// A contract case.
  public struct Case: Sendable {
    /// Its id.
    public var id: String
    /// Requirements that it names.
    public var requirements: [String]
    /// Where it stands: "ContractTests/…/queue.yaml:12".
    public var place: String

    /// A case.
    public init(id: String, requirements: [String], place: String) {
      self.id = id
      self.requirements = requirements
      self.place = place
    }
  }

  /// A scenario.
  public struct Scenario: Sendable {
    /// Its name.
    public var name: String
    /// Requirements that it names.
    public var requirements: [String]
    /// The names of all checks that are made in it.
    public var checks: [String]

    /// A scenario.
    public init(name: String, requirements: [String], checks: [String]) {
      self.name = name
      self.requirements = requirements
      self.checks = checks
    }
  }

  /// The cases.
  public var cases: [Case]
  /// The scenarios.
  public var scenarios: [Scenario]
  /// The planted bugs.
  public var plantedBugs: [Mutant]

  /// What there is.
  public init(cases: [Case], scenarios: [Scenario], plantedBugs: [Mutant]) {
    self.cases = cases
    self.scenarios = scenarios
    self.plantedBugs = plantedBugs
  }
}

/// Ledgers beside what there is.
struct LedgerChecking {
  private let ledgers: [Ledger]
  private let cases: [ExactName: KnownChecks.Case]
  private let scenarios: [ExactName: KnownChecks.Scenario]
  private let bugs: [ExactName: Mutant]
  private let known: KnownChecks
  /// The requirements by their ids.
  private let requirements: [ExactName: Requirement]

  init(_ ledgers: [Ledger], _ known: KnownChecks) {
    self.ledgers = ledgers
    self.known = known
    cases = Dictionary(known.cases.map { (ExactName($0.id), $0) }, uniquingKeysWith: { first, _ in first })
    scenarios = Dictionary(known.scenarios.map { (ExactName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
    bugs = Dictionary(known.plantedBugs.map { (ExactName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
    requirements = Dictionary(
      ledgers.flatMap(\.requirements).map { (ExactName($0.id), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// All that does not fit, a sentence each, in the order of the files.
  func problems() -> [String] { ledgers.flatMap(problems(of:)) + problemsOfNames() }

  // MARK: what the ledger names

  private func problems(of ledger: Ledger) -> [String] {
    var problems: [String] = []
    func note(_ reference: LedgerReference, _ problem: String) {
      problems.append(
        TextMistake(file: ledger.file, line: reference.place.line, column: reference.place.column, problem: problem).description)
    }
    for requirement in ledger.requirements {
      for part in requirement.parts {
        guard case .built(let checks) = part.state else { continue }
        for reference in checks.cases {
          guard let found = cases[ExactName(reference.name)] else {
            note(reference, Self.unknown("contract case", reference.name, among: known.cases.map(\.id)))
            continue
          }
          if !found.requirements.contains(where: { sameBytes($0, requirement.id) }) {
            note(reference, "the case \(found.id) (\(found.place)) names \(Self.list(found.requirements)), not \(requirement.id)")
          }
        }
        for one in checks.scenarios {
          for reference in one.scenarios {
            guard let found = scenarios[ExactName(reference.name)] else {
              note(reference, Self.unknown("scenario", reference.name, among: known.scenarios.map(\.name)))
              continue
            }
            if !found.checks.contains(where: { sameBytes($0, one.check.name) }) {
              note(
                one.check, Self.unknown("check", one.check.name, among: found.checks) + "; it stands for the scenario \(found.name)")
            }
          }
        }
        for reference in checks.plantedBugs {
          guard let bug = bugs[ExactName(reference.name)] else {
            note(reference, Self.unknown("planted bug", reference.name, among: known.plantedBugs.map(\.name)))
            continue
          }
          let own = checks.cases.map(\.name) + checks.scenarios.map(\.check.name)
          if !bug.catchers.contains(where: { catcher in own.contains { sameBytes($0, catcher) } }) {
            note(reference, "\(bug.name) is caught by \(Self.list(bug.catchers)), and none of these checks the part")
          }
        }
      }
    }
    return problems
  }

  // MARK: what names requirements

  private func problemsOfNames() -> [String] {
    var problems: [String] = []
    for one in known.cases {
      for id in one.requirements {
        problems += problem("\(one.place): the case \(one.id)", id) { checks in checks.cases.contains { sameBytes($0.name, one.id) } }
      }
    }
    for one in known.scenarios {
      for id in one.requirements {
        problems += problem("the scenario \(one.name)", id) { checks in
          checks.scenarios.contains { $0.scenarios.contains { sameBytes($0.name, one.name) } }
        }
      }
    }
    let made = Set(known.cases.map { ExactName($0.id) }).union(known.scenarios.flatMap(\.checks).map { ExactName($0) })
    for bug in known.plantedBugs {
      for id in bug.requirements {
        problems += problem("the planted bug \(bug.name)", id) { checks in
          checks.plantedBugs.contains { sameBytes($0.name, bug.name) }
        }
      }
      for catcher in bug.catchers where !made.contains(ExactName(catcher)) {
        problems.append("the planted bug \(bug.name) is to be caught by \"\(catcher)\", and there is no case and no check of this name")
      }
    }
    return problems
  }

  private func problem(_ what: String, _ id: String, _ isNamed: (PartChecks) -> Bool) -> [String] {
    guard let requirement = requirements[ExactName(id)] else {
      return ["\(what) names \(id): " + Self.unknown("requirement", id, among: ledgers.flatMap(\.requirements).map(\.id))]
    }
    let isNamedBack = requirement.parts.contains { part in
      switch part.state {
      case .built(let checks): isNamed(checks)
      case .later: false
      }
    }
    return isNamedBack ? [] : ["\(what) names \(id), and no part of \(id) names it"]
  }

  // MARK: words

  private static func unknown(_ what: String, _ name: String, among names: [String]) -> String {
    let near = nearestName(to: name, among: names).map { " (did you mean \"\($0)\"?)" } ?? ""
    return "there is no \(what) \"\(name)\"\(near)"
  }

  private static func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }
}
