// Works in the simulated world. A work runs inline when it begins, against the files as they are; what it wrote and the
// time it took are then spread over virtual time, so that crashes fall into its middle.
//
// Model: works run on cores of their own and do not slow the turns; their syncs are not the journal's. A file appears
// when its writing begins, unsynced, and is durable when its writing ends.

import Kernel
import Vocabulary

/// A work and what is left of it.
struct RunningWork {
  /// What happens next, in order: each step and how long after the one before.
  var steps: ArraySlice<WorkStep>
  var outcome: WorkOutcome
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
}

extension SimulatedHost {
  func beginWork(_ node: SimulatedNode, _ id: WorkID, _ work: any Work, _ departure: Int64) {
    let files = SimulatedWorkFiles(disk: node.disk, cost: node.plan.cost, node: node)
    var outcome: WorkOutcome
    do throws(WorkFailure) {
      outcome = .finished(try work.run(files))
    } catch {
      outcome = .failed(error)
    }
    _ = node.disk.takeBytesRead()
    var steps = files.steps
    steps.append(WorkStep(action: .end, afterNanoseconds: files.pendingNanoseconds))
    crashWithin(node, \.crashesInWorks, from: departure, steps.reduce(0) { $0 + $1.afterNanoseconds })
    node.works[id] = RunningWork(steps: steps[...], outcome: outcome)
    schedule(.workStep(node.id, incarnation: node.incarnation, id), at: departure + (steps.first?.afterNanoseconds ?? 0), node)
  }

  func stepWork(_ node: SimulatedNode, _ id: WorkID) {
    guard let step = node.works[id]?.steps.popFirst() else { return }
    switch step.action {
    case .appear(let file, let bytes):
      do throws(DiskError) {
        try node.disk.write(file, at: 0, bytes)
      } catch {
        // The space went to others between the run and its playback.
        node.works[id]?.steps.removeAll()
        node.works[id]?.outcome = .failed(.disk(error))
        endWork(node, id)
        return
      }
    case .makeDurable(let file): node.disk.syncFile(file)
    case .end:
      endWork(node, id)
      return
    }
    guard let next = node.works[id]?.steps.first else { return }
    schedule(.workStep(node.id, incarnation: node.incarnation, id), at: now + next.afterNanoseconds, node)
  }

  private func endWork(_ node: SimulatedNode, _ id: WorkID) {
    guard let work = node.works.removeValue(forKey: id) else { return }
    offer(node, .completed(id, work.outcome))
  }

  func cancelWork(_ node: SimulatedNode, _ id: WorkID, _ departure: Int64) {
    guard node.works[id] != nil else { return }
    node.works[id]?.outcome = .failed(.cancelled)
    node.works[id]?.steps = [WorkStep(action: .end, afterNanoseconds: 0)]
  }
}

/// The files as a work sees them in the simulated world: reads go through, writes are noted with their time.
final class SimulatedWorkFiles: WorkFiles {
  private let disk: SimulatedDisk
  private let cost: CostModel
  private unowned let node: SimulatedNode
  private(set) var steps: [WorkStep] = []
  private(set) var pendingNanoseconds: Int64 = 0
  private var created: [FileName: [UInt8]] = [:]
  private var reserved = 0

  init(disk: SimulatedDisk, cost: CostModel, node: SimulatedNode) {
    self.disk = disk
    self.cost = cost
    self.node = node
  }

  var isCancelled: Bool { false }

  func size(of file: FileName) -> Int? { created[file]?.count ?? disk.size(of: file) }

  func read(_ file: FileName, at offset: Int, count: Int) throws(WorkFailure) -> [UInt8] {
    pendingNanoseconds += (cost.read.nanoseconds + cost.transferNanoseconds(max(0, count))) * node.slowness
    if let bytes = created[file] {
      guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
        throw .disk(.outOfBounds(file, offset: offset, count: count))
      }
      return Array(bytes[offset..<offset + count])
    }
    do throws(DiskError) {
      return try disk.readAnyLength(file, at: offset, count: count)
    } catch {
      throw .disk(error)
    }
  }

  func create(_ file: FileName, _ bytes: [UInt8]) throws(WorkFailure) {
    if let available = disk.availableBytes, reserved + bytes.count > available { throw .disk(.full(neededBytes: bytes.count)) }
    reserved += bytes.count
    created[file] = bytes
    steps.append(WorkStep(action: .appear(file, bytes), afterNanoseconds: pendingNanoseconds))
    // The sync of a work's file is as slow as its bytes; its base is the middle of the node's distribution.
    let transfer = cost.transferNanoseconds(bytes.count) * node.slowness
    pendingNanoseconds = transfer + cost.sync.quantile(500_000).nanoseconds * node.slowness
    steps.append(WorkStep(action: .makeDurable(file), afterNanoseconds: pendingNanoseconds))
    pendingNanoseconds = 0
  }

  func spend(_ span: TimeSpan) { pendingNanoseconds += max(0, span.nanoseconds) }
}
