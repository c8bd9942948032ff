// The five properties of Raft held at every step, and in the end, with all faults over, every server knows all that is
// committed. Both read one ledger of the flight, which is made once.

import Checking
import Raft
import Vocabulary

/// Checks the five properties of Raft.
public struct RaftSafety: Checker {
  private let ledger: RaftLedger

  /// A checker of the flight that `ledger` followed.
  public init(_ ledger: RaftLedger) { self.ledger = ledger }

  public var name: String { "the five properties of Raft" }
  public var requirements: [String] { ["MONITORING-10"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    judgement(
      ledger.violations,
      examined:
        "\(counted(ledger.examined, "fact")), \(counted(ledger.elections, "election")), \(counted(ledger.committed, "entry", "entries"))",
      count: ledger.committed)
  }
}

/// Checks that all servers agree in the end on how far their logs are committed.
public struct RaftAgreement: Checker {
  private let ledger: RaftLedger
  private let endedAt: Instant
  /// How long it may take until all know what one knows: a leadership may be transferred in the last moment.
  private static let tellingTime = TimeSpan.seconds(1)

  /// A checker of the flight that `ledger` followed, which ended at `endedAt` on the host's clock.
  public init(_ ledger: RaftLedger, endedAt: Instant) {
    self.ledger = ledger
    self.endedAt = endedAt
  }

  public var name: String { "all replicas agree in the end" }
  public var requirements: [String] { ["MONITORING-10"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let commits = ledger.commits()
    var violations: [Violation] = []
    for group in Set(commits.map(\.group)).sorted() {
      let mine = commits.filter { $0.group == group }
      let furthest = ledger.committed(group, at: Instant(nanoseconds: endedAt.nanoseconds - Self.tellingTime.nanoseconds))
      for server in mine where server.index < furthest {
        violations.append(
          Violation("\(record.name(of: server.node)) knows group \(group) to be committed up to index \(server.index) of \(furthest)"))
      }
    }
    return judgement(violations, examined: "\(counted(commits.count, "log"))", count: commits.count)
  }
}
