// From a scenario's faults to one run's plan: what the scenario leaves open is drawn here, each fault from a stream of
// its own.

import Kernel
import Scenarios
import Vocabulary
import World

/// Draws the faults of one run.
struct FaultPlanning {
  /// What makes a fault of one that aims at a role; nil where nobody knows that role as an aim.
  typealias Aiming = (
    _ role: String, _ duration: TimeSpan, _ make: @escaping @Sendable (NodeID) -> any Fault
  ) -> (any Fault)?

  /// The nodes of each role that stands for nodes from the start.
  let roles: [String: [NodeID]]
  /// The boxes that several nodes share.
  let boxes: [BoxPlan]
  /// The others are aims.
  let aiming: Aiming

  /// The faults of `scenario` in the run of `seed`. All are over at the end of the scenario's duration, so that what
  /// follows is the systems' own doing.
  func plan(_ scenario: Scenario, seed: UInt64) -> [PlannedFault] {
    var planned: [PlannedFault] = []
    // A fault's chance is named by what it says, and by which of those it is that say the same: so that to take one
    // away leaves all others as they were.
    var known: [String: Int] = [:]
    for fault in scenario.faults {
      let words = Self.words(of: fault, in: scenario)
      known[words, default: 0] += 1
      let identity = "\(words), \(known[words] ?? 1)"
      var random = RandomStream(seed: seed, name: "scenario-fault", number: NameDigest.of(identity))
      func plan(_ faults: [PlannedFault]) {
        for (number, var one) in faults.enumerated() {
          one.identity = "\(identity), \(number + 1)"
          planned.append(one)
        }
      }
      if case .swarm(let name) = fault.kind {
        let window = fault.at.range.lowerBound...max(fault.at.range.lowerBound, min(fault.at.range.upperBound, scenario.duration))
        // Their outside world are the callers of the same system.
        let prefix = name.lastIndex(of: "/").map { String(name[...$0]) } ?? ""
        plan(Swarm.faults(fault.times, on: roles[name] ?? [], others: roles["\(prefix)load"] ?? [], within: window, &random))
        continue
      }
      var mine: [PlannedFault] = []
      for _ in 0..<fault.times {
        let at = fault.at.draw(&random)
        let span = fault.duration?.draw(&random)
        let longest = scenario.duration - at
        guard longest > .zero else { continue }
        let duration = span.map { min($0, longest) } ?? (Self.lastsToTheEnd(fault.kind) ? longest : nil)
        for one in faults(fault.kind, duration ?? longest) {
          var planned = PlannedFault(at: at, for: one.waits || Self.waitsForItsMoment(fault.kind) ? longest : duration, one)
          if let span, span > longest { planned.cutFrom = span }
          mine.append(planned)
        }
      }
      plan(mine)
    }
    return planned
  }

  /// What a fault says, alike whether its system is alone in the scenario or not.
  private static func words(of fault: ScenarioFault, in scenario: Scenario) -> String {
    var words = String(describing: fault)
    var systems: [String] = []
    for one in scenario.flown {
      // Names stand in quotation marks.
      let bare = one.prefix.isEmpty ? words : words.replacing("\"\(one.prefix)", with: "\"")
      if one.prefix.isEmpty || bare != words { systems.append(one.system) }
      words = bare
    }
    return "\(systems.joined(separator: ", ")): \(words)"
  }

  /// Whether a fault is put down to wait for its moment, for as long as the load goes on; what it lasts begins then.
  private static func waitsForItsMoment(_ kind: ScenarioFaultKind) -> Bool {
    switch kind {
    case .crash(_, .duringSync), .crash(_, .duringWork): true
    case .crash(_, .atOnce), .crashRotting, .crashBox, .kill, .pause, .partition, .cut, .lose, .duplicate, .reorder, .forge, .replay,
      .reflect, .slowLink, .slowWay, .driftClock,
      .jumpClock, .slowDisk,
      .fillDisk, .failSyncs, .failReads, .rot, .rebindName, .hideName, .slowNames, .swarm:
      false
    }
  }

  /// Whether a fault without a duration ends with the scenario's; the others are over at once.
  private static func lastsToTheEnd(_ kind: ScenarioFaultKind) -> Bool {
    switch kind {
    case .driftClock: true
    case .jumpClock, .rot, .crash, .crashRotting, .crashBox, .kill, .pause, .partition, .cut, .lose, .duplicate, .reorder, .forge, .replay,
      .reflect, .slowLink, .slowWay,
      .slowDisk,
      .fillDisk,
      .failSyncs, .failReads, .rebindName, .hideName, .slowNames, .swarm:
      false
    }
  }

  /// The faults that a kind stands for.
  private func faults(_ kind: ScenarioFaultKind, _ duration: TimeSpan) -> [any Fault] {
    // A box of several of the nodes crashes once.
    if case .crashBox(let name) = kind, let nodes = roles[name] {
      var known: Set<NodeID> = []
      return nodes.filter { node in
        let mates = boxes.first { $0.nodes.contains(node) }?.nodes ?? [node]
        return known.insert(mates[0]).inserted
      }.map { BoxCrash(of: $0) }
    }
    // Who is aimed at is known when the fault begins; then it is a fault like any other.
    for name in kind.nodes where roles[name] == nil {
      let aimed = aiming(name, duration) { [roles] node in
        Self.faults(kind, duration, roles.merging([name: [node]]) { $1 })[0]
      }
      if let aimed { return [aimed] }
    }
    return Self.faults(kind, duration, roles)
  }

  private static func faults(_ kind: ScenarioFaultKind, _ duration: TimeSpan, _ nodes: [String: [NodeID]]) -> [any Fault] {
    func all(_ names: [String]) -> [NodeID] { names.flatMap { nodes[$0] ?? [] } }
    func each(_ name: String, _ make: (NodeID) -> any Fault) -> [any Fault] { (nodes[name] ?? []).map(make) }
    switch kind {
    case .crash(let node, let moment):
      return each(node) { id in
        switch moment {
        case .atOnce: ProcessCrash(of: id, .atOnce)
        case .duringSync: ProcessCrash(of: id, .duringSync(downtime: duration))
        case .duringWork: ProcessCrash(of: id, .duringWork(downtime: duration))
        }
      }
    case .crashRotting(let node, let bits, let files): return each(node) { RottingCrash(of: $0, filesStartingWith: files, bits: bits) }
    case .crashBox(let node): return each(node) { BoxCrash(of: $0) }
    case .kill(let node): return each(node) { ProcessKill(of: $0) }
    case .pause(let node): return each(node) { ProcessPause(of: $0, for: duration) }
    case .partition(let first, let second): return [Partition(Links(from: all(first), to: all(second)))]
    case .cut(let first, let second): return [Partition(Links(from: all(first), to: all(second), bothWays: false))]
    case .lose(let share, let first, let second):
      return [LinkImpairment(.loss, Links(from: all(first), to: all(second)), probability: share)]
    case .duplicate(let share, let first, let second):
      return [LinkImpairment(.duplication, Links(from: all(first), to: all(second)), probability: share)]
    case .reorder(let share, let first, let second):
      return [LinkImpairment(.reordering, Links(from: all(first), to: all(second)), probability: share)]
    case .forge(let share, let first, let second):
      return [LinkImpairment(.forging, Links(from: all(first), to: all(second)), probability: share)]
    case .replay(let share, let first, let second):
      return [LinkImpairment(.replaying, Links(from: all(first), to: all(second)), probability: share)]
    case .reflect(let share, let first, let second):
      return [LinkImpairment(.reflecting, Links(from: all(first), to: all(second)), probability: share)]
    case .slowLink(let first, let second, let span): return [SlowLink(Links(from: all(first), to: all(second)), extraLatency: span)]
    case .slowWay(let first, let second, let span):
      return [SlowLink(Links(from: all(first), to: all(second), bothWays: false), extraLatency: span)]
    case .driftClock(let node, let ppm): return each(node) { ClockDrift(of: $0, partsPerBillion: ppm * 1_000) }
    case .jumpClock(let node, let span): return each(node) { ClockJump(of: $0, by: span) }
    case .slowDisk(let node, let factor): return each(node) { SlowDisk(of: $0, factor: factor) }
    case .fillDisk(let node, let bytes): return each(node) { FullDisk(of: $0, bytesLeft: bytes) }
    case .failSyncs(let share, let node): return each(node) { FailingSync(of: $0, probability: share) }
    case .failReads(let share, let node): return each(node) { UnreadableDisk(of: $0, probability: share) }
    case .rot(let bits, let node): return each(node) { BitRot(of: $0, bits: bits) }
    case .rebindName(let name, let other):
      guard let target = nodes[other]?.first else { return [] }
      return each(name) { NameRebinding(of: $0, to: target) }
    case .hideName(let node): return each(node) { HiddenName(of: $0) }
    case .slowNames(let span): return [SlowNames(by: span)]
    case .swarm: return []  // Drawn as a whole, in `plan`.
    }
  }
}
