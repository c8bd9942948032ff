// Changes of the membership by joint consensus (Raft, section 6): the leader appends the joint membership, and once
// that is committed the new one alone. A membership is in force from the moment it stands in a log.

import Vocabulary

/// Why the membership is not changed.
public enum MembershipRefusal: Error, Hashable, Sendable {
  /// This server does not lead; the one that does, where it is known.
  case notLeader(ServerID?)
  /// Another change is under way, or this leader's term has not begun to be committed. Ask again later.
  case busy
  /// A group without voters, or with too many servers.
  case impossible
}

extension RaftGroup {
  /// Changes the membership to `target`, whose list of outgoing voters is empty.
  public mutating func change(to target: Membership, _ now: Instant) throws(MembershipRefusal) -> LogPosition {
    guard case .leader(let leadership) = role else { throw .notLeader(leader) }
    guard !target.voters.isEmpty, target.everyone.count <= Membership.maximumServers, !target.isJoint else { throw .impossible }
    // A change before an entry of its own term is committed could meet another leader's change without a common
    // majority (Ongaro, 2015).
    let isAtOnce = planted.contains(.raftChangesAtOnce)
    guard commitIndex >= leadership.termStart || isAtOnce, !isChanging, leadership.transfer == nil else { throw .busy }
    return appendMembership(isAtOnce ? target : log.membership.changing(to: target), now)
  }

  /// Names the founders of a group of which nobody is known: false where somebody is.
  mutating func found(by membership: Membership) -> Bool { log.found(by: membership) }

  private mutating func appendMembership(_ membership: Membership, _ now: Instant) -> LogPosition {
    let before = log.membership
    invariant(
      log.membershipIndex <= commitIndex,
      "\(server) changes the membership of \(log.membershipIndex), of which \(commitIndex) is committed: one change at a time")
    invariant(
      membership.isJoint || before.isJoint || membership.voters == before.voters || !planted.isEmpty,
      "\(server) changes the voters \(before.voters) to \(membership.voters) in one step")
    invariant(
      !before.isJoint || membership == before.settled, "\(server) leaves the joint membership \(before) for \(membership)")
    let position = appendOwn(.membership, membership.encoded, membership: membership)
    followMembership(now)
    return position
  }

  /// Keeps a leader's list of peers to the membership in force.
  mutating func followMembership(_ now: Instant) {
    guard case .leader(var leadership) = role else { return }
    // Who leaves is still sent the log until its leaving is committed.
    let members = Set(log.membership.everyone).union(log.membership(at: commitIndex).everyone)
    leadership.peers.removeAll { !members.contains($0.server) }
    for member in members.sorted() where member != server && !leadership.peers.contains(where: { $0.server == member }) {
      leadership.peers.append(PeerProgress(member, next: log.lastIndex.next, now: now))
    }
    leadership.peers.sort { $0.server < $1.server }
    invariant(
      zip(leadership.peers, leadership.peers.dropFirst()).allSatisfy { $0.server < $1.server },
      "\(server) sends the log to one server twice: \(leadership.peers.map(\.server))")
    role = .leader(leadership)
  }

  /// The commit index moved: a joint membership that is committed gives way to the new one, and a leader that has left
  /// steps down.
  mutating func membershipCommitted(_ now: Instant) {
    guard case .leader = role, log.membershipIndex <= commitIndex else { return }
    if log.membership.isJoint {
      _ = appendMembership(log.membership.settled, now)
    } else {
      followMembership(now)
      if !log.membership.isVoter(server) { follow(hard.term, nil, now) }
    }
  }
}
