// An operator of servers on Raft: transfers leaderships, takes servers out of groups and puts them back, also while
// something is broken; and in the end, once nothing is broken any more, restores every group to all of its servers. By
// the routes of RaftAdministration.md.
//
// Every act is drawn from the machine's own chance. A server that comes back keeps its number, and is a learner before
// it votes. What it gave up may still be on its way, and be carried out after the group was found whole: so it goes on
// to look for a while (`watch`). Limits: one act at a time in each group; an act that is not begun within `patience` is
// given up, but the restoration never is.

import Load
import Vocabulary
import Wire

/// What the operator does.
public struct RaftOperatorPlan: Sendable, Hashable {
  /// When acts are meant to begin.
  public var arrivals: Arrivals
  /// Share of the acts that transfer a leadership, 0 … 1; the others change a membership.
  public var transferShare: Double
  /// From when on it restores the groups instead.
  public var restoresAt: TimeSpan
  /// How many groups there are.
  public var groups: Int

  /// A plan.
  public init(arrivals: Arrivals, transferShare: Double, restoresAt: TimeSpan, groups: Int) {
    self.arrivals = arrivals
    self.transferShare = transferShare
    self.restoresAt = restoresAt
    self.groups = groups
  }
}

/// The machine. It states `probe` with subject 1 and the group as value once a group is restored.
public struct RaftOperator: Machine {
  /// Who belongs to a group.
  struct Members: Hashable {
    var voters: [UInt32]
    var learners: [UInt32] = []
  }

  private enum Act {
    case transfer(to: UInt32)
    case change(Members)
    /// Looks whether the group is whole, and changes its membership where it is not.
    case restore
  }

  /// What one group is asked for.
  private struct Errand {
    var acts: [Act]
    var until: Instant
    /// The server that is asked next.
    var server: Int
  }

  /// A server and its endpoint.
  private let servers: [(number: UInt32, endpoint: Endpoint)]
  private let plan: RaftOperatorPlan
  private var arrival: ArrivalTimer
  private var restoration: TimerID?
  /// What each group was last asked to be.
  private var members: [Members]
  private var tasks: [Errand?]
  private var leaders: [Int]
  private var open: [ExchangeID: (group: Int, timer: TimerID)] = [:]
  private var timeouts: [TimerID: ExchangeID] = [:]
  private var pauses: [TimerID: Int] = [:]

  static let pause = TimeSpan.milliseconds(50)
  static let timeout = TimeSpan.milliseconds(500)
  static let patience = TimeSpan.seconds(3)
  /// For so long after `restoresAt` a group that is whole is looked at again: a part of a connection that is lost five
  /// times in a row comes 6.2 s late (RFC 6298).
  static let watch = TimeSpan.seconds(8)
  static let watchPause = TimeSpan.seconds(1)

  /// An operator of `servers`, which all vote in each group at first.
  public init(_ plan: RaftOperatorPlan, servers: [(number: UInt32, endpoint: Endpoint)]) {
    invariant(!servers.isEmpty && plan.groups > 0, "an operator of \(plan.groups) groups on \(servers.count) servers")
    self.plan = plan
    arrival = ArrivalTimer(plan.arrivals, until: plan.restoresAt)
    self.servers = servers
    members = Array(repeating: Members(voters: servers.map(\.number)), count: plan.groups)
    tasks = Array(repeating: nil, count: plan.groups)
    leaders = Array(repeating: 0, count: plan.groups)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    arrival.start(&turn)
    restoration = turn.wake(at: arrival.origin + plan.restoresAt)
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      if arrival.isDue(event) {
        begin(&turn)
        arrival.goOn(&turn)
      } else if timer == restoration {
        for group in tasks.indices where tasks[group] == nil { restore(group, &turn) }
      } else if let id = timeouts.removeValue(forKey: timer), let (group, _) = open.removeValue(forKey: id) {
        turn.cancelCall(id)
        again(group, nil, &turn)
      } else if let group = pauses.removeValue(forKey: timer) {
        send(group, &turn)
      }
    case .response(let id, let response):
      guard let (group, timer) = open.removeValue(forKey: id) else { return }
      timeouts[timer] = nil
      turn.cancelWake(timer)
      answered(group, response, &turn)
    case .failed(let id, _):
      guard let (group, timer) = open.removeValue(forKey: id) else { return }
      timeouts[timer] = nil
      turn.cancelWake(timer)
      again(group, nil, &turn)
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  // MARK: what to do

  private mutating func begin(_ turn: inout Turn) {
    let group = Int(turn.random.below(UInt64(plan.groups)))
    guard tasks[group] == nil else { return }
    if turn.random.chance(plan.transferShare) {
      let voters = members[group].voters
      let target = voters[Int(turn.random.below(UInt64(voters.count)))]
      tasks[group] = Errand(acts: [.transfer(to: target)], until: turn.now + Self.patience, server: leaders[group])
    } else {
      let steps = Self.steps(from: members[group], all: servers.map(\.number), &turn.random)
      tasks[group] = Errand(acts: steps.map { .change($0) }, until: turn.now + Self.patience, server: leaders[group])
    }
    send(group, &turn)
  }

  private mutating func restore(_ group: Int, _ turn: inout Turn) {
    tasks[group] = Errand(acts: [.restore], until: .never, server: leaders[group])
    send(group, &turn)
  }

  /// Draws another membership and the steps that lead to it: who is new is a learner first.
  static func steps(from present: Members, all: [UInt32], _ random: inout RandomStream) -> [Members] {
    var voters = present.voters
    let outside = all.filter { !voters.contains($0) }
    func drawn(_ list: [UInt32], _ random: inout RandomStream) -> UInt32 { list[Int(random.below(UInt64(list.count)))] }
    let least = max(1, all.count / 2)
    var learners: [UInt32] = []
    switch random.below(4) {
    case 0 where voters.count > least:
      // One leaves, and perhaps stays as a learner.
      let leaver = drawn(voters, &random)
      voters.removeAll { $0 == leaver }
      if random.chance(0.3) { learners = [leaver] }
    case 1 where !outside.isEmpty:
      // One is replaced by another.
      let leaver = drawn(voters, &random)
      voters.removeAll { $0 == leaver }
      voters.append(drawn(outside, &random))
    case 2 where voters.count > least:
      // As many leave as can, at once: five become three.
      while voters.count > max(least, (all.count + 1) / 2) {
        let leaver = drawn(voters, &random)
        voters.removeAll { $0 == leaver }
      }
    default:
      // All who are missing come back.
      voters = all
    }
    voters.sort()
    let new = voters.filter { !present.voters.contains($0) && !present.learners.contains($0) }
    let target = Members(voters: voters, learners: learners)
    return new.isEmpty ? [target] : [Members(voters: present.voters, learners: new), target]
  }

  // MARK: asking

  private mutating func send(_ group: Int, _ turn: inout Turn) {
    guard let task = tasks[group], let act = task.acts.first, turn.now < task.until else { return end(group, &turn) }
    var request: Request
    switch act {
    case .transfer(let to): request = Request(.post, "/raft/groups/\(group)/transfer", body: Array("{\"to\":\(to)}".utf8))
    case .change(let members): request = Self.change(group, members)
    case .restore: request = Request(.get, "/raft")
    }
    call(group, &request, task.server, &turn)
  }

  private mutating func call(_ group: Int, _ request: inout Request, _ server: Int, _ turn: inout Turn) {
    request.deadline = Deadline(turn.now + Self.timeout)
    let id = turn.call(servers[server].endpoint, request, .immediately)
    let timer = turn.wake(after: Self.timeout)
    timeouts[timer] = id
    open[id] = (group, timer)
  }

  private static func change(_ group: Int, _ members: Members) -> Request {
    func list(_ numbers: [UInt32]) -> String { "[\(numbers.map { "\($0)" }.joined(separator: ","))]" }
    return Request(
      .post, "/raft/groups/\(group)/membership",
      body: Array("{\"voters\":\(list(members.voters)),\"learners\":\(list(members.learners))}".utf8))
  }

  private mutating func answered(_ group: Int, _ response: Response, _ turn: inout Turn) {
    guard let task = tasks[group], let act = task.acts.first else { return }
    switch response.status {
    case 202:
      leaders[group] = task.server
      switch act {
      case .change(let members): self.members[group] = members
      case .transfer: break
      case .restore: return again(group, task.server, &turn)
      }
      tasks[group]?.acts.removeFirst()
      // A moment for the step before the next one; sometimes none, and the next is refused at first.
      if tasks[group]?.acts.isEmpty == false {
        pauses[turn.wake(after: turn.random.chance(0.5) ? .milliseconds(300) : .milliseconds(1))] = group
      } else {
        end(group, &turn)
      }
    case 200: look(group, response, task.server, &turn)
    case 421:
      let named = response.head.headers["leader"].flatMap { UInt32($0) }.flatMap { number in servers.firstIndex { $0.number == number } }
      again(group, named, &turn)
    case 409, 503: again(group, task.server, &turn)
    default:
      // 422: it is not what this leader thinks it is. What is to be restored stays so.
      if case .restore = act { again(group, nil, &turn) } else { end(group, &turn) }
    }
  }

  /// Whether the group is whole, by its leader's word.
  private mutating func look(_ group: Int, _ response: Response, _ server: Int, _ turn: inout Turn) {
    guard case .array(let groups)? = (try? JSON(parsing: response.body))?["groups"], groups.indices.contains(group) else {
      return again(group, nil, &turn)
    }
    let found = groups[group]
    guard found["role"] == .string("leader") else {
      var named: Int?
      if case .integer(let leader)? = found["leader"] { named = servers.firstIndex { Int64($0.number) == leader } }
      return again(group, named == server ? nil : named, &turn)
    }
    leaders[group] = server
    let all = JSON.array(servers.map { .integer(Int64($0.number)) })
    if found["voters"] == all, found["learners"] == .array([]), found["changing"] == .bool(false) {
      guard turn.now < arrival.origin + plan.restoresAt + Self.watch else {
        turn.observe(.membershipRestored, subject: UInt64(group))
        tasks[group] = nil
        return
      }
      tasks[group]?.server = server
      pauses[turn.wake(after: Self.watchPause)] = group
      return
    }
    var request = Self.change(group, Members(voters: servers.map(\.number)))
    call(group, &request, server, &turn)
  }

  /// The same once more, in a moment, of `server` or of the next one.
  private mutating func again(_ group: Int, _ server: Int?, _ turn: inout Turn) {
    guard let task = tasks[group] else { return }
    tasks[group]?.server = server ?? (task.server + 1) % servers.count
    pauses[turn.wake(after: Self.pause)] = group
  }

  private mutating func end(_ group: Int, _ turn: inout Turn) {
    tasks[group] = nil
    if turn.now >= arrival.origin + plan.restoresAt { restore(group, &turn) }
  }
}
