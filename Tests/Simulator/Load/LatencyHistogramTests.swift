// Percentiles: of a flight's requests exactly, of many requests within the histogram's bound, and alike.

import Load
import TestChance
import Testing
import Vocabulary

struct LatencyHistogramTests {
  @Test func ranksAreTheNearest() {
    #expect(Percentile.value(50_000, of: [1, 2, 3, 4]) == 2)
    #expect(Percentile.value(50_001, of: [1, 2, 3, 4]) == 3)
    #expect(Percentile.value(100_000, of: [1, 2, 3, 4]) == 4)
    #expect(Percentile.value(0, of: [1, 2, 3, 4]) == 1)
    #expect(Percentile.value(99_000, of: [Int]()) == nil)
    #expect(Percentile.label(99_000) == "p99" && Percentile.label(99_950) == "p99.95" && Percentile.label(50_000) == "p50")
  }

  /// Against the exact ones, for latencies over eight orders of magnitude, among them some that failed.
  @Test(arguments: 1...40) func itAgreesWithTheExactOnes(seed: UInt64) {
    var chance = RandomStream(seed: seed, name: "latencies")
    var histogram = LatencyHistogram()
    var all: [TimeSpan] = []
    for _ in 0..<Int.random(in: 1...400, using: &chance) {
      let magnitude = Int64(1) << Int64.random(in: 0..<36, using: &chance)
      let latency: TimeSpan =
        Int.random(in: 0..<20, using: &chance) == 0 ? .forever : .nanoseconds(Int64.random(in: 0...magnitude, using: &chance))
      all.append(latency)
      histogram.record(latency)
    }
    all.sort()
    #expect(histogram.count == all.count)
    #expect(histogram.longest == all.last { $0 != .forever })
    for thousandths in [0, 1_000, 50_000, 90_000, 99_000, 99_900, 100_000] {
      guard let exact = Percentile.value(thousandths, of: all), let found = histogram.percentile(thousandths) else {
        Issue.record("seed \(seed): no percentile")
        continue
      }
      if exact == .forever {
        #expect(found == .forever, "seed \(seed), \(thousandths)")
      } else {
        #expect(
          found >= exact && Double(found.nanoseconds) <= Double(exact.nanoseconds) * 1.001 + 1,
          "seed \(seed), \(thousandths): \(found) for \(exact)")
      }
    }
  }

  @Test func nothingHasNoPercentile() {
    #expect(LatencyHistogram().percentile(50_000) == nil)
    var failed = LatencyHistogram()
    failed.record(.forever)
    #expect(failed.percentile(50_000) == .forever && failed.longest == nil && failed.count == 1)
  }
}
