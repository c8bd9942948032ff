// A flight's result crosses a pipe between processes: what is read is what was flown, and damaged bytes are refused.

import Checking
import Flight
import Kernel
import Reports
import Scenarios
import TestBench
import Testing
import Vocabulary
import World

private let yaml = """
  scenario: example
  about: Two systems, with faults of many kinds.
  duration: 6s
  settle: 8s
  systems:
    registers:
      servers: 3
      load:
        - registers: 20/s
    monitoring:
      load:
        - metrics: 20/s
  faults:
    - crash registers/leader at 1s..3s for 200ms
    - partition monitoring/ingestion from monitoring/queue at 2s for 1s
    - lose 10% between registers/load and registers/servers at 1s for 1s
    - drift clock of monitoring/alerting by 100ppm at 1s
    - rot 1 bit of monitoring/storage at 5s
    - pause monitoring/query at 5s for 3s
    - slow disk of monitoring/storage 5x at 1s for 1s
  objectives:
    - 1% served
  """

@Suite struct FlightResultCodingTests {
  private func flown() throws -> FlightResult {
    var order = FlightOrder(
      try Scenario(yaml: yaml, file: "x.yaml", systems: systems), seed: 5)
    order.source = "x.yaml --costs mine"
    return Flight(order, systems: systems).fly()
  }

  @Test func whatIsReadIsWhatWasFlown() throws {
    let result = try flown()
    let bytes = result.encoded()
    let read = try FlightResult(decoding: bytes)
    #expect(read.encoded() == bytes)
    #expect(read.judgements == result.judgements && read.faults == result.faults && read.requests == result.requests)
    #expect(read.requests.count > 50 && Set(read.faults.map(\.reach)).count >= 5)
    #expect(read.systemHashes.map(\.system) == result.systemHashes.map(\.system))
    #expect(read.systemNodes.map(\.nodes) == result.systemNodes.map(\.nodes) && read.shares.count == 2)
    #expect(read.faults.compactMap(\.cutFrom) == [.seconds(3)], "the end of the loads cuts it")
    #expect(read.replayCommand == result.replayCommand && read.replayCommand.contains("--costs mine"))
    func report(_ result: FlightResult) -> String { JSONReport.render(ReportModel(runs: [result], command: "windtunnel")) }
    #expect(report(read) == report(result))
  }

  /// What may be missing, is missing; each alone and all at once.
  @Test(arguments: 0..<64) func whatIsMissingStaysMissing(_ present: Int) throws {
    func has(_ bit: Int) -> Bool { present >> bit & 1 == 1 }
    var result = FlightResult(
      scenario: "a", seed: 1, mutant: has(0) ? "m" : nil, verdict: .held, traceHash: has(1) ? TraceHash(value: 7) : nil, judgements: [],
      faults: [], requests: [], simulated: .zero, turns: 0, requirements: [], series: has(2) ? .recorded : nil,
      ownCommand: has(3) ? "o" : nil)
    if has(4) { result.costs = ("name", "origin") }
    if has(5) { result.systemHashes = [("s", TraceHash(value: 8))] }
    let read = try FlightResult(decoding: result.encoded())
    #expect(read.mutant == result.mutant && read.traceHash?.value == result.traceHash?.value && read.series == result.series)
    #expect(read.ownCommand == result.ownCommand && read.costs?.name == result.costs?.name && read.costs?.origin == result.costs?.origin)
    #expect(read.systemHashes.count == result.systemHashes.count)
  }

  @Test func damagedBytesAreRefusedOrReadAndNeverTrap() throws {
    let bytes = try flown().encoded()
    var random = RandomStream(seed: 9)
    var refused = 0
    for _ in 0..<2_000 {
      var damaged = bytes
      switch random.below(3) {
      case 0: damaged.removeLast(Int(random.below(UInt64(damaged.count))))
      case 1: damaged[Int(random.below(UInt64(damaged.count)))] ^= UInt8(truncatingIfNeeded: 1 + random.below(255))
      default: damaged.insert(UInt8(truncatingIfNeeded: random.next()), at: Int(random.below(2_000)))
      }
      if (try? FlightResult(decoding: damaged)) == nil { refused += 1 }
    }
    #expect(refused > 1_000)
  }
}
