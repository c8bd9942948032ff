// The table of streams, by scripts of events and the effects they lead to; and in the simulated world, where every
// stream ends and none is told twice.

import Kernel
import Resilience
import TestBench
import Testing
import Vocabulary
import World

/// A table at hand: events go in, notices and effects come out.
private struct Desk: ~Copyable {
  var streams = Streams<String>()
  var turn: Turn

  init(seed: UInt64 = 1) {
    let disk = SimulatedDisk(capacityBytes: 1_000, random: RandomStream(seed: 1))
    turn = Turn(node: NodeID(0), incarnation: 0, disk: disk, random: RandomStream(seed: seed))
  }

  /// Wakes that were asked for and have not come.
  private var wakes: [TimerID: Instant] = [:]

  /// Exchanges that were given up, and would be only once the disk had what was written.
  private(set) var givenUpLate: [ExchangeID] = []

  /// What was asked since the last time.
  mutating func effects() -> [Effect] {
    var taken: [Effect] = []
    while let pending = turn.effects.next() {
      if case .abort(let id, _) = pending.effect {
        if case .immediately = pending.release {} else { givenUpLate.append(id) }
      }
      if case .wake(let timer, let at) = pending.effect { wakes[timer] = at }
      if case .cancelWake(let timer) = pending.effect { wakes[timer] = nil }
      taken.append(pending.effect)
    }
    return taken
  }

  /// Lets wakes come until there is news, or something was opened; at most fifty.
  mutating func wait() -> (news: [StreamNews], effects: [Effect], wakes: Int) {
    var asked = effects()
    for count in 1...50 {
      guard let (timer, at) = wakes.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { return ([], asked, count) }
      wakes[timer] = nil
      turn.now = max(turn.now, at)
      let news = settle(.timer(timer)) ?? []
      asked += effects()
      if !news.isEmpty || opened(asked) != nil { return (news, asked, count) }
    }
    return ([], asked, 50)
  }

  mutating func settle(_ event: Event) -> [StreamNews]? {
    switch streams.settle(event, &turn) {
    case .notMine: nil
    case .mine(let notices): notices.map(\.news)
    }
  }
}

private func opened(_ effects: [Effect]) -> ExchangeID? {
  for effect in effects { if case .open(let id, _, _, _) = effect { return id } }
  return nil
}

private func policy(
  attempts: Int = 3, silence: TimeSpan? = nil, reconnect: StreamPolicy.Reconnect = .whenLost, breaker: CircuitBreaker.Policy? = nil
) -> StreamPolicy {
  StreamPolicy(
    openTimeout: .milliseconds(100), silenceTimeout: silence, attempts: attempts, settledAfter: .seconds(1), reconnect: reconnect,
    backoff: Backoff(base: .milliseconds(10), cap: .milliseconds(40)), breaker: breaker)
}

@Suite struct StreamsTests {
  private let endpoint = Endpoint(1)
  private let request = Request(.get, "/socket")

  @Test func creditIsKeptAndOneSendMayGoBeyond() throws {
    var desk = Desk()
    let key = desk.streams.open(endpoint, request, .webSocket, policy: policy(), for: "chat", &desk.turn)
    let id = try #require(opened(desk.effects()))
    #expect(!desk.streams.isWritable(key), "no connection stands")
    var sent = desk.streams.send(key, [1], &desk.turn)
    #expect(!sent)
    #expect(desk.settle(.stream(id, .accepted(ResponseHead(status: 101)))) == [.opened(ResponseHead(status: 101))])
    sent = desk.streams.send(key, [UInt8](repeating: 1, count: 100_000), &desk.turn)
    #expect(sent, "one goes beyond")
    sent = desk.streams.send(key, [2], &desk.turn)
    #expect(!sent, "blocked")
    #expect(desk.settle(.stream(id, .credit(100_000))) == [.writable])
    #expect(desk.streams.isWritable(key))
    #expect(desk.settle(.stream(id, .received([3], isText: true))) == [.received([3], isText: true)])
    desk.streams.finish(key, &desk.turn)
    #expect(!desk.streams.isWritable(key))
    let effects = desk.effects()
    #expect(effects.contains { if case .finish(id, .normal) = $0 { true } else { false } })
    #expect(desk.settle(.stream(id, .finished(.normal))) == [.ended(.closed(.normal))])
    #expect(desk.streams.count == 0)
    #expect(desk.settle(.stream(id, .aborted(.connectionLost))) == nil, "late news is nobody's")
  }

  @Test func aLostConnectionIsMadeAgainAndTheRowOfAttemptsEnds() throws {
    var desk = Desk()
    let key = desk.streams.open(endpoint, request, .webSocket, policy: policy(), for: "chat", &desk.turn)
    let first = try #require(opened(desk.effects()))
    #expect(desk.settle(.stream(first, .accepted(ResponseHead(status: 101)))) == [.opened(ResponseHead(status: 101))])
    // It stood long enough for the attempts before it to be forgotten.
    desk.turn.now = desk.turn.now + .seconds(2)
    #expect(desk.settle(.stream(first, .aborted(.connectionLost))) == [.lost(.aborted(.connectionLost))])
    desk.streams.reopen(key, by: Request(.get, "/socket?from=7"))
    for attempt in 1...3 {
      let before = desk.turn.now
      let (told, effects, _) = desk.wait()
      #expect(told == [])
      #expect(desk.turn.now - before <= .milliseconds(40), "jittered and capped")
      let id = try #require(opened(effects), "attempt \(attempt)")
      for effect in effects { if case .open(_, _, let asked, _) = effect { #expect(asked.head.target == "/socket?from=7") } }
      let news = desk.settle(.failed(id, .refused))
      #expect(news == (attempt < 3 ? [.lost(.transport(.refused))] : [.ended(.transport(.refused))]), "attempt \(attempt)")
    }
    #expect(desk.streams.count == 0)
  }

  @Test func whatIsWorthAnotherConnection() throws {
    let cases: [(StreamEvent, StreamPolicy.Reconnect, Bool)] = [
      (.finished(.normal), .whenLost, false), (.finished(.normal), .always, true), (.finished(.goingAway), .whenLost, true),
      (.finished(.tryAgainLater), .whenLost, true), (.finished(.policyViolation), .whenLost, false),
      (.aborted(.connectionLost), .whenLost, true),
      (.aborted(.messageTooLarge), .whenLost, false), (.aborted(.connectionLost), .never, false),
    ]
    for (event, reconnect, isTriedAgain) in cases {
      var desk = Desk()
      _ = desk.streams.open(endpoint, request, .whole, policy: policy(reconnect: reconnect), for: "feed", &desk.turn)
      let id = try #require(opened(desk.effects()))
      #expect(desk.settle(.stream(id, .accepted(ResponseHead(status: 200))))?.count == 1)
      #expect(desk.settle(.stream(id, event))?.count == 1)
      #expect((desk.streams.count == 1) == isTriedAgain, "\(event) \(reconnect)")
    }
    for (status, isTriedAgain) in [(503, true), (429, true), (404, false), (426, false), (200, false)] {
      var desk = Desk()
      _ = desk.streams.open(endpoint, request, .webSocket, policy: policy(), for: "chat", &desk.turn)
      let id = try #require(opened(desk.effects()))
      let head = ResponseHead(status: status, headers: ["retry-after": "2"])
      #expect(desk.settle(.stream(id, .accepted(head))) == [isTriedAgain ? .lost(.refused(head)) : .ended(.refused(head))])
      let effects = desk.effects()
      #expect(effects.contains { if case .abort(id, _) = $0 { true } else { false } }, "its body is not wanted")
      if isTriedAgain {
        _ = desk.wait()
        #expect(desk.turn.now >= Instant(nanoseconds: 2_000_000_000), "the server said when")
      }
    }
  }

  @Test func timeOutsOfAttemptsSilenceAndDeadline() throws {
    var desk = Desk()
    let deadline = Deadline(Instant(nanoseconds: 2_000_000_000))
    _ = desk.streams.open(
      endpoint, request, .webSocket, policy: policy(silence: .milliseconds(300)), deadline: deadline, for: "chat", &desk.turn)
    let first = try #require(opened(desk.effects()))
    let (news, effects, _) = desk.wait()
    #expect(news == [.lost(.timedOut)])
    #expect(desk.turn.now == Instant(nanoseconds: 100_000_000))
    #expect(effects.contains { if case .abort(first, _) = $0 { true } else { false } })
    let second = try #require(opened(desk.wait().effects))
    #expect(desk.settle(.stream(second, .accepted(ResponseHead(status: 101))))?.count == 1)
    // What is received puts the end of patience off.
    let accepted = desk.turn.now
    desk.turn.now = accepted + .milliseconds(200)
    #expect(desk.settle(.stream(second, .received([1], isText: false)))?.count == 1)
    #expect(desk.wait().news == [.lost(.silent)])
    #expect(desk.turn.now == accepted + .milliseconds(500))
    // And so on, until the deadline.
    var last: [StreamNews] = []
    for _ in 0..<50 where desk.streams.count > 0 {
      let (news, effects, _) = desk.wait()
      last = news
      if let id = opened(effects) { #expect(desk.settle(.stream(id, .accepted(ResponseHead(status: 101))))?.count == 1) }
    }
    #expect(last == [.ended(.deadline)] || last == [.ended(.silent)])
    #expect(desk.turn.now <= deadline.instant)
    #expect(desk.givenUpLate == [])
  }

  @Test func anOpenBreakerIsAskedBySeldomAttemptsAndNothingEndsWithinOpen() throws {
    var desk = Desk()
    let breaker = CircuitBreaker.Policy(failuresThatOpen: 1, openFor: .seconds(60))
    _ = desk.streams.open(endpoint, request, .webSocket, policy: policy(attempts: 1, breaker: breaker), for: "first", &desk.turn)
    let id = try #require(opened(desk.effects()))
    #expect(desk.settle(.failed(id, .refused)) == [.ended(.transport(.refused))])
    _ = desk.streams.open(endpoint, request, .webSocket, policy: policy(attempts: 3, breaker: breaker), for: "second", &desk.turn)
    #expect(desk.streams.count == 1)
    let (news, effects, _) = desk.wait()
    #expect(opened(effects) == nil, "nothing is sent")
    #expect(news == [.ended(.circuitOpen)])
    #expect(desk.turn.now > Instant(nanoseconds: 0) && desk.turn.now <= Instant(nanoseconds: 100_000_000))
  }

  /// A probe that came to no result, since its stream ended before, leaves its place to the next: a half-open breaker
  /// would else let nothing pass any more.
  @Test(arguments: [false, true]) func aProbeThatIsGivenUpLeavesItsPlace(_ atDeadline: Bool) throws {
    var desk = Desk()
    let breaker = CircuitBreaker.Policy(failuresThatOpen: 1, openFor: .milliseconds(50))
    _ = desk.streams.open(endpoint, request, .webSocket, policy: policy(attempts: 1, breaker: breaker), for: "first", &desk.turn)
    let first = try #require(opened(desk.effects()))
    #expect(desk.settle(.failed(first, .refused)) == [.ended(.transport(.refused))])
    desk.turn.now = desk.turn.now + .milliseconds(60)
    let deadline = Deadline(desk.turn.now + .milliseconds(30))
    let key = desk.streams.open(
      endpoint, request, .webSocket, policy: policy(attempts: 1, breaker: breaker), deadline: deadline, for: "probe", &desk.turn)
    let probe = try #require(opened(desk.effects()))
    #expect(desk.streams.breakerState(of: endpoint) == .halfOpen(underWay: 1, succeeded: 0))
    if atDeadline {
      #expect(desk.wait().news == [.ended(.deadline)])
      #expect(desk.turn.now == deadline.instant)
    } else {
      desk.streams.abort(key, &desk.turn)
    }
    #expect(desk.streams.breakerState(of: endpoint) == .halfOpen(underWay: 0, succeeded: 0))
    // What it may come to after all is nobody's.
    #expect(desk.settle(.failed(probe, .refused)) == nil)
    _ = desk.streams.open(endpoint, request, .webSocket, policy: policy(attempts: 1, breaker: breaker), for: "next", &desk.turn)
    let next = try #require(opened(desk.effects()), "the next is the probe")
    #expect(desk.settle(.stream(next, .accepted(ResponseHead(status: 101)))) == [.opened(ResponseHead(status: 101))])
    #expect(desk.streams.breakerState(of: endpoint) == .closed(failures: 0))
  }

  @Test func whoGivesUpHearsNothingMore() throws {
    var desk = Desk()
    let key = desk.streams.open(endpoint, request, .webSocket, policy: policy(), for: "chat", &desk.turn)
    let id = try #require(opened(desk.effects()))
    desk.streams.abort(key, with: .normal, &desk.turn)
    #expect(desk.effects().contains { if case .abort(id, .normal) = $0 { true } else { false } })
    #expect(desk.settle(.stream(id, .accepted(ResponseHead(status: 101)))) == nil)
    #expect(desk.streams.count == 0 && desk.givenUpLate == [])
  }

  /// However a stream is given up, its host hears of it at once: while a sync is under way, it would else hand on what
  /// still comes, which is nobody's any more.
  @Test func whatIsGivenUpIsGivenUpAtOnce() {
    for seed in 1...3 as ClosedRange<UInt64> {
      for way in QuitterWay.allCases {
        let book = StreamBook()
        let bench = TestBench(
          seed: seed, [NodePlan("client") { Quitter(book: book, way: way) }, NodePlan("server", cost: .client) { Talker(way: way) }])
        bench.run(for: .milliseconds(400))
        #expect(book.mistakes == [], "\(way), seed \(seed)")
        #expect(book.ended > 10 && bench.defects.isEmpty, "\(way), seed \(seed): \(book.ended), \(bench.defects)")
      }
    }
  }

  /// Under crashes and cuts every stream ends once, and between its connections nothing is received.
  @Test func inTheSimulatedWorldEveryStreamEndsOnce() {
    for seed in 1...20 as ClosedRange<UInt64> {
      let book = StreamBook()
      let bench = TestBench(
        seed: seed, [NodePlan("client", cost: .client) { StreamUser(book: book) }, NodePlan("server", cost: .client) { Greeter() }])
      for _ in 0..<20 {
        if bench.random.chance(0.4) { bench.crashSoon(NodeID(1), within: .milliseconds(300)) }
        bench.run(for: .milliseconds(500))
      }
      bench.run(for: .seconds(60))
      #expect(book.mistakes == [], "seed \(seed)")
      #expect(book.ended == 8 && book.left == 0, "seed \(seed): \(book.ended) ended, \(book.left) left")
      #expect(book.received > 0 && bench.defects.isEmpty, "seed \(seed) \(bench.defects)")
    }
  }
}

private final class StreamBook {
  var open: Set<StreamKey> = []
  var over: Set<StreamKey> = []
  var mistakes: [String] = []
  var ended = 0
  var received = 0
  var left = 0
}

/// Holds eight streams for ten seconds, and says something on each now and then.
private struct StreamUser: Machine {
  let book: StreamBook
  var streams = Streams<Int>()
  var keys: [StreamKey] = []
  var tick: TimerID?

  init(book: StreamBook) { self.book = book }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for number in 0..<8 {
      let policy = StreamPolicy(
        openTimeout: .milliseconds(200), silenceTimeout: number % 2 == 0 ? .milliseconds(500) : nil, attempts: 20,
        backoff: Backoff(base: .milliseconds(20), cap: .milliseconds(500)))
      keys.append(
        streams.open(
          Endpoint(1), Request(.get, "/greet"), .webSocket, policy: policy, deadline: Deadline(turn.now + .seconds(10)), for: number, &turn)
      )
    }
    tick = turn.wake(after: .milliseconds(50))
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .mine(let notices) = streams.settle(event, &turn) {
      for notice in notices {
        if book.over.contains(notice.key) { book.mistakes.append("\(notice.news) after the end") }
        switch notice.news {
        case .opened: if !book.open.insert(notice.key).inserted { book.mistakes.append("opened twice") }
        case .received(let bytes, _):
          book.received += 1
          if !book.open.contains(notice.key) { book.mistakes.append("received between connections") }
          streams.grant(notice.key, bytes.count, &turn)
        case .writable: if !book.open.contains(notice.key) { book.mistakes.append("writable between connections") }
        case .lost: book.open.remove(notice.key)
        case .ended:
          book.open.remove(notice.key)
          book.over.insert(notice.key)
          book.ended += 1
        }
      }
      book.left = streams.count
    } else if case .timer(let timer) = event, timer == tick {
      for key in keys { _ = streams.send(key, [UInt8](repeating: 1, count: 5_000), &turn) }
      if streams.count > 0 { tick = turn.wake(after: .milliseconds(50)) }
    }
  }
}

/// How a stream is given up.
private enum QuitterWay: CaseIterable {
  /// Once it stands; before it does; refused; at its deadline; after silence.
  case whenOpen, whenOpening, whenRefused, atDeadline, afterSilence
}

/// Opens streams without end, gives each up, writes to its disk in every turn, and notes what it hears of streams that
/// are none of its table's.
private struct Quitter: Machine {
  let book: StreamBook
  let way: QuitterWay
  var streams = Streams<Int>()
  var tick: TimerID?
  var key: StreamKey?

  init(book: StreamBook, way: QuitterWay) {
    self.book = book
    self.way = way
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { open(&turn) }

  private mutating func open(_ turn: inout Turn) {
    let policy = StreamPolicy(
      openTimeout: .milliseconds(20), silenceTimeout: way == .afterSilence ? .milliseconds(5) : nil, attempts: 1, reconnect: .never,
      backoff: Backoff(base: .milliseconds(1), cap: .milliseconds(2)))
    let deadline: Deadline = way == .atDeadline ? Deadline(turn.now + .milliseconds(7)) : .never
    key = streams.open(
      Endpoint(1), Request(.get, "/"), .webSocket, policy: policy, deadline: deadline, release: .immediately, for: 0, &turn)
    tick = turn.wake(after: .milliseconds(way == .whenOpening ? 1 : 10))
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    do throws(DiskError) { try turn.disk.write(FileName(fixed: "log"), at: 0, [UInt8](repeating: 1, count: 100)) } catch {}
    var isOver = false
    switch streams.settle(event, &turn) {
    case .mine(let notices):
      for notice in notices {
        if case .received(let bytes, _) = notice.news { streams.grant(notice.key, bytes.count, &turn) }
        if case .ended = notice.news, notice.key == key { isOver = true }
      }
    case .notMine:
      switch event {
      case .stream(_, let part): book.mistakes.append("\(part)")
      case .timer(let timer):
        if timer == tick, let key, way == .whenOpen || way == .whenOpening {
          streams.abort(key, with: .normal, &turn)
          isOver = true
        }
      case .request, .response, .failed, .abandoned, .message, .durable, .completed: break
      }
    }
    if isOver {
      book.ended += 1
      open(&turn)
    }
  }
}

/// Accepts, or refuses, and says something every millisecond; or nothing, where its caller is to wait for it.
private struct Talker: Machine {
  let way: QuitterWay
  var all: [ExchangeID] = []
  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(1)) }
  func intake(_ head: RequestHead) -> Intake { .webSocket(limitBytes: 10_000) }
  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .stream(let id, .opened):
      turn.accept(id, ResponseHead(status: way == .whenRefused ? 503 : 101))
      all.append(id)
    case .stream(let id, .finished), .stream(let id, .aborted): all.removeAll { $0 == id }
    case .timer:
      if way != .afterSilence { turn.send(all, [1]) }
      _ = turn.wake(after: way == .afterSilence ? .milliseconds(6) : .microseconds(200))
    case .request, .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
    }
  }
}

/// Sends every message back.
private struct Greeter: Machine {
  var credits: [ExchangeID: Int] = [:]
  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}
  func intake(_ head: RequestHead) -> Intake { .webSocket(limitBytes: 10_000) }
  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .stream(let id, let part) = event else { return }
    switch part {
    case .opened:
      credits[id] = initialStreamCreditBytes
      turn.accept(id, ResponseHead(status: 101))
    case .received(let bytes, let isText):
      turn.grant(id, bytes.count)
      guard let credit = credits[id], credit > 0 else { return }
      credits[id] = credit - bytes.count
      turn.send([id], bytes, isText: isText)
    case .credit(let bytes): credits[id]? += bytes
    case .finished, .aborted: credits[id] = nil
    case .accepted: break
    }
  }
}
