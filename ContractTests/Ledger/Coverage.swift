// What of a ledger is checked: every part beside the cases, the scenarios and the planted bugs that check it; and what
// one run checked of it.

import Vocabulary

/// How far ledgers are checked.
public struct Coverage: Sendable {
  /// The ledgers.
  public var ledgers: [Ledger]
  /// What does not fit between them and what there is, a sentence each.
  public var problems: [String]

  /// Holds ledgers against what there is.
  public init(_ ledgers: [Ledger], _ known: KnownChecks) {
    self.ledgers = ledgers
    problems = LedgerChecking(ledgers, known).problems()
  }

  /// Parts that are built and that nothing checks.
  public var unchecked: [RequirementPart] { parts.filter(\.isUnchecked) }

  /// Parts that are checked, and by whose checks nobody has seen a planted bug caught.
  public var unproven: [RequirementPart] { parts.filter(\.isUnproven) }

  /// Parts that are built later.
  public var later: [RequirementPart] {
    parts.filter { part in
      switch part.state {
      case .built: false
      case .later: true
      }
    }
  }

  /// All parts, in the order of the files.
  public var parts: [RequirementPart] { ledgers.flatMap(\.requirements).flatMap(\.parts) }

  /// How many parts there are, of each sort.
  public var counts: CoverageCounts {
    var counts = CoverageCounts()
    counts.requirements = ledgers.reduce(0) { $0 + $1.requirements.count }
    for part in parts {
      counts.parts += 1
      guard case .built(let checks) = part.state else { continue }
      counts.built += 1
      counts.byCases += checks.cases.isEmpty ? 0 : 1
      counts.byScenarios += checks.scenarios.isEmpty ? 0 : 1
      counts.byPlantedBugs += checks.plantedBugs.isEmpty ? 0 : 1
      counts.unchecked += part.isUnchecked ? 1 : 0
      counts.unproven += part.isUnproven ? 1 : 0
    }
    return counts
  }
}

/// How many parts there are, of each sort.
public struct CoverageCounts: Sendable, Hashable {
  /// Requirements.
  public var requirements = 0
  /// Their parts.
  public var parts = 0
  /// Parts that are built.
  public var built = 0
  /// Of them, those that cases check.
  public var byCases = 0
  /// Those that checks in scenarios check.
  public var byScenarios = 0
  /// Those by whose checks a planted bug is caught.
  public var byPlantedBugs = 0
  /// Those that nothing checks.
  public var unchecked = 0
  /// Those that something checks, and by whose checks no planted bug is caught.
  public var unproven = 0
  /// Those that are built later.
  public var later: Int { parts - built }
}

/// What a part lacks.
public enum CoverageGap: String, Sendable, CaseIterable {
  /// It is built, and nothing checks it.
  case unchecked
  /// It is checked, and no planted bug shows that this bites.
  case unproven
  /// It is built later.
  case later
}

extension RequirementPart {
  /// What it lacks; nil where it lacks nothing.
  public var gap: CoverageGap? {
    switch state {
    case .later: .later
    case .built: isUnchecked ? .unchecked : isUnproven ? .unproven : nil
    }
  }

  /// Whether it is built, and nothing checks it.
  public var isUnchecked: Bool {
    switch state {
    case .built(let checks): checks.isEmpty
    case .later: false
    }
  }

  /// Whether something checks it, and no planted bug shows that this bites.
  public var isUnproven: Bool {
    switch state {
    case .built(let checks): !checks.isEmpty && checks.plantedBugs.isEmpty
    case .later: false
    }
  }
}

/// One check that a run made.
public enum MadeCheck: Hashable, Sendable {
  /// A contract case, by its id.
  case contractCase(ExactName)
  /// A check in a scenario, by their names.
  case check(ExactName, scenario: ExactName)
}

/// What a run checked of one requirement.
public struct RequirementStanding: Sendable, Hashable {
  /// How many parts it has.
  public var parts = 0
  /// Of them, those that were checked in the run, and held.
  public var checked = 0
  /// Ids of the parts of which a check was broken.
  public var broken: [String] = []
  /// How many parts are built later.
  public var later = 0

  /// Held is said only where every part was checked, and held.
  public var isHeld: Bool { broken.isEmpty && parts > 0 && checked == parts }

  /// "held", "broken: MONITORING-7.e", "3 of 8 parts checked".
  public var words: String {
    if !broken.isEmpty { return "broken: \(broken.joined(separator: ", "))" }
    return isHeld ? "held" : "\(checked) of \(parts) part\(parts == 1 ? "" : "s") checked"
  }
}

extension Requirement {
  /// All that checks one of its parts.
  public var checks: Set<MadeCheck> {
    parts.reduce(into: []) { all, part in
      switch part.state {
      case .built(let checks): all.formUnion(checks.all)
      case .later: break
      }
    }
  }

  /// Its parts whose ids are these, in order.
  public func parts(named ids: [String]) -> [RequirementPart] { parts.filter { part in ids.contains { sameBytes($0, part.id) } } }

  /// What a run checked of it, in which these checks were made and held, and these were made and did not. A part of
  /// which one check held and none was broken is checked.
  public func standing(held: Set<MadeCheck>, broken: Set<MadeCheck>) -> RequirementStanding {
    var standing = RequirementStanding()
    for part in parts {
      standing.parts += 1
      switch part.state {
      case .later: standing.later += 1
      case .built(let checks):
        let all = checks.all
        if !broken.isDisjoint(with: all) {
          standing.broken.append(part.id)
        } else if !held.isDisjoint(with: all) {
          standing.checked += 1
        }
      }
    }
    return standing
  }
}

extension PartChecks {
  /// Each case, and each check in each scenario.
  var all: Set<MadeCheck> {
    var all = Set(cases.map { MadeCheck.contractCase(ExactName($0.name)) })
    for one in scenarios {
      for scenario in one.scenarios { all.insert(.check(ExactName(one.check.name), scenario: ExactName(scenario.name))) }
    }
    return all
  }
}
