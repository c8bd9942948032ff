// One test for each fault of processes and clocks.

import ProvingGround
import Testing
import Vocabulary
import World

/// Writes a file of its own as a work, and states the outcome.
struct WritesFile: Work {
  func run(_ files: any WorkFiles) throws(WorkFailure) -> Bool {
    files.spend(.milliseconds(300))
    try files.create(FileName(fixed: "made"), Array(repeating: 5, count: 4_096))
    files.spend(.milliseconds(300))
    return true
  }
}

/// What a trace says of faults, and when.
private final class FaultLines: TraceSink {
  private var lines: [(at: Int64, text: String)] = []

  func trace(at time: Int64, node: NodeID, _ line: @autoclosure () -> String) {
    if node == NodeID(.max) { lines.append((time, line())) }
  }

  /// The times at which `text` was said.
  func at(_ text: String) -> [Int64] { lines.filter { $0.text == text }.map(\.at) }
}

@Suite struct ProcessAndClockFaults {
  @Test func aCrashedProcessIsSilentAndComesBack() {
    let (heard, notebook, _) = flyTicker(under: window(ProcessCrash(of: NodeID(0))))
    #expect(notebook.defects.isEmpty)
    // Its second life counts from 1 again.
    #expect(heard.filter { $0 == 5 }.count == 2)
    let times = notebook.observations.map(\.at.nanoseconds)
    #expect(!times.contains { (205_000_000...599_000_000).contains($0) })
  }

  @Test func whatACrashedProcessHadNotSentNeverArrives() {
    // The turn costs 50 ms and the crash falls into it.
    let notebook = Notebook()
    var cost = CostModel.service
    cost.smallTurn = .milliseconds(50)
    cost.messageTurn = .milliseconds(50)
    let host = SimulatedHost(
      seed: 1, plans: [NodePlan("ticker", cost: cost) { Ticker() }, NodePlan("listener", cost: .client) { Listener() }])
    host.recorder = notebook
    host.plan([PlannedFault(at: .milliseconds(30), ProcessCrash(of: NodeID(0)))])
    host.startAll()
    host.run(until: 1_000_000_000)
    #expect(notebook.observations.isEmpty)
  }

  @Test func aRottingCrashDamagesWhatIsFoundAfterIt() {
    let host = SimulatedHost(seed: 1, plans: [NodePlan("idle", cost: .client) { Listener() }])
    let (rots, stays) = (FileName(fixed: "journal"), FileName(fixed: "other"))
    for file in [rots, stays] { try? host.disk(of: NodeID(0)).write(file, at: 0, Array(repeating: 0, count: 64)) }
    host.disk(of: NodeID(0)).sync(upTo: host.disk(of: NodeID(0)).position)
    host.plan([
      PlannedFault(at: .milliseconds(10), for: .milliseconds(10), RottingCrash(of: NodeID(0), filesStartingWith: "journal", bits: 3))
    ])
    host.startAll()
    host.run(until: 15_000_000)
    #expect(!host.isUp(NodeID(0)))
    host.run(until: 1_000_000_000)
    #expect(host.isUp(NodeID(0)))
    let flipped = (try? host.disk(of: NodeID(0)).read(rots, at: 0, count: 64))?.reduce(0) { $0 + $1.nonzeroBitCount }
    #expect(flipped == 3 || flipped == 1, "three bits, two of which may be the same one")
    #expect((try? host.disk(of: NodeID(0)).read(stays, at: 0, count: 64)) == Array(repeating: 0, count: 64))
  }

  @Test func aPausedProcessWaitsAndCatchesUp() {
    let (heard, _, _) = flyTicker(under: [PlannedFault(at: .milliseconds(200), ProcessPause(of: NodeID(1), for: .milliseconds(300)))])
    #expect(Set(heard).count == heard.count)
    #expect(heard.count >= 990)
  }

  @Test func aCrashDuringASyncFallsIntoTheSync() {
    let notebook = Notebook()
    let host = SimulatedHost(
      seed: 5,
      plans: [
        NodePlan("writer") {
          Scripted(onStart: { turn in
            let log = FileName(fixed: "log")
            if turn.incarnation > 0 {
              turn.observe(.probe, subject: UInt64(turn.disk.size(of: log) ?? 0), value: 1)
            } else {
              try? turn.disk.write(log, at: 0, Array(repeating: 1, count: 100_000))
              turn.ask(.observe(Observation(.probe, subject: 99)))
            }
          })
        }
      ])
    host.recorder = notebook
    host.plan([PlannedFault(at: .zero, for: .milliseconds(500), ProcessCrash(of: NodeID(0), .duringSync(downtime: .milliseconds(100))))])
    // The fault is armed before the node starts.
    host.run(until: 0)
    host.startAll()
    host.run(until: 1_000_000_000)
    #expect(host.faultRecords.map(\.happened) == [true])
    // What waited for the sync never left; the second life began.
    #expect(notebook.probes(of: 0).allSatisfy { $0.subject != 99 })
    #expect(notebook.probes(of: 0).contains { $0.value == 1 })
  }

  @Test func theTraceTellsACrashWhereItsRecordHasIt() {
    let lines = FaultLines()
    let host = SimulatedHost(
      seed: 5,
      plans: [
        NodePlan("writer") {
          Scripted(onStart: { turn in
            if turn.incarnation == 0 { try? turn.disk.write(FileName(fixed: "log"), at: 0, Array(repeating: 1, count: 100_000)) }
          })
        }
      ])
    host.traceSink = lines
    host.plan([
      PlannedFault(at: .zero, for: .milliseconds(500), ProcessCrash(of: NodeID(0), .duringSync(downtime: .milliseconds(100)))),
      PlannedFault(at: .zero, for: .milliseconds(500), ProcessCrash(of: NodeID(0), .duringWork(downtime: .milliseconds(100)))),
      PlannedFault(at: .milliseconds(700), for: .milliseconds(50), ProcessCrash(of: NodeID(0))),
    ])
    host.run(until: 0)
    host.startAll()
    host.run(until: 1_000_000_000)
    let records = host.faultRecords
    #expect(records.map(\.happened) == [true, false, true])
    let (sync, work, plain) = ("crash of writer during sync", "crash of writer during work", "crash of writer")
    #expect(lines.at("fault waits for its moment: \(sync)") == [0])
    #expect(lines.at("fault begins: \(sync)") == [records[0].beganAt.nanoseconds])
    #expect(lines.at("fault ends: \(sync)") == [records[0].endsAt.nanoseconds])
    #expect(records[0].endsAt.nanoseconds < 500_000_000)
    #expect(lines.at("fault did not happen: \(work)") == [500_000_000])
    #expect(lines.at("fault begins: \(work)").isEmpty && lines.at("fault ends: \(work)").isEmpty)
    #expect(lines.at("fault begins: \(plain)") == [700_000_000] && lines.at("fault ends: \(plain)") == [750_000_000])
  }

  @Test func aCrashThatWaitsInVainIsTold() {
    let host = SimulatedHost(seed: 5, plans: [NodePlan("idle") { Scripted() }])
    host.plan([
      PlannedFault(at: .zero, for: .milliseconds(500), ProcessCrash(of: NodeID(0), .duringSync(downtime: .zero))),
      PlannedFault(at: .zero, for: .milliseconds(500), ProcessCrash(of: NodeID(0), .duringWork(downtime: .zero))),
      PlannedFault(at: .zero, for: .milliseconds(500), ProcessCrash(of: NodeID(0))),
    ])
    host.startAll()
    host.run(until: 1_000_000_000)
    #expect(host.faultRecords.map(\.happened) == [false, false, true])
  }

  /// When a node's lives began, in milliseconds, where it writes at the start of each and its syncs take 100 ms.
  @Test func aNodeStaysDownUntilTheLastFaultThatHoldsIt() {
    let node = NodeID(0)
    // A kill within a crash; a crash at a sync whose downtime ends within a kill.
    let lives = flyAppender(
      seed: 1,
      [
        PlannedFault(at: .milliseconds(150), for: .milliseconds(300), ProcessCrash(of: node)),
        PlannedFault(at: .milliseconds(200), for: .milliseconds(50), ProcessKill(of: node)),
        PlannedFault(at: .milliseconds(440), for: .milliseconds(1_000), ProcessCrash(of: node, .duringSync(downtime: .milliseconds(400)))),
        PlannedFault(at: .milliseconds(600), for: .milliseconds(600), ProcessCrash(of: node)),
      ])
    #expect(lives.map(\.milliseconds) == [0, 450, 1_200])
  }

  /// A node that appends 64 KiB in each life and states what it found at the start of it; its syncs take 100 ms.
  private func flyAppender(seed: UInt64, _ faults: [PlannedFault]) -> [(milliseconds: Int64, foundBytes: UInt64)] {
    let notebook = Notebook()
    var cost = CostModel.service
    cost.sync = .fixed(.milliseconds(100))
    let host = SimulatedHost(
      seed: seed,
      plans: [
        NodePlan("appender", cost: cost) {
          Scripted(onStart: { turn in
            let log = FileName(fixed: "log")
            let size = turn.disk.size(of: log) ?? 0
            turn.observe(.probe, subject: UInt64(size))
            try? turn.disk.write(log, at: size, Array(repeating: 1, count: 65_536))
          })
        }
      ])
    host.recorder = notebook
    host.plan(faults)
    host.startAll()
    host.run(until: 2_000_000_000)
    return notebook.observations.map { ($0.at.nanoseconds / 1_000_000, $0.observation.subject) }
  }

  @Test func aKilledProcessLeavesWhatItWroteToTheNext() {
    let lives = flyAppender(
      seed: 1, [PlannedFault(at: .milliseconds(50), for: .milliseconds(20), ProcessKill(of: NodeID(0)))])
    #expect(lives.map(\.foundBytes) == [0, 65_536])
    // The next life begins only once what was found is synced.
    #expect(lives.map(\.milliseconds).last.map { $0 >= 170 } == true)
  }

  @Test func whatALifeFoundIsNeverLostAfterwards() {
    var lost = 0
    for seed in UInt64(1)...60 {
      let lives = flyAppender(
        seed: seed,
        [
          PlannedFault(at: .milliseconds(50), for: .milliseconds(20), ProcessKill(of: NodeID(0))),
          // In the middle of the sync of what was found, or soon after it.
          PlannedFault(at: .milliseconds(75 + Int64(seed) * 2), for: .milliseconds(20), ProcessCrash(of: NodeID(0))),
        ])
      let found = lives.map(\.foundBytes)
      #expect(found == found.sorted(), "seed \(seed): \(found)")
      if found.count == 2 && found[1] < 65_536 { lost += 1 }
    }
    #expect(lost > 0, "power loss took nothing of what a killed process had written")
  }

  private func flyWork(_ faults: [PlannedFault]) -> Notebook {
    let notebook = Notebook()
    let host = SimulatedHost(
      seed: 2,
      plans: [
        NodePlan("worker") {
          Scripted(
            onStart: { turn in
              turn.observe(.probe, subject: UInt64(turn.disk.size(of: FileName(fixed: "made")) ?? 0), value: UInt64(turn.incarnation))
              if turn.incarnation == 0 { _ = turn.compute(WritesFile()) }
            },
            onEvent: { event, turn in
              if case .completed(_, .finished) = event {
                turn.observe(.probe, subject: UInt64(turn.disk.size(of: FileName(fixed: "made")) ?? 0), value: 100)
              }
            })
        }
      ])
    host.recorder = notebook
    host.plan(faults)
    host.run(until: 0)
    host.startAll()
    host.run(until: 2_000_000_000)
    return notebook
  }

  @Test func aWorkTakesItsTimeAndItsFileIsThereInTheEnd() {
    let notebook = flyWork([])
    let done = notebook.observations.first { $0.observation.value == 100 }
    #expect(done?.observation.subject == 4_096)
    #expect((done?.at.nanoseconds ?? 0) >= 600_000_000)
  }

  @Test func aCrashDuringAWorkLeavesNoWholeResult() {
    let notebook = flyWork([
      PlannedFault(at: .zero, for: .seconds(1), ProcessCrash(of: NodeID(0), .duringWork(downtime: .milliseconds(100))))
    ])
    #expect(!notebook.observations.contains { $0.observation.value == 100 })
    #expect(notebook.observations.contains { $0.observation.value == 1 })
  }

  /// A node that states its clocks at every 100 ms of its own monotonic time.
  private func flyClock(_ faults: [PlannedFault]) -> [(trueMilliseconds: Int64, wallMilliseconds: Int64)] {
    let notebook = Notebook()
    let host = SimulatedHost(
      seed: 1,
      plans: [
        NodePlan("clock", cost: .client) {
          Scripted(
            onStart: { turn in _ = turn.wake(after: .milliseconds(100)) },
            onEvent: { event, turn in
              turn.observe(.probe, subject: UInt64(turn.wallClock.milliseconds))
              _ = turn.wake(after: .milliseconds(100))
            })
        }
      ], wallStart: WallTime(milliseconds: 1_000_000))
    host.recorder = notebook
    host.plan(faults)
    host.startAll()
    host.run(until: 10_000_000_000)
    return notebook.observations.map { ($0.at.nanoseconds / 1_000_000, Int64($0.observation.subject)) }
  }

  @Test func aDriftingClockGains() {
    let ticks = flyClock([PlannedFault(at: .zero, for: .seconds(10), ClockDrift(of: NodeID(0), partsPerBillion: 100_000_000))])
    // 10 % fast: 110 ticks in ten seconds, each where its own clock shows a multiple of 100 ms.
    #expect((109...110).contains(ticks.count))
    #expect(ticks.last.map { $0.wallMilliseconds - 1_000_000 - $0.trueMilliseconds > 900 } == true)
  }

  @Test func aJumpMovesTheWallClockOnly() {
    let ticks = flyClock([PlannedFault(at: .seconds(2), for: .seconds(3), ClockJump(of: NodeID(0), by: .seconds(-60)))])
    #expect((99...100).contains(ticks.count))
    let during = ticks.filter { (2_050...4_950).contains($0.trueMilliseconds) }
    #expect(during.count >= 28 && during.allSatisfy { $0.wallMilliseconds == 1_000_000 + $0.trueMilliseconds - 60_000 })
    let after = ticks.filter { $0.trueMilliseconds > 5_050 }
    #expect(after.count >= 48 && after.allSatisfy { $0.wallMilliseconds == 1_000_000 + $0.trueMilliseconds })
  }
}
