// Streams: the one table for all streams that a machine holds to other services. It owns their connections, the
// time-outs of these, new connections in place of lost ones, the circuit breaker of each endpoint, and their credit.
//
// What a stream is for is a case of the room's own enum, never a closure. One wake is armed at a time, for the earliest
// instant at which something is due. Every stream ends: after `StreamPolicy.attempts` in a row that led to nothing
// lasting, at its deadline, or when its peer is done. Nothing ends within `open`: it is told by a later event. Limits:
// what was sent on a lost connection is not sent again; whoever needs that keeps it and sends it after `opened`.

import Vocabulary

/// The table of all streams in caller role of one machine.
public struct Streams<Purpose> {
  /// Something that a stream's machine is to hear.
  public struct Notice {
    /// Which stream.
    public var key: StreamKey
    /// What it is for.
    public var purpose: Purpose
    /// What happened.
    public var news: StreamNews
  }

  /// Whose event it was.
  public enum Settlement {
    /// Not one of the table's.
    case notMine
    /// The table's; the machine is to hear this of it (often one notice, sometimes none).
    case mine([Notice])
  }

  private struct Stream {
    var callee: Callee
    var request: Request
    var form: StreamForm
    var policy: StreamPolicy
    var deadline: Deadline
    var purpose: Purpose
    var release: Release
    var attemptsMade = 0
    /// Whether this side is done: another connection would be of no use.
    var isFinished = false
    var state: State
  }

  /// Where a stream stands.
  private enum State {
    /// An attempt is under way until `until`.
    case opening(ExchangeID, CircuitBreaker.Permit?, until: Instant)
    /// A connection stands since `since`; something was last received at `heardAt`.
    case open(ExchangeID, credit: Int, since: Instant, heardAt: Instant)
    /// Waits for its next attempt at `at`.
    case waiting(at: Instant)
    /// Ends with the next wake.
    case ending(StreamFailure)
  }

  private var streams: [StreamKey: Stream] = [:]
  private var keyOfExchange: [ExchangeID: StreamKey] = [:]
  private var breakers: [Callee: CircuitBreaker] = [:]
  private var known = KnownDestinations()
  private var dues = DueWakes<StreamKey>()
  private var next: UInt64 = 0

  /// An empty table.
  public init() {}

  /// Streams that have not ended.
  public var count: Int { streams.count }

  /// The state of an endpoint's breaker; nil where it has none or was never called.
  public func breakerState(of endpoint: Endpoint) -> CircuitBreaker.State? { breakerState(of: .endpoint(endpoint)) }

  /// The state of a callee's breaker; nil where it has none, was never called, or is a destination that was forgotten.
  public func breakerState(of callee: Callee) -> CircuitBreaker.State? { breakers[callee]?.state }

  /// Opens a stream. `deadline` bounds all its connections together; each is opened by `release`.
  public mutating func open(
    _ endpoint: Endpoint, _ request: Request, _ form: StreamForm, policy: StreamPolicy, deadline: Deadline = .never,
    release: Release = .whenDurable, for purpose: Purpose, _ turn: inout Turn
  ) -> StreamKey {
    open(.endpoint(endpoint), request, form, policy: policy, deadline: deadline, release: release, for: purpose, &turn)
  }

  /// Opens a stream to an endpoint or a destination, as above.
  public mutating func open(
    _ callee: Callee, _ request: Request, _ form: StreamForm, policy: StreamPolicy, deadline: Deadline = .never,
    release: Release = .whenDurable, for purpose: Purpose, _ turn: inout Turn
  ) -> StreamKey {
    next += 1
    let key = StreamKey(number: next)
    invariant(streams[key] == nil, "stream \(next) was opened already")
    if case .destination(let destination) = callee {
      let old = known.note(destination)
      let inUse = old.isEmpty ? [] : Set(streams.values.map(\.callee))
      for destination in old where !inUse.contains(.destination(destination)) {
        breakers[.destination(destination)] = nil
        known.forget(destination)
      }
    }
    if breakers[callee] == nil, let breaker = policy.breaker { breakers[callee] = CircuitBreaker(breaker) }
    streams[key] = Stream(
      callee: callee, request: request, form: form, policy: policy, deadline: deadline, purpose: purpose, release: release,
      state: .waiting(at: turn.now))
    dues.insert(key, at: deadline.instant)
    attempt(key, &turn)
    arm(&turn)
    return key
  }

  // MARK: what the machine does with a stream

  /// Whether a connection stands and its credit is above 0.
  public func isWritable(_ key: StreamKey) -> Bool {
    guard let stream = streams[key], !stream.isFinished, case .open(_, let credit, _, _) = stream.state else { return false }
    return credit > 0
  }

  /// Sends on a stream; false, with nothing sent, where no connection stands or it is blocked: `opened` or `writable`
  /// tells when to try again.
  public mutating func send(
    _ key: StreamKey, _ bytes: [UInt8], isText: Bool = false, release: Release = .whenDurable, _ turn: inout Turn
  ) -> Bool {
    guard isWritable(key), case .open(let id, let credit, let since, let heardAt) = streams[key]?.state else { return false }
    streams[key]?.state = .open(id, credit: credit - bytes.count, since: since, heardAt: heardAt)
    turn.send([id], bytes, isText: isText, release)
    return true
  }

  /// Tells the peer that the machine is ready for `bytes` more.
  public func grant(_ key: StreamKey, _ bytes: Int, _ turn: inout Turn) {
    if case .open(let id, _, _, _) = streams[key]?.state { turn.grant(id, bytes) }
  }

  /// Has the next connection opened by another request: one that says how far this one came.
  public mutating func reopen(_ key: StreamKey, by request: Request) { streams[key]?.request = request }

  /// Completes this side. The stream ends when the peer is done too, or its connection is lost.
  public mutating func finish(_ key: StreamKey, with closure: StreamClosure = .normal, _ turn: inout Turn) {
    guard let stream = streams[key], !stream.isFinished else { return }
    streams[key]?.isFinished = true
    switch stream.state {
    case .open(let id, _, _, _), .opening(let id, _, _): if stream.form != .whole { turn.finish(id, closure) }
    case .waiting:
      streams[key]?.state = .ending(.closed(closure))
      dues.insert(key, at: turn.now)
    case .ending: break
    }
    arm(&turn)
  }

  /// Gives a stream up, at once: nothing more is heard of it, and what of it waits for the disk never leaves.
  public mutating func abort(_ key: StreamKey, with closure: StreamClosure = .connectionLost, _ turn: inout Turn) {
    guard let stream = streams.removeValue(forKey: key) else { return }
    switch stream.state {
    case .opening(let id, let permit, _):
      keyOfExchange[id] = nil
      if let permit { breakers[stream.callee]?.abandoned(permit) }
      turn.abort(id, closure, .immediately)
    case .open(let id, _, _, _):
      keyOfExchange[id] = nil
      turn.abort(id, closure, .immediately)
    case .waiting, .ending: break
    }
  }

  // MARK: events

  /// Gives `event` to the table. Where it is the table's, the machine is told what it is to hear.
  public mutating func settle(_ event: Event, _ turn: inout Turn) -> Settlement {
    var notices: [Notice] = []
    switch event {
    case .stream(let id, let part):
      guard let key = keyOfExchange[id], let stream = streams[key] else { return .notMine }
      settle(part, of: id, key, stream, &notices, &turn)
    case .failed(let id, let failure):
      guard let key = keyOfExchange[id] else { return .notMine }
      lost(key, .transport(failure), &notices, &turn)
    case .timer(let timer):
      guard dues.takes(timer) else { return .notMine }
      takeDue(&notices, &turn)
    case .request, .response, .abandoned, .message, .durable, .completed: return .notMine
    }
    arm(&turn)
    return .mine(notices)
  }

  private mutating func settle(
    _ part: StreamEvent, of id: ExchangeID, _ key: StreamKey, _ stream: Stream, _ notices: inout [Notice], _ turn: inout Turn
  ) {
    switch part {
    case .opened: break  // A server's event; never of a stream that this table opened.
    case .accepted(let head):
      guard case .opening(_, let permit, _) = stream.state else { return }
      let isOpen = stream.form == .webSocket ? head.status == 101 : (200...299).contains(head.status)
      guard isOpen else {
        turn.abort(id, .connectionLost, .immediately)
        return lost(key, .refused(head), &notices, &turn)
      }
      if let permit { judge(stream.callee, &turn) { breaker, _ in breaker.succeeded(permit) } }
      streams[key]?.state = .open(id, credit: initialStreamCreditBytes, since: turn.now, heardAt: turn.now)
      noteSilence(key, turn.now)
      notices.append(Notice(key: key, purpose: stream.purpose, news: .opened(head)))
    case .received(let bytes, let isText):
      guard case .open(_, let credit, let since, _) = stream.state else { return }
      streams[key]?.state = .open(id, credit: credit, since: since, heardAt: turn.now)
      noteSilence(key, turn.now)
      notices.append(Notice(key: key, purpose: stream.purpose, news: .received(bytes, isText: isText)))
    case .credit(let bytes):
      guard case .open(_, let credit, let since, let heardAt) = stream.state else { return }
      streams[key]?.state = .open(id, credit: credit + bytes, since: since, heardAt: heardAt)
      if credit <= 0, credit + bytes > 0 { notices.append(Notice(key: key, purpose: stream.purpose, news: .writable)) }
    case .finished(let closure): lost(key, .closed(closure), &notices, &turn)
    case .aborted(let closure): lost(key, .aborted(closure), &notices, &turn)
    }
  }

  /// The stream's connection, or its attempt, is gone: another is tried, or it ends.
  private mutating func lost(_ key: StreamKey, _ failure: StreamFailure, _ notices: inout [Notice], _ turn: inout Turn) {
    guard var stream = streams[key] else { return }
    switch stream.state {
    case .opening(let id, let permit, _):
      keyOfExchange[id] = nil
      if let permit {
        judge(stream.callee, &turn) { breaker, now in
          if Self.tellsOfDefect(failure) { breaker.failed(permit, at: now) } else { breaker.succeeded(permit) }
        }
      }
    case .open(let id, _, let since, _):
      keyOfExchange[id] = nil
      if turn.now - since >= stream.policy.settledAfter { stream.attemptsMade = 0 }
    case .waiting, .ending: break
    }
    guard !stream.isFinished, stream.attemptsMade < stream.policy.attempts, Self.isWorthAnother(failure, stream.policy.reconnect),
      let at = stream.policy.backoff.nextAttempt(
        max(1, stream.attemptsMade), now: turn.now, deadline: stream.deadline, floor: Self.retryAfter(failure, turn.wallClock),
        &turn.random)
    else { return end(key, failure, &notices) }
    stream.state = .waiting(at: at)
    streams[key] = stream
    dues.insert(key, at: at)
    notices.append(Notice(key: key, purpose: stream.purpose, news: .lost(failure)))
  }

  private mutating func end(_ key: StreamKey, _ failure: StreamFailure, _ notices: inout [Notice]) {
    guard let stream = streams.removeValue(forKey: key) else { breakInvariant("stream \(key) ends twice") }
    notices.append(Notice(key: key, purpose: stream.purpose, news: .ended(failure)))
  }

  /// The close codes of a peer that is not done.
  private static var closesThatMayPass: [UInt16] { [1_001, 1_006, 1_011, 1_012, 1_013] }

  private static func isWorthAnother(_ failure: StreamFailure, _ reconnect: StreamPolicy.Reconnect) -> Bool {
    guard reconnect != .never else { return false }
    switch failure {
    case .timedOut, .silent, .transport(.refused), .transport(.connectionLost): return true
    case .transport(.unresolvable), .transport(.responseTooLarge), .transport(.malformedResponse), .transport(.forbidden),
      .transport(.untrusted), .deadline, .circuitOpen:
      return false
    case .refused(let head): return [429, 502, 503, 504].contains(head.status)
    case .aborted(let closure): return closesThatMayPass.contains(closure.code)
    case .closed(let closure): return reconnect == .always || closesThatMayPass.contains(closure.code)
    }
  }

  /// Whether a failed attempt tells that the endpoint does not work, for its breaker.
  private static func tellsOfDefect(_ failure: StreamFailure) -> Bool {
    switch failure {
    case .timedOut, .silent, .transport(.refused), .transport(.connectionLost), .transport(.unresolvable), .transport(.malformedResponse),
      .transport(.untrusted), .aborted:
      true
    case .refused(let head): head.status >= 500 && head.status != 501 && head.status != 505
    case .transport(.responseTooLarge), .transport(.forbidden), .closed, .circuitOpen, .deadline: false
    }
  }

  private static func retryAfter(_ failure: StreamFailure, _ now: WallTime) -> TimeSpan {
    guard case .refused(let head) = failure else { return .zero }
    return RetryAfter.wait(Response(status: head.status, headers: head.headers), now: now) ?? .zero
  }

  // MARK: attempts

  private mutating func attempt(_ key: StreamKey, _ turn: inout Turn) {
    guard var stream = streams[key], case .waiting = stream.state else {
      breakInvariant("a connection is tried for stream \(key), which does not wait for one: \(String(describing: streams[key]?.state))")
    }
    var permit: CircuitBreaker.Permit?
    if breakers[stream.callee] != nil {
      judge(stream.callee, &turn) { breaker, now in permit = breaker.permit(at: now) }
      if permit == nil {
        // Nothing ends within `open`; and a breaker that is open counts as an attempt, so that these end too.
        stream.attemptsMade += 1
        if stream.policy.reconnect != .never, stream.attemptsMade < stream.policy.attempts,
          let at = stream.policy.backoff.nextAttempt(stream.attemptsMade, now: turn.now, deadline: stream.deadline, &turn.random)
        {
          stream.state = .waiting(at: at)
          dues.insert(key, at: at)
        } else {
          stream.state = .ending(.circuitOpen)
          dues.insert(key, at: turn.now)
        }
        streams[key] = stream
        return
      }
    }
    let until = min(turn.now + stream.policy.openTimeout, stream.deadline.instant)
    var request = stream.request
    request.deadline = stream.deadline
    let id: ExchangeID =
      switch stream.form {
      case .whole: turn.open(stream.callee, request, .whole, stream.release)
      case .streamed, .webSocket:
        turn.open(stream.callee, Request(head: request.head, body: [], deadline: request.deadline), stream.form, stream.release)
      }
    stream.attemptsMade += 1
    invariant(
      stream.attemptsMade <= stream.policy.attempts, "attempt \(stream.attemptsMade) of \(stream.policy.attempts) of stream \(key)")
    invariant(keyOfExchange[id] == nil, "exchange \(id.value) is one of stream \(String(describing: keyOfExchange[id])) already")
    stream.state = .opening(id, permit, until: until)
    streams[key] = stream
    keyOfExchange[id] = key
    dues.insert(key, at: until)
  }

  // MARK: what is due

  private mutating func takeDue(_ notices: inout [Notice], _ turn: inout Turn) {
    while let key = dues.next(by: turn.now) {
      guard let stream = streams[key] else { continue }
      let isOver = stream.deadline.instant <= turn.now
      switch stream.state {
      case .opening(let id, let permit, let until):
        guard isOver || until <= turn.now else { continue }
        turn.abort(id, .connectionLost, .immediately)
        if isOver {
          keyOfExchange[id] = nil
          if let permit { breakers[stream.callee]?.abandoned(permit) }
          end(key, .deadline, &notices)
        } else {
          lost(key, .timedOut, &notices, &turn)
        }
      case .open(let id, _, _, let heardAt):
        if isOver {
          keyOfExchange[id] = nil
          turn.abort(id, .goingAway, .immediately)
          end(key, .deadline, &notices)
        } else if let timeout = stream.policy.silenceTimeout {
          guard turn.now - heardAt >= timeout else {
            dues.insert(key, at: heardAt + timeout)
            continue
          }
          turn.abort(id, .connectionLost, .immediately)
          lost(key, .silent, &notices, &turn)
        }
      case .waiting(let at):
        if isOver { end(key, .deadline, &notices) } else if at <= turn.now { attempt(key, &turn) }
      case .ending(let failure): end(key, failure, &notices)
      }
    }
  }

  /// Has the silence of a connection looked at. One look is put down at a time: it puts down the next.
  private mutating func noteSilence(_ key: StreamKey, _ now: Instant) {
    guard let timeout = streams[key]?.policy.silenceTimeout, case .open(_, _, let since, let heardAt) = streams[key]?.state,
      since == heardAt
    else { return }
    dues.insert(key, at: now + timeout)
  }

  private mutating func arm(_ turn: inout Turn) {
    // Each stream has its deadline, its attempt or its silence.
    let streams = streams
    dues.arm(&turn, most: 4 * streams.count + 64) { Self.isStillDue($0, among: streams) }
  }

  private static func isStillDue(_ due: DueWakes<StreamKey>.Due, among streams: [StreamKey: Stream]) -> Bool {
    guard let stream = streams[due.key] else { return false }
    if stream.deadline.instant == due.instant { return true }
    switch stream.state {
    case .opening(_, _, let until): return until == due.instant
    case .open(_, _, _, let heardAt): return stream.policy.silenceTimeout.map { due.instant <= heardAt + $0 } ?? false
    case .waiting(let at): return at == due.instant
    case .ending: return true
    }
  }

  private mutating func judge(_ callee: Callee, _ turn: inout Turn, _ change: (inout CircuitBreaker, Instant) -> Void) {
    guard var breaker = breakers[callee] else { return }
    let before = breaker.state
    change(&breaker, turn.now)
    breakers[callee] = breaker
    breaker.state.tell(after: before, of: callee, &turn)
  }
}
