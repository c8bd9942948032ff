// Planted bugs: named, switched on at run time, one line where each lives. They prove that the checkers bite.

/// A planted bug of one room. Each room lists its own in `<Service>Mutants.swift`.
public struct Mutant: Hashable, Sendable {
  /// Name on the command line, `room/what-it-does-wrong`.
  public let name: String
  /// What the bug does, and where it is known from.
  public let summary: String
  /// Ids of the requirements that it breaks.
  public let requirements: [String]
  /// The checks that are there to catch it: names of checkers ("dense offsets"), and ids of contract cases
  /// ("SERVICE/FILE/CASE"). That anything else fails with it shows that it does harm, and not that anybody
  /// would know what harm.
  public let catchers: [String]

  /// A planted bug.
  public init(_ name: String, _ summary: String, breaks requirements: [String], caughtBy catchers: [String]) {
    self.name = name
    self.summary = summary
    self.requirements = requirements
    self.catchers = catchers
  }
}

/// The planted bugs that are switched on in a node; almost always none.
public struct PlantedBugs: Hashable, Sendable {
  @usableFromInline let active: [Mutant]

  /// No planted bug.
  public static let none = PlantedBugs([])

  /// These planted bugs.
  public init(_ active: [Mutant]) { self.active = active }

  /// Whether none is switched on: what a bug may have broken is then as the code says.
  @inlinable public var isEmpty: Bool { active.isEmpty }

  /// Whether `mutant` is switched on.
  @inlinable public func contains(_ mutant: @autoclosure () -> Mutant) -> Bool {
    if active.isEmpty { return false }
    return active.contains(mutant())
  }
}
