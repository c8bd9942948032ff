// ChatClient: the one table for all completions that a machine asks of language models. It owns their streams, time-outs
// and attempts.
//
// What a completion is for is a case of the room's own enum, never a closure. Each one ends exactly once: by a complete
// text or a failure, unless the machine gives it up. Another attempt is made only before the first piece was given out and
// where the server did nothing yet; whatever comes later in a stream, also a rate limit, ends the completion. Nothing ends
// within `send`: it is told by a later event. One wake is armed at a time.
//
// Memory: `mostAtOnce` completions, each of which holds its text so far (`ChatLimits`), and requests of `mostRequestBytes`
// together, each until its first piece. Limits: pieces are taken as fast as they come, so a caller that hands them on to a slow reader bounds what
// it keeps itself; no breaker (`CircuitBreaker` stands beside, where a machine chooses among servers); redirects are
// not followed.

import Resilience
import Vocabulary
import Wire

/// A completion in a table.
public struct ChatKey: Hashable, Comparable, Sendable {
  let number: UInt64

  public static func < (left: ChatKey, right: ChatKey) -> Bool { left.number < right.number }
}

/// What a completion's machine is to hear.
public enum ChatNews: Sendable {
  /// The next piece of the text. All pieces together are the text of the `ended` that follows.
  case piece(String)
  /// An attempt came to nothing, for this reason, before any piece; another will be made.
  case tryingAgain(after: ChatFailure)
  /// The completion ended; the table has forgotten it. Comes once for each, unless it was given up.
  case ended(Result<ChatCompletion, ChatFailure>)
}

/// The table of all completions of one machine.
public struct ChatClient<Purpose> {
  /// Something that a completion's machine is to hear.
  public struct Notice {
    /// Which completion.
    public var key: ChatKey
    /// What it is for.
    public var purpose: Purpose
    /// What happened.
    public var news: ChatNews
  }

  /// Whose event it was.
  public enum Settlement {
    /// Not one of the table's.
    case notMine
    /// The table's; the machine is to hear this of it (often one notice, sometimes none).
    case mine([Notice])
  }

  struct Completion {
    var callee: Callee
    /// Let go with the first piece: no other attempt is made from then on.
    var request: Request
    var policy: ChatPolicy
    var deadline: Instant
    var purpose: Purpose
    var release: Release
    var attemptsMade = 0
    var state = State.failing(.crowded)
    /// Beside the state, so that it is changed in place.
    var answer = Answer.none
    var hasGivenPieces = false
    /// When the state takes too long.
    var until = Instant.never
    /// The instant at which it is looked at next: not later than `until`.
    var lookAt = Instant.never
  }

  /// Where a completion stands.
  enum State {
    /// An attempt is under way, and no head of an answer is there.
    case opening(ExchangeID)
    /// An answer is being read.
    case answering(ExchangeID)
    /// Waits for its next attempt.
    case waiting
    /// Fails with the next wake.
    case failing(ChatFailure)
  }

  /// What there is of an answer.
  enum Answer {
    case none
    case stream(ChatStreamReader)
    /// A body that is taken whole: an answer that is not streamed, or an error.
    case whole(ResponseHead, [UInt8])
  }

  var completions: [ChatKey: Completion] = [:]
  var keyOfExchange: [ExchangeID: ChatKey] = [:]
  var dues = DueWakes<ChatKey>()
  private var next: UInt64 = 0
  private let mostAtOnce: Int
  private let mostRequestBytes: Int
  /// Of the bodies of all requests that are kept for another attempt.
  private var requestBytes = 0

  /// An empty table, for so many completions at once, with so many bytes of requests; further ones fail as `crowded`.
  public init(mostAtOnce: Int = 64, mostRequestBytes: Int = 32 << 20) {
    self.mostAtOnce = mostAtOnce
    self.mostRequestBytes = mostRequestBytes
  }

  /// Completions that have not ended.
  public var count: Int { completions.count }

  /// Asks `server` for a completion. `deadline` bounds it beside the policy; each attempt leaves by `release`.
  public mutating func send(
    _ request: ChatRequest, to server: ChatServer, policy: ChatPolicy = ChatPolicy(), deadline: Deadline = .never,
    release: Release = .whenDurable, for purpose: Purpose, _ turn: inout Turn
  ) -> ChatKey {
    next += 1
    let key = ChatKey(number: next)
    var completion = Completion(
      callee: server.callee, request: Request(.post, server.target), policy: policy,
      deadline: min(deadline.instant, turn.now + policy.wholeTimeout), purpose: purpose, release: release)
    let isCrowded = completions.count >= mostAtOnce
    switch isCrowded ? .failure(.crowded) : request.body(policy.limits) {
    case .success(let body) where requestBytes + body.count > mostRequestBytes:
      completions[key] = completion
      fail(key, later: .crowded, &turn)
    case .success(let body):
      requestBytes += body.count
      completion.request = server.request(body, isStreamed: request.isStreamed)
      completion.state = .waiting
      completions[key] = completion
      if completion.deadline > turn.now { attempt(key, &turn) } else { fail(key, later: .timedOut(.whole), &turn) }
    case .failure(let failure):
      completions[key] = completion
      fail(key, later: failure, &turn)
    }
    arm(&turn)
    return key
  }

  /// Gives a completion up, at once: nothing more is heard of it, and what of it waits for the disk never leaves.
  public mutating func cancel(_ key: ChatKey, _ turn: inout Turn) {
    guard completions[key] != nil else { return }
    hangUp(key, &turn)
    _ = remove(key)
    arm(&turn)
  }

  /// Takes a completion out of the table.
  mutating func remove(_ key: ChatKey) -> Completion? {
    letRequestGo(key)
    return completions.removeValue(forKey: key)
  }

  /// Forgets the body of a request: no other attempt will be made.
  mutating func letRequestGo(_ key: ChatKey) {
    requestBytes -= completions[key]?.request.body.count ?? 0
    completions[key]?.request.body = []
    invariant(requestBytes >= 0, "\(requestBytes) bytes of requests are kept")
  }

  /// Gives `event` to the table. Where it is the table's, the machine is told what it is to hear.
  public mutating func settle(_ event: Event, _ turn: inout Turn) -> Settlement {
    var notices: [Notice] = []
    switch event {
    case .stream(let id, let part):
      guard let key = keyOfExchange[id] else { return .notMine }
      settle(part, key, &notices, &turn)
    case .failed(let id, let failure):
      guard let key = keyOfExchange.removeValue(forKey: id) else { return .notMine }
      // Behind a head, a connection that fails has broken the answer off.
      let isAnswered = if case .answering? = completions[key]?.state { true } else { false }
      if isAnswered { concludeBroken(key, &notices, &turn) } else { failed(key, .transport(failure), &notices, &turn) }
    case .timer(let timer):
      guard dues.takes(timer) else { return .notMine }
      takeDue(&notices, &turn)
    case .request, .response, .abandoned, .message, .durable, .completed: return .notMine
    }
    arm(&turn)
    return .mine(notices)
  }
}
