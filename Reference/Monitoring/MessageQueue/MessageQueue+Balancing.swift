// Preferred leaders: after a restart or a crash one broker may lead all partitions, and would for ever. The group of
// number g prefers the voter at place g mod count of its voters. A leader that another one is preferred to transfers
// the leadership to that one once it has been ready for a while.
//
// Fault model: what is known of the preferred one may be wrong: then the transfer comes to nothing, the leadership
// stays, and it is not tried again soon. A broker looks once in a second and transfers one leadership at most, so that
// requests, which wait while a leadership is transferred, never all wait at once; and none while it knows of a change
// of a membership: whoever changes it speaks to the leaders. Limits: by count of partitions, not by load; the
// registry's own group stays where it is, since its leader alone knows the members of consumer groups. Requirement:
// MONITORING-11.

import MonitoringAPI
import Raft
import Vocabulary

/// What a broker notes of the leaderships that it would rather transfer.
struct LeaderBalance {
  /// Since when the preferred one has been ready, by group.
  private var readySince: [GroupID: Instant] = [:]
  /// Before when no other transfer of the group is tried.
  private var notBefore: [GroupID: Instant] = [:]
  /// When it is looked again.
  var lookAt = Instant(nanoseconds: .min)

  /// Notes whether the preferred server is ready; true once it has been for `patience`, and no transfer was tried
  /// lately.
  mutating func isDue(_ group: GroupID, isReady: Bool, patience: TimeSpan, _ now: Instant) -> Bool {
    guard isReady else {
      readySince[group] = nil
      return false
    }
    let since = readySince[group] ?? now
    readySince[group] = since
    return now - since >= patience && notBefore[group].map { now >= $0 } ?? true
  }

  /// A transfer was begun; where it comes to nothing, or the leadership comes back, it stays until then.
  mutating func tried(_ group: GroupID, again instant: Instant) {
    readySince[group] = nil
    notBefore[group] = instant
  }
}

extension MessageQueue {
  /// Entries that the preferred one may still miss: about what is under way at any moment.
  private static let smallDistance = 64

  /// Transfers at most one leadership to the broker that it should be with.
  mutating func balanceLeaders(_ turn: inout Turn) {
    guard configuration.balancesLeaders, turn.now >= balance.lookAt, !server.hasFailed else { return }
    balance.lookAt = turn.now + .seconds(1)
    let isChanging = server.isChanging
    var isDone = false
    for number in 1..<max(1, server.groupCount) {
      let group = GroupID(UInt16(number))
      let voters = server.voters(of: group)
      let preferred = voters.isEmpty ? nil : voters[number % voters.count]
      let isReady =
        preferred.map {
          $0 != configuration.raft.server && !isChanging && server.canTakeOver(group, $0, within: Self.smallDistance, turn.now)
        } ?? false
      guard balance.isDue(group, isReady: isReady, patience: configuration.balancePatience, turn.now), !isDone, let preferred else {
        continue
      }
      isDone = true
      balance.tried(group, again: turn.now + configuration.balanceRetryPause)
      _ = server.transfer(group, to: preferred, turn.now)
    }
  }

  /// Whether a request for a group can be taken up now: it is known whom to send it to, and this leader does not stand
  /// between two transfers.
  func isOpen(_ group: GroupID) -> Bool { isReachable(group) && !server.isTransferring(group) }
}
