// The message queue's broker: topics of 12 partitions, each partition a replicated log (a group of Raft), on one broker
// or several.
//
// Guarantees: an answered produce (acks=all) is on the disks of a majority and is found again at its offset after any
// crash of any minority; offsets of a partition are dense; messages of one key lie in one partition in the order in
// which they were answered; a record with a producer's sequence that was stored before is not stored again; what a
// consumer is given is committed, and an answer that shows a partition's end is never stale (linearizable: the leader
// asks a majority first). Records of one request that go to several partitions are stored partition by partition: a 5xx
// may have stored some, and a repetition with the same sequences stores the rest. Any broker takes any request: what
// another one leads is forwarded. Group 0 is the registry (topics, consumer groups' offsets); partition p of topic
// number t is group 1 + 12 t + p. Fault model: that of RaftServer; a full disk (503, nothing stored). What is bounded:
// the logs, by retention; topics, long polls, waiting requests, producers, consumer groups and members. Two things
// grow: the log of a compacted partition whose newest records do not fit a snapshot (GET /topics and GET /health tell
// of it), and the list of brokers, since the addresses of removed ones stay in it. Parts: +Producing, +Consuming,
// +Topics, +Groups, +Brokers, +Applying, +Balancing, +Forwarding. Requirements: MONITORING-6, 7, 8, 9, 10.

import DequeModule
import MonitoringAPI
import Raft
import Resilience
import Vocabulary
import Wire

/// A broker.
public struct MessageQueue: Machine {
  enum Route {
    case produce, consume, topics, createTopic, join, heartbeat, leave, commitOffsets, offsets, groups, deleteGroup, health, brokers,
      admitBroker
    case administration(RaftAdministration.Route)

    /// Whether it changes who the brokers are, where they are or which of them lead.
    var isAdministration: Bool {
      switch self {
      case .admitBroker: true
      case .administration(let route): route.isChange
      case .produce, .consume, .topics, .createTopic, .join, .heartbeat, .leave, .commitOffsets, .offsets, .groups, .deleteGroup, .health,
        .brokers:
        false
      }
    }
  }

  static let routes = RouteTable<Route>(
    [
      .init(.post, "/produce", .produce), .init(.get, "/consume", .consume), .init(.get, "/topics", .topics),
      .init(.post, "/topics", .createTopic), .init(.post, "/groups/{group}/members", .join),
      .init(.post, "/groups/{group}/members/{member}/heartbeat", .heartbeat), .init(.delete, "/groups/{group}/members/{member}", .leave),
      .init(.post, "/groups/{group}/offsets", .commitOffsets), .init(.get, "/groups/{group}/offsets", .offsets),
      .init(.get, "/groups", .groups), .init(.delete, "/groups/{group}", .deleteGroup),
      .init(.get, "/health", .health), .init(.get, "/brokers", .brokers), .init(.post, "/brokers", .admitBroker),
    ] + RaftAdministration.rows { .administration($0) }, alsoBelow: APIVersion.segment)

  /// What to do once another broker has answered.
  enum Next {
    case piece(ticket: UInt64, piece: Int)
    case whole(ExchangeID)
    /// A long poll, which is answered earlier where this broker stops.
    case poll(ExchangeID)
  }

  /// A request that waits for a leader, or for a topic to be known here.
  struct Parked {
    /// What it waits for: it is not looked into again before.
    enum Cause {
      case leader(GroupID)
      case topic(moreThan: Int)
    }
    var cause: Cause
    var exchange: ExchangeID
    var request: Request
    var until: Instant
  }

  /// An entry that this broker proposed, and who waits for it.
  struct Proposed {
    enum Continuation {
      case records(ticket: UInt64, piece: Int)
      case topic(ExchangeID, TopicDescription)
      case offsets(ExchangeID)
      case broker(ExchangeID)
      case trim
      case deletion(ExchangeID)
      /// What is noted of consumer groups now and then; nobody waits for it.
      case upkeep
    }
    var position: LogPosition
    var continuation: Continuation
  }

  /// A question that waits for the proof that this broker still leads.
  struct Reading {
    enum Continuation {
      case consume(ConsumeRequest, isBulk: Bool)
      case offsets(group: ExactName)
      /// A topic that is not known here: it is not known at all, where this broker leads the registry.
      case topic
      case groups(GroupListRequest)
      case deletion(group: ExactName)
      /// What this broker tells of a consumer group that it coordinates.
      case coordination(Response)
    }
    var group: GroupID
    var exchange: ExchangeID
    var request: Request
    var continuation: Continuation
    var upTo: LogIndex?
  }

  static let registryGroup = GroupID(0)

  let configuration: MessageQueueConfiguration
  var server: RaftServer
  var registry: TopicRegistry
  var sinceRegistrySnapshot = 0
  /// By group, from group 1.
  var logs: [PartitionLog] = []
  /// By group: what was proposed, in the order of the places.
  var proposed: [Deque<Proposed>] = []
  /// Groups to which a trim was proposed.
  var trimming: Set<GroupID> = []
  var tickets: [UInt64: ProduceTicket] = [:]
  var readings: [UInt64: Reading] = [:]
  var nextNumber: UInt64 = 0
  /// The partition of the next record that has neither a key nor a producer.
  var nextKeylessPartition = 0
  /// Oldest first.
  var waiters: [Waiter] = []
  var waitersWake: (timer: TimerID, at: Instant)?
  /// Long polls that were forwarded to another broker and are not answered yet.
  var forwardedPolls: Set<ExchangeID> = []
  /// The host stops this broker: no request is kept any more.
  var isStopping = false
  var parked: [Parked] = []
  var parkedWake: TimerID?
  /// Answers that wait for this broker's own disk: they leave behind what this turn writes.
  var answersBehindWrites: [(ExchangeID, Response)] = []
  var calls = Calls<Next>()
  var consumerGroups: [ExactName: ConsumerGroup] = [:]
  /// The greatest generation of a group that is forgotten.
  var lastGeneration: Int64 = 0
  var balance = LeaderBalance()
  /// When it is looked again which groups' offsets expire.
  var groupUpkeepAt = Instant(nanoseconds: .min)
  var chores: TimerID?
  /// Groups of which more is committed than this broker has applied so far, and up to where.
  var behind: [GroupID: LogIndex] = [:]
  var applyWake: TimerID?
  /// Bytes that this turn may still apply.
  var bytesLeftToApply = 0
  /// The group of which was applied last, of those that are behind.
  var lastApplied = MessageQueue.registryGroup
  /// Why this broker can serve no more until it is started anew; nil while it can.
  var failure: String?

  /// A broker that has not started.
  public init(_ configuration: MessageQueueConfiguration = MessageQueueConfiguration()) {
    self.configuration = configuration
    var raft = configuration.raft
    raft.groupCount = 1 + QueueAPI.partitionCount * configuration.firstTopics.count
    server = RaftServer(raft)
    registry = TopicRegistry(configuration.firstTopics, founders: configuration.raft.founders)
  }

  public func intake(_ head: RequestHead) -> Intake {
    Self.routes.route(head)?.isAdministration == true
      ? .administration(limitBytes: QueueAPI.maximumBodyBytes) : .whole(limitBytes: QueueAPI.maximumBodyBytes)
  }

  // MARK: events

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    bytesLeftToApply = Self.mostAppliedBytesInATurn
    try server.start(&turn)
    for update in server.takeUpdates() { apply(update, &turn) }
    if let failure { throw StartRefusal("the queue's log cannot be recovered: \(failure)") }
    growLogs()
    admitLoggedBrokers(&turn)
    chores = turn.wake(after: configuration.choreInterval)
    finish(&turn)
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    bytesLeftToApply = Self.mostAppliedBytesInATurn
    if case .mine(let completions) = calls.settle(event, &turn) {
      for completion in completions { resume(completion.next, completion.outcome, &turn) }
    } else if !server.handle(event, &turn) {
      switch event {
      case .request(let exchange, let request): take(exchange, request, &turn)
      case .timer(let timer): ring(timer, &turn)
      case .abandoned(let exchange): abandon(exchange)
      case .response, .failed, .message, .durable, .completed, .stream: break
      }
    }
    finish(&turn)
  }

  public mutating func stopping(_ turn: inout Turn) {
    isStopping = true
    for index in waiters.indices { waiters[index].until = turn.now }
    endWaits(&turn)
    for index in parked.indices { parked[index].until = turn.now }
    takeParked(&turn)
    // What another broker would have said of the end nobody knows here.
    for exchange in forwardedPolls.sorted() {
      turn.reply(
        exchange, .failure(503, code: "NO_LEADER", message: "this broker is stopping; ask another", retryAfter: .seconds(1)), .immediately)
    }
    forwardedPolls.removeAll()
    finish(&turn)
  }

  mutating func take(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) {
    if let unusable { return turn.reply(exchange, unusable, .immediately) }
    Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
      switch match.route {
      case .produce: try produce(exchange, match.target, request, &turn)
      case .consume: try consume(exchange, match.target, request, &turn)
      case .topics: turn.reply(exchange, topics(), .immediately)
      case .createTopic: try createTopic(exchange, request, &turn)
      case .join: try join(exchange, match.parameter("group"), request, &turn)
      case .heartbeat: try heartbeat(exchange, match.parameter("group"), match.parameter("member"), request, &turn)
      case .leave: try leave(exchange, match.parameter("group"), match.parameter("member"), request, &turn)
      case .commitOffsets: try commitOffsets(exchange, match.parameter("group"), request, &turn)
      case .offsets: try offsets(exchange, match.parameter("group"), request, &turn)
      case .groups: try listGroups(exchange, match.target, request, &turn)
      case .deleteGroup: try deleteGroup(exchange, match.parameter("group"), request, &turn)
      case .health: turn.reply(exchange, health(turn.now, turn.disk), .immediately)
      case .brokers: turn.reply(exchange, brokers(), .immediately)
      case .admitBroker: try admitBroker(exchange, request, &turn)
      case .administration(let route):
        // Whoever asks need not know who leads.
        if route != .status, let number = UInt16(match.parameter("group")), server.group(GroupID(number)) != nil,
          !server.isLeader(of: GroupID(number))
        {
          return hand(exchange, request, toLeaderOf: GroupID(number), &turn)
        }
        let answer = try RaftAdministration.answer(route, group: match.parameter("group"), request, &server, turn.now)
        // A change is told of once this broker's own part of it is on its disk.
        answersBehindWrites.append((exchange, answer))
      }
    }
  }

  private mutating func ring(_ timer: TimerID, _ turn: inout Turn) {
    if timer == chores {
      chores = turn.wake(after: configuration.choreInterval)
      retain(&turn)
      expireMembers(turn.now)
      keepGroupsUp(&turn)
      balanceLeaders(&turn)
    } else if timer == waitersWake?.timer {
      waitersWake = nil
      endWaits(&turn)
    } else if timer == parkedWake {
      parkedWake = nil
      takeParked(&turn)
    } else if timer == applyWake {
      applyWake = nil
      applyMore(&turn)
    }
  }

  private mutating func abandon(_ exchange: ExchangeID) {
    waiters.removeAll { $0.exchange == exchange }
    forwardedPolls.remove(exchange)
    parked.removeAll { $0.exchange == exchange }
    // What was proposed stays proposed; the answer will reach nobody.
    if let number = tickets.first(where: { $0.value.exchange == exchange })?.key { tickets[number]?.exchange = nil }
  }

  /// Carries out what the turn asked for, and all that follows from it.
  private mutating func finish(_ turn: inout Turn) {
    var hasUpdates = true
    while hasUpdates {
      server.finish(&turn)
      let updates = server.takeUpdates()
      hasUpdates = !updates.isEmpty
      for update in updates { apply(update, &turn) }
    }
    if unusable != nil { giveUp(&turn) }
    for (exchange, response) in answersBehindWrites { turn.reply(exchange, response, .whenDurable) }
    answersBehindWrites.removeAll(keepingCapacity: true)
  }

  // MARK: groups

  /// The group of a partition.
  func group(topic: Int, partition: Int) -> GroupID { GroupID(UInt16(1 + QueueAPI.partitionCount * topic + partition)) }

  /// The topic of a group.
  func topic(of group: GroupID) -> TopicDescription? {
    let number = (Int(group.value) - 1) / QueueAPI.partitionCount
    return registry.topics.indices.contains(number) ? registry.topics[number].description : nil
  }

  /// Has a place for each group that is open.
  mutating func growLogs() {
    while logs.count + 1 < server.groupCount { logs.append(PartitionLog()) }
    while proposed.count < server.groupCount { proposed.append([]) }
    invariant(
      logs.count + 1 == server.groupCount && proposed.count == server.groupCount,
      "\(server.groupCount) groups are open, with \(logs.count) partitions and \(proposed.count) lists of what was proposed")
  }

  /// Notes what goes on once this broker's entry at `position` is applied, or replaced.
  mutating func proceed(at position: LogPosition, of group: GroupID, with continuation: Proposed.Continuation) {
    let place = Int(group.value)
    invariant(
      proposed[place].last.map { $0.position.index < position.index } ?? true,
      "\(group): proposed at \(position), behind \(String(describing: proposed[place].last?.position))")
    proposed[place].append(Proposed(position: position, continuation: continuation))
  }

  mutating func number() -> UInt64 {
    nextNumber += 1
    return nextNumber
  }

  /// What everybody is answered by a broker that can serve no more, until it is started anew; nil while it can.
  private var unusable: Response? {
    guard let reason = failure ?? server.failure else { return nil }
    return .failure(503, code: "UNUSABLE", message: "the broker starts anew: \(reason)", retryAfter: .seconds(1))
  }

  /// Most reasons that an answer about this broker's health gives.
  private static let maximumReasons = 20

  /// Of how many groups this broker belongs to and knows no leader. Of the others it never hears who leads them.
  private var leaderlessGroupCount: Int {
    (0..<server.groupCount).count { number in
      let group = GroupID(UInt16(number))
      return server.leader(of: group) == nil && server.group(group)?.membership.contains(configuration.raft.server) == true
    }
  }

  /// What it answers: "up" with what an operator should look at, or 503 "unavailable" where it reaches no majority of
  /// the brokers of some group, so that nothing can be written to it or read from its end.
  private func health(_ now: Instant, _ disk: any Disk) -> Response {
    let reach = server.reach(now)
    let undecided = server.groupsWithoutMajority(now)
    var reasons = [disk.shortage].compactMap { $0 }
    for other in reach where !other.isReached {
      reasons.append("broker \(other.server.value) was not heard for \(other.silence.nanoseconds / 1_000_000_000) s")
    }
    if undecided > 0 {
      reasons.append(
        "a majority of the brokers of \(undecided) of \(server.groupCount) replicated logs is not reached: nothing can be decided in them")
    }
    let leaderless = leaderlessGroupCount
    if leaderless > 0 {
      reasons.append("\(leaderless) of \(server.groupCount) replicated logs have no leader that this broker knows of: they take no records")
    }
    let full = registry.topics.indices.flatMap { topic in fullPartitions(of: topic).map { (registry.topics[topic].description.name, $0) } }
    for (topic, partition) in full.prefix(Self.maximumReasons) {
      reasons.append(
        "partition \(partition) of \(topic) keeps the newest records of too many keys and is not compacted further: its log grows")
    }
    let led = (0..<server.groupCount).count { server.isLeader(of: GroupID(UInt16($0))) }
    func write(_ writer: inout JSONWriter) {
      writer.member("server", Int64(configuration.raft.server.value))
      RaftAdministration.writeReach(reach, to: &writer)
      writer.member("groups", server.groupCount)
      writer.member("groups_led", led)
    }
    return undecided > 0 ? .unavailable(degraded: reasons, write) : .up(degraded: reasons, write)
  }
}
