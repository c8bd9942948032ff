// The matcher of answers, as cases write it.

import ContractTests
import Testing
import Vocabulary
import Wire

struct MatcherTests {
  /// The matcher that a case writes so.
  private func matcher(_ text: String) throws -> JSONMatcher {
    let yaml = """
      system: monitoring
      service: queue
      cases:
        - {case: a/b, level: may, requirements: [], because: x, steps: [{request: GET /, expect: {json: \(text)}}]}
      """
    let steps = try ContractFile(yaml: yaml, file: "f.yaml", systems: systems).cases.first?.steps
    guard case .request(let request)? = steps?.first?.kind else { throw UnfitVariable(description: "no request") }
    return try #require(request.expectation.json)
  }

  private func mismatch(_ text: String, _ found: String, _ variables: Variables = Variables()) throws -> FieldMistake? {
    try matcher(text).mismatch(try JSON(parsing: found), variables)
  }

  @Test func numbersAreComparedByValue() throws {
    #expect(try mismatch("75", "75.0") == nil)
    #expect(try mismatch("75.0", "75") == nil)
    #expect(try mismatch("1e3", "1000") == nil)
    #expect(try mismatch("9007199254740993", "9007199254740992") != nil)
    #expect(try mismatch("9007199254740993", "9007199254740992.0") != nil)
    #expect(try mismatch("5e-324", "0") != nil)
    #expect(try mismatch("5e-324", "5e-324") == nil)
    #expect(try mismatch("-0.0", "-0.0") == nil)
    #expect(try mismatch("-0.0", "0") != nil)
    #expect(try mismatch("0", "-0.0") != nil)
    #expect(try mismatch("0", "0.0") == nil)
    #expect(try mismatch("1", "\"1\"") != nil)
    #expect(try mismatch("\"1\"", "1") != nil)
  }

  @Test func numbersBeyondDoublesAreTold() throws {
    #expect(try mismatch("18446744073709551614", "18446744073709551615") != nil)
    #expect(try mismatch("18446744073709551615", "18446744073709551615") == nil)
    #expect(try mismatch("$integer >= 9223372036854775808", "9223372036854775807") != nil)
    #expect(try mismatch("$integer >= 9223372036854775808", "9223372036854775808") == nil)
    #expect(try mismatch("$integer > 9007199254740992", "9007199254740992") != nil)
    #expect(try mismatch("$integer > 9007199254740992", "9007199254740993.0") == nil)
    #expect(try mismatch("$integer", "18446744073709551615") == nil)
    #expect(try mismatch("$integer", "1e999") == nil)
    #expect(try mismatch("$integer", "18446744073709551615.5") != nil)
    #expect(try mismatch("$integer != 18446744073709551614", "18446744073709551615") == nil)
    #expect(try mismatch("$integer == 18446744073709551614", "18446744073709551615") != nil)
    #expect(try mismatch("3.0e-400", "0.0") != nil)
    #expect(try mismatch("{a: 1e999}", #"{"a":2e999}"#) != nil)
  }

  @Test func namesOfMembersAreComparedByBytes() throws {
    #expect(try mismatch(#"{"caf\u00e9": 1, $exactly: true}"#, #"{"cafe\u0301":1}"#) != nil)
    #expect(try mismatch(#"{"caf\u00e9": 1, $exactly: true}"#, #"{"caf\u00e9":1,"cafe\u0301":1}"#) != nil)
    #expect(try mismatch(#"{"caf\u00e9": 1, $exactly: true}"#, #"{"caf\u00e9":1}"#) == nil)
  }

  @Test func kindsAndComparisons() throws {
    #expect(try mismatch("$integer >= 0 <= 11", "11") == nil)
    #expect(try mismatch("$integer >= 0 <= 11", "12") == FieldMistake(path: "", expected: "integer <= 11", found: "12"))
    #expect(try mismatch("$integer", "1.5") != nil)
    #expect(try mismatch("$number > 0", "0.1") == nil)
    #expect(try mismatch("$string", "\"a\"") == nil)
    #expect(try mismatch("$string contains a b", "\"xa by\"") == nil)
    #expect(try mismatch("$string contains a b", "\"ab\"") != nil)
    #expect(try mismatch("$string != a", "\"a\"") != nil)
    #expect(try mismatch("$boolean", "true") == nil)
    #expect(try mismatch("$null", "0") != nil)
    #expect(try mismatch("$any", "null") == nil)
    #expect(try mismatch("$array", "{}") != nil)
  }

  @Test func objectsAllowUnknownMembers() throws {
    #expect(try mismatch("{a: 1}", #"{"b":2,"a":1}"#) == nil)
    #expect(try mismatch("{a: 1, $exactly: true}", #"{"b":2,"a":1}"#)?.found == "the member b")
    #expect(try mismatch("{a: $any}", "{}") == FieldMistake(path: "a", expected: "any value", found: "nothing"))
    #expect(try mismatch("{a: $absent}", "{}") == nil)
    #expect(try mismatch("{a: $absent}", #"{"a":null}"#) != nil)
    #expect(try mismatch("{a: {b: [1, {c: 2}]}}", #"{"a":{"b":[1,{"c":3}]}}"#) == FieldMistake(path: "a.b[1].c", expected: "2", found: "3"))
  }

  @Test func arrays() throws {
    #expect(try mismatch("[1, 2]", "[1, 2]") == nil)
    #expect(try mismatch("[1, 2]", "[1, 2, 3]") != nil)
    #expect(try mismatch("[]", "[1]") != nil)
    #expect(try mismatch("{$length: 2}", "[1, 2]") == nil)
    #expect(try mismatch("{$length: $integer >= 3}", "[1, 2]") != nil)
    #expect(try mismatch("{$each: $integer > 0}", "[1, 2]") == nil)
    #expect(try mismatch("{$each: $integer > 1}", "[2, 1]")?.path == "[1]")
    #expect(try mismatch("{$some: {a: 1}}", #"[{"a":2},{"a":1}]"#) == nil)
    #expect(try mismatch("{$some: [{a: 1}, {a: 3}]}", #"[{"a":2},{"a":1}]"#)?.expected == "an array with {a: 3} in it")
  }

  @Test func variables() throws {
    var variables = Variables()
    variables["run"] = "r1"
    variables["now"] = 1_000
    #expect(try mismatch("$run", "\"r1\"", variables) == nil)
    #expect(try mismatch("x-$run", "\"x-r1\"", variables) == nil)
    #expect(try mismatch("$$run", "\"$run\"", variables) == nil)
    #expect(try mismatch("$now", "1000", variables) == nil)
    #expect(try mismatch("\"${now - 1}\"", "999", variables) == nil)
    #expect(try mismatch("\"$integer > ${now + 5}\"", "1006", variables) == nil)
    #expect(throws: UnfitVariable.self) { try mismatch("\"${run + 1}\"", "1", variables) }
  }
}
