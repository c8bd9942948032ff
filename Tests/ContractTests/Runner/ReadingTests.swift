// Files of contract cases: what they mean, and where their mistakes are.

import ContractTests
import Testing
import Vocabulary
import YAMLReading

private func file(_ steps: String, level: String = "must") -> String {
  """
  system: monitoring
  service: queue
  about: x
  cases:
    - case: produce/x
      level: \(level)
      requirements: [MONITORING-6]
      because: x
      steps:
  \(steps.split(separator: "\n").map { "        \($0)" }.joined(separator: "\n"))
  """
}

struct ReadingTests {
  private func mistake(_ yaml: String) -> String {
    do throws(TextMistake) {
      _ = try ContractFile(yaml: yaml, file: "f.yaml", systems: systems)
      return "none"
    } catch {
      return error.description
    }
  }

  @Test func readsACase() throws {
    let read = try ContractFile(
      yaml: file(
        """
        - request: POST /produce
          json: {topic: t, key: $run, value: 1}
          expect: {status: [200, 4xx], json: {offset: $integer >= 0}}
          save: {offset: offset}
        - within: 1s
          steps:
            - request: GET /consume?offset=${offset + 1}
              to: storage
              times: 3
              expect: 200
        """), file: "f.yaml", systems: systems)
    let only = try #require(read.cases.first)
    #expect(only.id == "queue/produce/x")
    #expect(only.level == .must)
    #expect(only.services == ["queue", "storage"])
    #expect(only.place == "f.yaml:5")
    #expect(!only.needsChannel)
    #expect(
      only.outline == [
        "POST /produce → status 200 or 4xx; keeps offset", "    sends {topic: \"t\", key: \"${run}\", value: 1}",
        "    expects {offset: $integer >= 0}", "within 1 s:",
        "  GET /consume?offset=${offset + 1} (to storage), 3 times → status 200",
      ])
  }

  @Test func readsStepsThatAreMadeMeanwhileAndAfterwards() throws {
    let steps = """
      - request: GET /consume?wait=100
        meanwhile:
          - {request: POST /produce, json: 1, expect: 200, save: {n: offset}}
          - {wait: 1s}
        expect: {status: 200, json: {offset: $n}}
        save: {m: offset}
      """
    let only = try #require(
      try ContractFile(yaml: file(steps) + "\n    afterwards: [DELETE /made/$m]", file: "f.yaml", systems: systems).cases.first)
    #expect(
      only.outline == [
        "GET /consume?wait=100 → status 200; keeps m; meanwhile:", "    expects {offset: \"${n}\"}",
        "  POST /produce → status 200; keeps n",
        "      sends 1", "  wait 1 s",
        "afterwards DELETE /made/${m}",
      ])
    for misplaced in [
      "- {request: GET /a, times: 2, meanwhile: [{wait: 1s}], expect: 200}",
      "- {requests: [GET /a, GET /b], meanwhile: [{wait: 1s}], expect: 200}",
      "- {request: GET /a, eventually: 1s, meanwhile: [{wait: 1s}], expect: 200}",
      "- {request: GET /a, meanwhile: [{request: GET /b, meanwhile: [{wait: 1s}], expect: 200}], expect: 200}",
    ] { #expect(mistake(file(misplaced)).contains("expected \"meanwhile\" in one request"), "\(misplaced)") }
    #expect(mistake(file("- {wait: 1s}") + "\n    afterwards: [DELETE]").contains("a method and a target"))
    #expect(mistake(file("- {wait: 1s}") + "\n    afterwards: [DELETE /$nowhere]").contains("nowhere"))
  }

  @Test func pluralsStandForManySteps() throws {
    let read = try ContractFile(
      yaml: file("- {requests: [GET /a, GET /b], bodies: ['1', '2', '3'], expect: 4xx}"), file: "f.yaml", systems: systems)
    #expect(read.cases.first?.steps.count == 6)
  }

  @Test func mistakesHaveAPlace() {
    #expect(mistake("") == "f.yaml:1:1: expected contract cases, found an empty file")
    #expect(mistake("system: [").contains("f.yaml:"))
    #expect(
      mistake("system: moon\nservice: queue\ncases: []") == "f.yaml:1:9: expected a system: monitoring, found \"moon\"")
    #expect(
      mistake("system: monitoring\nservice: kiosk\ncases: []")
        == "f.yaml:2:10: expected a service: ingestion, queue, storage, query, alerting, found \"kiosk\"")
    #expect(mistake(file("- wait: 1s", level: "maybe")) == "f.yaml:6:12: expected must, should or may, found \"maybe\"")
    #expect(mistake(file("- wait: soon")) == "f.yaml:10:17: expected how long to wait, like 10s or 250ms, found \"soon\"")
    #expect(mistake(file("- expect: 200")).hasPrefix("f.yaml:10:11: expected a step: request, requests, wait"))
    #expect(mistake(file("- {request: GET /, expct: 200}")).hasPrefix("f.yaml:10:28: expected one of the keys of a step: request"))
    #expect(mistake(file("- request: GET /")) == "f.yaml:10:11: expected the key \"expect\", found none")
    #expect(mistake(file("- {request: GET, expect: 200}")).hasPrefix("f.yaml:10:21: expected a method and a target"))
    #expect(mistake(file("- {request: GET /, expect: 20}")).hasPrefix("f.yaml:10:36: expected a status, 4xx, 200..299 or closed"))
    #expect(
      mistake(file("- {request: GET /$nobody, expect: 200}")).hasPrefix(
        "f.yaml:10:21: expected a variable behind $ (channel, now, run, step;"))
    #expect(mistake(file("- {request: 'GET /${run * 2}', expect: 200}")).contains("expected a sum like ${run + 1}"))
    #expect(
      mistake(file("- {request: GET /, expect: {json: {a: $integer above 0}}}")).hasPrefix(
        "f.yaml:10:47: expected $integer with comparisons"))
    #expect(mistake(file("- {request: GET /, json: 1, body: x, expect: 200}")).contains("found json and body"))
    #expect(mistake(file("- {request: GET /, body: [{hex: 0g}], expect: 200}")).contains("expected bytes in hexadecimal"))
    #expect(mistake(file("- {request: GET /, save: {run: a}, expect: 200}")).contains("other than"))
    #expect(mistake(file("- {request: GET /, save: {a: 'b[x]'}, expect: 200}")).contains("expected where the value is"))
    #expect(mistake(file("- {request: GET /, times: 0, expect: 200}")).contains("expected how often, 1 to 100000"))
  }

  /// A list without any judge in it would let everything pass.
  @Test(arguments: ["status: []", "headers: {}", "tally: {}", "status: [200, []]"]) func anExpectationOfNothingIsAMistake(_ what: String) {
    #expect(mistake(file("- {request: GET /, expect: {\(what)}}")).hasPrefix("f.yaml:10:"), "\(what)")
  }

  @Test(
    arguments: [
      ("closed", ["a closed connection"]), ("{status: [413, closed]}", ["status 413 or a closed connection"]),
      ("{json: 1}", ["status of any number", "    expects 1"]),
      ("{status: closed, json: {a: []}}", ["status of any number or a closed connection", "    expects {a: []}"]),
      (
        "{json: {a: {$some: [{b: $string contains x}], $length: 2}, c: $absent, $exactly: true}}",
        ["status of any number", "    expects {a: {$some: [{b: $string contains x}], $length: 2}, c: $absent, $exactly: true}"]
      ),
      (
        "{headers: {x-a: $string}, error: [b]}",
        ["status of any number", "    expects x-a: $string", "    expects an error object that names b"]
      ),
    ] as [(String, [String])]) func anOutlineSaysWhatIsRight(_ expected: String, _ words: [String]) throws
  {
    let read = try ContractFile(yaml: file("- {request: GET /, expect: \(expected)}"), file: "f.yaml", systems: systems)
    #expect(read.cases.first?.outline == ["GET / → \(words[0])"] + words.dropFirst())
  }

  @Test func twoCasesOfOneName() {
    let twice = file("- wait: 1s") + "\n  - {case: produce/x, level: may, requirements: [], because: x, steps: [{wait: 1s}]}\n"
    #expect(mistake(twice).contains("found queue/produce/x again"))
  }
}
