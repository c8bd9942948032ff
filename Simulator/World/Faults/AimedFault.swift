// A fault that aims: which node it breaks is decided when it begins, by who leads then. A plan that is drawn before the run could only guess.
//
// Limits: who leads is who was elected last, as the servers state it (`RaftFact.led`); it may have stepped down since, or be down.

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
  }

  /// At whom.
  public var aim: Aim
  /// Who may be hit.
  public var servers: [NodeID]
  /// What befalls it.
  public var make: @Sendable (NodeID) -> any Fault

  /// An aimed fault; `servers` must not be empty.
  public init(at aim: Aim, among servers: [NodeID], _ make: @escaping @Sendable (NodeID) -> any Fault) {
    precondition(!servers.isEmpty, "a fault must be able to hit somebody")
    self.aim = aim
    self.servers = servers
    self.make = make
  }

  public var reach: FaultReach { .nothing }
  public func label(_ host: SimulatedHost) -> String { "a fault of the \(aim)" }

  public func aimed(_ host: SimulatedHost, _ random: inout RandomStream) -> any Fault {
    let leaders = host.lastElected.sorted { $0.key < $1.key }.map(\.value).filter { servers.contains($0) }
    let targets: [NodeID]
    switch aim {
    case .leader: targets = leaders
    case .follower: targets = servers.filter { !leaders.contains($0) }
    }
    let choice = targets.isEmpty ? servers : targets
    return make(choice[Int(random.below(UInt64(choice.count)))])
  }

  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) { preconditionFailure("a fault that was not aimed") }
  public func end(_ host: SimulatedHost) { preconditionFailure("a fault that was not aimed") }
}

extension SimulatedHost {
  /// Notes who was elected.
  func noteLeader(_ observation: Observation, _ node: NodeID) {
    guard observation.fact == .raftLed else { return }
    lastElected[RaftFact.parts(ofSubject: observation.subject).group] = node
  }
}
