// Whole flights: scenarios hold (the whole smoke suite flies in `.ci/run`), one seed is one flight, and planted bugs
// are caught.

import Checking
import Flight
import Foundation
import MonitoringAssembly
import MonitoringChecking
import MonitoringFlight
import MonitoringLoad
import Reports
import Scenarios
import TestBench
import Testing
import Vocabulary

/// The scenario files of the repository.
private func scenario(_ name: String) throws -> Scenario {
  let file = Repository.file("Scenarios/monitoring/\(name).yaml")
  return try Scenario(yaml: String(contentsOf: file, encoding: .utf8), file: file.path, systems: systems)
}

/// A small scenario that flies in a fraction of a second.
private func small(_ faults: String = "", objectives: String = "") throws -> Scenario {
  try Scenario(
    yaml: """
      scenario: small
      about: A short flight.
      system: monitoring
      requirements: [MONITORING-1]
      duration: 6s
      settle: 15s
      load:
        - metrics: 60/s
          clients: 20
          repeated: 30%
      \(faults)
      \(objectives)
      """, file: "small", systems: systems)
}

@Suite struct FlightTests {
  @Test(arguments: [
    "calm", "alerting-clock-drift", "recorded-data",
  ]) func theScenarioHolds(_ name: String) throws {
    let result = flight(try scenario(name), seed: 2).fly()
    #expect(result.verdict == .held, "\(result.firstFailure?.summary ?? ""); \(result.replayCommand)")
  }

  /// Names may hold quotes of the query language: what the tunnel asks must not be read as something else.
  @Test func namesWithQuotesAreAskedForAsTheyAre() throws {
    let quotes = try Scenario(
      yaml: """
        scenario: quotes
        about: A name with quotes.
        system: monitoring
        requirements: [MONITORING-19]
        duration: 3s
        settle: 15s
        load:
          - metrics: 40/s
            name: 'a"b''c'
        """, file: "quotes", systems: systems)
    let result = flight(quotes, seed: 1).fly()
    #expect(result.verdict == .held, "\(result.firstFailure?.checker ?? ""): \(result.firstFailure?.summary ?? "")")
    #expect(result.judgements.contains { $0.checker == "query engine agrees with storage" && $0.examined == "1 measurement" })

    let series = RecordedSeries.synthetic(seed: 1, name: "q\"x")
    let recording = Recording(series: [series.series], anomalies: [ExactName(series.series.name): [series.anomaly]], speed: 300)
    let replayed = flight(try scenario("recorded-data"), seed: 1, input: recording).fly()
    #expect(replayed.verdict == .held, "\(replayed.firstFailure?.checker ?? ""): \(replayed.firstFailure?.summary ?? "")")
  }

  @Test func oneSeedIsOneFlight() throws {
    let scenario = try small("faults:\n  - crash queue at 1s..4s for 500ms 2 times")
    let first = flight(scenario, seed: 5).fly()
    #expect(first.traceHash == flight(scenario, seed: 5).fly().traceHash)
    #expect(first.traceHash != flight(scenario, seed: 6).fly().traceHash)
  }

  @Test func manySmallFlightsHold() throws {
    let scenario = try small(
      """
      faults:
        - crash queue during sync at 1s..5s for 300ms..2s 2 times
        - partition ingestion from queue at 1s..4s for 500ms..2s
        - crash storage at 1s..5s for 500ms
        - lose 10% between load and ingestion at 2s for 2s
        - fail 10% of syncs of queue at 1s..4s for 1s
      """)
    for seed in UInt64(1)...12 {
      let result = flight(scenario, seed: seed).fly()
      #expect(result.verdict == .held, "seed \(seed): \(result.firstFailure?.checker ?? ""): \(result.firstFailure?.summary ?? "")")
    }
  }

  /// Planted bugs that one flight of a scenario must show.
  @Test(arguments: [
    ("ingestion/drops-when-queue-fails", "ingestion-queue-partition", UInt64(1)),
    ("queue/forgets-producers", "ingestion-queue-partition", 1), ("queue/acknowledges-before-durable", "queue-crash-under-load", 2),
    ("queue/routes-by-arrival", "calm", 1), ("ingestion/acknowledges-before-forwarding", "ingestion-crash", 3),
    ("alerting/fires-without-waiting", "alerting-clock-drift", 1),
    ("alerting/notifies-again-after-restart", "alerting-clock-drift", 1),
  ]) func aPlantedBugIsCaught(_ name: String, _ scenarioName: String, _ seed: UInt64) throws {
    let mutant = try #require(monitoringMutants.first { $0.name == name })
    let scenario = try scenario(scenarioName)
    let planted = flight(scenario, seed: seed, planted: [mutant]).fly()
    let control = flight(scenario, seed: seed).fly()
    let trial = MutantTrial(mutant, failed: planted.failedChecks, control: control.failedChecks)
    #expect(!trial.caught.isEmpty, "\(trial)")
  }

  @Test func aCheckThatSawNothingIsNoPass() throws {
    let result = flight(try small("", objectives: "objectives:\n  - 100% served"), seed: 1).fly()
    #expect(result.verdict == .held)
    let empty = Judgement(checker: "x", requirements: [], violations: [], examined: "0 things", examinedCount: 0)
    #expect(!empty.held)
    let shown = Judgement(checker: "y", requirements: [], violations: [], examined: "1 thing", examinedCount: 1)
    #expect(Verdict([shown]) == .held && Verdict([shown, empty]) == .failed)
    #expect(Verdict([]) == .failed, "nothing judged it")
  }

  @Test func alertsThatNoRuleGivesAreNamedAndDoNotHold() throws {
    // The reader looks for the gauge's name anywhere in the query; a rule on another gauge watches nothing of this one.
    let scenario = try Scenario(
      yaml: """
        scenario: unwatched
        about: A rule on a gauge whose name only begins as the signal's.
        system: monitoring
        requirements: [MONITORING-23]
        duration: 2s
        settle: 1s
        load:
          - signal: cpu
            every: 100ms
            low: 10
            high: 90
            high during: [1s..2s]
        rules:
          - name: high
            query: avg(cpu_usage) > 80
            duration: 1s
        objectives:
          - alerts within 5s
        """, file: "unwatched", systems: systems)
    let judgements = flight(scenario, seed: 1).fly().judgements
    let alerts = try #require(judgements.first { $0.checker == "alerts within 5 s" })
    #expect(!alerts.held && alerts.examined == "no rule reads the gauge of a signal")
  }
}

@Suite struct ReadingTests {
  @Test func everyStretchIsReadWhileItIsWrittenAndAgainLater() {
    let stretches = ReadStretches(duration: .seconds(60))
    #expect(stretches.count == 30)
    // A minute of load and forty seconds to settle.
    let steps = 1...Int64(100_000 / 150)
    // A read that takes longer than a step meets only every other one.
    for pace in 1...2 {
      let calls = steps.filter { Int($0) % pace == 0 }.enumerated()
      let reads = calls.map { (milliseconds: $1 * 150, stretch: stretches.stretch(at: $1, call: Int64($0) + 1)) }
      for stretch in 0..<stretches.count {
        let times = stretches.milliseconds(of: stretch)
        let mine = reads.filter { $0.stretch == stretch }.map(\.milliseconds)
        #expect(mine.allSatisfy { $0 >= times.lowerBound }, "read before it began")
        #expect(mine.count { times.contains($0) } >= 3 / pace)
        #expect(mine.count { $0 >= times.upperBound && $0 < times.upperBound + 1_000 } >= 3 / pace)
        #expect(mine.contains { $0 > 60_000 }, "stretch \(stretch) is never read again")
      }
    }
  }

  @Test func aReadThatFallsIsFoundInItsOwnStretchOnly() {
    func judge(_ reads: [(question: UInt8, count: Int)]) -> Judgement {
      let record = FlightRecord(nodes: [
        FlightNode(id: NodeID(0), name: "a", roles: [.query]), FlightNode(id: NodeID(1), name: "b", roles: [.reader]),
      ])
      for (index, read) in reads.enumerated() {
        var exchange = ExchangeRecord(
          caller: NodeID(1), endpoint: Endpoint(0), id: ExchangeID(UInt64(index)), request: Request(.post, "/query", body: [read.question]),
          startedAt: Instant(nanoseconds: Int64(index)))
        exchange.outcome = .answered(Response(status: 200, body: Array(#"{"series":[{"count":\#(read.count)}]}"#.utf8)))
        record.record(exchange)
      }
      return ReadsNeverGoBack().judge(record)
    }
    #expect(judge([(1, 5), (2, 3), (1, 5), (2, 4)]).held)
    #expect(judge([(1, 5), (2, 3), (1, 4), (2, 4)]).violations.count == 1)
    #expect(!judge([(1, 0), (2, 0)]).held, "nothing was examined")
  }
}

@Suite struct ReportTests {
  @Test func allFormsSayTheSame() throws {
    let mutant = try #require(monitoringMutants.first { $0.name == "queue/routes-by-arrival" })
    let held = flight(try small(), seed: 1).fly()
    let failed = flight(try small(), seed: 1, planted: [mutant]).fly()
    let model = ReportModel(runs: [held, failed], command: "windtunnel run <small> & \"more\"")
    #expect(!model.held)

    let html = HTMLReport.render(model)
    #expect(html.contains("1 of 2 flights broke a promise"))
    #expect(html.contains("windtunnel run &lt;small&gt; &amp; &quot;more&quot;"))
    #expect(html.contains("<svg"))
    // Self-contained: nothing is fetched from anywhere.
    #expect(!html.contains("http://") && !html.contains("https://") && !html.contains("<script"))

    let json = try #require(try JSONSerialization.jsonObject(with: Data(JSONReport.render(model).utf8)) as? [String: Any])
    let runs = try #require(json["runs"] as? [[String: Any]])
    #expect(runs.map { $0["verdict"] as? String } == ["held", "failed"])
    #expect(
      runs.allSatisfy { ($0["trace_hash"] as? String)?.count == 16 && $0["scenario"] as? String == "small" && $0["seed"] as? Int == 1 })

    let markdown = MarkdownReport.render(model)
    #expect(markdown.contains("windtunnel replay small --seed 1 --mutant queue/routes-by-arrival"))

    let parser = XMLCounter(JUnitReport.render(model))
    #expect(parser.cases == held.judgements.count + failed.judgements.count)
    #expect(parser.failures == failed.judgements.count { !$0.held })
  }

  @Test func syntheticSeriesAreCalledSo() throws {
    let replay = try Scenario(
      yaml: """
        scenario: replay
        about: A short replay.
        system: monitoring
        requirements: [MONITORING-1]
        duration: 1s
        load:
          - replay: recorded
            speed: 100000x
        """, file: "replay", systems: systems)
    let rows = (0..<50).map { RecordedSeries.Row(timestampMilliseconds: 1_400_000_000_000 + Int64($0) * 300_000, value: Double($0)) }
    let recording = Recording(series: [RecordedSeries(name: "mine", rows: rows)], anomalies: [:], speed: 1)
    let synthetic = flight(replay, seed: 1).flyUnjudged()
    let recorded = flight(replay, seed: 1, input: recording).flyUnjudged()
    let neither = flight(try small(), seed: 1).flyUnjudged()
    #expect([synthetic, recorded, neither].map(\.series) == [.synthetic, .recorded, nil])

    for (result, isSynthetic) in [(synthetic, true), (recorded, false), (neither, false)] {
      let model = ReportModel(runs: [result], command: "windtunnel run")
      #expect(model.notes.contains { $0.text.contains("synthetic") } == isSynthetic)
      #expect(HTMLReport.render(model).contains("series are synthetic") == isSynthetic)
      #expect(MarkdownReport.render(model).contains("(synthetic series)") == isSynthetic)
      #expect(JSONReport.render(model).contains("\"series\":\"synthetic\"") == isSynthetic)
    }
  }

  /// Counts elements of JUnit XML by their opening tags.
  private struct XMLCounter {
    let cases: Int
    let failures: Int
    init(_ xml: String) {
      cases = xml.ranges(of: "<testcase ").count
      failures = xml.ranges(of: "<failure ").count
    }
  }
}
