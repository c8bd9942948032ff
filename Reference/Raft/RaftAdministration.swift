// What an operator asks of a server's groups over HTTP: how they stand, that a leadership be transferred, that a
// membership change. Any machine that owns a `RaftServer` puts the rows into its own table and hands what they lead to
// over to `answer`. The shapes are on the page RaftAdministration.md.
//
// Limits: nobody is asked here who they are; owners tell their host what changes the cluster (`Route.isChange`,
// `Intake.administration`), and it lets that through only for who may. An answer tells that a change was begun, and
// `GET /raft` when it is through. Requirements: MONITORING-9, 10.

import Vocabulary
import Wire

/// The routes of an operator.
public enum RaftAdministration {
  /// What is asked.
  public enum Route: Sendable, Hashable {
    /// How the groups of this server stand.
    case status
    /// Transfer a group's leadership.
    case transfer
    /// Change who belongs to a group.
    case membership

    /// Whether it changes the cluster, so that its intake is `Intake.administration`.
    public var isChange: Bool {
      switch self {
      case .status: false
      case .transfer, .membership: true
      }
    }
  }

  /// The rows for the owner's table: `RouteTable<Route>([…] + RaftAdministration.rows { .administration($0) })`.
  public static func rows<OwnerRoute: Sendable>(_ route: (Route) -> OwnerRoute) -> [RouteTable<OwnerRoute>.Row] {
    [
      .init(.get, "/raft", route(.status)), .init(.post, "/raft/groups/{group}/transfer", route(.transfer)),
      .init(.post, "/raft/groups/{group}/membership", route(.membership)),
    ]
  }

  /// The answer to a request that one of the rows led to. `group` is the path's parameter of this name, empty where
  /// there is none.
  public static func answer(
    _ route: Route, group: String, _ request: Request, _ server: inout RaftServer, _ now: Instant
  ) throws(RequestProblem) -> Response {
    switch route {
    case .status:
      return .json(200) { writer in
        writer.beginObject()
        writer.member("server", Int(server.configuration.server.value))
        writeReach(server.reach(now), to: &writer)
        writer.name("groups")
        writer.beginArray()
        for number in 0..<server.groupCount {
          let id = GroupID(UInt16(number))
          if let group = server.group(id) { write(group, id, to: &writer) }
        }
        writer.endArray()
        writer.endObject()
      }
    case .transfer:
      let id = try known(group, server)
      let target = try request.decoded(TransferRequest.init(_:)).to
      return try transfer(id, to: target, &server, now)
    case .membership:
      let id = try known(group, server)
      let body = try request.decoded(MembershipRequest.init(_:))
      return try change(id, body, &server, now)
    }
  }

  // MARK: the three

  private static func known(_ text: String, _ server: RaftServer) throws(RequestProblem) -> GroupID {
    guard let number = UInt16(text), server.group(GroupID(number)) != nil else {
      throw RequestProblem(404, code: "NOT_FOUND", message: "this server keeps no group \"\(text)\"")
    }
    return GroupID(number)
  }

  private static func transfer(
    _ id: GroupID, to target: ServerID, _ server: inout RaftServer, _ now: Instant
  ) throws(RequestProblem) -> Response {
    guard let group = server.group(id), group.isLeader else { return notLeader(server.group(id)?.leader) }
    guard group.membership.isVoter(target) else {
      throw RequestProblem(422, code: "NOT_A_VOTER", message: "\(target) does not vote in \(id)", field: "to")
    }
    // Whoever leads already has what was asked for.
    guard target != server.configuration.server else { return accepted(id, server) }
    guard server.transfer(id, to: target, now) else {
      throw RequestProblem(409, code: "BUSY", message: "the leadership is being transferred already")
    }
    return accepted(id, server)
  }

  private static func change(
    _ id: GroupID, _ body: MembershipRequest, _ server: inout RaftServer, _ now: Instant
  ) throws(RequestProblem) -> Response {
    for (name, list) in [("voters", body.voters), ("learners", body.learners)] {
      for (place, member) in list.enumerated() where server.node(of: member) == nil && member != server.configuration.server {
        throw RequestProblem(
          422, code: "UNKNOWN_SERVER", message: "\(member) is on no node that this server was told of", field: "\(name)[\(place)]")
      }
    }
    do throws(MembershipRefusal) {
      try server.change(id, to: Membership(voters: body.voters, learners: body.learners), now)
      return accepted(id, server)
    } catch {
      switch error {
      case .notLeader(let leader): return notLeader(leader)
      case .busy:
        throw RequestProblem(
          409, code: "BUSY", message: "another change or a transfer is under way, or the leader's term has only begun; ask again")
      case .impossible:
        throw RequestProblem(
          422, code: "INVALID_FIELD", message: "a group has at least one voter and at most \(Membership.maximumServers) servers",
          field: "voters")
      }
    }
  }

  // MARK: answers

  /// The answer of a server that does not lead: nothing was done. `leader` is the one that does, where it is known.
  /// Owners answer their own clients with it too.
  public static func notLeader(_ leader: ServerID?) -> Response {
    var response = Response.failure(421, code: "NOT_LEADER", message: "another server leads this group")
    if let leader { response.head.headers.append("leader", "\(leader.value)") }
    return response
  }

  private static func accepted(_ id: GroupID, _ server: RaftServer) -> Response {
    .json(202) { writer in
      if let group = server.group(id) { write(group, id, to: &writer) }
    }
  }

  /// The member `servers`: the other servers, and when they were heard.
  public static func writeReach(_ reach: [ServerReach], to writer: inout JSONWriter) {
    writer.name("servers")
    writer.beginArray()
    for other in reach {
      writer.beginObject()
      writer.member("number", Int64(other.server.value))
      writer.member("reached", other.isReached)
      writer.member("silent_ms", other.silence.milliseconds)
      writer.endObject()
    }
    writer.endArray()
  }

  private static func write(_ group: RaftGroup, _ id: GroupID, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("number", Int(id.value))
    writer.member("role", group.isLeader ? "leader" : "follower")
    writer.name("leader")
    if let leader = group.leader { writer.value(Int(leader.value)) } else { writer.null() }
    for (name, value) in [("term", group.term.value), ("commit", group.commitIndex.value), ("last", group.last.index.value)] {
      writer.name(name)
      writer.value(value)
    }
    let membership = group.membership
    for (name, list) in [("voters", membership.voters), ("learners", membership.learners), ("outgoing", membership.outgoing)] {
      writer.name(name)
      writer.beginArray()
      for member in list { writer.value(Int(member.value)) }
      writer.endArray()
    }
    writer.member("changing", group.isChanging)
    writer.member("transferring", group.isTransferring)
    writer.endObject()
  }
}

/// `{"to": 2}`.
private struct TransferRequest {
  var to: ServerID

  init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["to"])
    to = ServerID(UInt32(truncatingIfNeeded: try field.member("to").integer(in: 0...Int64(UInt32.max))))
  }
}

/// `{"voters": [1, 2, 3], "learners": []}`; learners may be left out.
private struct MembershipRequest {
  var voters: [ServerID]
  var learners: [ServerID]

  init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["voters", "learners"])
    var named: Set<ServerID> = []
    voters = try Self.servers(try field.member("voters"), minimum: 1, &named)
    learners = []
    if let list = try field.optionalMember("learners") { learners = try Self.servers(list, minimum: 0, &named) }
  }

  private static func servers(_ field: JSONField, minimum: Int, _ named: inout Set<ServerID>) throws(FieldMistake) -> [ServerID] {
    var servers: [ServerID] = []
    for element in try field.elements(maximum: Membership.maximumServers, minimum: minimum) {
      let server = ServerID(UInt32(truncatingIfNeeded: try element.integer(in: 0...Int64(UInt32.max))))
      guard named.insert(server).inserted else { throw element.mismatch("each server once", found: "\(server) again") }
      servers.append(server)
    }
    return servers
  }
}
