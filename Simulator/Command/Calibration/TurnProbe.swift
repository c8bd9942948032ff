// What turns cost on the real host: CPU time of the server's thread for each request, message and byte, told by the
// thread's own clock from within its turns. The callers stand on another loop, so that their work is not counted.

import Foundation
import Live
import Vocabulary

extension Fact {
  /// A figure of a calibration: CPU nanoseconds for each of 1,024 events.
  fileprivate static let calibration = Fact("calibration/cpu")
}

/// CPU time that the calling thread has used, in nanoseconds.
private func threadNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Counts events on a thread, and the CPU time between the first of them that counts and the last.
private struct Meter {
  let warmup: Int
  let count: Int
  private var seen = 0
  private var began: UInt64 = 0

  init(warmup: Int, count: Int) {
    self.warmup = warmup
    self.count = count
  }

  /// One event more; the CPU time of 1,024 of them once all were seen.
  mutating func see() -> UInt64? {
    seen += 1
    if seen == warmup { began = threadNanoseconds() }
    return seen == warmup + count ? (threadNanoseconds() - began) * 1_024 / UInt64(count) : nil
  }
}

/// Answers requests and messages, and states what they cost.
private struct MeteredServer: Machine {
  var meter: Meter

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let id, _): turn.reply(id, Response(status: 200, body: [111, 107]))
    case .message(let from, let bytes): turn.message(to: from, bytes)
    case .response, .failed, .abandoned, .timer, .durable, .completed, .stream: return
    }
    if let nanoseconds = meter.see() { turn.observe(.calibration, value: nanoseconds) }
  }
}

/// Keeps a number of requests, or messages, under way.
private struct Asker: Machine {
  let server: NodeID
  let bodyBytes: Int
  let window: Int
  let isMessages: Bool

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for _ in 0..<window { ask(&turn) }
    // A message may be lost: others take its place.
    if isMessages { _ = turn.wake(after: .milliseconds(50)) }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .response, .failed, .message: ask(&turn)
    case .timer:
      ask(&turn)
      _ = turn.wake(after: .milliseconds(50))
    case .request, .abandoned, .durable, .completed, .stream: break
    }
  }

  private func ask(_ turn: inout Turn) {
    let bytes = [UInt8](repeating: 120, count: bodyBytes)
    if isMessages {
      turn.message(to: server, bytes)
    } else {
      _ = turn.call(Endpoint(server), Request(.post, "/", body: bytes, deadline: Deadline(turn.now + .seconds(5))))
    }
  }
}

/// Wakes itself as soon as it can.
private struct Waker: Machine {
  var meter: Meter

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .zero) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    if let nanoseconds = meter.see() { turn.observe(.calibration, value: nanoseconds) }
    _ = turn.wake(after: .zero)
  }
}

/// Waits for the figure of a probe; safe on any thread.
private final class Figure: Recorder, @unchecked Sendable {
  // Guarded by `lock`.
  private var value: UInt64?
  private let lock = NSLock()

  func record(_ exchange: ExchangeRecord) {}
  func record(_ stream: StreamRecord) {}
  func record(_ defect: DefectRecord) {}
  func record(_ observation: ObservationRecord) {
    if observation.observation.fact == .calibration { lock.withLock { value = observation.observation.value } }
  }

  var nanoseconds: Double? { lock.withLock { value.map { Double($0) / 1_024 } } }
}

/// Measures turns on the real host.
enum TurnProbe {
  /// CPU nanoseconds of the server's thread for each of `count` requests, or messages, of so many bytes; nil where that
  /// took more than 30 s.
  static func cpuNanoseconds(bodyBytes: Int, isMessages: Bool = false, count: Int) async throws -> Double? {
    let (server, asker) = (NodeID(0), NodeID(1))
    let address = NetworkAddress.ephemeral
    return try await figure(
      of: [
        LiveNodeSpecification(server, name: "server", listen: address, peerListen: isMessages ? address : nil) {
          MeteredServer(meter: Meter(warmup: max(1, count / 5), count: count))
        },
        LiveNodeSpecification(asker, name: "asker", peerListen: isMessages ? address : nil) {
          Asker(server: server, bodyBytes: bodyBytes, window: 16, isMessages: isMessages)
        },
      ])
  }

  /// CPU nanoseconds of each of `count` turns that take a timer; nil where that took more than 30 s.
  static func timerNanoseconds(count: Int) async throws -> Double? {
    try await figure(
      of: [LiveNodeSpecification(NodeID(0), name: "waker") { Waker(meter: Meter(warmup: max(1, count / 5), count: count)) }])
  }

  /// What a node of these states, each of which stands on a loop of its own.
  private static func figure(of nodes: [LiveNodeSpecification]) async throws -> Double? {
    var configuration = LiveConfiguration()
    configuration.loops = nodes.count
    let figure = Figure()
    let host = try LiveHost(nodes, configuration, recorder: figure)
    try await host.start()
    for _ in 0..<3_000 where figure.nanoseconds == nil { try await Task.sleep(nanoseconds: 10_000_000) }
    await host.stop(grace: .zero)
    return figure.nanoseconds
  }

  /// The time of a byte's way through the loopback device and back, halved, in nanoseconds: the median of `count`
  /// exchanges of one byte between two blocking sockets.
  static func loopbackNanoseconds(count: Int) -> Double? {
    var pair: [Int32] = [0, 0]
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard listener >= 0 else { return nil }
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let size = length
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, size) == 0 && listen(listener, 1) == 0 && getsockname(listener, address, &length) == 0
      }
    }
    guard isListening else { return nil }
    pair[0] = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard pair[0] >= 0 else { return nil }
    defer { close(pair[0]) }
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(pair[0], $0, size) == 0 }
    }
    guard isConnected else { return nil }
    pair[1] = accept(listener, nil, nil)
    guard pair[1] >= 0 else { return nil }
    defer { close(pair[1]) }
    var flag: Int32 = 1
    for end in pair { setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &flag, socklen_t(MemoryLayout<Int32>.size)) }
    let echo = pair[1]
    Thread.detachNewThread {
      var byte: UInt8 = 0
      for _ in 0..<count where read(echo, &byte, 1) == 1 { _ = write(echo, &byte, 1) }
    }
    var samples: [UInt64] = []
    var byte: UInt8 = 7
    for _ in 0..<count {
      let start = DispatchTime.now().uptimeNanoseconds
      guard write(pair[0], &byte, 1) == 1, read(pair[0], &byte, 1) == 1 else { return nil }
      samples.append(DispatchTime.now().uptimeNanoseconds - start)
    }
    samples.sort()
    return Double(samples[samples.count / 2]) / 2
  }
}
