// A consumer group is delivered everything at least once: no member commits an offset before which something was not
// delivered to the group, who lost its partitions cannot move the group, and in the end all that was acknowledged has
// been delivered. Judged on the members' exchanges.

import Checking
import MonitoringAPI
import Vocabulary
import Wire

/// Checks consumer groups.
public struct GroupsDeliver: Checker {
  /// The nodes that are members.
  private let members: Set<NodeID>

  /// A checker of these members.
  public init(members: [NodeID]) { self.members = Set(members) }

  public var name: String { "groups deliver at least once" }
  public var requirements: [String] { ["MONITORING-7"] }

  private struct Commit {
    var startedAt: Instant
    var endedAt: Instant
    var generation: Int64
    var offsets: [GroupOffset]
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    let nodes = members
    var delivered: [Int: [(offset: Int64, at: Instant)]] = [:]
    var commits: [Commit] = []
    var violations: [Violation] = []
    for exchange in record.exchanges where nodes.contains(exchange.caller) {
      if let commit = OffsetCommit(exchange) {
        guard commit.isAnswered else { continue }
        commits.append(
          Commit(
            startedAt: exchange.startedAt, endedAt: exchange.endedAt, generation: commit.request.generation,
            offsets: commit.request.offsets))
      } else if case .answered(let response) = exchange.outcome, response.status == 200,
        let target = try? HTTPTarget(exchange.request.head.target), target.segments.first == "consume",
        let asked = try? ConsumeRequest(target), let document = try? response.document(), let answer = try? ConsumeResponse(document)
      {
        for message in answer.messages { delivered[asked.partition, default: []].append((message.offset, exchange.endedAt)) }
      }
    }
    for commit in commits {
      for offset in commit.offsets {
        let known = Set((delivered[offset.partition.partition] ?? []).filter { $0.at <= commit.startedAt }.map(\.offset))
        if let missing = (0..<offset.offset).first(where: { !known.contains($0) }) {
          violations.append(
            Violation(
              at: commit.endedAt,
              "offset \(offset.offset) of partition \(offset.partition.partition) was committed, and offset \(missing) was never delivered")
          )
        }
      }
    }
    let byEnd = commits.sorted { $0.endedAt < $1.endedAt }
    for commit in commits {
      if let later = byEnd.first(where: { $0.endedAt < commit.startedAt && $0.generation > commit.generation }) {
        violations.append(
          Violation(
            at: commit.endedAt,
            "a commit of generation \(commit.generation) was taken after one of generation \(later.generation) had been"))
      }
    }
    for exchange in record.exchanges {
      for (place, _) in ProducedRecords(exchange)?.places ?? []
      where delivered[place.partition]?.contains(where: { $0.offset == place.offset }) != true {
        violations.append(
          Violation("offset \(place.offset) of partition \(place.partition) was acknowledged and never delivered to the group"))
      }
    }
    return judgement(
      violations,
      examined: "\(counted(commits.count, "commit")), \(counted(delivered.values.reduce(0) { $0 + $1.count }, "delivery", "deliveries"))",
      count: commits.count)
  }
}
