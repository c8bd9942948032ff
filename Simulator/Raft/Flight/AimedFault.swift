// A fault that aims: which node it breaks is decided when it begins, by who leads then, or by who is elected next. A
// plan that is drawn before the run could only guess.
//
// Limits: who leads is who was elected last, as the servers state it (`RaftFact.led`); it may have stepped down since,
// or be down.

import Raft
import Vocabulary
import World

/// A fault on the leader of the moment, or on a server that leads nothing.
public struct AimedFault: Fault {
  /// At whom.
  public enum Aim: String, CaseIterable, Hashable, Sendable {
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
    invariant(!servers.isEmpty, "a fault can hit none of \(servers.count) servers")
    self.duration = duration
    self.aim = aim
    self.servers = servers
    self.make = make
  }

  public func reach(_ host: SimulatedHost) -> FaultReach { .nothing }
  public var waits: Bool { aim == .elected }
  public func label(_ host: SimulatedHost) -> String { aim == .elected ? "waiting for an election" : "a fault of the \(aim)" }

  public func prepare(_ host: SimulatedHost) { _ = host.listener(Leaderships.self) }

  public func aimed(_ host: SimulatedHost, _ random: inout RandomStream) -> any Fault {
    let leaders = host.listener(Leaderships.self).leaders(among: servers)
    let targets: [NodeID]
    switch aim {
    case .leader: targets = leaders
    case .follower: targets = servers.filter { !leaders.contains($0) }
    case .elected: return self
    }
    let choice = targets.isEmpty ? servers : targets
    return make(choice[Int(random.below(UInt64(choice.count)))])
  }

  public func begin(_ host: SimulatedHost, _ random: inout RandomStream) {
    host.listener(Leaderships.self).awaitElection(self, host.waitForMoment())
  }

  public func end(_ host: SimulatedHost) { host.listener(Leaderships.self).awaitNoLonger(host) }
}

/// Who was last elected in each replicated log, and the faults that wait for the next election.
final class Leaderships: FactListener {
  /// By the number of the log, each server once, the last elected last: several systems keep logs of the same numbers.
  private var elected: [UInt16: [NodeID]] = [:]
  /// In the order in which they began to wait.
  private var waiting: [(fault: AimedFault, waiting: WaitingFault)] = []

  /// Who of `servers` was last elected in each of their logs, in the order of the logs.
  func leaders(among servers: [NodeID]) -> [NodeID] {
    elected.sorted { $0.key < $1.key }.compactMap { $0.value.last { servers.contains($0) } }
  }

  /// A fault waits for the next election.
  func awaitElection(_ fault: AimedFault, _ moment: WaitingFault) { waiting.append((fault, moment)) }

  /// The fault whose end is being carried out waits no longer.
  func awaitNoLonger(_ host: SimulatedHost) { waiting.removeAll { host.isInHand($0.waiting) } }

  /// Notes who was elected, and hands it to the fault that has waited longest.
  func hear(_ observation: Observation, from node: NodeID, _ host: SimulatedHost) {
    guard case .led(let group, _, _)? = RaftFact(observation) else { return }
    elected[group, default: []].removeAll { $0 == node }
    elected[group, default: []].append(node)
    guard let place = waiting.firstIndex(where: { $0.fault.servers.contains(node) }) else { return }
    let first = waiting.remove(at: place)
    host.come(first.waiting, first.fault.make(node), for: first.fault.duration)
  }
}
