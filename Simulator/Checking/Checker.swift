// A checker: one promise, one file. It reads a flight's record and gives what broke the promise, with evidence.

import Vocabulary

/// What broke a promise.
public struct Violation: Sendable, Hashable {
  /// When it showed, on the host's clock; nil where it has no moment.
  public var at: Instant?
  /// One sentence.
  public var summary: String

  /// A violation.
  public init(at: Instant? = nil, _ summary: String) {
    self.at = at
    self.summary = summary
  }
}

/// A checker's judgement of one flight.
public struct Judgement: Sendable, Hashable {
  /// The checker's name.
  public var checker: String
  /// Ids of the requirements that it checks.
  public var requirements: [String]
  /// What broke the promise; empty where it held.
  public var violations: [Violation]
  /// What was looked at, in a few words with numbers: "1,204 metrics". A judgement that looked at nothing is no pass.
  public var examined: String
  /// How many things were looked at.
  public var examinedCount: Int

  /// A judgement.
  public init(checker: String, requirements: [String], violations: [Violation], examined: String, examinedCount: Int) {
    self.checker = checker
    self.requirements = requirements
    self.violations = violations
    self.examined = examined
    self.examinedCount = examinedCount
  }

  /// Whether the promise was shown to hold: something was examined, and nothing broke.
  public var held: Bool { violations.isEmpty && examinedCount > 0 }
}

/// Judges one promise.
public protocol Checker: Sendable {
  /// A short name: "conservation".
  var name: String { get }
  /// Ids of the requirements that it checks.
  var requirements: [String] { get }
  /// Judges a flight.
  func judge(_ record: FlightRecord) -> Judgement
}

extension Checker {
  /// A judgement of this checker. At most 20 violations are kept; the rest is counted in the last one.
  public func judgement(_ violations: [Violation], examined: String, count: Int) -> Judgement {
    var kept = Array(violations.prefix(20))
    if violations.count > kept.count { kept.append(Violation("… and \(violations.count - kept.count) more")) }
    return Judgement(checker: name, requirements: requirements, violations: kept, examined: examined, examinedCount: count)
  }
}
