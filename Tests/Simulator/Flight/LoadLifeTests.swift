// A load whose process dies is not taken for its service: its next life goes on, and nothing that it sends is mistaken for
// what an earlier life sent. And a request that the limit refused does not count among latencies, however it ended.

import Flight
import Scenarios
import Testing
import Vocabulary

@Suite struct LoadLifeTests {
  private func fly(_ yaml: String, seeds: ClosedRange<UInt64> = 1...2) throws -> [FlightResult] {
    try seeds.map { seed in
      flight(try Scenario(yaml: yaml, file: "x.yaml", systems: systems), seed: seed).fly()
    }
  }

  private static let alert = """
      - signal: cpu
        every: 1s
        low: 20
        high: 95
        high during: [5s..15s]
    rules:
      - name: hot
        query: avg(cpu WHERE time > now() - 5s) > 80
        duration: 2s
        channels: [webhook]
    """

  @Test(arguments: [
    "system: monitoring\nload:\n  - metrics: 50/s\n    repeated: 50%\n\(alert)",
    "system: queue\nservers: 3\nload:\n  - queue: 30/s\n    members: 2",
    "system: registers\nservers: 3\nload:\n  - registers: 60/s",
  ])
  func aLoadThatDiesIsNotTakenForItsService(_ what: String) throws {
    for fault in ["crash load at 3s..18s for 500ms 3 times", "kill load at 3s..18s for 500ms 3 times", "crash box of load at 8s for 1s"] {
      for result in try fly("scenario: x\nabout: x\nduration: 20s\nsettle: 20s\n\(what)\nfaults:\n  - \(fault)\n") {
        #expect(result.failedChecks == [], "\(fault), seed \(result.seed): \(result.judgements.flatMap(\.violations).map(\.summary))")
        #expect(result.faults.filter(\.happened).count >= 1, "\(fault), seed \(result.seed)")
        // It goes on.
        #expect(result.requests.contains { $0.intendedAt > Instant(nanoseconds: 18_600_000_000) }, "\(fault), seed \(result.seed)")
      }
    }
  }

  @Test func whatTheLimitRefusedIsInNoPercentile() throws {
    let load = "duration: 20s\nload:\n  - metrics: 60/s\n    clients: 4\n    repeated: 50%\nobjectives:\n  - p99 below 50ms\n"
    for result in try fly("scenario: x\nabout: x\nsystem: monitoring\n\(load)") {
      #expect(result.requests.contains { $0.outcome == .limited }, "seed \(result.seed): the limit refused nothing")
      #expect(result.failedChecks == [], "seed \(result.seed)")
    }
  }
}
