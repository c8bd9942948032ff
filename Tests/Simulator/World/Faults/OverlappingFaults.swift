// Faults of one kind that overlap: when one of them is over, the other goes on; when both are, nothing is left.

import ProvingGround
import Testing
import Vocabulary
import World

@Suite struct OverlappingFaults {
  private let node = NodeID(0)

  /// Two faults that overlap, one within the other or one behind the other, with the moments at which it is looked: in
  /// the first alone, in both, in what goes on alone, and when both are over.
  private struct Overlap {
    let second: ClosedRange<Int64>
    let first: ClosedRange<Int64>
    /// Which one is left alone in the end: 0 the first, 1 the second.
    let left: Int
    static let all = [
      Overlap(second: 300...400, first: 200...600, left: 0), Overlap(second: 300...800, first: 200...600, left: 1),
      Overlap(second: 300...600, first: 200...600, left: 1),
    ]

    func plan(_ one: any Fault, _ other: any Fault) -> [PlannedFault] {
      [
        PlannedFault(at: .milliseconds(first.lowerBound), for: .milliseconds(first.upperBound - first.lowerBound), one),
        PlannedFault(at: .milliseconds(second.lowerBound), for: .milliseconds(second.upperBound - second.lowerBound), other),
      ]
    }
  }

  /// What `look` sees of a world under two faults, before, in the first alone, in both, in the one that is left, and at
  /// the end; for each way in which they may overlap, but for the one in which they end together.
  private func looks<Seen>(_ one: any Fault, _ other: any Fault, _ look: (SimulatedHost) -> Seen) -> [(left: Int, seen: [Seen])] {
    Overlap.all.map { overlap in
      let host = SimulatedHost(seed: 1, plans: [NodePlan("a", cost: .client) { Ticker() }, NodePlan("b", cost: .client) { Listener() }])
      host.plan(overlap.plan(one, other))
      host.startAll()
      let both = overlap.first.upperBound == overlap.second.upperBound
      let seen = ([100, 250, 350] + (both ? [] : [500, 700].prefix(overlap.left + 1).suffix(1)) + [900]).map { milliseconds in
        host.run(until: Int64(milliseconds) * 1_000_000)
        return look(host)
      }
      return (overlap.left, seen)
    }
  }

  /// Expects what is seen of two faults in each phase: nothing, of the first, of both, of either alone, nothing.
  private func expect<Seen: Equatable>(
    _ one: any Fault, _ other: any Fault, nothing: Seen, first: Seen, both: Seen, second: Seen, _ look: (SimulatedHost) -> Seen
  ) {
    for (left, seen) in looks(one, other, look) {
      let alone = left == 0 ? first : second
      #expect(seen == (seen.count == 5 ? [nothing, first, both, alone, nothing] : [nothing, first, both, nothing]))
    }
  }

  private func condition(_ host: SimulatedHost) -> LinkCondition { host.network.condition(from: NodeID(0), to: NodeID(1)) }

  @Test func ofUnreadableDisksTheWorseOneCounts() {
    expect(
      UnreadableDisk(of: node, probability: 0.9), UnreadableDisk(of: node, probability: 0.1), nothing: 0, first: 0.9, both: 0.9, second: 0.1
    ) { $0.disk(of: node).medium.readFailureProbability }
  }

  @Test func ofFullDisksTheFullerOneCounts() {
    expect(
      FullDisk(of: node, bytesLeft: 10), FullDisk(of: node, bytesLeft: 3_000), nothing: 1 << 40, first: 10, both: 10, second: 3_000
    ) { $0.disk(of: node).capacityBytes }
  }

  @Test func sharesOfLostRepeatedAndReorderedPacketsAddUp() {
    expect(
      LinkImpairment(.loss, tickerToListener, probability: 0.5), LinkImpairment(.loss, tickerToListener, probability: 0.25), nothing: 0,
      first: 0.5, both: 0.75,
      second: 0.25
    ) { condition($0).lossProbability }
    expect(
      LinkImpairment(.duplication, tickerToListener, probability: 0.1), LinkImpairment(.duplication, tickerToListener, probability: 0.2),
      nothing: 0, first: 0.1,
      both: 0.1 + 0.2, second: 0.2
    ) { condition($0).duplicateProbability }
    expect(
      LinkImpairment(.reordering, tickerToListener, probability: 0.1), LinkImpairment(.reordering, tickerToListener, probability: 0.2),
      nothing: 0, first: 0.1,
      both: 0.1 + 0.2, second: 0.2
    ) { condition($0).reorderProbability }
  }

  @Test func ofSlowLinksTheNarrowerOneCountsAndLatenciesAddUp() {
    expect(
      SlowLink(tickerToListener, extraLatency: .milliseconds(5), bytesPerSecond: 1_000),
      SlowLink(tickerToListener, extraLatency: .milliseconds(2), bytesPerSecond: 9_000), nothing: [0, 0], first: [5, 1_000],
      both: [7, 1_000], second: [2, 9_000]
    ) { [condition($0).extraLatency.milliseconds, condition($0).bytesPerSecond] }
  }

  @Test func aCutHealsWithTheLastPartition() {
    expect(Partition(tickerToListener), Partition(tickerToListener), nothing: 0, first: 1, both: 2, second: 1) { condition($0).cuts }
  }

  @Test func jumpsOfAClockAddUp() {
    func seconds(_ host: SimulatedHost) -> Int64 {
      (host.wallClock(of: node).milliseconds - 1_700_000_000_000 - host.now / 1_000_000) / 1_000
    }
    expect(
      ClockJump(of: node, by: .seconds(60)), ClockJump(of: node, by: .seconds(-20)), nothing: 0, first: 60, both: 40, second: -20, seconds)
  }

  /// By how many milliseconds a node's clock is ahead at 200, 300, 400, 600 and 800 ms, under two drifts.
  @Test func ofDriftsTheOneFurtherFromTheTruthCounts() {
    for (left, faster) in [(0, 100_000_000), (1, 100_000_000), (0, -100_000_000)] as [(Int, Int64)] {
      let slower = ClockDrift(of: node, partsPerBillion: 20_000_000)
      let host = SimulatedHost(seed: 1, plans: [NodePlan("a", cost: .client) { Ticker() }, NodePlan("b", cost: .client) { Listener() }])
      host.plan(Overlap.all[left].plan(ClockDrift(of: node, partsPerBillion: faster), slower))
      host.startAll()
      let ahead = [200, 300, 400, 600, 800, 1_000].map { milliseconds -> Int64 in
        host.run(until: Int64(milliseconds) * 1_000_000)
        return host.wallClock(of: node).milliseconds - 1_700_000_000_000 - Int64(milliseconds)
      }
      let (fast, slow) = (faster / 10_000_000, Int64(2))
      let expected: [Int64] =
        left == 0
        ? [0, fast, 2 * fast, 4 * fast, 4 * fast, 4 * fast] : [0, fast, 2 * fast, 4 * fast, 4 * fast + 2 * slow, 4 * fast + 2 * slow]
      for (seen, wanted) in zip(ahead, expected) { #expect(abs(seen - wanted) <= 1, "\(ahead), not \(expected)") }
    }
  }

  /// A node that writes every 10 ms and tells, once that is durable, when it wrote.
  private func durable(under faults: [PlannedFault]) -> [Int64] {
    let notebook = Notebook()
    let host = SimulatedHost(
      seed: 3,
      plans: [
        NodePlan("writer") {
          Scripted(
            onStart: { turn in _ = turn.wake(after: .milliseconds(10)) },
            onEvent: { event, turn in
              guard case .timer = event else { return }
              let log = FileName(fixed: "log")
              do throws(DiskError) { try turn.disk.write(log, at: turn.disk.size(of: log) ?? 0, [1]) } catch { return }
              turn.ask(.observe(Observation(.probe, subject: UInt64(turn.now.nanoseconds / 1_000_000))))
              _ = turn.wake(after: .milliseconds(10))
            })
        }
      ])
    host.recorder = notebook
    host.plan(faults)
    host.startAll()
    host.run(until: 2_000_000_000)
    return notebook.probes(of: 0).map { Int64($0.subject) }
  }

  @Test func ofFailingSyncsTheLargerShareCounts() {
    let all = FailingSync(of: node, probability: 1)
    let few = FailingSync(of: node, probability: 0.01)
    for overlap in Overlap.all {
      let (one, other): (any Fault, any Fault) = overlap.left == 0 ? (all, few) : (few, all)
      let hard = overlap.left == 0 ? overlap.first : overlap.second
      let written = durable(under: overlap.plan(one, other))
      #expect(!written.contains { (hard.lowerBound + 1...hard.upperBound - 5).contains($0) }, "\(overlap) \(written)")
      #expect(written.contains { $0 > 1_000 })
    }
  }

  @Test func ofSlowDisksTheSlowerOneCounts() {
    // A sync takes 177 µs in the middle, so 35 ms on the slower disk: of writes 10 ms apart the last of a batch is told.
    let (slow, slower) = (SlowDisk(of: node, factor: 2), SlowDisk(of: node, factor: 400))
    for (one, other) in [(slow, slower), (slower, slow)] {
      let hard = one.factor == 400 ? Overlap.all[0].first : Overlap.all[1].second
      let host = SimulatedHost(seed: 1, plans: [NodePlan("a") { Scripted() }])
      host.plan((one.factor == 400 ? Overlap.all[0] : Overlap.all[1]).plan(one, other))
      host.run(until: (hard.upperBound - 50) * 1_000_000)
      do throws(DiskError) { try host.disk(of: node).write(FileName(fixed: "log"), at: 0, [1]) } catch { Issue.record("\(error)") }
      host.startAll()
      host.run(until: (hard.upperBound - 40) * 1_000_000)
      #expect(host.disk(of: node).isDirty, "the sync that would end within a millisecond goes on")
    }
  }

  @Test func aProcessStaysDownAsLongAsAnyFaultHoldsIt() {
    for (one, other) in [
      (ProcessCrash(of: node), ProcessKill(of: node)), (ProcessKill(of: node), BoxCrash(of: node)),
      (BoxCrash(of: node), RottingCrash(of: node)),
    ] as [(any Fault, any Fault)] {
      expect(one, other, nothing: true, first: false, both: false, second: false) { $0.isUp(node) }
    }
    // A crash that nothing ends lasts, whatever ends within it.
    let host = SimulatedHost(seed: 1, plans: [NodePlan("a") { Scripted() }])
    host.plan([
      PlannedFault(at: .milliseconds(100), ProcessCrash(of: node)),
      PlannedFault(at: .milliseconds(200), for: .milliseconds(100), ProcessKill(of: node)),
    ])
    host.startAll()
    host.run(until: 1_000_000_000)
    #expect(!host.isUp(node))
    host.revive(node)
    host.run(until: 1_100_000_000)
    #expect(host.isUp(node))
  }

  @Test func ofPausesTheLongerOneCounts() {
    let (heard, _, _) = flyTicker(under: [
      PlannedFault(at: .milliseconds(200), ProcessPause(of: NodeID(0), for: .milliseconds(300))),
      PlannedFault(at: .milliseconds(250), ProcessPause(of: NodeID(0), for: .milliseconds(10))),
    ])
    // One message when the pause is over; then on as before.
    #expect((690...705).contains(heard.count), "\(heard.count)")
  }
}
