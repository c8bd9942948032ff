// Outlier ejection: who goes, for how long, and that the cap holds.

import Resilience
import Testing
import Vocabulary

@Suite struct OutlierEjectionTests {
  private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  private func group(_ count: Int, percent: Int = 50) -> OutlierEjection<Int> {
    var group = OutlierEjection<Int>(.init(failuresInARow: 3, shortest: .seconds(1), longest: .seconds(3), mostPercent: percent))
    for member in 0..<count { group.add(member) }
    return group
  }

  @Test func threeFailuresInARowEject() {
    var group = group(2)
    var went: [Bool] = []
    for time in 0..<2 as Range<Int64> { went.append(group.failed(0, at: at(time))) }
    group.succeeded(0, at: at(2))
    for time in 3..<7 as Range<Int64> { went.append(group.failed(0, at: at(time))) }
    #expect(went == [false, false, false, false, true, false], "with the third in a row, and once")
    #expect(group.isAway(0) && !group.isAway(1) && group.awayCount == 1)
  }

  @Test func theCapCountsWhoIsAboutToGo() {
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
      var group = group(count)
      for member in 0..<count { for _ in 0..<5 { _ = group.failed(member, at: at(0)) } }
      #expect(group.awayCount == most, "\(count) members")
      #expect((0..<count).count { group.isFailing($0) } == count - most)
      var careless = self.group(count)
      for member in 0..<count { for _ in 0..<5 { _ = careless.failed(member, at: at(0), countsItself: false) } }
      #expect(careless.awayCount > most, "without counting itself one more goes")
    }
  }

  @Test func aProbeBringsBackAndEachTimeItTakesLonger() {
    var group = group(2)
    func eject(_ time: Int64) { for _ in 0..<3 { _ = group.failed(0, at: at(time)) } }
    func readmitted(_ time: Int64) -> Bool { group.readmit(0, at: at(time)) }
    eject(0)
    #expect(!readmitted(999))
    group.succeeded(0, at: at(999))
    #expect(group.isAway(0), "only a probe brings back")
    #expect(readmitted(1_000))
    #expect(!group.isAway(0) && !readmitted(1_000))
    eject(2_000)
    #expect(!readmitted(3_999))
    #expect(readmitted(4_000), "twice as long")
    eject(5_000)
    #expect(!readmitted(7_999))
    #expect(readmitted(8_000), "three seconds at most")
    // Well for long: it begins anew.
    group.succeeded(0, at: at(19_000))
    eject(20_000)
    #expect(readmitted(21_000))
  }

  @Test func whoLeavesIsForgotten() {
    var group = group(2)
    for _ in 0..<3 { _ = group.failed(0, at: at(0)) }
    group.remove(0)
    group.add(0)
    #expect(!group.isAway(0) && group.count == 2)
    let (failed, readmitted) = (group.failed(7, at: at(0)), group.readmit(7, at: at(0)))
    #expect(!failed && !readmitted && !group.isAway(7), "a stranger")
  }
}
