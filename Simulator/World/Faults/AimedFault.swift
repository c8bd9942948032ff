// A fault that aims: which node it breaks is decided when it begins, by who leads then, or by who is elected next. A
// plan that is drawn before the run could only guess.
//
// Limits: who leads is who was elected last, as the servers state it (`RaftFact.led`); it may have stepped down since,
// or be down.

import Kernel
import Vocabulary

/// A fault on the leader of the moment, or on a server that leads nothing.
public struct AimedFault: Fault {
  /// At whom.
  public enum Aim: Hashable, Sendable {
    /// The last one elected in one of the replicated logs.
    case leader
    /// One that was elected last in none of them; any, where there is none such.
    case follower
    /// Whoever is elected next in any of them, at that moment.
    case elected
  }

  /// At whom.
  public var aim: Aim
  /// Who may be hit.
  public var servers: [NodeID]
  /// What befalls it.
  public var make: @Sendable (NodeID) -> any Fault
  /// How long that lasts, where it waits for an election; the fault itself lasts as long as it waits.
  public var duration: TimeSpan

  /// An aimed fault; `servers` must not be empty.
  public init(at aim: Aim, among servers: [NodeID], for duration: TimeSpan, _ make: @escaping @Sendable (NodeID) -> any Fault) {
    precondition(!servers.isEmpty, "a fault must be able to hit somebody")
    self.duration = duration
    self.aim = aim
    self.servers = servers
    self.make = make
  }

  public var reach: FaultReach { .nothing }
  public var waits: Bool { aim == .elected }
  public func label(_ host: SimulatedHost) -> String { aim == .elected ? "waiting for an election" : "a fault of the \(aim)" }

  public func aimed(_ host: SimulatedHost, _ random: inout RandomStream) -> any Fault {
    let leaders = host.lastElected.sorted { $0.key < $1.key }.map(\.value).filter { servers.contains($0) }
    let targets: [NodeID]
    switch aim {
    case .leader: targets = leaders
    case .follower: targets = servers.filter { !leaders.contains($0) }
    case .elected: return self
    }
    let choice = targets.isEmpty ? servers : targets
    return make(choice[Int(random.below(UInt64(choice.count)))])
  }

  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) { host.awaitElection(self) }
  public func end(_ host: SimulatedHost) { host.awaitElectionNoLonger() }
}

/// A fault that waits for an election.
struct AwaitedElection {
  /// Its number.
  var index: Int
  var fault: AimedFault
  /// When all must be over.
  var until: Int64
}

extension SimulatedHost {
  /// The fault in hand waits for the next election.
  func awaitElection(_ fault: AimedFault) {
    let until = faults[faultInHand].planned.endsAt ?? .max
    faults[faultInHand].course = .waiting
    awaitedElections.append(AwaitedElection(index: faultInHand, fault: fault, until: until))
  }

  /// The fault in hand waits no longer.
  func awaitElectionNoLonger() { awaitedElections.removeAll { $0.index == faultInHand } }

  /// Notes who was elected, and hands it to the fault that has waited longest.
  func noteLeader(_ observation: Observation, _ node: NodeID) {
    guard observation.fact == .raftLed else { return }
    lastElected[RaftFact.parts(ofSubject: observation.subject).group] = node
    guard let place = awaitedElections.firstIndex(where: { $0.fault.servers.contains(node) }) else { return }
    let awaited = awaitedElections.remove(at: place)
    let at = now + 1
    guard at < awaited.until else { return }
    faults[awaited.index].course = .came(from: at, until: at)
    // What it was waiting to do tells its own beginning and end.
    faults[awaited.index].isEndTold = true
    let end = min(awaited.until, at + awaited.fault.duration.nanoseconds)
    plan([PlannedFault(at: .nanoseconds(at), for: .nanoseconds(end - at), awaited.fault.make(node))])
  }
}
