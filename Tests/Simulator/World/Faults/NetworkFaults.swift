// One test for each network fault: it bites while it is in force, and not before or after.

import Testing
import Vocabulary
import World

@Suite struct NetworkFaults {
  /// Messages of the ticker are numbered by their millisecond: 200 … 599 lie in the fault's window.
  private func share(_ heard: [UInt64], in range: ClosedRange<UInt64>) -> Double {
    Double(Set(heard.filter { range.contains($0) }).count) / Double(range.count)
  }

  @Test func sharesAreWrittenAsRoundedPercents() {
    let host = SimulatedHost(seed: 1, plans: [])
    let links = Links(from: [], to: [], bothWays: false)
    for thousandths in 0...1_000 {
      let share = Double(thousandths) / 1_000
      let label = LinkImpairment(.loss, links, probability: share).label(host)
      let percent = share > 0 && share < 0.005 ? "less than 1" : "\(Int((share * 100).rounded()))"
      #expect(label.hasPrefix("loss of \(percent) % "), "\(label)")
    }
  }

  /// No side of a label is empty, and who is on both sides is named once.
  @Test(
    arguments: [
      ([0], [1, 2], "partition a ↔ b, c"), ([0], [], "partition a ↔ nobody"), ([], [0], "partition nobody ↔ a"),
      ([0], [0], "partition a ↔ nobody"),
      ([0, 1], [0, 1], "partition among a, b"), ([0, 1], [0, 1, 2], "partition among a, b and ↔ c"), ([0], [0, 1], "partition a ↔ b"),
    ] as [([UInt16], [UInt16], String)]) func aLabelNamesBothSides(_ from: [UInt16], _ to: [UInt16], _ label: String)
  {
    let host = SimulatedHost(seed: 1, plans: ["a", "b", "c"].map { NodePlan($0) { Listener() } })
    #expect(Partition(Links(from: from.map { NodeID($0) }, to: to.map { NodeID($0) })).label(host) == label)
  }

  @Test func withoutFaultAllArrivesOnceAndInOrder() {
    let heard = flyTicker(under: []).heard
    #expect(heard.count >= 995)
    #expect(Set(heard).count == heard.count)
  }

  @Test func aPartitionLosesAllWhileItLasts() {
    let heard = flyTicker(under: window(Partition(tickerToListener))).heard
    #expect(share(heard, in: 201...595) == 0)
    #expect(share(heard, in: 1...195) == 1)
    #expect(share(heard, in: 605...990) == 1)
  }

  /// What has no link between its sides touches nothing, and is not counted among what happened.
  @Test(arguments: [[NodeID](), [NodeID(0)]]) func aFaultWithoutLinksDidNotHappen(_ others: [NodeID]) {
    let host = SimulatedHost(seed: 1, plans: [NodePlan("a") { Ticker() }, NodePlan("b") { Listener() }])
    let nothing = Links(from: [NodeID(0)], to: others)
    host.plan([
      PlannedFault(at: .milliseconds(1), for: .milliseconds(5), Partition(nothing)),
      PlannedFault(at: .milliseconds(1), for: .milliseconds(5), LinkImpairment(.loss, nothing, probability: 0.5)),
      PlannedFault(at: .milliseconds(1), for: .milliseconds(5), Partition(Links(from: [NodeID(0)], to: [NodeID(1)]))),
    ])
    host.startAll()
    host.run(until: 10_000_000)
    #expect(host.faultRecords.map(\.happened) == [false, false, true])
  }

  /// A link whose ends are both in both groups is one link: it is touched once.
  @Test func aLinkOfBothGroupsIsTouchedOnce() {
    let host = SimulatedHost(seed: 1, plans: ["a", "b", "c"].map { NodePlan($0) { Listener() } })
    let (a, b, c) = (NodeID(0), NodeID(1), NodeID(2))
    let links = Links(from: [a, b, a], to: [a, b, c])
    host.plan([
      PlannedFault(at: .milliseconds(1), for: .milliseconds(5), LinkImpairment(.loss, links, probability: 0.3)),
      PlannedFault(at: .milliseconds(1), for: .milliseconds(5), Partition(links)),
    ])
    host.startAll()
    host.run(until: 2_000_000)
    for (from, to) in [(a, b), (b, a), (a, c), (c, a), (b, c), (c, b)] {
      let condition = host.network.condition(from: from, to: to)
      #expect(condition.lossProbability == 0.3 && condition.cuts == 1, "\(from) to \(to): \(condition)")
    }
    guard case .cuts(let touched) = host.faultRecords[1].reach else { return }
    #expect(touched.count == 6 && Set(touched).count == 6)
    host.run(until: 10_000_000)
    #expect(host.network.condition(from: a, to: b).cuts == 0)
  }

  @Test func aOneWayPartitionLeavesTheOtherWayOpen() {
    let back = Links(from: [NodeID(1)], to: [NodeID(0)], bothWays: false)
    #expect(share(flyTicker(under: window(Partition(back))).heard, in: 1...990) == 1)
  }

  @Test func packetLossLosesItsShare() {
    let heard = flyTicker(under: window(LinkImpairment(.loss, tickerToListener, probability: 0.4))).heard
    #expect((0.5...0.7).contains(share(heard, in: 205...595)))
    #expect(share(heard, in: 605...990) == 1)
  }

  @Test func duplicationRepeatsItsShare() {
    let heard = flyTicker(under: window(LinkImpairment(.duplication, tickerToListener, probability: 0.5))).heard
    let repeated = heard.count - Set(heard).count
    #expect((150...250).contains(repeated))
  }

  @Test func reorderingOvertakes() {
    func inversions(_ heard: [UInt64]) -> Int { zip(heard, heard.dropFirst()).filter { $0 > $1 }.count }
    let plain = inversions(flyTicker(under: []).heard)
    let slow = PlannedFault(
      at: .milliseconds(200), for: .milliseconds(400), SlowLink(tickerToListener, extraLatency: .milliseconds(2)))
    let fault = PlannedFault(
      at: .milliseconds(200), for: .milliseconds(400), LinkImpairment(.reordering, tickerToListener, probability: 0.5))
    #expect(inversions(flyTicker(under: [slow, fault]).heard) > plain + 50)
  }

  @Test func aSlowLinkDelays() {
    let (_, notebook, _) = flyTicker(under: window(SlowLink(tickerToListener, extraLatency: .milliseconds(50))))
    let late = notebook.probes(of: 1).filter { $0.value >= $0.subject + 50 }.map(\.subject)
    #expect(late.count >= 390)
    #expect(late.allSatisfy { (195...605).contains($0) })
  }

  @Test func aNarrowLinkQueues() {
    // Ten messages of 1–3 bytes a millisecond would need 3,000 bytes a second; 100 bytes a second make a queue.
    let (_, notebook, _) = flyTicker(under: window(SlowLink(tickerToListener, extraLatency: .zero, bytesPerSecond: 100)))
    let delays = notebook.probes(of: 1).filter { (200...599).contains($0.subject) }.map { Int64($0.value) - Int64($0.subject) }
    #expect((delays.max() ?? 0) > 200)
  }
}
