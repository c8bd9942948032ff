// The ledger of a system: what is asked of it, requirement by requirement, each split into its parts, where its source
// says so, and what checks each part. The format of the file is on the page ContractTests.md; reading: `LedgerReading.swift`;
// holding it against what there is: `LedgerChecking.swift`; what is checked and what is not: `Coverage.swift`.

import Vocabulary

/// The ledger of one system.
public struct Ledger: Sendable {
  /// The system.
  public var system: String
  /// The title of the document that asks for it.
  public var source: String
  /// What is asked of it, in the order of the file.
  public var requirements: [Requirement]
  /// The file, as it was given.
  public var file: String
}

/// Something that is asked of a system.
public struct Requirement: Sendable {
  /// Its id: MONITORING-7.
  public var id: String
  /// What is asked, in our words.
  public var says: String
  /// Where its source says so.
  public var source: String
  /// Its parts, in order; at least one.
  public var parts: [RequirementPart]
}

/// A part of a requirement: one sentence that can be checked.
public struct RequirementPart: Sendable {
  /// Its id: MONITORING-7.a.
  public var id: String
  /// The sentence.
  public var says: String
  /// Where its source says so; nil where the requirement's does.
  public var source: String?
  /// Whether it is built, and what checks it.
  public var state: PartState
  /// Where it stands.
  public var place: LedgerPlace
}

/// Whether a part is built.
public enum PartState: Sendable {
  /// It is, and these check it.
  indirect case built(PartChecks)
  /// Not yet, or nothing shows it: what is missing, in a sentence.
  case later(String)
}

/// What checks a part: each of it would fail if the part were broken.
public struct PartChecks: Sendable {
  /// Contract cases, by their ids.
  public var cases: [LedgerReference] = []
  /// Checks and objectives, by their names, each with the scenarios in which it is made.
  public var scenarios: [ScenarioCheck] = []
  /// Planted bugs that break the part and are caught by one of its checks.
  public var plantedBugs: [LedgerReference] = []

  /// Whether nothing checks it. A planted bug is no check: it shows that one bites.
  public var isEmpty: Bool { cases.isEmpty && scenarios.allSatisfy(\.scenarios.isEmpty) }
}

/// A check and the scenarios in which it is made.
public struct ScenarioCheck: Sendable {
  /// The check's name, as a flight's judgement has it: "dense offsets".
  public var check: LedgerReference
  /// The names of the scenarios.
  public var scenarios: [LedgerReference]
}

/// A name that the ledger says, and where.
public struct LedgerReference: Sendable, Hashable {
  /// The name.
  public var name: String
  /// Where it stands.
  public var place: LedgerPlace
}

/// A place in a ledger's file.
public struct LedgerPlace: Sendable, Hashable {
  /// The line, from 1.
  public var line: Int
  /// The column, from 1.
  public var column: Int
}
