// Which other servers this one hears: for operators. Elections and reads have clocks of their own and take nothing from
// here.
//
// Servers that lead nothing have nothing to say to each other, so each says now and then, by an empty batch, that it
// is there. Limit: a server that is heard need not hear this one.

import Vocabulary

/// What is known of another server that a group belongs to.
public struct ServerReach: Sendable, Hashable {
  /// Which server.
  public var server: ServerID
  /// How long nothing was heard of it, in this life; since the start where nothing was heard at all.
  public var silence: TimeSpan
  /// Whether it was heard lately.
  public var isReached: Bool
}

extension RaftServer {
  /// How often a server says that it is there.
  static let keepAliveInterval = TimeSpan.milliseconds(500)
  /// Silence after which a server counts as not reached: a few keep-alives may be lost, and a disk may hold a turn up.
  public static let silenceLimit = TimeSpan.milliseconds(2_500)

  /// All servers but this one that its groups belong to, in order.
  private var others: [ServerID] {
    var found: [ServerID] = []
    for group in groups {
      for list in [group.membership.voters, group.membership.outgoing, group.membership.learners] {
        for server in list where server != configuration.server && !found.contains(server) { found.append(server) }
      }
    }
    return found.sorted()
  }

  /// Says to the others that this server is there.
  mutating func sendKeepAlives(_ turn: inout Turn) {
    guard turn.now >= keepAliveAt, !hasFailed else { return }
    keepAliveAt = turn.now + Self.keepAliveInterval
    for server in others {
      if let node = node(of: server) { turn.message(to: node, [RaftBatch.version], .immediately) }
    }
  }

  /// The other servers of this one's groups, and when they were heard.
  public func reach(_ now: Instant) -> [ServerReach] {
    others.map { server in
      let silence = now - (heardAt[server] ?? startedAt)
      return ServerReach(server: server, silence: silence, isReached: silence <= Self.silenceLimit)
    }
  }

  /// How many of the groups that this server belongs to have no majority among it and those that it reaches: nothing
  /// can be decided in them.
  public func groupsWithoutMajority(_ now: Instant) -> Int {
    let reached = Set(reach(now).filter(\.isReached).map(\.server)).union([configuration.server])
    func isMajority(_ list: [ServerID]) -> Bool { list.isEmpty || 2 * list.count(where: { reached.contains($0) }) > list.count }
    return groups.count { group in
      let membership = group.membership
      return membership.contains(configuration.server) && !(isMajority(membership.voters) && isMajority(membership.outgoing))
    }
  }
}
