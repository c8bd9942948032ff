// Ledgers: what they mean, where their mistakes are, what does not fit between them and what there is, and what a run
// checked of them.

import Foundation
import Ledger
import TestBench
import Testing
import Vocabulary
import YAMLReading

private let good = """
  system: shop
  source: A guide to shops
  requirements:
    - requirement: SHOP-1
      says: A purchase is
        kept.
      source: section 1
      parts:
        - part: SHOP-1.a
          says: It is answered.
          state: built
          checked:
            cases: [till/buy/answers]
            planted bugs: [till/answers-early]
        - part: SHOP-1.b
          says: It outlives crashes.
          source: our reading of section 1
          state: built
          checked:
            scenarios:
              conservation: [calm, crash]
        - part: SHOP-1.c
          says: It is quick.
          state: later
          missing: A run.
    - requirement: SHOP-4
      says: It is open.
      source: section 2
      parts:
        - part: SHOP-4.a
          says: It is open.
          state: built
  """

private let known = KnownChecks(
  cases: [.init(id: "till/buy/answers", requirements: ["SHOP-1"], place: "till.yaml:4")],
  scenarios: [
    .init(name: "calm", requirements: ["SHOP-1"], checks: ["conservation", "p99 below 1 ms"]),
    .init(name: "crash", requirements: [], checks: ["conservation"]),
  ],
  plantedBugs: [Mutant("till/answers-early", "x", breaks: ["SHOP-1"], caughtBy: ["till/buy/answers", "conservation"])])

private func read(_ yaml: String) throws(MistakeList) -> Ledger { try Ledger(yaml: yaml, file: "l.yaml", system: "shop") }

private func replaced(_ part: String, by other: String) -> String { good.replacingOccurrences(of: part, with: other) }

struct LedgerTests {
  private func mistakes(_ yaml: String) -> String {
    do throws(MistakeList) {
      _ = try read(yaml)
      return "none"
    } catch {
      return error.description
    }
  }

  private func problems(_ yaml: String = good, _ change: (inout KnownChecks) -> Void = { _ in }) throws -> String {
    var checks = known
    change(&checks)
    return Coverage([try read(yaml)], checks).problems.joined(separator: "\n")
  }

  // MARK: reading

  @Test func readsALedger() throws {
    let ledger = try read(good)
    #expect(ledger.system == "shop" && ledger.requirements.map(\.id) == ["SHOP-1", "SHOP-4"])
    #expect(ledger.requirements[0].says == "A purchase is kept.")
    #expect(ledger.requirements[0].parts.map(\.id) == ["SHOP-1.a", "SHOP-1.b", "SHOP-1.c"])
    #expect(ledger.requirements[0].parts[1].source == "our reading of section 1")
  }

  @Test(arguments: [
    ("part: SHOP-1.b", "part: SHOP-1.c", "l.yaml:15:15: expected SHOP-1.b: parts go by letters, in order, found \"SHOP-1.c\""),
    ("state: later", "state: soon", "expected built or later, found \"soon\""), ("missing: A run.", "", "expected the key \"missing\""),
    ("requirement: SHOP-4", "requirement: SHOP-1", "expected a requirement behind SHOP-1, found SHOP-1"),
    ("requirement: SHOP-4", "requirement: TAX-4", "expected a requirement whose id begins with SHOP"),
    ("requirement: SHOP-4", "requirement: shop4", "expected a requirement's id, like MONITORING-7"),
    ("system: shop", "system: stop", "expected the system of the folder: shop"),
    ("says: It is quick.", "says: ' '", "expected a sentence"), ("[calm, crash]", "[calm, calm]", "calm stands twice in one list"),
    ("planted bugs:", "bugs:", "expected one of the keys of what checks a part: cases, scenarios, planted bugs"),
    ("    missing: A run.", "    checked: {cases: []}\n        missing: x", "expected \"checked\" only at a part that is built"),
    ("conservation: [calm, crash]", "- conservation", "expected names of checks, each with a list of the scenarios"),
  ])
  func mistakesAreToldWithTheirPlaces(_ part: String, _ other: String, _ told: String) {
    let found = mistakes(replaced(part, by: other))
    #expect(found.contains(told), "\(found)")
  }

  @Test func allMistakesAreToldAtOnce() {
    let found = mistakes(replaced("state: later", by: "state: soon").replacingOccurrences(of: "part: SHOP-4.a", with: "part: x"))
    #expect(found.split(separator: "\n").count == 2, "\(found)")
  }

  // MARK: beside what there is

  @Test func whatFitsHasNoProblem() throws { #expect(try problems() == "") }

  @Test(arguments: [
    (
      "[till/buy/answers]", "[till/buy/answer]",
      #"l.yaml:13:19: there is no contract case "till/buy/answer" (did you mean "till/buy/answers"?)"#
    ),
    ("[calm, crash]", "[calm, crush]", #"there is no scenario "crush" (did you mean "crash"?)"#),
    (
      "conservation: [calm, crash]", "p99 below 1 ms: [calm, crash]",
      #"there is no check "p99 below 1 ms"; it stands for the scenario crash"#
    ),
    ("[till/answers-early]", "[till/answers-erly]", #"there is no planted bug "till/answers-erly" (did you mean "till/answers-early"?)"#),
  ])
  func whatIsNotThereIsTold(_ part: String, _ other: String, _ told: String) throws {
    let found = try problems(replaced(part, by: other))
    #expect(found.contains(told), "\(found)")
  }

  @Test func whatNamesARequirementMustBeNamedBack() throws {
    #expect(
      try problems { $0.cases[0].requirements = ["SHOP-1", "SHOP-2"] }.contains(
        "till.yaml:4: the case till/buy/answers names SHOP-2: there is no requirement"))
    #expect(try problems { $0.cases[0].requirements = ["SHOP-4"] }.contains("names SHOP-4, not SHOP-1"))
    #expect(try problems { $0.cases[0].requirements = ["SHOP-1", "SHOP-4"] }.contains("names SHOP-4, and no part of SHOP-4 names it"))
    #expect(try problems { $0.scenarios[1].requirements = ["SHOP-4"] } == "the scenario crash names SHOP-4, and no part of SHOP-4 names it")
    #expect(try problems { $0.scenarios[1].requirements = ["SHOP-9"] }.contains("the scenario crash names SHOP-9: there is no requirement"))
  }

  @Test func aPlantedBugMustBeCaughtByAnOwnCheckOfThePart() throws {
    #expect(
      try problems { $0.plantedBugs = [Mutant("till/answers-early", "x", breaks: ["SHOP-1"], caughtBy: ["conservation"])] }
        == "l.yaml:14:26: till/answers-early is caught by conservation, and none of these checks the part")
    let lost = Mutant("till/answers-early", "x", breaks: ["SHOP-1"], caughtBy: ["till/buy/answers", "silence"])
    #expect(
      try problems { $0.plantedBugs = [lost] }.contains(#"is to be caught by "silence", and there is no case and no check of this name"#))
  }

  // MARK: coverage

  @Test func gapsAreThePartsThatAreBuiltAndThatNothingChecks() throws {
    let coverage = Coverage([try read(good)], known)
    #expect(coverage.unchecked.map(\.id) == ["SHOP-4.a"])
    #expect(coverage.unproven.map(\.id) == ["SHOP-1.b"])
    #expect(coverage.later.map(\.id) == ["SHOP-1.c"])
    let counts = coverage.counts
    #expect(counts.requirements == 2 && counts.parts == 4 && counts.built == 3 && counts.unchecked == 1)
    #expect(counts.byCases == 1 && counts.byScenarios == 1 && counts.byPlantedBugs == 1)
    // A planted bug alone checks nothing.
    let bare = try read(replaced("        cases: [till/buy/answers]\n", by: ""))
    #expect(Coverage([bare], known).unchecked.map(\.id) == ["SHOP-1.a", "SHOP-4.a"])
  }

  private let answers = MadeCheck.contractCase("till/buy/answers")
  private let calm = MadeCheck.check("conservation", scenario: "calm")
  private let crash = MadeCheck.check("conservation", scenario: "crash")

  @Test func heldIsSaidOnlyWhereEveryPartWasChecked() throws {
    let requirement = try read(good).requirements[0]
    #expect(requirement.standing(held: [], broken: []).words == "0 of 3 parts checked")
    #expect(requirement.standing(held: [calm], broken: []).words == "1 of 3 parts checked")
    // A part that is built later keeps it from being held.
    #expect(requirement.standing(held: [answers, calm, crash], broken: []).words == "2 of 3 parts checked")
    #expect(requirement.standing(held: [answers, calm], broken: [crash]).words == "broken: SHOP-1.b")
    let whole = try read(
      replaced("    state: later", by: "    state: built").replacingOccurrences(
        of: "missing: A run.", with: "checked: {cases: [till/buy/answers]}"))
    #expect(whole.requirements[0].standing(held: [answers, crash], broken: []).words == "held")
    #expect(!whole.requirements[0].standing(held: [crash], broken: []).isHeld)
  }

  // MARK: our own

  @Test func ourOwnAreRead() throws {
    let folder = Repository.file("ContractTests").path
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix("/Requirements.yaml") }
    #expect(!files.isEmpty)
    for file in files {
      let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
      let ledger = try Ledger(yaml: text, file: file, system: String(file.prefix { $0 != "/" }))
      #expect(ledger.requirements.count > 5)
    }
  }
}
