// Chance hangs on names, never on places in a list: what is added to a flight or taken out of it changes nothing for
// those whom it does not touch. Without this no failing flight could be made smaller and stay the same.

import Flight
import Scenarios
import Testing
import Vocabulary

private let monitoring = """
  load:
    - metrics: 30/s
  """

private let registers = """
  servers: 3
  tuning: small
  load:
    - registers: 20/s
  """

private func indented(_ text: String) -> String { text.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n") }

/// A flight of the platform, with registers beside it or not.
private func result(registers isThere: Bool, faults: [String] = [], seed: UInt64 = 3) throws -> FlightResult {
  let parts =
    isThere
    ? "systems:\n  monitoring:\n\(indented(monitoring))\n  registers:\n\(indented(registers))" : "system: monitoring\n\(monitoring)"
  let lines = faults.isEmpty ? "" : "faults:\n" + faults.map { "  - \($0)" }.joined(separator: "\n")
  return flight(
    try Scenario(
      yaml: "scenario: named\nabout: Chance by name.\nduration: 4s\nsettle: 6s\n\(parts)\n\(lines)\n", file: "named",
      systems: systems), seed: seed
  ).fly()
}

private func hash(_ result: FlightResult, of system: String) throws -> String {
  try #require(result.systemHashes.first { $0.system == system }).hash.description
}

@Suite struct ChanceByNameTests {
  @Test func aSystemBesideItChangesNothingForAnother() throws {
    let alone = try result(registers: false)
    let beside = try result(registers: true)
    #expect(try hash(alone, of: "monitoring") == hash(beside, of: "monitoring"))
    #expect(alone.traceHash != beside.traceHash)
    // The control: another seed is another flight.
    #expect(try hash(alone, of: "monitoring") != hash(try result(registers: false, seed: 4), of: "monitoring"))
  }

  @Test func aFaultThatIsTakenAwayLeavesTheOthersAsTheyWere() throws {
    let ours = ["crash monitoring/queue at 1s..3s for 300ms", "lose 5% between monitoring/load and monitoring/ingestion at 1s for 1s"]
    let theirs = ["crash registers/servers at 1s..3s for 200ms", "slow disk of registers/servers 20x at 2s for 500ms"]
    let both = try result(registers: true, faults: [theirs[0], ours[0], theirs[1], ours[1]])
    let mine = try result(registers: true, faults: ours)
    let none = try result(registers: true)
    #expect(try hash(both, of: "monitoring") == hash(mine, of: "monitoring"))
    #expect(try hash(mine, of: "registers") == hash(none, of: "registers"))
    // The controls: who is touched has another flight.
    #expect(try hash(both, of: "registers") != hash(none, of: "registers"))
    #expect(try hash(mine, of: "monitoring") != hash(none, of: "monitoring"))
  }

  @Test func theOtherWayRoundToo() throws {
    func registersOf(_ parts: String) throws -> String {
      let scenario = try Scenario(
        yaml: "scenario: named\nabout: Chance by name.\nduration: 4s\nsettle: 6s\nsystems:\n\(parts)\n", file: "named",
        systems: systems)
      return try hash(flight(scenario, seed: 3).fly(), of: "registers")
    }
    let own = "  registers:\n\(indented(registers))"
    #expect(try registersOf(own) == registersOf(own + "\n  monitoring:\n\(indented(monitoring))"))
  }

  @Test func aLoadThatIsTakenAwayLeavesTheFaultsAndTheServicesChance() throws {
    // What a load sends touches services; the other load's own chance stays: it sends the same at the same times.
    func sent(_ loads: String) throws -> [Int64] {
      let scenario = try Scenario(
        yaml: "scenario: named\nabout: Chance by name.\nsystem: monitoring\nduration: 3s\nsettle: 3s\nload:\n\(loads)", file: "named",
        systems: systems)
      return flight(scenario, seed: 3).fly().requests.map(\.intendedAt.nanoseconds).sorted()
    }
    let one = "  - metrics: 10/s\n    name: one\n"
    let two = "  - metrics: 15/s\n    name: two\n"
    let both = try sent(one + two)
    let alone = try sent(one)
    #expect(!alone.isEmpty && Set(alone).isSubset(of: Set(both)))
  }
}
