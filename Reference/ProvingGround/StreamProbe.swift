// A server that uses every form of exchange, to prove that the hosts mean the same by each.
//
// GET /echo             a WebSocket that sends every message back, as its credit goes
// GET /small            the same for messages of at most 100 bytes
// GET /closing          a WebSocket that does what its message says: "finish CODE REASON" or "abort CODE REASON"
// GET /greedy           a WebSocket that answers a message with more than its credit, and then with one more
// GET /refused          asked for as a WebSocket, answers 404 and "no" in a stream; GET /refused-whole as a whole
// GET /closed           answers code and reason of the last WebSocket that its peer closed, or that broke
// POST /events          answers the lines of the body as server-sent events, in a stream
// POST /echo            answers the body
// POST /upload          takes the body as a stream, granting slowly; answers "bytes sum overrun" in decimal
// GET /download?N       answers N bytes (`StreamProbe.byte(at:)`) as a stream, within its credit
// GET /wait             is never answered
// GET /waiting          answers how many /wait are open
// GET /abandoned        answers how often /wait was abandoned
// GET /uploading        answers how many uploads are open
// GET /aborted          answers how many streams were broken off by the peer
// GET /deadline         answers the milliseconds that its caller still waits, or "never"
// Anything else is 404. Limits: whole bodies up to 1 MiB, messages as long as any host takes, downloads up to 64 MiB.

import Vocabulary
import Wire

/// The server of the proof.
public struct StreamProbe: Machine {
  /// What a slow reader grants at once, in bytes.
  static let grantBytes = 32_768
  private static let grantPause = TimeSpan.milliseconds(1)
  private static let chunkBytes = 8_192

  private struct Echo {
    var credit = initialStreamCreditBytes
    var waiting: [(bytes: [UInt8], isText: Bool)] = []
    var isPeerFinished = false
  }

  private struct Upload {
    var bytes: UInt64 = 0
    var sum = StreamSum()
    /// Bytes that came beyond what was granted: the host's fault.
    var overrun: UInt64 = 0
    var granted = initialStreamCreditBytes
    var ungranted = 0
  }

  private struct Download {
    var left: Int
    var offset = 0
    var credit = initialStreamCreditBytes
  }

  private var echoes: [ExchangeID: Echo] = [:]
  private var uploads: [ExchangeID: Upload] = [:]
  private var downloads: [ExchangeID: Download] = [:]
  private var grants: [TimerID: ExchangeID] = [:]
  private var waits: Set<ExchangeID> = []
  private var abandoned: UInt64 = 0
  private var aborted: UInt64 = 0
  /// WebSockets to /closing and /greedy.
  private var closing: Set<ExchangeID> = []
  private var greedy: Set<ExchangeID> = []
  private var lastClosure: StreamClosure?

  /// A server that nobody has called yet.
  public init() {}

  /// The byte at `offset` of every download.
  public static func byte(at offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: offset &* 31 &+ (offset >> 8)) }

  public func start(_ turn: inout Turn) throws(StartRefusal) {}

  public func intake(_ head: RequestHead) -> Intake {
    switch (head.method, head.target) {
    case (.get, "/echo"): .webSocket(limitBytes: StreamLimits().messageBytes)
    case (.get, "/small"): .webSocket(limitBytes: 100)
    case (.get, "/closing"), (.get, "/greedy"), (.get, "/refused"), (.get, "/refused-whole"): .webSocket(limitBytes: 1_000)
    case (.post, "/upload"): .stream
    default: .whole(limitBytes: 1_048_576)
    }
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, let request): answer(id, request, &turn)
    case .abandoned(let id): if waits.remove(id) != nil { abandoned += 1 }
    case .timer(let id): if let upload = grants.removeValue(forKey: id) { grantMore(upload, &turn) }
    case .stream(let id, let streamEvent): handle(streamEvent, of: id, &turn)
    case .response, .failed, .message, .durable, .completed: break
    }
  }

  private mutating func answer(_ id: ExchangeID, _ request: Request, _ turn: inout Turn) {
    switch (request.head.method, request.head.target) {
    case (.post, "/echo"): turn.reply(id, Response(status: 200, body: request.body))
    case (.get, "/wait"): waits.insert(id)
    case (.get, "/waiting"): turn.reply(id, text(String(waits.count)))
    case (.get, "/uploading"): turn.reply(id, text(String(uploads.count)))
    case (.get, "/abandoned"): turn.reply(id, text(String(abandoned)))
    case (.get, "/closed"): turn.reply(id, text(lastClosure?.description ?? "none"))
    case (.post, "/events"):
      turn.accept(id, ResponseHead(status: 200, headers: ["content-type": EventStreamWriter.contentType]))
      for (number, line) in request.body.split(separator: 0x0A).enumerated() {
        turn.send([id], EventStreamWriter.event(type: "line", id: String(number), String(decoding: line, as: UTF8.self)))
      }
      turn.finish(id)
    case (.get, "/aborted"): turn.reply(id, text(String(aborted)))
    case (.get, "/deadline"):
      let left = request.deadline == .never ? "never" : String(request.deadline.remaining(at: turn.now).milliseconds)
      turn.reply(id, text(left))
    case (.get, let target) where target.hasPrefix("/download?"):
      guard let count = Int(target.dropFirst("/download?".utf8.count)), (0...67_108_864).contains(count) else {
        turn.reply(id, Response(status: 400))
        return
      }
      turn.accept(id, ResponseHead(status: 200))
      downloads[id] = Download(left: count)
      sendDownload(id, &turn)
    default: turn.reply(id, Response(status: 404))
    }
  }

  private func text(_ body: String) -> Response { Response(status: 200, headers: ["content-type": "text/plain"], body: Array(body.utf8)) }

  private mutating func handle(_ event: StreamEvent, of id: ExchangeID, _ turn: inout Turn) {
    switch event {
    case .opened(let head, let webSocket, _):
      if webSocket && head.target == "/refused" {
        turn.accept(id, ResponseHead(status: 404))
        turn.send([id], Array("no".utf8))
        turn.finish(id)
      } else if webSocket && head.target == "/refused-whole" {
        turn.reply(id, Response(status: 404, body: Array("no".utf8)))
      } else if webSocket {
        turn.accept(id, ResponseHead(status: 101))
        switch head.target {
        case "/closing": closing.insert(id)
        case "/greedy": greedy.insert(id)
        default: echoes[id] = Echo()
        }
      } else {
        uploads[id] = Upload()
      }
    case .accepted: break
    case .received(let bytes, let isText):
      if uploads[id] != nil {
        receiveUpload(id, bytes, &turn)
      } else if closing.contains(id) {
        close(id, bytes, &turn)
      } else if greedy.contains(id) {
        // One message may go beyond the credit; the next one must not.
        turn.send([id], [UInt8](repeating: 0x67, count: initialStreamCreditBytes + 1))
        turn.send([id], [0x67])
      } else {
        receiveEcho(id, bytes, isText: isText, &turn)
      }
    case .credit(let bytes):
      echoes[id]?.credit += bytes
      downloads[id]?.credit += bytes
      if echoes[id] != nil { sendEchoes(id, &turn) }
      if downloads[id] != nil { sendDownload(id, &turn) }
    case .finished(let closure):
      if echoes[id] != nil || closing.remove(id) != nil || greedy.remove(id) != nil { lastClosure = closure }
      if let upload = uploads.removeValue(forKey: id) {
        turn.reply(id, text("\(upload.bytes) \(upload.sum.value) \(upload.overrun)"))
      }
      echoes[id]?.isPeerFinished = true
      if echoes[id] != nil { sendEchoes(id, &turn) }
    case .aborted(let closure):
      aborted += 1
      if echoes[id] != nil || closing.remove(id) != nil || greedy.remove(id) != nil { lastClosure = closure }
      echoes[id] = nil
      uploads[id] = nil
      downloads[id] = nil
    }
  }

  // MARK: - Echo

  private mutating func receiveEcho(_ id: ExchangeID, _ bytes: [UInt8], isText: Bool, _ turn: inout Turn) {
    guard echoes[id] != nil else { return }
    echoes[id]?.waiting.append((bytes, isText))
    sendEchoes(id, &turn)
  }

  private mutating func sendEchoes(_ id: ExchangeID, _ turn: inout Turn) {
    guard var echo = echoes[id] else { return }
    var sent = 0
    for message in echo.waiting {
      guard echo.credit > 0 else { break }
      echo.credit -= message.bytes.count
      turn.send([id], message.bytes, isText: message.isText)
      // What has been sent back makes room for as much again.
      turn.grant(id, message.bytes.count)
      sent += 1
    }
    echo.waiting.removeFirst(sent)
    if echo.isPeerFinished {
      turn.finish(id)
      echoes[id] = nil
    } else {
      echoes[id] = echo
    }
  }

  // MARK: - Closing

  private mutating func close(_ id: ExchangeID, _ bytes: [UInt8], _ turn: inout Turn) {
    let words = bytes.split(separator: UInt8(ascii: " "), maxSplits: 2).map(Array.init)
    guard words.count == 3, let code = UInt16(String(decoding: words[1], as: UTF8.self)),
      let closure = StreamClosure(code: code, reason: words[2])
    else { return turn.abort(id, .unsupportedData) }
    if words[0] == Array("abort".utf8) {
      closing.remove(id)
      turn.abort(id, closure)
    } else {
      turn.finish(id, closure)
    }
  }

  // MARK: - Upload

  private mutating func receiveUpload(_ id: ExchangeID, _ bytes: [UInt8], _ turn: inout Turn) {
    guard var upload = uploads[id] else { return }
    upload.bytes += UInt64(bytes.count)
    upload.sum.add(bytes)
    upload.granted -= bytes.count
    if upload.granted < 0 { upload.overrun = max(upload.overrun, UInt64(-upload.granted)) }
    if upload.ungranted == 0 { grants[turn.wake(after: Self.grantPause)] = id }
    upload.ungranted += bytes.count
    uploads[id] = upload
  }

  private mutating func grantMore(_ id: ExchangeID, _ turn: inout Turn) {
    guard var upload = uploads[id] else { return }
    let bytes = min(upload.ungranted, Self.grantBytes)
    turn.grant(id, bytes)
    upload.granted += bytes
    upload.ungranted -= bytes
    if upload.ungranted > 0 { grants[turn.wake(after: Self.grantPause)] = id }
    uploads[id] = upload
  }

  // MARK: - Download

  private mutating func sendDownload(_ id: ExchangeID, _ turn: inout Turn) {
    guard var download = downloads[id] else { return }
    while download.left > 0, download.credit > 0 {
      let count = min(download.left, Self.chunkBytes)
      turn.send([id], (download.offset..<download.offset + count).map { Self.byte(at: $0) })
      download.offset += count
      download.left -= count
      download.credit -= count
    }
    if download.left == 0 {
      turn.finish(id)
      downloads[id] = nil
    } else {
      downloads[id] = download
    }
  }
}

/// A sum that depends on the order of the bytes (Adler-32's, without its reduction of the input length).
public struct StreamSum: Hashable, Sendable {
  private var low: UInt32 = 1
  private var high: UInt32 = 0

  /// The sum of nothing.
  public init() {}

  /// Adds bytes at the end.
  public mutating func add(_ bytes: [UInt8]) {
    for byte in bytes {
      low = (low + UInt32(byte)) % 65_521
      high = (high + low) % 65_521
    }
  }

  /// The sum so far.
  public var value: UInt32 { high << 16 | low }
}
