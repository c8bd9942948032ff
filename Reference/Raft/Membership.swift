// Who belongs to a group, and what a majority is while that changes: joint consensus (Raft, section 6; dissertation,
// section 4.3).
//
// Byte format: RaftMessage.md, "membership". Limits: at most 64 servers in each list.

import Vocabulary
import Wire

/// The servers of a group. Lists are sorted and without repetition.
public struct Membership: Hashable, Sendable {
  /// Servers that vote.
  public private(set) var voters: [ServerID]
  /// During a change, the servers that voted before it; empty otherwise. Decisions then need a majority of both lists.
  public private(set) var outgoing: [ServerID]
  /// Servers that are sent the log and neither vote nor count; during a change, those that will be: one of them may
  /// still be outgoing.
  public private(set) var learners: [ServerID]

  /// The most servers in each list.
  public static let maximumServers = 64

  /// A membership.
  public init(voters: [ServerID], outgoing: [ServerID] = [], learners: [ServerID] = []) {
    self.voters = Array(Set(voters)).sorted()
    self.outgoing = Array(Set(outgoing)).sorted()
    self.learners = Array(Set(learners).subtracting(voters)).sorted()
  }

  /// Whether a change is under way.
  public var isJoint: Bool { !outgoing.isEmpty }

  /// Everyone that is sent the log, in order.
  public var everyone: [ServerID] { Array(Set(voters + outgoing + learners)).sorted() }

  /// Whether this server votes.
  public func isVoter(_ server: ServerID) -> Bool { voters.contains(server) || outgoing.contains(server) }

  /// Whether this server is sent the log.
  public func contains(_ server: ServerID) -> Bool { isVoter(server) || learners.contains(server) }

  /// The membership that leads to `target`: a joint one where voters change, else the target itself.
  public func changing(to target: Membership) -> Membership {
    target.voters == voters
      ? Membership(voters: voters, learners: target.learners)
      : Membership(voters: target.voters, outgoing: voters, learners: target.learners)
  }

  /// The membership once a change is through.
  public var settled: Membership { Membership(voters: voters, learners: learners) }

  /// Whether the servers of which `holds` is true are a majority (of both lists during a change).
  public func isQuorum(_ holds: (ServerID) -> Bool) -> Bool {
    Self.isMajority(voters, holds) && (outgoing.isEmpty || Self.isMajority(outgoing, holds))
  }

  /// Whether those of which `holds` is true can keep every majority from forming: a poll is lost then.
  public func isBlocked(_ holds: (ServerID) -> Bool) -> Bool {
    Self.canBlock(voters, holds) || (!outgoing.isEmpty && Self.canBlock(outgoing, holds))
  }

  /// The greatest index that a majority has reached, where `index` tells how far each server is.
  public func agreed(_ index: (ServerID) -> LogIndex) -> LogIndex {
    let first = Self.median(voters, index)
    return outgoing.isEmpty ? first : min(first, Self.median(outgoing, index))
  }

  private static func isMajority(_ servers: [ServerID], _ holds: (ServerID) -> Bool) -> Bool {
    servers.count(where: holds) > servers.count / 2
  }

  private static func canBlock(_ servers: [ServerID], _ holds: (ServerID) -> Bool) -> Bool {
    servers.count(where: holds) >= servers.count - servers.count / 2
  }

  private static func median(_ servers: [ServerID], _ index: (ServerID) -> LogIndex) -> LogIndex {
    guard !servers.isEmpty else { return .zero }
    // Three servers are the common case, and this runs at each acknowledgement.
    if servers.count == 3 {
      let (a, b, c) = (index(servers[0]), index(servers[1]), index(servers[2]))
      return max(min(a, b), min(max(a, b), c))
    }
    return servers.map(index).sorted(by: >)[servers.count / 2]
  }
}

extension Membership {
  /// Writes the membership.
  public func write(to writer: inout ByteWriter) {
    for list in [voters, outgoing, learners] {
      writer.count(list.count)
      for server in list { writer.varint(UInt64(server.value)) }
    }
  }

  /// Its bytes, as an entry carries them.
  public var encoded: [UInt8] {
    var writer = ByteWriter(capacity: 32)
    write(to: &writer)
    return writer.finish()
  }

  /// Reads a membership.
  public init(from reader: inout ByteReader) throws(ByteError) {
    var lists: [[ServerID]] = []
    for _ in 0..<3 {
      let count = try reader.count()
      guard count <= Self.maximumServers else {
        throw ByteError(offset: reader.position, expected: "at most \(Self.maximumServers) servers", found: "\(count)")
      }
      var list: [ServerID] = []
      for _ in 0..<count {
        let offset = reader.position
        let number = try reader.varint()
        guard let value = UInt32(exactly: number), list.last.map({ $0.value < value }) ?? true else {
          throw ByteError(offset: offset, expected: "a server's number above the one before it", found: "\(number)")
        }
        list.append(ServerID(value))
      }
      lists.append(list)
    }
    self.init(voters: lists[0], outgoing: lists[1], learners: lists[2])
  }

  /// Reads the bytes of an entry.
  public init(_ bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    try self.init(from: &reader)
    try reader.expectEnd()
  }
}
