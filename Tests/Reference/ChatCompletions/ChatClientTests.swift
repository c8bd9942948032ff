// The table of completions, by scripts of events and the effects they lead to.

import ChatCompletions
import Resilience
import Testing
import Vocabulary
import Wire
import World

/// A table at hand: events go in, news and effects come out.
private struct Desk: ~Copyable {
  var client: ChatClient<String>
  var turn: Turn
  private var wakes: [TimerID: Instant] = [:]
  private(set) var opened: [(id: ExchangeID, request: Request)] = []
  private(set) var aborted: [ExchangeID] = []
  private(set) var granted = 0

  init(mostAtOnce: Int = 8, mostRequestBytes: Int = 10_000) {
    client = ChatClient(mostAtOnce: mostAtOnce, mostRequestBytes: mostRequestBytes)
    let disk = SimulatedDisk(capacityBytes: 1_000, random: RandomStream(seed: 1))
    turn = Turn(node: NodeID(0), incarnation: 0, disk: disk, random: RandomStream(seed: 1))
  }

  static let request = ChatRequest(model: "small", [ChatMessage(.user, "Hello")])

  static func policy(attempts: Int = 3) -> ChatPolicy {
    ChatPolicy(
      firstPieceTimeout: .seconds(2), betweenPiecesTimeout: .seconds(1), wholeTimeout: .seconds(20), attempts: attempts,
      backoff: Backoff(base: .milliseconds(10), cap: .milliseconds(40)), longestComeAgain: .seconds(5))
  }

  mutating func send(
    _ request: ChatRequest = Desk.request, policy: ChatPolicy = Desk.policy(), deadline: Deadline = .never, key: BearerKey? = nil
  ) -> ChatKey {
    let sent = client.send(
      request, to: ChatServer(.endpoint(Endpoint(1)), key: key), policy: policy, deadline: deadline, for: "hello", &turn)
    take()
    return sent
  }

  /// Takes up what was asked.
  mutating func take() {
    while let pending = turn.effects.next() {
      switch pending.effect {
      case .open(let id, _, let request, let form):
        #expect(form == .whole)
        opened.append((id, request))
      case .abort(let id, _):
        if case .immediately = pending.release {} else { Issue.record("given up late") }
        aborted.append(id)
      case .wake(let timer, let at): wakes[timer] = at
      case .cancelWake(let timer): wakes[timer] = nil
      case .grant(_, let bytes): granted += bytes
      case .call, .cancelCall, .reply, .message, .accept, .send, .finish, .notifyWhenDurable, .compute, .cancelCompute, .locate, .restart,
        .observe:
        Issue.record("asked for \(pending.effect)")
      }
    }
  }

  /// Gives an event, and tells what is heard of it: nil where it was not the table's.
  mutating func hear(_ event: Event) -> [String]? {
    defer { take() }
    switch client.settle(event, &turn) {
    case .notMine: return nil
    case .mine(let notices):
      return notices.map { notice in
        switch notice.news {
        case .piece(let text): "piece \(text)"
        case .tryingAgain(let failure): "again after \(failure)"
        case .ended(.success(let completion)): "complete \(completion.text)"
        case .ended(.failure(let failure)): "failed \(failure)"
        }
      }
    }
  }

  mutating func hear(_ part: StreamEvent) -> [String]? { opened.last.flatMap { hear(.stream($0.id, part)) } }

  mutating func hear(_ text: String) -> [String]? { hear(.received(Array(text.utf8), isText: false)) }

  mutating func accept(_ status: Int = 200, _ headers: Headers = ["content-type": "text/event-stream"]) -> [String]? {
    hear(.accepted(ResponseHead(status: status, headers: headers)))
  }

  /// Lets wakes come until something is heard or opened; at most twenty.
  mutating func wait() -> [String] {
    let before = opened.count
    for _ in 0..<20 {
      guard let (timer, at) = wakes.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { return ["nothing is due"] }
      wakes[timer] = nil
      turn.now = max(turn.now, at)
      let heard = hear(.timer(timer)) ?? []
      if !heard.isEmpty || opened.count > before { return heard }
    }
    return ["it spins"]
  }

  var milliseconds: Int64 { (turn.now - Instant(nanoseconds: 0)).milliseconds }
}

private func data(_ content: String) -> String { "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\(content)\"}}]}\n\n" }
private let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
private let noError = ChatError()

@Suite struct ChatClientTests {
  @Test func piecesComeAndThenTheWholeOnce() throws {
    var desk = Desk()
    let key = try #require(BearerKey("k1"))
    _ = desk.send(key: key)
    let request = try #require(desk.opened.first?.request)
    #expect(request.head.method == .post && request.head.target == "/v1/chat/completions")
    #expect(request.head.headers["authorization"] == "Bearer k1" && request.head.headers["accept"] == "text/event-stream")
    #expect(try ChatRequest(JSONField(JSON(parsing: request.body))) == Desk.request)
    #expect(desk.accept() == [])
    #expect(desk.hear(data("Hel")) == ["piece Hel"])
    let half = data("lo").count / 2
    #expect(desk.hear(String(data("lo").prefix(half))) == [])
    #expect(desk.hear(data("lo").dropFirst(half) + end) == ["piece lo", "complete Hello"])
    #expect(desk.granted == (data("Hel") + data("lo") + end).utf8.count)
    #expect(desk.client.count == 0 && desk.aborted == desk.opened.map(\.id))
    #expect(desk.hear(.finished(.normal)) == nil, "what still comes is nobody's")
    #expect(desk.wait() == ["nothing is due"])
  }

  @Test func anAnswerThatIsNotStreamedIsOnePiece() throws {
    var desk = Desk()
    var request = Desk.request
    request.isStreamed = false
    _ = desk.send(request)
    #expect(desk.opened.first?.request.head.headers["accept"] == "application/json")
    #expect(desk.accept(200, ["content-type": "application/json; charset=utf-8"]) == [])
    #expect(desk.hear(#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hel"#) == [])
    #expect(desk.hear(#"lo"},"finish_reason":"stop"}]}"#) == [])
    #expect(desk.hear(.finished(.normal)) == ["piece Hello", "complete Hello"])
    #expect(desk.client.count == 0 && desk.aborted == [])
  }

  @Test func whatIsSafeIsTriedAgainAndNotSooner() throws {
    var desk = Desk()
    _ = desk.send()
    let first = desk.opened[0].id
    #expect(desk.hear(.failed(first, .refused)) == ["again after transport(Vocabulary.TransportFailure.refused)"])
    #expect(desk.wait() == [])
    #expect(desk.opened.count == 2 && desk.milliseconds <= 10)
    let before = desk.turn.now
    #expect(desk.accept(429, ["retry-after": "3"]) == [])
    #expect(desk.hear(#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#) == [])
    let slow = ChatError(message: "slow", code: "rate_limit_exceeded")
    #expect(desk.hear(.finished(.normal)) == ["again after \(ChatFailure.rateLimited(comeAgainAfter: .seconds(3), slow))"])
    #expect(desk.wait() == [])
    #expect(desk.opened.count == 3)
    #expect(desk.turn.now - before >= .seconds(3) && desk.turn.now - before <= .milliseconds(3_020), "the jitter goes behind")
    // The attempts are over: the last failure is told.
    #expect(desk.accept(503, [:]) == [])
    #expect(
      desk.hear(.finished(.normal))
        == ["failed \(ChatFailure.serverFailed(status: 503, comeAgainAfter: nil, noError))"])
    #expect(desk.wait() == ["nothing is due"])
    #expect(desk.opened.count == 3)
  }

  /// What may have been carried out, and what would be refused again, is not tried again.
  @Test func whatIsNotSafeEndsAtOnce() throws {
    func outcome(_ status: Int, _ headers: Headers = [:], _ body: String = "") -> [String]? {
      var desk = Desk()
      _ = desk.send()
      #expect(desk.accept(status, headers) == [])
      if !body.isEmpty { #expect(desk.hear(body) == []) }
      let heard = desk.hear(.finished(.normal))
      #expect(desk.client.count == 0 && desk.wait() == ["nothing is due"] && desk.opened.count == 1)
      return heard
    }
    #expect(outcome(500) == ["failed \(ChatFailure.serverFailed(status: 500, comeAgainAfter: nil, noError))"])
    #expect(outcome(502) == ["failed \(ChatFailure.serverFailed(status: 502, comeAgainAfter: nil, noError))"])
    #expect(outcome(401) == ["failed \(ChatFailure.rejected(status: 401, noError))"])
    #expect(outcome(302) == ["failed \(ChatFailure.rejected(status: 302, noError))"])
    #expect(
      outcome(429, ["retry-after": "6"]) == ["failed \(ChatFailure.rateLimited(comeAgainAfter: .seconds(6), noError))"],
      "longer than anybody waits")
    let quota = ChatError(message: "", type: "insufficient_quota")
    #expect(
      outcome(429, [:], #"{"error":{"type":"insufficient_quota"}}"#)
        == ["failed \(ChatFailure.rateLimited(comeAgainAfter: nil, quota))"])
    #expect(
      outcome(400, [:], #"{"error":{"message":"no","code":"content_filter"}}"#)
        == ["failed \(ChatFailure.refused(ChatRefusal("no", partial: nil)))"])
    let page = ChatStreamMistake(event: 0, byteOffset: 0, problem: "an answer of type \"text/html\"")
    #expect(outcome(200, ["content-type": "text/html"], "<html>") == ["failed \(ChatFailure.malformed(page))"])
    for failure in [.connectionLost, .unresolvable, .malformedResponse, .forbidden, .untrusted] as [TransportFailure] {
      var desk = Desk()
      _ = desk.send()
      #expect(desk.hear(.failed(desk.opened[0].id, failure)) == ["failed \(ChatFailure.transport(failure))"])
      #expect(desk.wait() == ["nothing is due"])
    }
    // The head of an error is enough, whatever becomes of its body.
    var desk = Desk()
    _ = desk.send(policy: Desk.policy(attempts: 1))
    #expect(desk.accept(429, [:]) == [])
    #expect(desk.hear(.aborted(.connectionLost)) == ["failed \(ChatFailure.rateLimited(comeAgainAfter: nil, noError))"])
    desk = Desk()
    _ = desk.send(policy: Desk.policy(attempts: 1))
    #expect(desk.accept(429, [:]) == [])
    #expect(desk.wait() == ["failed \(ChatFailure.rateLimited(comeAgainAfter: nil, noError))"])
    desk = Desk()
    _ = desk.send(policy: Desk.policy(attempts: 1))
    #expect(desk.accept(500, [:]) == [])
    let long = desk.hear(String(repeating: "x", count: 70_000))
    #expect(long == ["failed \(ChatFailure.serverFailed(status: 500, comeAgainAfter: nil, noError))"])
    #expect(desk.aborted.count == 1)
  }

  /// In the middle of a stream everything ends the completion, and no other request leaves.
  @Test func aRateLimitInTheMiddleEndsItAndDoesNotSpin() {
    let limited = "data: {\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}\n\n"
    for pieces in [[], ["a"], ["a", "b"]] as [[String]] {
      var desk = Desk()
      _ = desk.send()
      #expect(desk.accept() == [])
      for piece in pieces { #expect(desk.hear(data(piece)) == ["piece \(piece)"]) }
      let error = ChatError(message: "slow", code: "rate_limit_exceeded")
      #expect(desk.hear(limited) == ["failed \(ChatFailure.errorInStream(error))"])
      #expect(desk.client.count == 0 && desk.opened.count == 1 && desk.aborted.count == 1)
      #expect(desk.wait() == ["nothing is due"])
      #expect(desk.hear(.finished(.normal)) == nil)
    }
  }

  @Test func whatIsBrokenOffIsNeverComplete() {
    let ends: [StreamEvent] = [.finished(.normal), .aborted(.connectionLost)]
    for end in ends {
      for text in ["", data("a"), data("a") + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"] {
        var desk = Desk()
        _ = desk.send()
        #expect(desk.accept() == [])
        if !text.isEmpty { #expect(desk.hear(text) == (["piece a"])) }
        #expect(desk.hear(end) == ["failed brokenOff"])
        #expect(desk.client.count == 0 && desk.opened.count == 1 && desk.wait() == ["nothing is due"])
      }
    }
  }

  @Test func timeOuts() {
    // For the first piece, whatever else comes.
    var desk = Desk()
    _ = desk.send()
    #expect(desk.accept() == [])
    desk.turn.now = desk.turn.now + .milliseconds(1_500)
    #expect(desk.hear(": wait\n\n" + data("")) == [])
    #expect(desk.wait() == ["failed \(ChatFailure.timedOut(.firstPiece))"])
    #expect(desk.milliseconds == 2_000 && desk.aborted.count == 1 && desk.client.count == 0)
    // Between pieces: each event puts it off, comments do not.
    desk = Desk()
    _ = desk.send()
    #expect(desk.accept() == [])
    #expect(desk.hear(data("a")) == ["piece a"])
    desk.turn.now = desk.turn.now + .milliseconds(900)
    #expect(desk.hear(data("b")) == ["piece b"])
    desk.turn.now = desk.turn.now + .milliseconds(900)
    #expect(desk.hear(": wait\n\n") == [])
    #expect(desk.wait() == ["failed \(ChatFailure.timedOut(.betweenPieces))"])
    #expect(desk.milliseconds == 1_900)
    // As a whole, however well it goes.
    desk = Desk()
    _ = desk.send(deadline: Deadline(Instant(nanoseconds: 3_000_000_000)))
    #expect(desk.opened.first?.request.deadline == Deadline(Instant(nanoseconds: 3_000_000_000)))
    #expect(desk.accept() == [])
    for _ in 0..<5 {
      #expect(desk.hear(data("a")) == ["piece a"])
      desk.turn.now = desk.turn.now + .milliseconds(580)
    }
    #expect(desk.wait() == ["failed \(ChatFailure.timedOut(.whole))"])
    #expect(desk.milliseconds == 3_000)
    // A deadline that is over sends nothing.
    desk = Desk()
    desk.turn.now = Instant(nanoseconds: 5)
    _ = desk.send(deadline: Deadline(Instant(nanoseconds: 5)))
    #expect(desk.opened.isEmpty && desk.wait() == ["failed \(ChatFailure.timedOut(.whole))"])
    // The next attempt would come behind the deadline.
    desk = Desk()
    _ = desk.send(deadline: Deadline(Instant(nanoseconds: 1_000_000_000)))
    #expect(desk.accept(503, ["retry-after": "2"]) == [])
    #expect(
      desk.hear(.finished(.normal))
        == ["failed \(ChatFailure.serverFailed(status: 503, comeAgainAfter: .seconds(2), noError))"])
  }

  /// What requests take together is bounded, and given back with the first piece and with the end.
  @Test func theBytesOfRequestsAreBounded() throws {
    var desk = Desk()
    _ = desk.send()
    let bytes = try #require(desk.opened.first?.request.body.count)
    for way in 0..<4 {
      var desk = Desk(mostRequestBytes: 2 * bytes - 1)
      let first = desk.send()
      _ = desk.send()
      #expect(desk.wait() == ["failed crowded"])
      switch way {
      case 0:
        #expect(desk.accept() == [])
        #expect(desk.hear(data("a")) == ["piece a"])
      case 1: #expect(desk.hear(.failed(desk.opened[0].id, .connectionLost))?.count == 1)
      case 2:
        #expect(desk.accept() == [])
        #expect(desk.hear(data("a") + end)?.count == 2)
      default: desk.client.cancel(first, &desk.turn)
      }
      for expected in [2, 2] {
        _ = desk.send()
        #expect(desk.opened.count == expected, "way \(way)")
      }
    }
  }

  @Test func whatIsNotSentFailsByALaterEvent() {
    var desk = Desk(mostAtOnce: 1)
    let first = desk.send()
    _ = desk.send()
    #expect(desk.opened.count == 1 && desk.client.count == 2)
    #expect(desk.wait() == ["failed crowded"])
    desk.client.cancel(first, &desk.turn)
    desk.take()
    #expect(desk.client.count == 0 && desk.aborted == [desk.opened[0].id])
    #expect(desk.hear(.failed(desk.opened[0].id, .refused)) == nil, "nothing more is heard of it")
    var policy = Desk.policy()
    policy.limits.requestBytes = 100
    _ = desk.send(ChatRequest(model: "m", [ChatMessage(.user, String(repeating: "a", count: 101))]), policy: policy)
    #expect(desk.wait() == [#"failed unsendable("it has more than 100 bytes")"#])
    _ = desk.send(ChatRequest(model: "m", [ChatMessage(.user, "a")], temperature: .nan))
    #expect(desk.wait().first?.hasPrefix("failed unsendable(") == true)
    #expect(desk.opened.count == 1)
    // One that waits for its next attempt can be given up too.
    let waiting = desk.send()
    #expect(desk.hear(.failed(desk.opened[1].id, .refused))?.count == 1)
    desk.client.cancel(waiting, &desk.turn)
    desk.take()
    #expect(desk.wait() == ["nothing is due"] || desk.opened.count == 2)
    #expect(desk.client.count == 0 && desk.opened.count == 2)
  }
}
