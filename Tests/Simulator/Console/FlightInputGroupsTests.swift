// Options of several systems beside each other: what is given of each goes on, in words and in values.

import Console
import Flight
import Scenarios
import Testing

private struct Thing: FlightInput {
  var name: String
}

private struct Options<Kind>: FlightInputOptions {
  var given: String?

  init() {}
  init(_ given: String?) { self.given = given }
  init(from decoder: any Decoder) throws {}

  func input(for scenarios: [Scenario]) throws -> (any FlightInput)? { given.map { Thing(name: $0) } }
  func words(for scenario: Scenario) -> [String] { [] }
  func words(forAll scenarios: [Scenario]) -> [String] { given.map { ["--option", $0] } ?? [] }
}

private struct Groups: FlightInputGroups {
  var one = Options<Int>()
  var other = Options<String>()
  var groups: [any FlightInputOptions] { [one, other] }

  init() {}
  init(from decoder: any Decoder) throws {}
}

@Suite struct FlightInputGroupsTests {
  @Test(arguments: [nil, "a"] as [String?], [nil, "b"] as [String?]) func whatEachIsGivenGoesOn(_ one: String?, _ other: String?) throws {
    var groups = Groups()
    groups.one = Options(one)
    groups.other = Options(other)
    let given = try groups.input(for: [])
    #expect((given as? FlightInputs)?.all.compactMap { ($0 as? Thing)?.name } ?? [] == [one, other].compactMap { $0 })
    #expect((given == nil) == (one == nil && other == nil))
    #expect(groups.words(forAll: []) == [one, other].compactMap { $0 }.flatMap { ["--option", $0] })
  }
}
