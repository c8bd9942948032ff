// Boxes: what the nodes of one share, and what befalls them together.

import Kernel
import ProvingGround
import Testing
import Vocabulary
import World

/// Takes CPU time in a work, and gives the number of its node.
private struct Labour: Work {
  let span: TimeSpan

  func run(_ files: any WorkFiles) throws(WorkFailure) -> Int {
    files.spend(span)
    return 1
  }
}

@Suite struct BoxTests {
  private let server = NodeID(0)
  private let other = NodeID(1)

  /// A world of these nodes, all but the last in one box if that is wanted.
  private func world(
    _ plans: [NodePlan], inOneBox: Bool, cores: Int = 2, _ notebook: Notebook, _ faults: [PlannedFault] = []
  ) -> SimulatedHost {
    let boxes = inOneBox ? [BoxPlan("box", cores: cores, nodes: (0..<plans.count - 1).map { NodeID(UInt16($0)) })] : []
    let host = SimulatedHost(seed: 3, plans: plans, boxes: boxes)
    host.recorder = notebook
    host.plan(faults)
    host.startAll()
    return host
  }

  private func cost(_ turn: TimeSpan) -> CostModel {
    var cost = CostModel.service
    cost.exchangeTurn = turn
    cost.smallTurn = .zero
    cost.messageTurn = .zero
    return cost
  }

  /// When each of four requests, two to each of two servers, all sent at once, was answered, in milliseconds.
  private func answers(inOneBox: Bool) -> [UInt64] {
    let notebook = Notebook()
    let cost = cost(.milliseconds(10))
    let plans = ["left", "right"].map { name in
      NodePlan(name, cost: cost) {
        Scripted(onEvent: { event, turn in
          if case .request(let id, _) = event { turn.reply(id, Response(status: 200)) }
        })
      }
    }
    let client = NodePlan("client", cost: .client) {
      Scripted(
        onStart: { turn in _ = turn.wake(after: .milliseconds(100)) },
        onEvent: { event, turn in
          switch event {
          case .timer:
            for _ in 0..<2 {
              for index in UInt16(0)...1 { _ = turn.call(Endpoint(NodeID(index)), Request(.get, "/"), .immediately) }
            }
          case .response: turn.observe(.probe, subject: 1, value: UInt64(turn.now.nanoseconds / 1_000_000) - 100)
          case .request, .failed, .abandoned, .message, .durable, .completed, .stream: break
          }
        })
    }
    world(plans + [client], inOneBox: inOneBox, notebook).run(until: 1_000_000_000)
    return notebook.probes(of: 2).map(\.value).sorted()
  }

  @Test func turnsOfOneBoxAreTakenOneAtATime() {
    #expect(answers(inOneBox: false).map { $0 / 10 } == [1, 1, 2, 2])
    #expect(answers(inOneBox: true).map { $0 / 10 } == [1, 2, 3, 4])
  }

  /// When the works of two nodes ended, in milliseconds: those that the first asked for, and those of the second. The
  /// second's turns take the loop for `turns` of every 10 ms meanwhile.
  private func works(_ counts: [Int], cores: Int, turns: TimeSpan = .zero) -> [[UInt64]] {
    let notebook = Notebook()
    let plans = counts.map { count in
      NodePlan("worker", cost: cost(.zero)) {
        Scripted(
          onStart: { turn in
            for _ in 0..<count { _ = turn.compute(Labour(span: .milliseconds(100))) }
            if turns > .zero && turn.node == NodeID(1) { _ = turn.wake(after: .milliseconds(10)) }
          },
          onEvent: { event, turn in
            switch event {
            case .timer:
              turn.spend(turns)
              _ = turn.wake(after: .milliseconds(10))
            case .completed: turn.observe(.probe, subject: 1, value: UInt64(turn.now.nanoseconds / 1_000_000))
            case .request, .response, .failed, .abandoned, .message, .durable, .stream: break
            }
          })
      }
    }
    world(plans + [NodePlan("client", cost: .client) { Scripted() }], inOneBox: true, cores: cores, notebook).run(until: 2_000_000_000)
    return [notebook.probes(of: 0), notebook.probes(of: 1)].map { $0.map(\.value) }
  }

  @Test func worksWaitForACore() {
    #expect(works([2, 0], cores: 2) == [[100, 100], []])
    #expect(works([3, 0], cores: 2) == [[100, 100, 200], []])
    #expect(works([3, 0], cores: 1) == [[100, 200, 300], []])
  }

  @Test func aNodeWithManyWorksHoldsUpAnothersByOneThatWaits() {
    let ends = works([6, 1], cores: 1)
    #expect(ends[1] == [300])
    #expect(ends[0] == [100, 200, 400, 500, 600, 700])
  }

  @Test func turnsGoBeforeTheWorkOnTheirCore() {
    // Half of the loop's core is taken by turns: a work there takes twice as long, one on the other core does not.
    let shared = works([1, 0], cores: 1, turns: .milliseconds(5))[0]
    #expect(shared.count == 1 && (190...210).contains(shared[0]))
    #expect(works([1, 0], cores: 2, turns: .milliseconds(5))[0].allSatisfy { (100...105).contains($0) })
  }

  @Test func whatATurnSpendsMakesItLonger() {
    let notebook = Notebook()
    let plan = NodePlan("server", cost: cost(.milliseconds(1))) {
      Scripted(onEvent: { event, turn in
        guard case .request(let id, _) = event else { return }
        turn.spend(.milliseconds(30))
        turn.spend(.milliseconds(-5))
        turn.reply(id, Response(status: 200))
      })
    }
    let client = NodePlan("client", cost: .client) {
      Scripted(
        onStart: { turn in _ = turn.call(Endpoint(NodeID(0)), Request(.get, "/"), .immediately) },
        onEvent: { event, turn in
          if case .response = event { turn.observe(.probe, subject: 1, value: UInt64(turn.now.nanoseconds / 1_000_000)) }
        })
    }
    world([plan, client], inOneBox: false, notebook).run(until: 1_000_000_000)
    #expect(notebook.probes(of: 1).map(\.value).allSatisfy { (31...35).contains($0) })
    #expect(notebook.probes(of: 1).count == 1)
  }

  /// Two nodes that write every 10 ms and tell in each life how much they found.
  private func writers(inOneBox: Bool, _ faults: [PlannedFault], diskBytes: Int = 1 << 30) -> (Notebook, SimulatedHost) {
    let notebook = Notebook()
    let plans = ["left", "right"].map { name in
      NodePlan(name, diskBytes: diskBytes) {
        Scripted(
          onStart: { turn in
            turn.observe(.probe, subject: 1, value: UInt64(turn.incarnation))
            _ = turn.wake(after: .milliseconds(10))
          },
          onEvent: { event, turn in
            guard case .timer = event else { return }
            let file = FileName(fixed: "log")
            do throws(DiskError) {
              try turn.disk.write(file, at: turn.disk.size(of: file) ?? 0, [UInt8](repeating: 1, count: 1_000))
            } catch {
              turn.observe(.probe, subject: 2, value: UInt64(turn.now.nanoseconds / 1_000_000))
            }
            _ = turn.wake(after: .milliseconds(10))
          })
      }
    }
    let host = world(plans + [NodePlan("client", cost: .client) { Scripted() }], inOneBox: inOneBox, notebook, faults)
    host.run(until: 1_000_000_000)
    return (notebook, host)
  }

  @Test func aCrashOfTheBoxEndsAllInIt() {
    let fault = PlannedFault(at: .milliseconds(205), for: .milliseconds(100), BoxCrash(of: other))
    let (together, host) = writers(inOneBox: true, [fault])
    #expect(together.probes(of: 0).filter { $0.subject == 1 }.map(\.value) == [0, 1])
    #expect(together.probes(of: 1).filter { $0.subject == 1 }.map(\.value) == [0, 1])
    #expect(host.faultRecords.map(\.reach) == [.stops([server, other])])
    #expect(host.faultRecords[0].happened)
    let (apart, lone) = writers(inOneBox: false, [fault])
    #expect(apart.probes(of: 0).filter { $0.subject == 1 }.map(\.value) == [0])
    #expect(lone.faultRecords.map(\.reach) == [.stops([other])])
  }

  @Test func aCrashOfOneNodeLeavesTheOthersOfItsBox() {
    let fault = PlannedFault(at: .milliseconds(205), for: .milliseconds(100), ProcessCrash(of: server))
    let (notebook, _) = writers(inOneBox: true, [fault])
    #expect(notebook.probes(of: 0).filter { $0.subject == 1 }.map(\.value) == [0, 1])
    #expect(notebook.probes(of: 1).filter { $0.subject == 1 }.map(\.value) == [0])
  }

  @Test func aFullDiskIsFullForAllOfItsBox() {
    let fault = PlannedFault(at: .milliseconds(205), for: .milliseconds(200), FullDisk(of: server))
    let (together, host) = writers(inOneBox: true, [fault])
    #expect(together.probes(of: 1).contains { $0.subject == 2 })
    #expect(host.faultRecords.map(\.reach) == [.hampers([server, other])])
    #expect(host.disk(of: server).used == host.disk(of: other).used)
    let (apart, _) = writers(inOneBox: false, [fault])
    #expect(!apart.probes(of: 1).contains { $0.subject == 2 })
    #expect(apart.probes(of: 0).contains { $0.subject == 2 })
  }

  @Test func theRoomOfABoxIsThatOfAllItsNodesTogether() {
    // Each writes 99,000 bytes in its second.
    #expect(!writers(inOneBox: true, [], diskBytes: 100_000).0.probes(of: 0).contains { $0.subject == 2 })
    #expect(writers(inOneBox: true, [], diskBytes: 90_000).0.probes(of: 0).contains { $0.subject == 2 })
  }

  @Test func noNetworkLiesWithinABox() {
    let partition = PlannedFault(at: .milliseconds(100), for: .milliseconds(300), Partition(Links(from: [server], to: [other])))
    func heard(inOneBox: Bool) -> (count: Int, reach: FaultReach) {
      let notebook = Notebook()
      let plans = [NodePlan("ticker") { Ticker() }, NodePlan("listener") { Listener() }, NodePlan("client", cost: .client) { Scripted() }]
      let host = world(plans, inOneBox: inOneBox, notebook, [partition])
      host.run(until: 400_000_000)
      return (notebook.probes(of: 1).count, host.faultRecords[0].reach)
    }
    let (together, apart) = (heard(inOneBox: true), heard(inOneBox: false))
    #expect(together.count > 380 && together.reach == .cuts([]))
    #expect(apart.count < 120)
  }

  @Test func theClocksOfABoxJumpTogether() {
    func walls(inOneBox: Bool) -> [Int64] {
      let notebook = Notebook()
      let plan = { (name: String) in
        NodePlan(name) {
          Scripted(
            onStart: { turn in _ = turn.wake(after: .milliseconds(500)) },
            onEvent: { _, turn in turn.observe(.probe, subject: 1, value: UInt64(turn.wallClock.milliseconds)) })
        }
      }
      let jump = PlannedFault(at: .milliseconds(100), ClockJump(of: server, by: .seconds(60)))
      let host = world(
        [plan("left"), plan("right"), NodePlan("client", cost: .client) { Scripted() }], inOneBox: inOneBox, notebook, [jump])
      host.run(until: 600_000_000)
      let start: Int64 = 1_700_000_000_000
      return [0, 1].map { (Int64(notebook.probes(of: $0)[0].value) - start) / 1_000 }
    }
    #expect(walls(inOneBox: true) == [60, 60])
    #expect(walls(inOneBox: false) == [60, 0])
  }

  @Test func syncsOfABoxAreMadeOneAfterTheOther() {
    /// When two writes of two nodes, asked for at once, were durable, in milliseconds.
    func durable(inOneBox: Bool) -> [UInt64] {
      let notebook = Notebook()
      var cost = CostModel.service
      cost.sync = .fixed(.milliseconds(50))
      let plans = ["left", "right"].map { name in
        NodePlan(name, cost: cost) {
          Scripted(
            onStart: { turn in
              do throws(DiskError) { try turn.disk.write(FileName(fixed: "log"), at: 0, [1]) } catch { return }
              _ = turn.notifyWhenDurable()
            },
            onEvent: { _, turn in turn.observe(.probe, subject: 1, value: UInt64(turn.now.nanoseconds / 1_000_000)) })
        }
      }
      world(plans + [NodePlan("client", cost: .client) { Scripted() }], inOneBox: inOneBox, notebook).run(until: 1_000_000_000)
      return (notebook.probes(of: 0) + notebook.probes(of: 1)).map(\.value)
    }
    #expect(durable(inOneBox: false) == [50, 50])
    #expect(durable(inOneBox: true) == [50, 100])
  }
}
