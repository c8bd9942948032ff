// What a reader meets in a report: evidence first, links that lead somewhere, faults that happened, names and times
// that are the same everywhere.

import Checking
import ContractTests
import Flight
import Foundation
import Kernel
import Ledger
import Load
import Reports
import Testing
import Vocabulary

private func result(_ seed: UInt64, _ verdict: Verdict = .held, faults: [FaultSpan] = [], scenario: String = "calm") -> FlightResult {
  let violations = verdict == .held ? [] : [Violation(at: Instant(nanoseconds: 13_960_123_456), "server-4 lost an entry")]
  return FlightResult(
    scenario: scenario, seed: seed, verdict: verdict, traceHash: TraceHash(seed: seed),
    judgements: [
      Judgement(checker: "a quiet check", requirements: ["MONITORING-1"], violations: [], examined: "3 things", examinedCount: 3),
      Judgement(checker: "a strict check", requirements: ["MONITORING-2"], violations: violations, examined: "2 things", examinedCount: 2),
    ],
    faults: faults,
    requests: [
      TimedRequest(node: NodeID(0), intendedAt: Instant(nanoseconds: 1_000_000_000), latency: .milliseconds(2), outcome: .served)
    ], simulated: .seconds(60), turns: 10, requirements: ["MONITORING-1", "MONITORING-2"])
}

private func fault(_ label: String, _ happened: Bool = true) -> FaultSpan {
  FaultSpan(
    label: label, beganAt: Instant(nanoseconds: 24_000_000_000), endedAt: Instant(nanoseconds: 24_500_000_000), happened: happened)
}

/// The places that the page links to, and those that it has.
private func links(_ html: String) -> (to: [String], places: Set<String>) {
  func all(_ opening: String) -> [String] {
    html.components(separatedBy: opening).dropFirst().map { String($0.prefix { $0 != "\"" }) }
  }
  return (all("href=\"#"), Set(all("id=\"")))
}

@Suite struct ReportFormTests {
  @Test func everyLinkLeadsSomewhereHoweverManyFlightsThereAre() {
    let runs = (1...50).map { result(UInt64($0), $0 == 47 ? .failed : .held) }
    let html = HTMLReport.render(ReportModel(runs: runs, command: "windtunnel run"))
    let (to, places) = links(html)
    #expect(to.count == 41, "forty rows, and the line of what broke")
    #expect(to.allSatisfy { places.contains($0) })
    #expect(to.contains("flight-47"), "what failed is among those that are shown")
    #expect(places.count == 40)
    #expect(html.contains("10 more flights in report.json"))
  }

  /// What broke a promise stands before what else did not hold, and its earliest moment before later ones; what held
  /// comes behind both.
  @Test func aBrokenPromiseComesFirst() {
    func broken(_ name: String, _ requirements: [String], _ seconds: [Int64]) -> Judgement {
      Judgement(
        checker: name, requirements: requirements,
        violations: seconds.map { Violation(at: Instant(nanoseconds: $0 * 1_000_000_000), "\(name) at \($0)") }, examined: "x",
        examinedCount: 1)
    }
    var run = result(1, .failed)
    run.judgements = [
      Judgement(checker: "held", requirements: ["MONITORING-1"], violations: [], examined: "x", examinedCount: 1),
      broken("machines keep the host's rules", [], [1]), broken("a promise", ["MONITORING-2"], [9, 7, 8]),
    ]
    #expect(run.judgementsByEvidence.map(\.checker) == ["a promise", "machines keep the host's rules", "held"])
    #expect(run.firstFailure?.checker == "a promise" && run.firstFailure?.summary == "a promise at 7")
    #expect(run.firstFailure?.at == Instant(nanoseconds: 7_000_000_000))
    let html = HTMLReport.render(ReportModel(runs: [run], command: "c"))
    #expect(html.contains("a promise: a promise at 7 <span class=\"at\">at 7.000000 s</span>"))
    let document = MarkdownReport.render(ReportModel(runs: [run], command: "c"))
    let places = ["**a promise**", "**machines keep the host's rules**"].map { document.range(of: $0)?.lowerBound }
    #expect(places.compactMap { $0 }.count == 2 && places.compactMap { $0 }.min() == places[0])
  }

  private func ledger() throws -> Ledger {
    try Ledger(
      yaml: """
        system: shop
        source: x
        requirements:
          - requirement: MONITORING-1
            says: It is <quiet>.
            source: x
            parts:
              - {part: MONITORING-1.a, says: x, state: built, checked: {scenarios: {a quiet check: [calm]}}}
          - requirement: MONITORING-2
            says: It is strict.
            source: x
            parts:
              - {part: MONITORING-2.a, says: x, state: built, checked: {scenarios: {a strict check: [calm]}}}
              - {part: MONITORING-2.b, says: x, state: built, checked: {scenarios: {a strict check: [storm]}}}
          - requirement: MONITORING-3
            says: It is both.
            source: x
            parts:
              - {part: MONITORING-3.a, says: x, state: built, checked: {scenarios: {a quiet check: [calm]}}}
              - {part: MONITORING-3.b, says: x, state: later, missing: x}
          - requirement: MONITORING-4
            says: It is elsewhere.
            source: x
            parts:
              - {part: MONITORING-4.a, says: x, state: built, checked: {cases: [a/b]}}
        """, file: "l.yaml", system: "shop")
  }

  /// By parts: held only where each was checked and held; a requirement that nothing names and nothing touched is left out.
  @Test func heldIsSaidOfARequirementOnlyWhereEveryPartWasChecked() throws {
    let held = ReportModel(runs: [result(1)], command: "c", ledgers: [try ledger()])
    #expect(held.requirements.map(\.standing?.words) == ["held", "1 of 2 parts checked", "1 of 2 parts checked"])
    let broken = ReportModel(runs: [result(1), result(2, .failed)], command: "c", ledgers: [try ledger()])
    #expect(broken.requirements.map(\.standing?.words) == ["held", "broken: MONITORING-2.a", "1 of 2 parts checked"])
    #expect(broken.requirements.map(\.checks) == [2, 2, 2] && broken.requirements[2].held == ["a quiet check"], "what checks a part of it")
    #expect(MarkdownReport.render(broken).contains("| MONITORING-1 | It is <quiet>. | held | 2 | a quiet check |  |"))
    #expect(HTMLReport.render(broken).contains(">It is &lt;quiet&gt;.</td><td data-heading=\"Here\"><span class=\"name\">held</span></td>"))
    // A flight that came to no judgement of a check takes from it that it held.
    var lost = result(2)
    lost.judgements = [
      Judgement(
        checker: "machines end their turns", requirements: [], violations: [Violation(at: nil, "trapped")], examined: "1 flight",
        examinedCount: 1)
    ]
    let torn = ReportModel(runs: [result(1), lost], command: "c", ledgers: [try ledger()])
    #expect(torn.requirements.map(\.standing?.words) == ["0 of 1 part checked", "0 of 2 parts checked", "0 of 2 parts checked"])
    #expect(torn.requirements.allSatisfy { $0.held.isEmpty && $0.broken.isEmpty })
    // A check that is about it broke, and by the ledger checks none of its parts there.
    let own = ReportModel(runs: [result(1, .failed, scenario: "mine")], command: "c", ledgers: [try ledger()])
    #expect(own.requirements.map(\.words) == ["0 of 1 part checked", "broken; 0 of 2 parts checked"])
    #expect(own.requirements.map(\.broken) == [[], ["a strict check"]])
    let other = ReportModel(runs: [result(1, scenario: "storm")], command: "c", ledgers: [try ledger()])
    #expect(other.requirements.map(\.standing?.words) == ["0 of 1 part checked", "1 of 2 parts checked"])
    let json = try #require(JSONSerialization.jsonObject(with: Data(JSONReport.render(broken).utf8)) as? [String: Any])
    let rows = try #require(json["requirements"] as? [[String: Any]])
    #expect(rows.compactMap { ($0["standing"] as? [String: Any])?["state"] as? String } == ["held", "broken", "checked in part"])
  }

  @Test func aContractReportSaysWhatWasCheckedOfEachRequirement() throws {
    func verdict(_ outcome: CaseOutcome) throws -> CaseVerdict {
      let yaml = """
        system: shop
        service: a
        cases:
          - {case: x/b, level: must, requirements: [MONITORING-4], because: x, steps: [{wait: 1s}]}
        """
      var only = try #require(try ContractFile(yaml: yaml, file: "f", systems: ["shop": ["a"]]).cases.first)
      only.id = "a/b"
      return CaseVerdict(only, outcome)
    }
    func summary(_ outcome: CaseOutcome) throws -> String {
      ContractReport(verdicts: [try verdict(outcome)], system: "shop", world: "here", command: "c", ledger: try ledger()).summary
        .joined(separator: "\n")
    }
    #expect(try summary(.passed).contains("MONITORING-4  held: It is elsewhere."))
    #expect(!(try summary(.notRun("x")).contains("MONITORING-4")))
    let failure = CaseFailure(step: "x", line: 1, expected: "x", found: "y", commands: [])
    #expect(try summary(.failed(failure)).contains("MONITORING-4  broken: MONITORING-4.a: It is elsewhere.\n  MONITORING-4.a is broken: x"))
    // What no service may do is no word on what the case asks.
    var other = failure
    other.isOfCase = false
    #expect(!(try summary(.failed(other)).contains("MONITORING-4")))
    #expect(ContractReport.lines(try verdict(.failed(other)))[0] == "FAILED   a/b  [MUST, a rule of the host]")
  }

  /// Which checks held is said; that a requirement is held is not, since it has parts that no check is about.
  @Test func ofARequirementItIsSaidWhichChecksHeld() throws {
    let model = ReportModel(runs: [result(1), result(2, .failed)], command: "windtunnel run")
    #expect(model.requirements.map(\.held) == [["a quiet check"], []])
    #expect(model.requirements.map(\.broken) == [[], ["a strict check"]], "held with one seed and broken with another is broken")
    let json = try #require(JSONSerialization.jsonObject(with: Data(JSONReport.render(model).utf8)) as? [String: Any])
    let rows = try #require(json["requirements"] as? [[String: Any]])
    #expect(rows.count == 2 && rows.allSatisfy { $0["verdict"] == nil && $0["held"] is [String] && $0["broken"] is [String] })
    #expect(MarkdownReport.render(model).contains("| MONITORING-2 | in no ledger | broken | 2 |  | a strict check |"))
    #expect(HTMLReport.render(model).contains("only where every part of the requirement was checked here, and held"))
  }

  /// One definition of a percentile, in the table and in objectives: what failed counts as slower than any.
  @Test func percentilesAreThoseOfObjectives() throws {
    var flight = result(1)
    func request(_ outcome: LoadOutcome, _ latency: Int64) -> TimedRequest {
      TimedRequest(node: NodeID(0), intendedAt: Instant(nanoseconds: 0), latency: .milliseconds(latency), outcome: outcome)
    }
    flight.requests = (1...98).map { request(.served, $0) } + [request(.failed, 1), request(.failed, 1), request(.limited, 500)]
    let figures = LatencyFigures(flight.requests)
    #expect(figures.count == 100 && figures.failed == 2 && figures.limited == 1 && figures.longest == .milliseconds(98))
    #expect(figures.percentiles.map(\.span) == [.milliseconds(50), .milliseconds(90), .forever, .forever])
    let model = ReportModel(runs: [flight], command: "windtunnel run")
    #expect(MarkdownReport.render(model).contains("| 100 | 50 ms | not served |"))
    #expect(MarkdownReport.render(model).contains("a percentile that falls on one is told as \"not served\""))
    #expect(JSONReport.render(model).contains(#""p99_ns":null"#))
  }

  @Test func evidenceStandsFirst() throws {
    let model = ReportModel(runs: [result(1), result(2, .failed)], command: "windtunnel run")
    let html = HTMLReport.render(model)
    func place(_ text: String, in whole: String) throws -> String.Index { try #require(whole.range(of: text), "\(text)").lowerBound }
    #expect(try place("What broke", in: html) < place("<h2>Flights", in: html))
    #expect(try place("id=\"flight-2\"", in: html) < place("id=\"flight-1\"", in: html))
    let section = String(html[try place("id=\"flight-2\"", in: html)...])
    #expect(try place("a strict check", in: section) < place("a quiet check", in: section))
    #expect(try place("a strict check", in: section) < place("<svg", in: section))
    #expect(section.contains("server-4 lost an entry <span class=\"at\">at 13.960123 s</span>"))
    #expect(section.contains("<details open>") && html.components(separatedBy: "<details>").count == 2, "what held is folded")
    let markdown = MarkdownReport.render(model)
    #expect(try place("seed 2: failed", in: markdown) < place("| scenario |", in: markdown))
    #expect(markdown.contains("server-4 lost an entry, at 13.960123 s"))
  }

  @Test func faultsThatDidNotHappenAreCountedAndNotDrawn() {
    let faults =
      (0..<162).map { fault("crash of server-\($0 % 5 + 1) during sync", false) } + [fault("partition of load"), fault("kill of server-1")]
    let model = ReportModel(runs: [result(1, faults: faults)], command: "windtunnel run")
    #expect(model.notes.count == 1)
    #expect(
      model.notes.first?.text
        == "162 of 164 faults did not happen, since their moment did not come or they found nothing to change: crash of server-1 during sync 33 of 33, "
        + "crash of server-2 during sync 33 of 33, crash of server-3 during sync 32 of 32 and 2 more kinds")
    let html = HTMLReport.render(model)
    #expect(
      html.components(separatedBy: "class=\"bar\"").count == 5,
      "two faults happened, in the plot for broad pages and in that for narrow ones")
    #expect(html.contains("partition of load, 24.000000 s to 24.500000 s"))
    #expect(html.components(separatedBy: "during sync").count < 10)
    // Programs are told of each.
    #expect(JSONReport.render(model).components(separatedBy: "\"happened\":false").count == 163)
  }

  /// The file said one time, and the flight had another.
  @Test func whatTheEndOfTheLoadsCutsIsTold() throws {
    var cut = fault("crash of queue")
    cut.cutFrom = .seconds(5)
    let model = ReportModel(runs: [result(1, faults: [cut, fault("kill of queue")])], command: "c")
    let words =
      "1 of 2 faults ended sooner than the scenario says, since the loads ended: crash of queue at 24.000000 s after 500 ms of 5 s"
    #expect(model.notes.map(\.text) == [words])
    #expect(HTMLReport.render(model).contains(words) && MarkdownReport.render(model).contains(words))
    #expect(JSONReport.render(model).components(separatedBy: "\"cut_from_ns\":5000000000").count == 2)
  }

  /// Latencies of several systems are never one number alone.
  @Test func severalSystemsHaveFiguresOfTheirOwn() throws {
    var flight = result(1)
    flight.requests = [0, 5].map {
      TimedRequest(
        node: NodeID($0), intendedAt: Instant(nanoseconds: 0), latency: .milliseconds(2), outcome: $0 == 0 ? .served : .failed)
    }
    flight.systemNodes = [("shop", 0..<4), ("store", 4..<9)]
    let model = ReportModel(runs: [flight], command: "c")
    #expect(
      MarkdownReport.render(model).contains(
        "| … its shop | 1 | | 1 | 2 ms | 2 ms | |\n| … its store | 1 | | 1 | not served | not served | |"))
    let html = HTMLReport.render(model)
    #expect(html.contains("<h3>shop</h3>") && html.contains("Latency of served requests of store over virtual time, modelled"))
    let json = try #require(JSONSerialization.jsonObject(with: Data(JSONReport.render(model).utf8)) as? [String: Any])
    let systems = try #require((json["runs"] as? [[String: Any]])?.first?["systems"] as? [[String: Any]])
    #expect(systems.map { $0["system"] as? String } == ["shop", "store"])
    #expect(systems.map { ($0["latency_modelled"] as? [String: Any])?["failed"] as? Int } == [0, 1])
  }

  @Test func manyFaultsHaveBandsAndTheFirstOfThemLanes() {
    let html = HTMLReport.render(ReportModel(runs: [result(1, faults: (0..<100).map { fault("kill \($0)") })], command: "c"))
    #expect(html.components(separatedBy: "class=\"bar\"").count == 1 + 40 + 15)
    #expect(html.components(separatedBy: "class=\"fault\"><title>").count == 1 + 100 + 100)
    #expect(html.contains("and 60 more faults, in report.json"))
  }

  @Test func aStoppedCampaignSaysSoEverywhereAndHasNotHeld() throws {
    let model = ReportModel(runs: (1...94).map { result(UInt64($0)) }, planned: 19_000, command: "windtunnel run")
    #expect(!model.held && !model.isBroken)
    #expect(model.stopped == "stopped after 94 of 19,000 flights")
    #expect(HTMLReport.render(model).contains("<h1>Stopped after 94 of 19,000 flights: all promises held</h1>"))
    #expect(MarkdownReport.render(model).hasPrefix("# Windtunnel: stopped after 94 of 19,000 flights: all promises held"))
    let json = try #require(try JSONSerialization.jsonObject(with: Data(JSONReport.render(model).utf8)) as? [String: Any])
    #expect(json["stopped"] as? Bool == true && json["held"] as? Bool == false && json["planned"] as? Int == 19_000)
    #expect((json["runs"] as? [Any])?.count == 94)
    #expect(ReportModel(runs: [], planned: 3, command: "").stopped == "stopped after 0 of 3 flights")
  }

  @Test func everyFormNamesTheVersion() {
    let model = ReportModel(runs: [result(1)], command: "windtunnel run")
    for form in [HTMLReport.render(model), MarkdownReport.render(model), JSONReport.render(model), JUnitReport.render(model)] {
      #expect(form.contains(ProductVersion.text))
    }
  }

  @Test func whatTellsAnOldReportApartIsTheBeginningOfItsDocument() {
    #expect(JSONReport.render(ReportModel(runs: [result(1)], command: "c")).hasPrefix(JSONReport.heldBeginning))
    #expect(!JSONReport.render(ReportModel(runs: [result(1, .failed)], command: "c")).hasPrefix(JSONReport.heldBeginning))
    #expect(!JSONReport.render(ReportModel(runs: [result(1)], planned: 2, command: "c")).hasPrefix(JSONReport.heldBeginning))
  }

  @Test(arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (19_000, "19,000"), (1_234_567, "1,234,567"), (-4_321, "-4,321")])
  func countsAreGrouped(_ count: Int, _ text: String) { #expect(CountText.grouped(count) == text) }

  @Test(arguments: [
    (0.2, "0 s"), (99.4, "99 s"), (120.0, "2 min"), (4_860.0, "81 min"), (18_720.0, "5.2 h"), (Double.infinity, "8760.0 h"), (-1.0, "0 s"),
  ])
  func timesToWaitAreRounded(_ seconds: Double, _ text: String) { #expect(CountText.time(seconds: seconds) == text) }

  @Test(arguments: [
    (13_960_123_456, "13.960123 s"), (0, "0.000000 s"), (999, "0.000000 s"), (1_000, "0.000001 s"), (50_000_000_000, "50.000000 s"),
  ])
  func momentsAreToldToTheMicrosecond(_ nanoseconds: Int, _ text: String) {
    #expect(Instant(nanoseconds: Int64(nanoseconds)).label == text)
  }
}
