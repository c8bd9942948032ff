// Works in the simulated world. A work waits for a core of its box; when it has one it runs inline, against the files
// as they are; what it wrote and the time it took are then spread over virtual time, so that crashes fall into its
// middle.
//
// Model: a work has its core until it ends. The loop's own core is the last that a work gets, one at a time, and the
// turns that are taken meanwhile come first: a step that computes ends later by their time. Once another core has
// nothing to do, the work goes on there. A work's syncs are not the journal's, nor are its bytes. A file appears when
// its writing begins, unsynced, and is durable when its writing ends; none takes the place of another. A cancelled work
// ends at once: what it had made durable stays, what it was about to write does not appear.

import Kernel
import Vocabulary

/// A work that waits for a core.
struct QueuedWork {
  let node: NodeID
  let incarnation: UInt32
  let id: WorkID
  let work: any Work
}

/// A work that waits or runs.
struct RunningWork {
  /// Whether it has a core.
  var isRunning = false
  /// What happens next, in order: each step and how long after the one before.
  var steps: ArraySlice<WorkStep> = []
  /// What the turns of the box had taken when the present step began, in nanoseconds; counts on the loop's core only.
  var turnsBefore: Int64 = 0
  /// By how much the present step ends later, for turns that were taken while it had the loop's core.
  var heldUpNanoseconds: Int64 = 0
  var outcome = WorkOutcome.failed(.cancelled)
}

/// One step of a work as it is played back.
struct WorkStep {
  enum Action {
    case appear(FileName, [UInt8])
    case makeDurable(FileName)
    case end
  }
  var action: Action
  var afterNanoseconds: Int64
  /// Whether it waits for the processor, and not for the disk alone.
  var computes: Bool
}

extension SimulatedHost {
  /// Takes up a work that a machine asked for.
  func beginWork(_ node: SimulatedNode, _ id: WorkID, _ work: any Work, _ departure: Int64) {
    node.works[id] = RunningWork()
    schedule(.workBegins(QueuedWork(node: node.id, incarnation: node.incarnation, id: id, work: work)), at: departure, node)
  }

  /// The turn that asked for the work is over: it gets a core, or waits for one.
  func queueWork(_ queued: QueuedWork) {
    let node = state(queued.node)
    guard node.incarnation == queued.incarnation, node.isUp, node.works[queued.id] != nil else { return }
    node.box.waitingWorks.append(queued, of: node.id)
    startWorks(node.box)
  }

  /// Gives free cores to works that wait.
  private func startWorks(_ box: SimulatedBox) {
    while box.runningWorks < box.cores, let queued = box.waitingWorks.popFirst() {
      let node = state(queued.node)
      guard node.incarnation == queued.incarnation, node.isUp, node.works[queued.id] != nil else { continue }
      box.changeRunningWorks(by: 1)
      // Its own core is the last that the loop shares, and with one work.
      if box.loopWork == nil, box.runningWorks == box.cores { box.loopWork = LoopWork(node: node.id, id: queued.id) }
      run(node, queued)
    }
    freeLoop(box)
  }

  /// The work on the loop's core goes on elsewhere, where another core has nothing to do.
  private func freeLoop(_ box: SimulatedBox) {
    guard box.runningWorks < box.cores, let held = box.loopWork else { return }
    box.loopWork = nil
    let node = state(held.node)
    guard let work = node.works[held.id] else { return }
    node.works[held.id]?.heldUpNanoseconds += max(0, box.turnNanoseconds(at: now) - work.turnsBefore)
  }

  private func run(_ node: SimulatedNode, _ queued: QueuedWork) {
    let files = SimulatedWorkFiles(disk: node.disk, cost: node.plan.cost, node: node)
    var work = RunningWork(isRunning: true)
    do throws(WorkFailure) {
      work.outcome = .finished(try queued.work.run(files))
    } catch {
      work.outcome = .failed(error)
    }
    _ = node.disk.takeBytesRead()
    let steps = files.endedSteps()
    invariant(
      steps.allSatisfy { $0.afterNanoseconds >= 0 },
      "a work of \(name(of: node.id)) has steps that take \(steps.map(\.afterNanoseconds)) ns")
    work.steps = steps[...]
    work.turnsBefore = node.box.turnNanoseconds(at: now)
    node.works[queued.id] = work
    crashWithin(node, \.crashesInWorks, from: now, steps.reduce(0) { $0 + $1.afterNanoseconds })
    schedule(.workStep(node.id, incarnation: node.incarnation, queued.id), at: now + (steps.first?.afterNanoseconds ?? 0), node)
  }

  func stepWork(_ node: SimulatedNode, _ id: WorkID) {
    guard let work = node.works[id], let step = work.steps.first else { return }
    if step.computes {
      var lost = work.heldUpNanoseconds
      if node.box.loopWork == LoopWork(node: node.id, id: id) {
        // Those under way count to their end, since the step cannot end before.
        lost += max(0, node.box.turnNanoseconds - work.turnsBefore)
        node.works[id]?.turnsBefore = node.box.turnNanoseconds
      }
      node.works[id]?.heldUpNanoseconds = 0
      if lost > 0 { return schedule(.workStep(node.id, incarnation: node.incarnation, id), at: now + lost, node) }
    }
    node.works[id]?.steps.removeFirst()
    switch step.action {
    case .appear(let file, let bytes):
      guard node.disk.size(of: file) == nil else {
        node.works[id]?.outcome = .failed(SimulatedWorkFiles.isThere(file))
        endWork(node, id)
        return
      }
      do throws(DiskError) {
        try node.disk.appear(file, bytes)
      } catch {
        // The space, or the name, went to others between the run and its playback.
        node.works[id]?.outcome = .failed(.disk(error))
        endWork(node, id)
        return
      }
    case .makeDurable(let file):
      node.disk.syncFile(file)
      releaseHeld(node)
    case .end:
      endWork(node, id)
      return
    }
    guard let next = node.works[id]?.steps.first else { return }
    node.works[id]?.turnsBefore = node.box.turnNanoseconds(at: now)
    node.works[id]?.heldUpNanoseconds = 0
    schedule(.workStep(node.id, incarnation: node.incarnation, id), at: now + next.afterNanoseconds, node)
  }

  private func endWork(_ node: SimulatedNode, _ id: WorkID) {
    guard let work = node.works.removeValue(forKey: id) else { return }
    if work.isRunning { node.box.changeRunningWorks(by: -1) }
    if node.box.loopWork == LoopWork(node: node.id, id: id) { node.box.loopWork = nil }
    offer(node, .completed(id, work.outcome))
    startWorks(node.box)
  }

  func cancelWork(_ node: SimulatedNode, _ id: WorkID, _ departure: Int64) {
    if node.works[id] == nil {
      // Asked for and not handed over yet: it waits for the disk.
      let place = node.held.firstIndex { held in
        if case .compute(id, _) = held.effect { true } else { false }
      }
      guard let place else { return }
      node.held.remove(at: place)
      node.works[id] = RunningWork()
    }
    schedule(.workCancelled(node.id, incarnation: node.incarnation, id), at: departure, node)
  }

  /// The turn that gave the work up is over.
  func endCancelled(_ node: SimulatedNode, _ id: WorkID) {
    guard node.works[id] != nil else { return }
    _ = node.box.waitingWorks.remove(of: node.id) { $0.id == id }
    node.works[id]?.steps = []
    node.works[id]?.outcome = .failed(.cancelled)
    endWork(node, id)
  }

  /// The works of a process that ended give their cores back.
  func abandonWorks(_ node: SimulatedNode) {
    node.box.changeRunningWorks(by: -node.works.values.count { $0.isRunning })
    _ = node.box.waitingWorks.remove(of: node.id) { _ in true }
    if node.box.loopWork?.node == node.id { node.box.loopWork = nil }
    node.works.removeAll()
    startWorks(node.box)
  }
}

/// The files as a work sees them in the simulated world: reads go through, writes are noted with their time.
final class SimulatedWorkFiles: WorkFiles {
  private let disk: SimulatedDisk
  private let cost: CostModel
  private unowned let node: SimulatedNode
  private var steps: [WorkStep] = []
  private var pendingNanoseconds: Int64 = 0
  private var computes = false
  private var created: [FileName: [UInt8]] = [:]
  private var reserved = 0

  init(disk: SimulatedDisk, cost: CostModel, node: SimulatedNode) {
    self.disk = disk
    self.cost = cost
    self.node = node
  }

  var isCancelled: Bool { false }

  func size(of file: FileName) -> Int? { created[file]?.count ?? disk.size(of: file) }

  func withBytes<Value>(
    of file: FileName, at offset: Int, count: Int, _ body: (RawSpan) throws(WorkFailure) -> Value
  ) throws(WorkFailure) -> Value {
    pendingNanoseconds += node.box.slowed(cost.read.nanoseconds + cost.transferNanoseconds(max(0, count)))
    if let bytes = created[file] {
      guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
        throw .disk(.outOfBounds(file, offset: offset, count: count))
      }
      return try body(bytes.span.bytes.extracting(offset..<offset + count))
    }
    let bytes: [UInt8]
    do throws(DiskError) {
      bytes = try disk.lendContent(of: file, at: offset, count: count)
    } catch {
      throw .disk(error)
    }
    return try body(bytes.span.bytes.extracting(offset..<offset + count))
  }

  func create(_ file: FileName, _ bytes: [UInt8]) throws(WorkFailure) {
    guard size(of: file) == nil else { throw Self.isThere(file) }
    if let available = disk.availableBytes, reserved + bytes.count > available { throw .disk(.full(neededBytes: bytes.count)) }
    reserved += bytes.count
    created[file] = bytes
    step(.appear(file, bytes))
    // The sync of a work's file is as slow as its bytes; its base is the middle of the node's distribution.
    pendingNanoseconds = node.box.slowed(cost.transferNanoseconds(bytes.count) + cost.sync.quantile(500_000).nanoseconds)
    step(.makeDurable(file))
  }

  /// As a real host says it.
  static func isThere(_ file: FileName) -> WorkFailure { .damaged(file, "could not be created: it is there already") }

  func spend(_ span: TimeSpan) {
    pendingNanoseconds += max(0, span.nanoseconds)
    computes = true
  }

  /// All steps, now that the work has run.
  func endedSteps() -> [WorkStep] {
    step(.end)
    return steps
  }

  private func step(_ action: WorkStep.Action) {
    steps.append(WorkStep(action: action, afterNanoseconds: pendingNanoseconds, computes: computes))
    pendingNanoseconds = 0
    computes = false
  }
}
