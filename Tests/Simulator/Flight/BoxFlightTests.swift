// Boxes as scenario files say them, and in a flight.

import Flight
import Scenarios
import TestBench
import Testing
import Vocabulary
import World

private let registers = """
  scenario: example
  about: Two of three servers stand in one box.
  system: registers
  servers: 3
  duration: 20s
  settle: 20s
  load:
    - registers: 30/s
  boxes:
    - server-1,server-2 on 1 core
  faults:
    - crash box of server-2 at 8s for 2s
    - crash box of servers at 14s for 1s
  """

private func read(_ yaml: String) throws -> Scenario {
  try Scenario(yaml: yaml, file: "x.yaml", systems: systems)
}

@Suite struct BoxFlightTests {
  @Test func boxesAreRead() throws {
    func boxes(_ line: String) throws -> [ScenarioBox] {
      try read(registers.replacing("server-1,server-2 on 1 core", with: line)).boxes
    }
    #expect(try boxes("server-1,server-2 on 1 core") == [ScenarioBox(["server-1", "server-2"], cores: 1)])
    #expect(try boxes("all") == [ScenarioBox(nil)])
    #expect(try boxes("all on 4 cores") == [ScenarioBox(nil, cores: 4)])
    let scenario = try read(registers)
    #expect(scenario.faults[0].kind == .crashBox(node: "server-2"))
  }

  @Test(arguments: [
    ("server-1,server-2 on", "server-1,server-9 on", "x.yaml:10:5: expected names, joined by commas, each of a node"),
    ("server-1,server-2 on", "server-1,leader on", "x.yaml:10:5: expected a box of nodes that are known from the start"),
    ("on 1 core", "on 0 cores", "x.yaml:10:26: expected how many cores, 1 to 1024, found \"0\""),
    ("on 1 core", "on 1 cord", "x.yaml:10:28: expected \"cores\""), ("on 1 core", "with 1 core", "x.yaml:10:23: expected"),
    ("crash box of server-2", "crash box server-2", "x.yaml:12:15: expected \"of\""),
  ]) func aMistakeInABoxIsNamed(_ text: String, _ instead: String, _ expected: String) {
    do {
      _ = try read(registers.replacing(text, with: instead))
      Issue.record("it was read")
    } catch {
      #expect("\(error)".hasPrefix(expected), "\(error)")
    }
  }

  @Test func aBoxFallsWithAllThatStandsInIt() throws {
    let result = flight(try read(registers), seed: 1).fly()
    #expect(result.verdict == .held, "\(result.firstFailure?.summary ?? "")")
    // The second line befalls two boxes: that of two servers, once, and that of the third.
    #expect(
      result.faults.map(\.label) == [
        "crash of the box of registers/server-1, registers/server-2", "crash of the box of registers/server-1, registers/server-2",
        "crash of the box of registers/server-3",
      ])
    #expect(result.faults.map(\.reach) == [.stops([NodeID(0), NodeID(1)]), .stops([NodeID(0), NodeID(1)]), .stops([NodeID(2)])])
    #expect(result.faults.filter { !$0.happened }.isEmpty)
  }
}
