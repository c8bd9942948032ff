// A small mail server for tests, with manners that the test chooses, and what submits mail to it.

import Glibc
import Hosting
import Live
import Synchronization
import Vocabulary

/// Whom a mail server speaks with, in the clear or by TLS.
protocol MailPeer: AnyObject {
  /// The next line, without its end; nil where none comes.
  func readLine() -> String?
  func say(_ text: String)
  func close()
}

/// A mail server that says what the test wants, one connection after the other, on a thread of its own.
final class MailServer: Sendable {
  /// What it says where it says not what is usual; an answer without text closes the connection.
  struct Manners: Sendable {
    var greeting = "220 mail.test ready"
    var offers = ["SIZE 1000000", "8BITMIME"]
    /// What it offers once TLS is spoken.
    var securedOffers = ["SIZE 1000000", "8BITMIME"]
    var answers: [String: String] = [:]
    var afterData = "250 taken"
    /// Says nothing any more from this command on.
    var silentAt: String?
    /// Has the connection speak TLS, behind its answer to STARTTLS or at once; nil where the handshake came to nothing.
    var secure: (@Sendable (RawClient) -> (any MailPeer)?)?
    /// Whether it speaks TLS from the first byte.
    var isSecuredAtOnce = false
    /// What it says in the clear before the handshake, and so many microseconds behind what came before.
    var injected = ""
    var injectedAfterMicroseconds: Double = 0
  }

  let port: Int
  private let lines = Mutex<[(text: String, isSecured: Bool)]>([])

  /// What it was told, command by command and line by line.
  var heard: [String] { lines.withLock { $0.map(\.text) } }
  /// What of it came by TLS.
  var heardSecured: [String] { lines.withLock { $0.filter(\.isSecured).map(\.text) } }
  /// What of it came in the clear.
  var heardInTheClear: [String] { lines.withLock { $0.filter { !$0.isSecured }.map(\.text) } }

  init(_ manners: Manners = Manners(), connections: Int = 1) throws {
    let listener = try RawServer()
    port = listener.port
    let held = Held(listener)
    TestThread.start { [self] in
      for _ in 0..<connections {
        // Who connects may have to wait for its turn among all tests.
        guard let client = held.listener.accept(patienceMilliseconds: 900_000) else { return }
        client.patienceMilliseconds = 900_000
        serve(client, manners)
      }
    }
  }

  /// Speaks TLS from now on; nil where that came to nothing.
  private func secured(_ client: RawClient, _ manners: Manners) -> (any MailPeer)? {
    if !manners.injected.isEmpty {
      // A sleep is too long for what is to come just before the handshake.
      let clock = ContinuousClock()
      let end = clock.now + .microseconds(manners.injectedAfterMicroseconds)
      while clock.now < end {}
      client.send(manners.injected)
    }
    return manners.secure?(client)
  }

  private func serve(_ client: RawClient, _ manners: Manners) {
    var peer: any MailPeer = client
    var isSecured = false
    if manners.isSecuredAtOnce {
      guard let next = secured(client, manners) else { return client.close() }
      (peer, isSecured) = (next, true)
    }
    peer.say("\(manners.greeting)\r\n")
    while let line = peer.readLine() {
      lines.withLock { $0.append((line, isSecured)) }
      if let silent = manners.silentAt, line.hasPrefix(silent) {
        _ = peer.readLine()
        return
      }
      if let known = manners.answers.first(where: { line.hasPrefix($0.key) }) {
        guard !known.value.isEmpty else { return client.close() }
        peer.say("\(known.value)\r\n")
        if !known.value.hasPrefix("354") { continue }
      } else if line.hasPrefix("EHLO") {
        let said = ["mail.test"] + (isSecured ? manners.securedOffers : manners.offers)
        for (place, offer) in said.enumerated() { peer.say("250\(place == said.count - 1 ? " " : "-")\(offer)\r\n") }
        continue
      } else if line == "STARTTLS", !isSecured, manners.secure != nil {
        let isAtOnce = manners.injectedAfterMicroseconds == 0
        peer.say("220 go on\r\n\(isAtOnce ? manners.injected : "")")
        var manners = manners
        if isAtOnce { manners.injected = "" }
        guard let next = secured(client, manners) else { return client.close() }
        (peer, isSecured) = (next, true)
        continue
      } else if line != "DATA" {
        peer.say(line == "QUIT" ? "221 bye\r\n" : "250 fine\r\n")
        continue
      } else {
        peer.say("354 go on\r\n")
      }
      while let text = peer.readLine(), text != "." { lines.withLock { $0.append((text, isSecured)) } }
      guard !manners.afterData.isEmpty else { return client.close() }
      peer.say("\(manners.afterData)\r\n")
    }
  }
}

/// Hands a listener to the thread that uses it alone.
private final class Held: @unchecked Sendable {
  let listener: RawServer
  init(_ listener: RawServer) { self.listener = listener }
}

/// A thread of a test's own.
enum TestThread {
  static func start(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Body(body))
    pthread_create(
      &thread, nil,
      { raw in
        guard let raw else { return nil }
        Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    pthread_detach(thread)
  }

  private final class Body {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}

/// Has the requests made of an adapter, all at once; returns those answers that came.
func answersOfAdapter(
  to requests: [Request], by mail: SMTPConfiguration, _ live: LiveConfiguration, within: TimeSpan? = nil
) async throws -> [Response] {
  var configuration = live
  configuration.adapters[Endpoint(9)] = SMTPAdapter(mail)
  let kept = KeptRecords()
  let host = try LiveHost(
    [LiveNodeSpecification(NodeID(0), name: "caller", isRecorded: true) { MailingMachine(requests: requests, within: within) }],
    configuration, recorder: kept)
  try await host.start()
  _ = try await eventually { kept.records.exchanges.count == requests.count }
  await host.stop(grace: .zero)
  return kept.records.exchanges.compactMap { record in
    if case .answered(let response) = record.outcome { response } else { nil }
  }
}

/// Makes all requests at once.
private struct MailingMachine: Machine {
  let requests: [Request]
  let within: TimeSpan?

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for var request in requests {
      if let within { request.deadline = Deadline(turn.now + within) }
      _ = turn.call(Endpoint(9), request)
    }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {}
}

extension RawClient: MailPeer {
  func say(_ text: String) { send(text) }
  func readLine() -> String? { mailLine { read(1).first } }
}

/// The line that `next` gives byte by byte, without its end; nil where none comes.
func mailLine(_ next: () -> UInt8?) -> String? {
  var line: [UInt8] = []
  while let byte = next() {
    if byte == 10 {
      if line.last == 13 { line.removeLast() }
      return String(decoding: line, as: UTF8.self)
    }
    line.append(byte)
  }
  return nil
}
