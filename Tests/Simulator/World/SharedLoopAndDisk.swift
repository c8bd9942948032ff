// What is left to the others of a box when one of its nodes ends: the loop, the disk, the core of the loop.

import Kernel
import ProvingGround
import Testing
import Vocabulary
import World

/// Takes CPU time in a work, and gives its number.
private struct Labour: Work {
  let number: UInt64
  let span: TimeSpan

  func run(_ files: any WorkFiles) throws(WorkFailure) -> UInt64 {
    files.spend(span)
    return number
  }
}

@Suite struct SharedLoopAndDisk {
  /// Turns that cost nothing but what they spend; syncs of `sync`.
  private func cost(sync: TimeSpan = .milliseconds(10)) -> CostModel {
    var cost = CostModel.service
    cost.exchangeTurn = .zero
    cost.smallTurn = .zero
    cost.messageTurn = .zero
    cost.perKibibyte = .zero
    cost.sync = .fixed(sync)
    return cost
  }

  /// Flies these machines in one box, and a client behind them that stands by itself.
  private func fly(
    _ machines: [() -> any Machine], client: @escaping () -> any Machine = { Scripted() }, cores: Int = 2,
    sync: TimeSpan = .milliseconds(10),
    _ faults: [PlannedFault] = []
  ) -> Notebook {
    let notebook = Notebook()
    let plans = machines.enumerated().map { NodePlan("node-\($0.offset)", cost: cost(sync: sync), make: $0.element) }
    let host = SimulatedHost(
      seed: 4, plans: plans + [NodePlan("client", cost: .client, make: client)],
      boxes: [BoxPlan("box", cores: cores, nodes: machines.indices.map { NodeID(UInt16($0)) })])
    host.recorder = notebook
    host.plan(faults)
    host.startAll()
    host.run(until: 2_000_000_000)
    return notebook
  }

  private func milliseconds(_ turn: borrowing Turn) -> UInt64 { UInt64(turn.now.nanoseconds / 1_000_000) }

  private func kill(_ node: UInt16, at milliseconds: Int64, for duration: TimeSpan? = nil) -> PlannedFault {
    PlannedFault(at: .milliseconds(milliseconds), for: duration, ProcessKill(of: NodeID(node)))
  }

  // MARK: the loop

  /// Spends `span` in the first turn of its first life.
  private func busyAtStart(_ span: TimeSpan) -> () -> any Machine {
    { Scripted(onStart: { turn in if turn.incarnation == 0 { turn.spend(span) } }) }
  }

  /// States when it takes a message.
  private func listening() -> any Machine {
    Scripted(onEvent: { event, turn in
      if case .message = event { turn.observe(.probe, subject: 1, value: UInt64(turn.now.nanoseconds / 1_000_000)) }
    })
  }

  /// Sends one message to `node` at `milliseconds`.
  private func sender(to node: UInt16, at milliseconds: Int64) -> () -> any Machine {
    {
      Scripted(
        onStart: { turn in _ = turn.wake(after: .milliseconds(milliseconds)) },
        onEvent: { _, turn in turn.message(to: NodeID(node), [1], .immediately) })
    }
  }

  @Test func whatWaitedForTheTurnOfAKilledNodeIsTakenUp() {
    let client = sender(to: 1, at: 5)
    let heard = fly([busyAtStart(.milliseconds(100)), listening], client: client, [kill(0, at: 50)]).probes(of: 1)
    #expect(heard.map(\.value) == [50])
  }

  @Test func ofTwoTurnsInARowEachEndsAlone() {
    // Node 1 has the loop from 0 to 10 ms, node 2 from 10 to 30.
    let machines = [listening, busyAtStart(.milliseconds(10)), busyAtStart(.milliseconds(20))]
    let client = sender(to: 0, at: 5)
    #expect(fly(machines, client: client).probes(of: 0).map(\.value) == [30])
    #expect(fly(machines, client: client, [kill(2, at: 4)]).probes(of: 0).map(\.value) == [10], "the earlier turn goes on")
    #expect(fly(machines, client: client, [kill(1, at: 4)]).probes(of: 0).map(\.value) == [30], "the later turn keeps its time")
    #expect(fly(machines, client: client, [kill(1, at: 4), kill(2, at: 4)]).probes(of: 0).map { $0.value / 2 } == [2])
  }

  // MARK: the disk

  /// Writes when `milliseconds` have passed (in each life, or in the first one only), and states when that was durable;
  /// states with subject 2 when its later lives begin.
  private func writing(at milliseconds: Int64) -> () -> any Machine {
    {
      Scripted(
        onStart: { turn in
          if turn.incarnation == 0 {
            _ = turn.wake(after: .milliseconds(milliseconds))
          } else {
            turn.observe(.probe, subject: 2, value: UInt64(turn.now.nanoseconds / 1_000_000))
          }
        },
        onEvent: { event, turn in
          switch event {
          case .timer:
            do throws(DiskError) { try turn.disk.write(FileName(fixed: "log"), at: 0, [1]) } catch { return }
            _ = turn.notifyWhenDurable()
          case .durable: turn.observe(.probe, subject: 1, value: UInt64(turn.now.nanoseconds / 1_000_000))
          case .request, .response, .failed, .abandoned, .message, .completed, .stream: break
          }
        })
    }
  }

  @Test func theDiskGoesOnWithTheOthersSyncs() {
    let book = fly([writing(at: 0), writing(at: 1), writing(at: 6)], [kill(0, at: 5)])
    #expect(book.probes(of: 0) == [])
    #expect(book.probes(of: 1).map(\.value) == [20])
    #expect(book.probes(of: 2).map(\.value) == [30])
    // The last in the row leaves its time to those that come.
    let last = fly([writing(at: 0), writing(at: 1), writing(at: 6)], [kill(1, at: 5)])
    #expect(last.probes(of: 0).map(\.value) == [10])
    #expect(last.probes(of: 2).map(\.value) == [20])
  }

  @Test func theSyncBeforeAStartIsOneOfTheBoxesDisk() {
    // Node 0 comes again at 7 ms; what it had written is synced behind the sync of node 1, and before that of node 2.
    let book = fly([writing(at: 0), writing(at: 1), writing(at: 25)], [kill(0, at: 5, for: .milliseconds(2))])
    #expect(book.probes(of: 1).map(\.value) == [20])
    #expect(book.probes(of: 0) == [Observation(.probe, subject: 2, value: 30)])
    #expect(book.probes(of: 2).map(\.value) == [40])
    // One that ends before it has begun takes nothing more of the disk.
    let ended = fly(
      [writing(at: 0), writing(at: 1), writing(at: 25)],
      [kill(0, at: 5, for: .milliseconds(2)), PlannedFault(at: .milliseconds(21), for: .seconds(1), ProcessCrash(of: NodeID(0)))])
    #expect(ended.probes(of: 2).map(\.value) == [35])
  }

  // MARK: the core of the loop

  /// Asks for works of these spans, one each millisecond, and states with the number of each when it ended.
  private func asking(_ spans: [Int64]) -> () -> any Machine {
    {
      var left = spans[...]
      func ask(_ turn: inout Turn) {
        guard let span = left.popFirst() else { return }
        _ = turn.compute(Labour(number: UInt64(left.startIndex - 1), span: .milliseconds(span)), .immediately)
        if !left.isEmpty { _ = turn.wake(after: .milliseconds(1)) }
      }
      return Scripted(
        onStart: { turn in if turn.incarnation == 0 { ask(&turn) } },
        onEvent: { event, turn in
          switch event {
          case .timer: ask(&turn)
          case .completed(_, .finished(let value)):
            if let number = value as? UInt64 { turn.observe(.probe, subject: number, value: UInt64(turn.now.nanoseconds / 1_000_000)) }
          case .request, .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
          }
        })
    }
  }

  /// Has the loop for 5 of each 10 ms.
  private func ticking() -> any Machine {
    Scripted(
      onStart: { turn in _ = turn.wake(after: .milliseconds(10)) },
      onEvent: { _, turn in
        turn.spend(.milliseconds(5))
        _ = turn.wake(after: .milliseconds(10))
      })
  }

  @Test func oneWorkAtMostSharesTheLoopsCoreAndNoneWhereAnotherStandsIdle() {
    let ends = fly([asking([50, 200, 100]), ticking]).probes(of: 0).sorted { $0.subject < $1.subject }
    #expect(ends.map(\.subject) == [0, 1, 2])
    // The second has the loop's core until the third leaves the other one idle: by then it has got through half as much.
    for (end, range) in zip(ends, [50...55, 270...285, 150...155] as [ClosedRange<UInt64>]) {
      #expect(range.contains(end.value), "work \(end.subject) ended at \(end.value)")
    }
  }

  @Test func theLoopsCoreIsTakenByATurnThatIsUnderWay() {
    let ends = fly([asking([100]), busyAtStart(.milliseconds(40))], cores: 1).probes(of: 0)
    #expect(ends.map(\.value) == [140])
    // Where its node ends in the middle, the work has the rest of that time.
    let cut = fly([asking([100]), busyAtStart(.milliseconds(40))], cores: 1, [kill(1, at: 20)]).probes(of: 0)
    #expect(cut.map(\.value) == [120])
  }

  @Test func theLoopsCoreIsFreeOnceItsWorkWasLost() {
    // Node 0's work had it; node 2's, which had the other one, ends at 30 ms, and a third begins at 40.
    let late: () -> any Machine = {
      Scripted(
        onStart: { turn in _ = turn.wake(after: .milliseconds(40)) },
        onEvent: { event, turn in
          switch event {
          case .timer: _ = turn.compute(Labour(number: 9, span: .milliseconds(100)), .immediately)
          case .completed: turn.observe(.probe, subject: 9, value: UInt64(turn.now.nanoseconds / 1_000_000))
          case .request, .response, .failed, .abandoned, .message, .durable, .stream: break
          }
        })
    }
    let ends = fly([asking([500, 500]), ticking, late], [kill(0, at: 20)]).probes(of: 2)
    #expect(ends.count == 1 && ends.allSatisfy { (140...145).contains($0.value) }, "\(ends.map(\.value))")
  }
}
