// What is said of a requirement in every form of report: only what was checked in that run.

import Ledger
import Wire

/// Words on requirements.
enum RequirementText {
  /// The legend of every list of requirements.
  static let note =
    "\"held\" is said only where every part of the requirement was checked here, and held; else it says how many of them were. A part is checked "
    + "by the cases and checks that the ledger names for it (windtunnel coverage); parts that are built later are never checked."

  /// What is said of a requirement that no ledger has.
  static let unknown = "in no ledger"

  /// `{"state","parts","checked","later","broken"}`. Where a check `isBroken` that is about the requirement, it is broken,
  /// also where none of its parts is known to be.
  static func json(_ standing: RequirementStanding, isBroken: Bool) -> JSON {
    let state = isBroken || !standing.broken.isEmpty ? "broken" : standing.isHeld ? "held" : "checked in part"
    return .object([
      .init("state", .string(state)),
      .init("parts", .integer(Int64(standing.parts))), .init("checked", .integer(Int64(standing.checked))),
      .init("later", .integer(Int64(standing.later))), .init("broken", .array(standing.broken.map { .string($0) })),
    ])
  }
}
