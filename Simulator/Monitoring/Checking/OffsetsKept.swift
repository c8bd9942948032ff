// Where a consumer group has come to is not forgotten while it has members: whoever asks for its offsets after a commit
// was answered is told an offset for each partition that was committed, and one that some member had sent. Which of
// several is told is not judged here: a commit that was under way when a partition changed hands may come after one of
// the new owner. Judged on the exchanges of members and of a probe, by real time.

import Checking
import MonitoringAPI
import Vocabulary
import Wire

/// Checks that committed offsets are kept.
public struct OffsetsKept: Checker {
  private let callers: Set<NodeID>

  /// A checker of the groups in which these nodes take part, or which they ask for.
  public init(callers: [NodeID]) { self.callers = Set(callers) }

  public var name: String { "committed offsets are kept" }
  public var requirements: [String] { ["MONITORING-7"] }

  private struct Commit {
    var offset: Int64
    var startedAt: Instant
    /// Nil where it was not answered well: it may have come to pass.
    var answeredAt: Instant?
  }

  private struct Reading {
    var group: String
    var offsets: [TopicPartition: Int64]
    var startedAt: Instant
    var endedAt: Instant
  }

  public func judge(_ record: FlightRecord) -> Judgement {
    let nodes = callers
    var commits: [ExactName: [TopicPartition: [Commit]]] = [:]
    var readings: [Reading] = []
    for exchange in record.exchanges where nodes.contains(exchange.caller) {
      if let commit = OffsetCommit(exchange) {
        for offset in commit.request.offsets {
          commits[ExactName(commit.group), default: [:]][offset.partition, default: []].append(
            Commit(offset: offset.offset, startedAt: exchange.startedAt, answeredAt: commit.isAnswered ? exchange.endedAt : nil))
        }
      } else if exchange.request.head.method == .get, case .answered(let response) = exchange.outcome, response.status == 200,
        let path = try? HTTPTarget(exchange.request.head.target).segments, path.count == 3, path[0] == "groups", path[2] == "offsets",
        let document = try? response.document(), let offsets = try? GroupOffsets(document)
      {
        readings.append(
          Reading(
            group: path[1], offsets: Dictionary(offsets.offsets.map { ($0.partition, $0.offset) }) { $1 }, startedAt: exchange.startedAt,
            endedAt: exchange.endedAt))
      }
    }
    let violations = readings.flatMap { reading in
      (commits[ExactName(reading.group)] ?? [:]).sorted { $0.key < $1.key }.compactMap { partition, commits in
        violation(reading, partition, commits)
      }
    }
    return judgement(violations, examined: "\(counted(readings.count, "answer"))", count: readings.count)
  }

  private func violation(_ reading: Reading, _ partition: TopicPartition, _ commits: [Commit]) -> Violation? {
    let place = "partition \(partition.partition) of \(partition.topic)"
    guard let offset = reading.offsets[partition] else {
      guard let kept = commits.first(where: { $0.answeredAt.map { $0 < reading.startedAt } ?? false }) else { return nil }
      return Violation(at: reading.endedAt, "group \(reading.group) has no offset of \(place) any more, and had committed \(kept.offset)")
    }
    guard !commits.contains(where: { $0.offset == offset && $0.startedAt < reading.endedAt }) else { return nil }
    return Violation(at: reading.endedAt, "group \(reading.group) has offset \(offset) of \(place), which no member had committed")
  }
}
