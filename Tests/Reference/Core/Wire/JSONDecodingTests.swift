// Fields and their errors: every accessor's refusal names the path. MONITORING-1, MONITORING-12.

import Testing
import Wire

@Suite struct JSONDecodingTests {
  private func problem<Result>(_ body: () throws -> Result) -> String? {
    do {
      _ = try body()
      return nil
    } catch {
      return "\(error)"
    }
  }

  private let document = JSONField([
    "metrics": [["name": "a", "value": 1.5], ["name": "", "value": "high", "valeu": 2]], "count": 7, "half": 0.5, "whole": 5.0,
    "flag": true, "none": nil, "tags": ["host": "a", "odd name": 3], "deep": [[["x": ["y": 1]]]], "huge": 1e300,
  ])

  @Test func readsValues() throws {
    #expect(try document.member("count").integer(in: 0...10) == 7)
    #expect(try document.member("whole").integer() == 5)
    #expect(try document.member("count").finiteDouble() == 7)
    #expect(try document.member("flag").bool())
    #expect(try document.optionalMember("none") == nil)
    #expect(try document.optionalMember("absent") == nil)
    #expect(try JSONField(["a": nil]).nullableMember("a").value == .null)
    #expect(problem { try JSONField(["a": nil]).nullableMember("b") } == "b: expected a value, found none")
    let metrics = try document.member("metrics").elements(maximum: 2)
    #expect(metrics.count == 2)
    #expect(try metrics[0].member("name").string(maximumBytes: 1, minimumBytes: 1) == "a")
    #expect(try JSONField(["b": "2", "a": "1"]).stringMap(maximumMembers: 2) == [NamedText("b", "2"), NamedText("a", "1")])
    #expect(try document.fields(maximum: 20).map(\.name).first == "metrics")
  }

  @Test func errorsNameThePlace() throws {
    let metrics = try document.member("metrics").elements(maximum: 2)
    #expect(
      problem { try metrics[1].member("value").finiteDouble() }
        == "metrics[1].value: expected a finite number, found a string")
    #expect(
      problem { try metrics[1].member("name").string(maximumBytes: 9, minimumBytes: 1) }
        == "metrics[1].name: expected a string that is not empty, found an empty one")
    #expect(
      problem { try metrics[1].onlyMembers(["name", "value"]) }
        == #"metrics[1].valeu: expected only the members "name", "value", found "valeu" (did you mean "value"?)"#)
    #expect(problem { try metrics[0].member("type") } == "metrics[0].type: expected a value, found none")
    #expect(
      problem { try document.member("metrics").elements(maximum: 1) }
        == "metrics: expected at most 1 element, found 2")
    #expect(
      problem { try document.member("metrics").elements(maximum: 5, minimum: 3) }
        == "metrics: expected at least 3 elements, found 2")
    #expect(
      problem { try document.member("count").integer(in: 0...5) }
        == "count: expected an integer from 0 to 5, found 7")
    #expect(problem { try document.member("half").integer() } == "half: expected an integer, found 0.5")
    #expect(problem { try document.member("huge").integer() } == "huge: expected an integer, found 1e+300")
    #expect(
      problem { try document.member("flag").elements(maximum: 1) }
        == "flag: expected an array, found a boolean")
    #expect(problem { try document.member("none") } == "none: expected a value, found none")
    #expect(
      problem { try document.member("tags").stringMap(maximumMembers: 9) }
        == #"tags["odd name"]: expected a string, found a number"#)
    #expect(
      problem { try document.member("tags").stringMap(maximumMembers: 1) }
        == "tags: expected at most 1 member, found 2")
    #expect(problem { try JSONField([1]).member("a") } == "the document: expected an object, found an array")
    #expect(
      problem { try JSONField(.double(.nan)).finiteDouble() }
        == "the document: expected a finite number, found one that is not")
    let deepest = try document.member("deep").elements(maximum: 1)[0].elements(maximum: 1)[0].member("x").member("y")
    #expect(deepest.path == "deep[0][0].x.y")
    #expect(deepest.mismatch("a colour").description == "deep[0][0].x.y: expected a colour, found a number")
  }

  private enum Kind: String, CaseIterable { case gauge, counter }

  @Test func wordsAndNearNames() throws {
    #expect(try JSONField("gauge").word(Kind.self) == .gauge)
    #expect(
      problem { try JSONField("guage").word(Kind.self) }
        == #"the document: expected one of "gauge", "counter", found "guage" (did you mean "gauge"?)"#)
    #expect(nearestName(to: "vlaue", among: ["name", "value"]) == "value")
    #expect(nearestName(to: "VALUE", among: ["name", "valve", "value"]) == "value")
    #expect(nearestName(to: "[", among: ["{"]) == nil)
    #expect(nearestName(to: "xyz", among: ["name", "value"]) == nil)
    #expect(nearestName(to: "a", among: ["b"]) == nil)
    #expect(nearestName(to: String(repeating: "a", count: 100), among: ["a"]) == nil)
  }

  @Test func namesFromOutsideAreShownSafely() {
    #expect(quoted("a\n\u{1B}[31m") == "\"a\\u{0A}\\u{1B}[31m\"")
    #expect(quoted(String(repeating: "x", count: 41)) == "\"" + String(repeating: "x", count: 40) + "…\"")
  }
}
