// What a generation is worth to the members of a consumer group (QueueGroupsAPI.swift): it is one division of the
// partitions, in which each has one member; generations rise, so that none is told of that is earlier than one that
// somebody was told of before it was asked, and whoever joins begins a new one; and no commit of an earlier one is
// taken any more, whoever coordinates the group then: who lost a partition cannot move it back. Judged on the members'
// exchanges, by real time.

import Checking
import MonitoringAPI
import Vocabulary
import Wire

/// Checks the generations of consumer groups.
public struct GroupsDivide: Checker {
  /// The nodes that are members.
  private let members: Set<NodeID>

  /// A checker of these members.
  public init(members: [NodeID]) { self.members = Set(members) }

  public var name: String { "groups are divided generation by generation" }
  public var requirements: [String] { ["MONITORING-7"] }

  /// What one answer told a member.
  private struct Told {
    var member: String
    /// Whether it has joined by this answer.
    var isNew: Bool
    var generation: Int64
    var partitions: [TopicPartition]
    var startedAt: Instant
    var endedAt: Instant
  }

  /// A commit that was taken.
  private struct Commit {
    var generation: Int64
    var startedAt: Instant
    var endedAt: Instant
  }

  /// What is known of one group.
  private struct Group {
    var told: [Told] = []
    var commits: [Commit] = []
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    let groups = groups(record)
    var violations: [Violation] = []
    for name in groups.keys.sorted() {
      guard let group = groups[name] else { continue }
      violations += fencing(group)
      violations += rising(group)
      violations += owners(group)
    }
    let told = groups.values.reduce(0) { $0 + $1.told.count }
    let commits = groups.values.reduce(0) { $0 + $1.commits.count }
    return judgement(violations, examined: "\(counted(told, "assignment")), \(counted(commits, "commit"))", count: told)
  }

  private func groups(_ record: FlightRecord) -> [ExactName: Group] {
    let nodes = members
    var groups: [ExactName: Group] = [:]
    for exchange in record.exchanges where nodes.contains(exchange.caller) && exchange.request.head.method == .post {
      if let commit = OffsetCommit(exchange) {
        guard commit.isAnswered, commit.request.member != nil else { continue }
        groups[ExactName(commit.group), default: Group()].commits.append(
          Commit(generation: commit.request.generation, startedAt: exchange.startedAt, endedAt: exchange.endedAt))
      } else if case .answered(let response) = exchange.outcome, (200...201).contains(response.status),
        let path = try? HTTPTarget(exchange.request.head.target).segments, path.count >= 3, path[0] == "groups", path[2] == "members",
        let document = try? response.document(), let answer = try? Assignment(document)
      {
        groups[ExactName(path[1]), default: Group()].told.append(
          Told(
            member: path.count > 3 ? path[3] : answer.member, isNew: path.count == 3, generation: answer.generation,
            partitions: answer.partitions.sorted(), startedAt: exchange.startedAt, endedAt: exchange.endedAt))
      }
    }
    return groups
  }

  // MARK: the three rules

  private func fencing(_ group: Group) -> [Violation] {
    let latest = LatestGeneration(group.told)
    return group.commits.compactMap { commit in
      guard let told = latest.before(commit.startedAt), told > commit.generation else { return nil }
      return Violation(
        at: commit.endedAt, "a commit of generation \(commit.generation) was taken, though a member had been told of generation \(told)")
    }
  }

  private func rising(_ group: Group) -> [Violation] {
    let latest = LatestGeneration(group.told)
    return group.told.compactMap { one in
      guard let earlier = latest.before(one.startedAt), one.isNew ? earlier >= one.generation : earlier > one.generation else { return nil }
      return Violation(
        at: one.endedAt,
        "\(one.member) \(one.isNew ? "joined in" : "was told of") generation \(one.generation) after one of generation \(earlier)")
    }
  }

  private func owners(_ group: Group) -> [Violation] {
    var violations: [Violation] = []
    for (generation, told) in Dictionary(grouping: group.told, by: \.generation).sorted(by: { $0.key < $1.key }) {
      var partitions: [ExactName: [TopicPartition]] = [:]
      var owners: [TopicPartition: String] = [:]
      for one in told {
        if let known = partitions[ExactName(one.member)] {
          guard known != one.partitions else { continue }
          violations.append(
            Violation(at: one.endedAt, "\(one.member) was given other partitions in generation \(generation) than before"))
        }
        partitions[ExactName(one.member)] = one.partitions
        for partition in one.partitions {
          if let owner = owners[partition], !sameBytes(owner, one.member) {
            violations.append(
              Violation(
                at: one.endedAt,
                "in generation \(generation) partition \(partition.partition) of \(partition.topic) was given to \(owner) and to \(one.member)"
              ))
          }
          owners[partition] = one.member
        }
      }
    }
    return violations
  }

  /// The latest generation of which an answer had told by an instant.
  private struct LatestGeneration {
    private var steps: [(at: Instant, generation: Int64)] = []

    init(_ told: [Told]) {
      for one in told.sorted(by: { $0.endedAt < $1.endedAt }) where one.generation > steps.last?.generation ?? .min {
        steps.append((one.endedAt, one.generation))
      }
    }

    /// Nil where nothing was told before `instant`.
    func before(_ instant: Instant) -> Int64? {
      var (low, high) = (0, steps.count)
      while low < high {
        let middle = (low + high) / 2
        if steps[middle].at < instant { low = middle + 1 } else { high = middle }
      }
      return low > 0 ? steps[low - 1].generation : nil
    }
  }
}
