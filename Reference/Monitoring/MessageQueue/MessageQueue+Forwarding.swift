// Requests that another broker has to answer: forwarded to the leader, or kept until there is one.
//
// A request goes from broker to broker at most three times, so that brokers that do not agree about who leads cannot
// send it round for ever. A broker that does not belong to a group hears of no leader: it sends what is the leader's to
// a member.
//
// Administration is forwarded with the proof that its sender gave (`authorization`), which each broker's host looks at
// again: no broker vouches for another's client.

import MonitoringAPI
import Raft
import Resilience
import Vocabulary
import Wire

extension MessageQueue {
  static let hopsHeader = "queue-hops"
  private static let mostHops = 3

  /// How often a request was forwarded.
  func hops(of request: Request) -> Int { request.head.headers[Self.hopsHeader].flatMap { Int($0) }.map { max(0, $0) } ?? 0 }

  /// Lets the leader of a group answer a whole request.
  mutating func hand(_ exchange: ExchangeID, _ request: Request, toLeaderOf group: GroupID, _ turn: inout Turn) {
    guard isReachable(group) else { return park(exchange, request, .leader(group), &turn) }
    if longPoll(of: request) > .zero {
      guard !isStopping else {
        return turn.reply(
          exchange, .failure(503, code: "NO_LEADER", message: "this broker is stopping; ask another", retryAfter: .seconds(1)), .immediately
        )
      }
      forwardedPolls.insert(exchange)
      return forward(request, to: way(toLeaderOf: group, &turn), of: request, then: .poll(exchange), &turn)
    }
    forward(request, to: way(toLeaderOf: group, &turn), of: request, then: .whole(exchange), &turn)
  }

  /// Members of a group that this broker does not belong to, so that it hears of no leader: any of them knows more.
  private func members(outside group: GroupID) -> [ServerID] {
    guard let membership = server.group(group)?.membership, !membership.contains(configuration.raft.server) else { return [] }
    return membership.voters
  }

  /// Whether this broker knows whom to send to what a group's leader has to answer.
  func isReachable(_ group: GroupID) -> Bool { server.leader(of: group) != nil || !members(outside: group).isEmpty }

  /// Whom to send it to: the leader, or a member that will know it.
  func way(toLeaderOf group: GroupID, _ turn: inout Turn) -> ServerID? {
    if let leader = server.leader(of: group) { return leader }
    let members = members(outside: group)
    return members.isEmpty ? nil : members[Int(turn.random.below(UInt64(members.count)))]
  }

  /// Forwards `request`, which answers `original` or a part of it.
  mutating func forward(_ request: Request, to leader: ServerID?, of original: Request, then next: Next, _ turn: inout Turn) {
    let hops = hops(of: original)
    guard let leader, leader != configuration.raft.server, let node = server.node(of: leader), hops < Self.mostHops else {
      return resume(
        next, .success(.failure(503, code: "NO_LEADER", message: "the leader is changing; nothing was done", retryAfter: .seconds(1))),
        &turn)
    }
    var request = request
    // Whoever asked for the head alone gets it from this broker's host, which takes the length from the body.
    if request.head.method == .head { request.head.method = .get }
    request.head.headers.fields.removeAll { $0.name == Self.hopsHeader }
    request.head.headers.append(Self.hopsHeader, "\(hops + 1)")
    // One attempt: whoever asked knows best whether to ask again. A forwarded request tells nothing of what this broker
    // has written.
    let policy = CallPolicy(
      attemptTimeout: configuration.forwardPatience + longPoll(of: request), attempts: 1, retry: .never, breaker: nil,
      bulkhead: Bulkhead.Policy(concurrent: 4_096, waiting: 4_096))
    calls.call(Endpoint(node), request, policy: policy, deadline: original.deadline, release: .immediately, then: next, &turn)
  }

  /// How long a request asks to be waited with; zero for all but long polls.
  private func longPoll(of request: Request) -> TimeSpan {
    guard [.get, .head].contains(request.head.method), let target = try? HTTPTarget(request.head.target),
      let wanted = try? ConsumeRequest(target)
    else {
      return .zero
    }
    return .milliseconds(wanted.waitMilliseconds)
  }

  mutating func resume(_ next: Next, _ outcome: CallOutcome, _ turn: inout Turn) {
    let response: Response
    switch outcome {
    case .success(let answer), .failure(.status(let answer)):
      // What belongs to the connection stays behind.
      var headers = Headers()
      for name in ["content-type", "next-offset", "retry-after", "allow"] {
        if let value = answer.head.headers[name] { headers.append(name, value) }
      }
      response = Response(status: answer.status, headers: headers, body: answer.body)
    case .failure(let failure):
      response =
        failure.wasNotCarriedOut
        ? .failure(503, code: "NO_LEADER", message: "the leader cannot be reached; nothing was done", retryAfter: .seconds(1))
        : .failure(504, code: "OPEN", message: "the leader did not answer; it may have happened")
    }
    switch next {
    case .whole(let exchange): turn.reply(exchange, response, .immediately)
    case .poll(let exchange): if forwardedPolls.remove(exchange) != nil { turn.reply(exchange, response, .immediately) }
    case .piece(let ticket, let piece):
      if response.status == 200, let document = try? response.document(), let answer = try? BulkProduceResponse(document) {
        settle(ticket, piece, stretches: answer.stretches)
      } else if response.status == 202 {
        settleAccepted(ticket, piece)
      } else {
        settle(
          ticket, piece,
          refusal: response.status == 200 ? .failure(502, code: "PEER_FAULT", message: "another broker's answer does not read") : response)
      }
      answerIfSettled(ticket, &turn)
    }
  }

  // MARK: waiting for a leader

  /// Keeps a request until there is a leader, or until it is known here what it asks for.
  mutating func park(_ exchange: ExchangeID, _ request: Request, _ cause: Parked.Cause, _ turn: inout Turn) {
    guard !isStopping, parked.count < configuration.maximumParked,
      parked.reduce(request.body.count, { $0 + $1.request.body.count }) <= configuration.maximumParkedBytes
    else {
      return turn.reply(
        exchange, .failure(503, code: "NO_LEADER", message: "no leader is known; nothing was done", retryAfter: .seconds(1)), .immediately)
    }
    parked.append(
      Parked(
        cause: cause, exchange: exchange, request: request, until: min(turn.arrived + configuration.parkPatience, request.deadline.instant))
    )
    if parkedWake == nil { parkedWake = turn.wake(after: .milliseconds(10)) }
  }

  private func isOver(_ cause: Parked.Cause) -> Bool {
    switch cause {
    case .leader(let group): isOpen(group)
    case .topic(let count): registry.topics.count > count || server.isLeader(of: Self.registryGroup)
    }
  }

  /// Takes the waiting requests up again that can be answered; the others wait on, until their time is over. Reading a
  /// large body again and again would keep the broker from the election that it waits for.
  mutating func takeParked(_ turn: inout Turn) {
    guard !parked.isEmpty else { return }
    let waiting = parked
    parked.removeAll()
    for one in waiting {
      let before = parked.count
      if one.until <= turn.now {
        turn.reply(
          one.exchange, .failure(503, code: "NO_LEADER", message: "no leader was found in time; nothing was done", retryAfter: .seconds(1)),
          .immediately)
      } else if !isOver(one.cause) {
        parked.append(one)
      } else {
        take(one.exchange, one.request, &turn)
        // It keeps its own time.
        if parked.count > before { parked[parked.count - 1].until = one.until }
      }
    }
    if !parked.isEmpty, parkedWake == nil { parkedWake = turn.wake(after: .milliseconds(10)) }
  }
}
