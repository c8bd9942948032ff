// Requests to a server that speaks RESP, as Redis does: commands in the body of a request become commands on one connection,
// pipelined, and their answers its answer. What is listened to comes by a connection of its own. RESP.md says what is
// asked and answered.
//
// Fault model: that of `RESPLink`. A connection that does not come to be, or breaks, is made anew when somebody asks, with
// growing pauses in between, in which requests are refused at once. What was not sent is told apart (503) from what may
// have been done (504). Limits: two connections; no passwords and no TLS, for a server on this machine or in a network of
// one's own.

import NIOCore
import NIOPosix
import Synchronization
import Vocabulary
import Wire

/// Speaks with one server. It may stand at several endpoints.
public final class RESPAdapter: Adapter {
  /// One of the two connections, and how it stands.
  private struct Way {
    var link: RESPLink?
    var connecting: EventLoopFuture<RESPLink>?
    /// Attempts in a row that failed, and until when none is made.
    var failures = 0
    var notBefore = NIODeadline.now()
  }

  private enum Kind {
    case commands, listening
  }

  private struct State {
    var commands = Way()
    var listening = Way()
    var linksMade: UInt64 = 0

    subscript(kind: Kind) -> Way {
      get { kind == .commands ? commands : listening }
      set { if kind == .commands { commands = newValue } else { listening = newValue } }
    }
  }

  private let address: HostAndPort
  private let answerWithin: TimeSpan
  private let state = Mutex(State())

  /// The longest time in which nothing is tried.
  private static let longestPauseMilliseconds: Int64 = 2_000
  /// How long nothing may be told before that is answered.
  private static let longestSilence = TimeSpan.seconds(20)

  /// An adapter for the server at an address, whose next answer may take so long.
  public init(_ address: HostAndPort, answerWithin: TimeSpan = .seconds(5)) {
    self.address = address
    self.answerWithin = answerWithin
  }

  deinit {
    state.withLock { state in
      state.commands.link?.close()
      state.listening.link?.close()
    }
  }

  public func answer(_ request: Request, _ surroundings: AdapterSurroundings) async -> Response {
    guard request.head.method == .post else { return HTTPRefusal(405, "METHOD_NOT_ALLOWED", "this path takes POST").response }
    do {
      switch request.head.target {
      case "/commands": return try await carryOut(request.body, surroundings)
      case "/subscriptions": return try await subscribe(request.body, surroundings)
      case let target where target.hasPrefix("/told?link="):
        guard let number = UInt64(target.dropFirst("/told?link=".count)) else {
          return HTTPRefusal(400, "INVALID_TARGET", "link is a number").response
        }
        return try await told(number, surroundings)
      case _: return HTTPRefusal.notFound.response
      }
    } catch let mistake as RESPMistake {
      return HTTPRefusal(400, "INVALID_COMMANDS", "the body is no commands: \(mistake)").response
    } catch RESPFailure.away(let why) {
      return Response.failure(503, code: "AWAY", message: "the server at \(address.text) is not reached: \(why)", retryAfter: .seconds(1))
    } catch {
      return Response.failure(
        504, code: "OPEN", message: "it was sent to the server at \(address.text), and what became of it is not known")
    }
  }

  private func carryOut(_ body: [UInt8], _ surroundings: AdapterSurroundings) async throws -> Response {
    let count = try Self.commands(in: body).count
    guard count > 0 else { throw RESPMistake("there is none") }
    let values = try await link(.commands, surroundings).get().ask(body, answers: count).get()
    var answer: [UInt8] = []
    for value in values { value.write(into: &answer) }
    return Response(status: 200, body: answer)
  }

  /// Each pattern of each command is answered for itself.
  private func subscribe(_ body: [UInt8], _ surroundings: AdapterSurroundings) async throws -> Response {
    let count = try Self.commands(in: body).map { $0.count - 1 }.reduce(0, +)
    guard count > 0 else { throw RESPMistake("there is no pattern") }
    let link = try await link(.listening, surroundings).get()
    let values = try await link.ask(body, answers: count).get()
    for case .failure(let text) in values { throw RESPFailure.away("it answers \(Self.shown(text))") }
    return Response(status: 200, headers: ["link": "\(link.number)"])
  }

  private func told(_ number: UInt64, _ surroundings: AdapterSurroundings) async throws -> Response {
    guard let link = state.withLock({ $0.listening.link }), link.number == number, !link.isClosed else {
      throw RESPFailure.away("that connection is over")
    }
    let silence = min(Self.longestSilence, TimeSpan(nanoseconds: surroundings.timeLeft.nanoseconds / 2))
    let bytes = try await link.takeTold(within: silence).get()
    return bytes.isEmpty ? Response(status: 204) : Response(status: 200, body: bytes)
  }

  /// The words of each command of a body.
  private static func commands(in body: [UInt8]) throws(RESPMistake) -> [[RESPValue]] {
    var reader = RESPReader()
    reader.feed(body)
    var commands: [[RESPValue]] = []
    while let value = try reader.next() {
      guard case .array(let words) = value, !words.isEmpty, words.allSatisfy({ if case .bytes = $0 { true } else { false } }) else {
        throw RESPMistake("a command is an array of bytes")
      }
      commands.append(words)
    }
    guard !reader.isWithinValue else { throw RESPMistake("the last command is not whole") }
    return commands
  }

  private static func shown(_ text: [UInt8]) -> String {
    String(decoding: text.prefix(200).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }

  // MARK: connections

  private func link(_ kind: Kind, _ surroundings: AdapterSurroundings) -> EventLoopFuture<RESPLink> {
    let loop = surroundings.group.next()
    let (future, isNew) = state.withLock { state -> (EventLoopFuture<RESPLink>, Bool) in
      if let link = state[kind].link, !link.isClosed { return (loop.makeSucceededFuture(link), false) }
      if let connecting = state[kind].connecting { return (connecting, false) }
      guard state[kind].notBefore <= .now() else {
        return (loop.makeFailedFuture(RESPFailure.away("the last attempt failed, the next is not made yet")), false)
      }
      state.linksMade += 1
      let made = connect(RESPLink(state.linksMade, on: loop, isListening: kind == .listening, answerWithin: answerWithin), on: loop)
      state[kind].connecting = made
      return (made, true)
    }
    if isNew { future.whenComplete { result in self.note(result, of: kind) } }
    return future
  }

  private func connect(_ link: RESPLink, on loop: any EventLoop) -> EventLoopFuture<RESPLink> {
    ClientBootstrap(group: loop).connectTimeout(.seconds(HostLimits.connectSeconds))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(link) }
      }
      .connect(host: address.host, port: address.port)
      .flatMapErrorThrowing { _ in throw RESPFailure.away("it takes no connection") }
      .flatMap { _ in
        var hello: [UInt8] = []
        RESPValue.command([Array("HELLO".utf8), Array("3".utf8)]).write(into: &hello)
        return link.ask(hello, answers: 1)
      }
      .flatMapThrowing { values in
        // A server of version 2 does not know the word, and goes on as it was.
        if case .failure(let text)? = values.first, !text.starts(with: Array("ERR".utf8)), !text.starts(with: Array("NOPROTO".utf8)) {
          link.close()
          throw RESPFailure.away("it answers \(Self.shown(text))")
        }
        return link
      }
      .flatMapErrorThrowing { error in
        // Nothing of anybody's was sent yet.
        if case RESPFailure.away = error { throw error }
        throw RESPFailure.away("it does not say hello")
      }
  }

  private func note(_ result: Result<RESPLink, any Error>, of kind: Kind) {
    state.withLock { state in
      state[kind].connecting = nil
      switch result {
      case .success(let link):
        state[kind].link = link
        state[kind].failures = 0
      case .failure:
        state[kind].failures += 1
        let longest = min(Self.longestPauseMilliseconds, 50 << Int64(min(10, state[kind].failures)))
        state[kind].notBefore = .now() + .milliseconds(Int64.random(in: longest / 2...longest))
      }
    }
  }
}
