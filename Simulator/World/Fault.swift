// What a fault is to the host: something that begins at a virtual time and may end at a later one.
//
// Each kind of fault is one file in Faults/, with one test. A fault draws its chance from the plan's own stream, so
// that removing one fault leaves the others as they were.

import Kernel
import Vocabulary

/// One kind of fault with its parameters.
public protocol Fault {
  /// A few words for traces and reports: "crash of NODE".
  func label(_ host: SimulatedHost) -> String
  /// What it touches in this world.
  func reach(_ host: SimulatedHost) -> FaultReach
  /// Whose files it damages, or keeps from being read, so that these nodes may well refuse to start on them; nobody's for
  /// most faults.
  func spoils(_ host: SimulatedHost) -> [NodeID]
  /// Whether, when it begins by its plan, it only begins to wait for its moment.
  var waits: Bool { get }
  /// Called when it is planned, before the run: a fault that hangs on what machines state begins to listen.
  func prepare(_ host: SimulatedHost)
  /// What it is once its moment has come: a fault that aims at who leads then becomes one on that node.
  func aimed(_ host: SimulatedHost, _ random: inout RandomStream) -> any Fault
  /// Breaks something.
  func begin(_ host: SimulatedHost, _ random: inout RandomStream)
  /// Mends it. Called once for each `begin` of a fault that has an end.
  func end(_ host: SimulatedHost)
  /// Whether it has changed anything so far as the fault of this number in the plan: a cut that nothing came to did not
  /// happen.
  func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool
}

extension Fault {
  /// Nobody's: most faults leave what is durable as it is.
  public func spoils(_ host: SimulatedHost) -> [NodeID] { [] }
  /// No: most faults break something as soon as they begin.
  public var waits: Bool { false }
  /// Nothing: most faults hang on nobody's statements.
  public func prepare(_ host: SimulatedHost) {}
  /// Itself: most faults know beforehand what they break.
  public func aimed(_ host: SimulatedHost, _ random: inout RandomStream) -> any Fault { self }
  /// Yes: what begins with a change need not wait for something that comes.
  public func hasActed(_ host: SimulatedHost, _ number: Int) -> Bool { true }
}

/// A fault in a run's plan.
public struct PlannedFault {
  /// When it begins, in nanoseconds of virtual time.
  public var beginsAt: Int64
  /// When it ends; nil for faults that are over at once or never.
  public var endsAt: Int64?
  /// What breaks.
  public var fault: any Fault
  /// What its chance is named by, unlike any other's of the plan; nil for its place in it.
  public var identity: String?
  /// How long it was to last, where whoever planned it had to end it sooner; nil for most.
  public var cutFrom: TimeSpan?

  /// A planned fault.
  public init(at beginsAt: TimeSpan, for duration: TimeSpan? = nil, _ fault: any Fault, identity: String? = nil) {
    self.identity = identity
    self.beginsAt = beginsAt.nanoseconds
    endsAt = duration.map { beginsAt.nanoseconds + $0.nanoseconds }
    self.fault = fault
  }
}

struct ScheduledFault {
  var planned: PlannedFault
  /// What stands for its identity wherever chance is split and hashes are taken.
  let digest: UInt64
  var random: RandomStream
  var course = Course.asPlanned
  /// Whether the trace has told its end.
  var isEndTold = false

  /// What became of it.
  enum Course: Equatable {
    /// It began and ended by its plan.
    case asPlanned
    /// It waits for its moment, or waited in vain.
    case waiting
    /// There was nothing to break: the process was down already, or had no file.
    case nothing
    /// Its moment came; from when until when it lasted, in nanoseconds of virtual time.
    case came(from: Int64, until: Int64)
  }
}

/// A fault as it happened, for timelines and reports.
public struct FaultRecord: Hashable, Sendable {
  /// A few words.
  public var label: String
  /// Virtual time at which it began.
  public var beganAt: Instant
  /// Virtual time at which it ends; equal to `beganAt` for faults that are over at once.
  public var endsAt: Instant
  /// Whether it came to pass: false for a crash that waited for a sync or a work in vain, or found its process down
  /// already, and for all that changed nothing, since nothing came to it while it lasted.
  public var happened: Bool
  /// What it touched.
  public var reach: FaultReach
  /// Whose files it damaged, or kept from being read.
  public var spoils: [NodeID]
  /// How long it was to last, where whoever planned it had to end it sooner; nil for most.
  public var cutFrom: TimeSpan?

  /// A record.
  public init(
    label: String, beganAt: Instant, endsAt: Instant, happened: Bool = true, reach: FaultReach = .nothing, spoils: [NodeID] = [],
    cutFrom: TimeSpan? = nil
  ) {
    self.cutFrom = cutFrom
    self.spoils = spoils
    self.label = label
    self.beganAt = beganAt
    self.endsAt = endsAt
    self.happened = happened
    self.reach = reach
  }
}

extension SimulatedHost {
  /// Puts faults down; call before the run.
  public func plan(_ planned: [PlannedFault]) {
    for fault in planned {
      let index = faults.count
      fault.fault.prepare(self)
      let digest = fault.identity.map(NameDigest.of) ?? UInt64(index)
      var ties = TieSequence(seed: RandomStream.first(seed, "fault-ties", number: digest))
      faults.append(
        ScheduledFault(planned: fault, digest: digest, random: RandomStream(seed: seed, name: "fault", number: digest)))
      agenda.schedule(.fault(index, begins: true), at: fault.beginsAt, tie: ties.draw())
      if let end = fault.endsAt {
        agenda.schedule(.fault(index, begins: false), at: max(end, fault.beginsAt + 1), tie: ties.draw())
      }
    }
  }

  /// The planned faults as they appear on a timeline.
  public var faultRecords: [FaultRecord] {
    faults.indices.map { index in
      let scheduled = faults[index]
      let planned = scheduled.planned
      let label = planned.fault.label(self)
      switch scheduled.course {
      case .came(let from, let until):
        return FaultRecord(
          label: label, beganAt: Instant(nanoseconds: from), endsAt: Instant(nanoseconds: until), happened: happened(index),
          reach: planned.fault.reach(self), spoils: planned.fault.spoils(self), cutFrom: planned.cutFrom)
      case .asPlanned, .waiting, .nothing:
        return FaultRecord(
          label: label, beganAt: Instant(nanoseconds: planned.beginsAt), endsAt: Instant(nanoseconds: planned.endsAt ?? planned.beginsAt),
          happened: happened(index), reach: planned.fault.reach(self), spoils: planned.fault.spoils(self), cutFrom: planned.cutFrom)
      }
    }
  }

  /// Whether a fault came to pass, as far as can be told by now.
  private func happened(_ index: Int) -> Bool {
    switch faults[index].course {
    case .asPlanned, .came: faults[index].planned.fault.hasActed(self, index)
    case .waiting, .nothing: false
    }
  }

  /// The fault whose beginning is being carried out found nothing to break.
  func faultInHandDidNothing() {
    faults[faultInHand].course = .nothing
    // What has an end is told of then.
    if faults[faultInHand].planned.endsAt == nil { traceEnd(of: faultInHand) }
  }

  /// The fault whose beginning is being carried out is this one from here on.
  func faultInHandBecomes(_ fault: any Fault) { faults[faultInHand].planned.fault = fault }

  func turnFault(_ index: Int, begins: Bool) {
    faultHash.mix(UInt64(bitPattern: now))
    faultHash.mix(begins ? 5 : 6)
    faultHash.mix(faults[index].digest)
    // The fault may write into the list that its stream stands in.
    var random = faults[index].random
    if begins { faults[index].planned.fault = faults[index].planned.fault.aimed(self, &random) }
    let fault = faults[index].planned.fault
    if begins {
      traceSink?.trace(at: now, node: NodeID(.max), "\(fault.waits ? "fault waits for its moment" : "fault begins"): \(fault.label(self))")
    } else {
      traceEnd(of: index)
    }
    faultInHand = index
    guard begins else { return fault.end(self) }
    // There is nothing between its sides.
    if fault.reach(self).hasNoLink { faults[index].course = .nothing }
    fault.begin(self, &random)
    faults[index].random = random
  }

  /// Tells the trace that a fault's time is over: at the instant at which `faultRecords` says it ends, and once.
  private func traceEnd(of index: Int) {
    guard traceSink != nil, !faults[index].isEndTold else { return }
    let label = faults[index].planned.fault.label(self)
    switch faults[index].course {
    case .asPlanned, .nothing, .waiting:
      traceSink?.trace(at: now, node: NodeID(.max), "\(happened(index) ? "fault ends" : "fault did not happen"): \(label)")
    case .came(_, let until):
      guard until <= now else { return }
      traceSink?.trace(at: now, node: NodeID(.max), "fault ends: \(label)")
    }
    faults[index].isEndTold = true
  }

  /// Tells the trace of the faults that waited for their moment and whose time is over now.
  func traceEndsOfArmedFaults() {
    guard traceSink != nil else { return }
    for index in faults.indices {
      if case .came(_, let until) = faults[index].course, until == now { traceEnd(of: index) }
    }
  }
}
