// The agenda against a plain sorted array, and what it keeps alive: it holds its occurrences in memory of its own.

import Kernel
import TestChance
import Testing
import Vocabulary

@Suite("What happens next in virtual time")
struct AgendaTests {
  /// One occurrence that is put down.
  private struct Planned: Equatable {
    var time: Int64
    var tie: UInt32
    var number: Int
  }

  /// Something whose life can be watched.
  private final class Watched {
    let number: Int
    init(_ number: Int) { self.number = number }
  }

  @Test("Occurrences come in the order of time and tie, whatever comes and goes between", arguments: 1...40 as ClosedRange<UInt64>)
  func order(seed: UInt64) {
    var random = RandomStream(seed: seed)
    var agenda = Agenda<Int>()
    var expected: [Planned] = []
    let rising = random.chance(1, of: 2)
    for number in 0..<1_500 {
      if random.chance(3, of: 5) {
        // Few times and many: both ties and long heaps.
        let one = Planned(time: Int64(random.index(below: rising ? 1 << 40 : 20)), tie: UInt32(number), number: number)
        agenda.schedule(one.number, at: one.time, tie: one.tie)
        expected.append(one)
      } else {
        let least = expected.indices.min { (expected[$0].time, expected[$0].tie) < (expected[$1].time, expected[$1].tie) }
        #expect(agenda.nextTime == least.map { expected[$0].time }, "seed \(seed)")
        let next = agenda.next()
        #expect(next?.occurrence == least.map { expected[$0].number }, "seed \(seed)")
        if let least { expected.remove(at: least) }
      }
      #expect(agenda.count == expected.count, "seed \(seed)")
    }
    var rest: [Int] = []
    while let next = agenda.next() { rest.append(next.occurrence) }
    #expect(rest == expected.sorted { ($0.time, $0.tie) < ($1.time, $1.tie) }.map(\.number), "seed \(seed)")
    #expect(agenda.nextTime == nil && agenda.count == 0)
  }

  @Test("What is pending is kept; what was taken, and what an agenda ends with, is let go")
  func lives() {
    weak var taken: Watched?
    weak var pending: Watched?
    do {
      var agenda = Agenda<Watched>()
      // Beyond the first room of the agenda, so that it moves once.
      for number in 0..<100 {
        let one = Watched(number)
        if number == 0 { taken = one }
        if number == 99 { pending = one }
        agenda.schedule(one, at: Int64(number), tie: 0)
      }
      #expect(taken != nil && pending != nil)
      #expect(agenda.next()?.occurrence.number == 0)
      #expect(taken == nil && pending != nil)
    }
    #expect(pending == nil)
  }
}
