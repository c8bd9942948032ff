// The set of armed wakes does what a set does.

import Testing
import Vocabulary

@testable import World

@Suite struct ArmedTimersTests {
  @Test(arguments: 1...60) func itIsASet(seed: UInt64) {
    var chance = RandomStream(seed: seed, name: "timers")
    var timers = ArmedTimers()
    var model: Set<UInt64> = []
    var source = IdentitySource(incarnation: UInt32(seed), ofHost: false)
    var drawn: [UInt64] = []
    for step in 0..<2_000 {
      // Some are armed for long and most for a moment; there are many at once, and none.
      let isFilling = step / 300 % 2 == 0
      if chance.chance(isFilling ? 0.7 : 0.3) || drawn.isEmpty {
        let raw = chance.chance(0.9) ? source.draw() : chance.next() | 1
        drawn.append(raw)
        timers.insert(TimerID(raw))
        model.insert(raw)
      } else {
        let raw = drawn[Int(chance.below(UInt64(drawn.count)))]
        #expect(timers.remove(TimerID(raw)) == (model.remove(raw) != nil), "seed \(seed), step \(step)")
      }
      #expect(timers.count == model.count, "seed \(seed), step \(step)")
    }
    for raw in drawn { #expect(timers.remove(TimerID(raw)) == (model.remove(raw) != nil), "seed \(seed)") }
    #expect(timers.count == 0)
  }
}
