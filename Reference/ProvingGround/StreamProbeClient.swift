// A client that walks through everything `StreamProbe` serves, as a script: the one test body for both hosts.
//
// After each step it states `observe(.probe, subject: step, value: 1 held / 0 failed)`, and at the end subject 0 with 1
// if all held. Each step has a time limit of its own, so that the script always ends. Steps are numbered in the order
// of `Step`.

import Vocabulary
import Wire

/// The client of the proof.
public struct StreamProbeClient: Machine {
  /// One step of the script; the raw value is the subject of its observation.
  public enum Step: UInt64, CaseIterable, Sendable {
    /// A whole request and its whole answer.
    case wholeEcho = 1
    /// A deadline crosses as the time that is left.
    case deadline
    /// A WebSocket: texts and bytes come back whole and in order, and both sides close.
    case webSocket
    /// A streamed request body, longer than any credit, to a slow reader.
    case upload
    /// A streamed answer, read slowly.
    case download
    /// A long poll that is given up: the server must notice.
    case abandonedPoll
    /// A stream that is broken off in the middle: the server must notice.
    case abortedUpload
    /// A message far longer than any credit, there and back.
    case longMessage
    /// The server closes with a code and a reason, in both ways that there are.
    case closedByServer, abortedByServer
    /// This client closes with a code and a reason: the server must hear both.
    case closedByClient
    /// The host closes where a message is longer than the server takes, or is no text.
    case tooLongMessage, wrongText
    /// The server sends without credit: that stream is aborted, and nothing else.
    case overdrawn
    /// A whole request, answered by server-sent events.
    case eventStream
    /// A WebSocket that is refused, by a streamed answer and by a whole one: what this client sends before and after it
    /// hears of that goes nowhere, is as good as taken, and is no defect.
    case refusedSocket, refusedSocketWhole
  }

  private static let stepLimit = TimeSpan.seconds(30)
  private static let pollPause = TimeSpan.milliseconds(20)
  private static let messages = 40
  private static let chunkBytes = 4_096

  private let server: Endpoint
  private let uploadBytes: Int
  private let downloadBytes: Int
  private let longMessageBytes: Int
  private var step: Step?
  private var allHeld = true
  private var exchange: ExchangeID?
  /// A question beside `exchange`: whether the server has it, and later whether it noticed that it was given up.
  private var question: ExchangeID?
  private var limit: TimerID?
  private var pause: TimerID?
  private var hasGivenUp = false
  private var credit = 0
  /// Events that told of credit, and bytes sent.
  private var credits = 0
  private var sentBytes = 0
  private var events = EventStreamReader()
  private var eventsRead: [ServerSentEvent] = []
  private var sent = 0
  private var received = 0
  private var sum = StreamSum()
  private var isAccepted = false
  private var answer: [UInt8] = []

  /// A client of the `StreamProbe` at `server`, which uploads and downloads this many bytes, and sends one message of so
  /// many.
  public init(server: Endpoint, uploadBytes: Int = 1_000_000, downloadBytes: Int = 600_000, longMessageBytes: Int = 300_000) {
    self.server = server
    self.longMessageBytes = longMessageBytes
    self.uploadBytes = uploadBytes
    self.downloadBytes = downloadBytes
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { begin(.wholeEcho, &turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response(let id, let response):
      if id == question { learned(response, &turn) } else if id == exchange { responded(response, &turn) }
    case .failed(let id, _): if id == exchange || id == question { end(held: false, &turn) }
    case .timer(let id):
      if id == limit { end(held: false, &turn) }
      if id == pause { pauseEnded(&turn) }
    case .stream(let id, let streamEvent): if id == exchange { handle(streamEvent, of: id, &turn) }
    case .request(let id, _): turn.reply(id, Response(status: 404))
    case .abandoned, .message, .durable, .completed: break
    }
  }

  // MARK: - The script

  private mutating func begin(_ next: Step, _ turn: inout Turn) {
    step = next
    credit = initialStreamCreditBytes
    sent = 0
    received = 0
    sum = StreamSum()
    isAccepted = false
    answer = []
    hasGivenUp = false
    credits = 0
    sentBytes = 0
    eventsRead = []
    limit = turn.wake(after: Self.stepLimit)
    switch next {
    case .wholeEcho: exchange = turn.call(server, Request(.post, "/echo", body: pattern(0..<5_000)))
    case .deadline: exchange = turn.call(server, Request(.get, "/deadline", deadline: Deadline(turn.now + .seconds(5))))
    case .webSocket: exchange = turn.open(server, RequestHead(method: .get, target: "/echo"), webSocket: true)
    case .upload, .abortedUpload:
      exchange = turn.open(server, RequestHead(method: .post, target: "/upload"))
      upload(&turn)
    case .download:
      let id = turn.open(server, RequestHead(method: .get, target: "/download?\(downloadBytes)"))
      exchange = id
      turn.finish(id)
    case .abandonedPoll:
      exchange = turn.call(server, Request(.get, "/wait"))
      pause = turn.wake(after: Self.pollPause)
    case .longMessage, .closedByClient: exchange = turn.open(server, RequestHead(method: .get, target: "/echo"), webSocket: true)
    case .closedByServer, .abortedByServer:
      exchange = turn.open(server, RequestHead(method: .get, target: "/closing"), webSocket: true)
    case .tooLongMessage, .wrongText: exchange = turn.open(server, RequestHead(method: .get, target: "/small"), webSocket: true)
    case .overdrawn: exchange = turn.open(server, RequestHead(method: .get, target: "/greedy"), webSocket: true)
    case .refusedSocket, .refusedSocketWhole:
      let target = next == .refusedSocket ? "/refused" : "/refused-whole"
      let id = turn.open(server, RequestHead(method: .get, target: target), webSocket: true)
      exchange = id
      turn.send([id], [UInt8](repeating: 0x61, count: initialStreamCreditBytes))
      credit = 0
    case .eventStream:
      events = EventStreamReader()
      exchange = turn.open(server, Request(.post, "/events", body: Array(Self.lines.joined(separator: "\n").utf8)))
    }
  }

  private mutating func end(held: Bool, _ turn: inout Turn) {
    guard let ended = step else { return }
    if let limit { turn.cancelWake(limit) }
    if let pause { turn.cancelWake(pause) }
    if !held, let exchange { turn.cancelCall(exchange) }
    limit = nil
    pause = nil
    exchange = nil
    question = nil
    allHeld = allHeld && held
    turn.observe(.probe, subject: ended.rawValue, value: held ? 1 : 0)
    if let next = Step(rawValue: ended.rawValue + 1) {
      begin(next, &turn)
    } else {
      step = nil
      turn.observe(.probe, subject: 0, value: allHeld ? 1 : 0)
    }
  }

  // MARK: - Whole exchanges

  private mutating func responded(_ response: Response, _ turn: inout Turn) {
    let text = String(decoding: response.body, as: UTF8.self)
    switch step {
    case .wholeEcho: end(held: response.status == 200 && response.body == pattern(0..<5_000), &turn)
    case .deadline: end(held: Int64(text).map { (1...5_000).contains($0) } ?? false, &turn)
    case .webSocket, .upload, .download, .abandonedPoll, .abortedUpload, .longMessage, .closedByServer, .abortedByServer, .closedByClient,
      .tooLongMessage, .wrongText, .overdrawn, .eventStream, .refusedSocket, .refusedSocketWhole, nil:
      end(held: false, &turn)
    }
  }

  /// The server has said how many it has, or how many were given up: the step waits for one of each, in this order.
  private mutating func learned(_ response: Response, _ turn: inout Turn) {
    question = nil
    if step == .closedByClient {
      // The close that this client sent may still be on its way.
      if response.body == Array("4002 enough".utf8) { return end(held: true, &turn) }
      pause = turn.wake(after: Self.pollPause)
      return
    }
    if response.body == [UInt8(ascii: "1")] {
      if hasGivenUp { return end(held: true, &turn) }
      hasGivenUp = true
      if let exchange {
        if step == .abandonedPoll { turn.cancelCall(exchange) } else { turn.abort(exchange) }
      }
      exchange = nil
    }
    pause = turn.wake(after: Self.pollPause)
  }

  private mutating func pauseEnded(_ turn: inout Turn) {
    pause = nil
    switch step {
    case .abandonedPoll: question = turn.call(server, Request(.get, hasGivenUp ? "/abandoned" : "/waiting"))
    case .abortedUpload: question = turn.call(server, Request(.get, hasGivenUp ? "/aborted" : "/uploading"))
    case .download:
      if let exchange, answer.count > 0 { turn.grant(exchange, answer.count) }
      answer = []
    case .closedByClient: question = turn.call(server, Request(.get, "/closed"))
    case .wholeEcho, .deadline, .webSocket, .upload, .longMessage, .closedByServer, .abortedByServer, .tooLongMessage, .wrongText,
      .overdrawn, .eventStream, .refusedSocket, .refusedSocketWhole, nil:
      break
    }
  }

  // MARK: - Streams

  private mutating func handle(_ event: StreamEvent, of id: ExchangeID, _ turn: inout Turn) {
    switch event {
    case .opened: end(held: false, &turn)
    case .accepted(let head): accepted(head, &turn)
    case .received(let bytes, let isText): receive(bytes, isText: isText, id, &turn)
    case .credit(let bytes):
      credit += bytes
      credits += 1
      // The host tells the whole credit, and only where this client was blocked.
      guard credit == initialStreamCreditBytes, credit - bytes <= 0 else { return end(held: false, &turn) }
      if step == .upload { upload(&turn) }
      if step == .webSocket && isAccepted { sendMessages(&turn) }
      if step == .refusedSocket || step == .refusedSocketWhole {
        turn.send([id], [0x62], isText: true)
        turn.finish(id, .goingAway)
      }
    case .finished(let closure): finished(id, closure, &turn)
    case .aborted: end(held: false, &turn)
    }
  }

  private mutating func accepted(_ head: ResponseHead, _ turn: inout Turn) {
    isAccepted = true
    guard let id = exchange else { return }
    let expected =
      switch step {
      case .webSocket, .longMessage, .closedByServer, .abortedByServer, .closedByClient, .tooLongMessage, .wrongText, .overdrawn: 101
      case .wholeEcho, .deadline, .upload, .download, .abandonedPoll, .abortedUpload, .eventStream, nil: 200
      case .refusedSocket, .refusedSocketWhole: 404
      }
    guard head.status == expected else { return end(held: false, &turn) }
    switch step {
    case .webSocket: sendMessages(&turn)
    case .longMessage:
      turn.send([id], longMessage)
      credit -= longMessageBytes
    case .closedByServer: turn.send([id], Array("finish 4001 because".utf8), isText: true)
    case .abortedByServer: turn.send([id], Array("abort 4003 at once".utf8), isText: true)
    case .closedByClient: if let closure = StreamClosure(code: 4_002, reason: Array("enough".utf8)) { turn.finish(id, closure) }
    case .tooLongMessage: turn.send([id], [UInt8](repeating: 0x61, count: 101))
    case .wrongText: turn.send([id], [0x61, 0xC3, 0x28], isText: true)
    case .overdrawn: turn.send([id], [0x61])
    case .eventStream:
      if head.headers["content-type"] != EventStreamWriter.contentType { end(held: false, &turn) }
    case .wholeEcho, .deadline, .upload, .download, .abandonedPoll, .abortedUpload, .refusedSocket, .refusedSocketWhole, nil: break
    }
  }

  private mutating func receive(_ bytes: [UInt8], isText: Bool, _ id: ExchangeID, _ turn: inout Turn) {
    switch step {
    case .webSocket:
      guard received < Self.messages, bytes == message(received), isText == (received % 2 == 0) else { return end(held: false, &turn) }
      received += 1
      turn.grant(id, bytes.count)
      if received == Self.messages { turn.finish(id) }
    case .download:
      sum.add(bytes)
      received += bytes.count
      // Granted later and together: the server runs out of credit meanwhile.
      answer += bytes
      if pause == nil { pause = turn.wake(after: .milliseconds(2)) }
    case .upload, .abortedUpload, .refusedSocket, .refusedSocketWhole: answer += bytes
    case .longMessage:
      guard bytes == longMessage, !isText else { return end(held: false, &turn) }
      received += 1
      turn.grant(id, bytes.count)
      turn.finish(id)
    case .overdrawn:
      // The one message that goes beyond the credit comes, and nothing behind it.
      guard bytes.count == initialStreamCreditBytes + 1, received == 0 else { return end(held: false, &turn) }
      received += 1
      turn.grant(id, bytes.count)
    case .eventStream:
      do { eventsRead += try events.receive(bytes) } catch { end(held: false, &turn) }
      turn.grant(id, bytes.count)
    case .wholeEcho, .deadline, .abandonedPoll, .closedByServer, .abortedByServer, .closedByClient, .tooLongMessage, .wrongText, nil:
      end(held: false, &turn)
    }
  }

  private mutating func finished(_ id: ExchangeID, _ closure: StreamClosure, _ turn: inout Turn) {
    switch step {
    case .webSocket:
      end(held: received == Self.messages && closure == .normal && credits <= sentBytes / initialStreamCreditBytes, &turn)
    case .upload:
      let expected = "\(uploadBytes) \(expectedSum(uploadBytes)) 0"
      end(held: isAccepted && String(decoding: answer, as: UTF8.self) == expected, &turn)
    case .download: end(held: received == downloadBytes && sum.value == expectedSum(downloadBytes), &turn)
    case .longMessage: end(held: received == 1 && closure == .normal, &turn)
    case .closedByServer: end(held: closure == StreamClosure(code: 4_001, reason: Array("because".utf8)), &turn)
    case .abortedByServer: end(held: closure == StreamClosure(code: 4_003, reason: Array("at once".utf8)), &turn)
    case .closedByClient: pause = turn.wake(after: Self.pollPause)
    case .tooLongMessage: end(held: closure == .messageTooLarge, &turn)
    case .wrongText: end(held: closure == .invalidPayload, &turn)
    case .overdrawn: end(held: received == 1 && closure == .internalError, &turn)
    case .eventStream:
      let expected = Self.lines.enumerated().map { ServerSentEvent(type: "line", data: $0.element, lastEventID: String($0.offset)) }
      end(held: eventsRead == expected, &turn)
    case .refusedSocket, .refusedSocketWhole:
      end(held: isAccepted && credits == 1 && answer == Array("no".utf8) && closure == .normal, &turn)
    case .wholeEcho, .deadline, .abandonedPoll, .abortedUpload, nil: end(held: false, &turn)
    }
  }

  /// Sends what is left of the upload, as far as the credit goes; a broken-off one stops half-way.
  private mutating func upload(_ turn: inout Turn) {
    guard let id = exchange else { return }
    let end = step == .abortedUpload ? 20_000 : uploadBytes
    while sent < end, credit > 0 {
      let count = min(Self.chunkBytes, end - sent)
      turn.send([id], pattern(sent..<sent + count))
      sent += count
      credit -= count
    }
    if sent == end && step == .upload {
      turn.finish(id)
      sent += 1
    }
    if sent == end && step == .abortedUpload && pause == nil { pause = turn.wake(after: Self.pollPause) }
  }

  private mutating func sendMessages(_ turn: inout Turn) {
    guard let id = exchange else { return }
    while sent < Self.messages {
      let next = message(sent)
      guard credit > 0 else { return }
      turn.send([id], next, isText: sent % 2 == 0)
      credit -= next.count
      sentBytes += next.count
      sent += 1
    }
  }

  // MARK: - Contents

  private static let lines = (0..<200).map { "line \($0): \(String(repeating: "x", count: $0))" }

  private var longMessage: [UInt8] { [UInt8](repeating: 0x6C, count: longMessageBytes) }

  private func message(_ number: Int) -> [UInt8] { Array(repeating: UInt8(ascii: "a") + UInt8(number % 26), count: number * 200) }

  private func pattern(_ range: Range<Int>) -> [UInt8] { range.map { StreamProbe.byte(at: $0) } }

  private func expectedSum(_ count: Int) -> UInt32 {
    var expected = StreamSum()
    expected.add(pattern(0..<count))
    return expected.value
  }
}
