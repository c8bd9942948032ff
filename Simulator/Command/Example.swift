// Names for the examples of help texts. They are those of the first systems of the list, so that each example is a
// command that can be given.

import Flight

/// Names in examples.
enum Example {
  /// A system with a contract.
  static let system = Systems.all.first { $0.contract != nil }?.name ?? "SYSTEM"
  private static let services = Systems.services[system] ?? []
  /// One of its services.
  static let service = services.dropFirst().first ?? "SERVICE"
  /// Another.
  static let otherService = services.dropFirst(2).first ?? "SERVICE"
  /// A system that has none.
  static let otherSystem = Systems.all.last?.name ?? "SYSTEM"
  /// A planted bug.
  static let mutant = Systems.all.first?.mutants.first?.name ?? "ROOM/BUG"
  /// The room that it is planted in.
  static let room = String(mutant.prefix { $0 != "/" })
  /// A scenario.
  static let scenario = "process-kills"
}
