// Whoever fails is left alone: an instance that fails tasks, and one whose host is dead, is given no more of them a while after
// that began, but probes; and the cap holds: where all instances of a service fail, one at least is still tried.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// Checks who is given tasks.
public struct FailingLeftAlone: Checker {
  private let seen: ModelsSeen
  private let misbehaviours: [Misbehaviour]

  /// A checker of what was `seen`, where hosts misbehaved so.
  public init(_ seen: ModelsSeen, _ misbehaviours: [Misbehaviour]) {
    self.seen = seen
    self.misbehaviours = misbehaviours
  }

  public var name: String { "who fails is left alone" }
  public var requirements: [String] { ["MODELS-7"] }

  /// How long the registry may take to find out.
  public static let patience = TimeSpan.seconds(4)

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    let hosts = record.modelHosts
    let tasks = givenTasks(record, hosts)
    for misbehaviour in misbehaviours where misbehaviour.kind == .hang || misbehaviour.kind == .lie(1) {
      guard hosts.indices.contains(misbehaviour.host) else { continue }
      let from = misbehaviour.began + Self.patience
      let until = misbehaviour.ended
      guard from < until else { continue }
      for service in Set(seen.registrations.map { ExactName($0.id) }).sorted()
      where misbehaviour.service.map({ ExactName($0) == service }) ?? true {
        let own = tasks.filter { $0.service == service && $0.at >= from && $0.at < until }
        let others = misbehaviours.filter {
          $0 != misbehaviour && $0.failsTasks && ($0.service.map { ExactName($0) == service } ?? true)
            && $0.beginsAt < misbehaviour.endsAt && $0.endsAt > misbehaviour.beginsAt
        }
        let isAlone = (seen.registrations.first { sameBytes($0.id, service.text) }?.replicas ?? 1) < 2
        if isAlone || !record.disturbances(of: hosts).filter({ $0.from < until && $0.until > from }).isEmpty { continue }
        if others.isEmpty {
          count += 1
          // The cap lets one of two go; of these it is the one that fails.
          for task in own where task.host == hosts[misbehaviour.host] {
            violations.append(
              Violation(
                at: task.at,
                "\(record.name(of: task.host)) fails \(service) since \(misbehaviour.began.label), and is given a task"
              ))
          }
        } else if seen.tasks.contains(where: { $0.service == service && $0.startedAt >= from && $0.endedAt < until }) {
          count += 1
          if own.isEmpty { violations.append(Violation(at: from, "all instances of \(service) fail, and none is tried any more")) }
        }
      }
    }
    for host in hosts {
      for stop in record.stops(of: host) where stop.until > stop.from + Self.patience {
        count += 1
        for task in tasks where task.host == host && task.at >= stop.from + Self.patience && task.at < stop.until {
          violations.append(Violation(at: task.at, "\(record.name(of: host)) is dead since \(stop.from.label), and is given a task"))
        }
      }
    }
    return judgement(violations, examined: counted(count, "failing instance"), count: count)
  }

  /// Tasks that the registry gave to hosts, probes apart.
  private func givenTasks(_ record: FlightRecord, _ hosts: [NodeID]) -> [(host: NodeID, service: ExactName, at: Instant)] {
    record.exchanges.compactMap { exchange in
      guard let host = hosts.first(where: { exchange.endpoint == Endpoint($0) }), exchange.request.head.method == .post,
        exchange.request.head.target == "/tasks", let document = try? exchange.request.document(), document.value["probe"] == nil,
        let service = try? document.member("service").string(maximumBytes: 1_024)
      else { return nil }
      return (host, ExactName(service), exchange.startedAt)
    }
  }
}
