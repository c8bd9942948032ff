// Planted bugs by their names on the command line: those of the systems that are asked, and of no other.

import Vocabulary

/// Finds planted bugs.
package enum MutantName {
  /// The bug named `name` among `known`, which are those of `whose`, a system's name. Throws where there is none.
  package static func named(_ name: String, of whose: String, among known: [Mutant]) throws -> Mutant {
    guard let mutant = known.first(where: { $0.name == name }) else {
      throw InputProblem(
        description: "--mutant: "
          + NameText.unknown(
            "planted bug of \(whose)", name, among: known.map(\.name), list: "there are\n  \(known.map(\.name).joined(separator: "\n  "))"))
    }
    return mutant
  }
}
