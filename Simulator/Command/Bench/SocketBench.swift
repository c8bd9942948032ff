// `windtunnel bench sockets`: WebSockets of the live host beside a bare echo of SwiftNIO's on one loop, one message to
// many sockets, and the memory of idle ones.
//
// Servers and clients are processes of their own, started by this command; all traffic stays on 127.0.0.1. The client
// is the same for both servers: bare sockets, one frame under way on each connection. Limits: seconds,
// connections and rounds are bounded; the system must let a process have a descriptor for each socket.

import ArgumentParser
import Console
import Foundation
import Glibc
import Launching
import Live
import Load
import Vocabulary

struct SocketBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sockets", abstract: "WebSockets of the live host: echo beside bare SwiftNIO, one message to many, idle memory.",
    discussion: """
      Servers and clients are processes of their own; all traffic stays on 127.0.0.1. Each needs a descriptor for each socket: `ulimit -n`.

      EXAMPLES
        windtunnel bench sockets
        windtunnel bench sockets --seconds 2 --runs 1 --sockets 2000
      """)

  /// What this process is.
  enum Role: String, ExpressibleByArgument {
    case all
    case liveServer = "live-server"
    case bareServer = "bare-server"
    case echoClient = "echo-client"
    case fanClient = "fan-client"
  }

  private static let (secondsBounds, runsBounds, connectionsBounds) = (Bounds(1...60), Bounds(1...9), Bounds(1...1_000))
  /// Memory is that of what is more than a thousand of them; the rest is what one process may have open nearly
  /// everywhere.
  private static let socketsBounds = Bounds(1_001...9_500)

  @Option(help: "Seconds of each echo: \(Self.secondsBounds.words). (default: 4)", transform: { try Self.secondsBounds.read($0) })
  var seconds = 4
  @Option(
    help: "Runs of each echo, in turns; the median counts: \(Self.runsBounds.words). (default: 3)",
    transform: { try Self.runsBounds.read($0) })
  var runs = 3
  @Option(
    help: "Connections of the echo: \(Self.connectionsBounds.words). (default: 100)", transform: { try Self.connectionsBounds.read($0) })
  var connections = 100
  @Option(
    help: "Sockets that get one message, and that are idle: \(Self.socketsBounds.words). (default: 9000)",
    transform: { try Self.socketsBounds.read($0) })
  var sockets = 9_000
  @Option(help: .hidden) var role = Role.all
  @Option(help: .hidden) var port = 0

  func run() async throws {
    switch role {
    case .all: try measure()
    case .liveServer: try await serveLive()
    case .bareServer: try await serveBare()
    case .echoClient: try SocketClient(port: port, target: "/echo").echo(connections, for: Int64(seconds) * 1_000_000_000)
    case .fanClient: try SocketClient(port: port, target: "/fan").fan(sockets)
    }
  }

  // MARK: - The command

  private func measure() throws {
    SocketClient.raiseDescriptorLimit()
    Output.line(MachineText.line)
    var rates: [Role: [Double]] = [:]
    for _ in 0..<runs {
      for server in [Role.bareServer, .liveServer] { rates[server, default: []].append(try echoRate(server)) }
    }
    func median(_ role: Role) -> Double { Percentile.value(50_000, of: (rates[role] ?? []).sorted()) ?? 0 }
    let (bare, live) = (median(.bareServer), median(.liveServer))
    Output.line(
      String(
        format: "echo of 100 bytes, %d connections: bare SwiftNIO %.0f a second, live host %.0f a second, ratio %.2f (measured)",
        connections,
        bare, live, live / max(1, bare)))
    try measureFan()
  }

  private func echoRate(_ role: Role) throws -> Double {
    let server = try BenchProcess(["--role", role.rawValue])
    defer { server.end() }
    let client = try BenchProcess(
      [
        "--role", Role.echoClient.rawValue, "--port", try server.word(after: "listening"), "--connections", "\(connections)", "--seconds",
        "\(seconds)",
      ])
    defer { client.end() }
    return Double(try client.word(after: "echoes")) ?? 0
  }

  private func measureFan() throws {
    let server = try BenchProcess(["--role", Role.liveServer.rawValue])
    defer { server.end() }
    let port = try server.word(after: "listening")
    let client = try BenchProcess(["--role", Role.fanClient.rawValue, "--port", port, "--sockets", "\(sockets)"])
    defer { client.end() }
    // The client says when its first thousand stand, and when all do.
    _ = try client.word(after: "thousand")
    let few = server.residentBytes
    client.go()
    _ = try client.word(after: "all")
    let many = server.residentBytes
    client.go()
    let milliseconds = try client.word(after: "delivered")
    Output.line(
      String(
        format: "an idle socket: %.1f KiB of resident memory, as a difference of %d (measured)",
        Double(many - few) / Double(sockets - 1_000) / 1_024, sockets - 1_000))
    Output.line("one message to \(sockets) sockets, all delivered, milliseconds of each of five: \(milliseconds) (measured)")
  }

  // MARK: - Servers

  private func serveLive() async throws {
    let node = NodeID(0)
    let host = try LiveHost(
      [LiveNodeSpecification(node, name: "sockets", listen: NetworkAddress(host: "127.0.0.1", port: 0)) { SocketMachine() }])
    try await host.start()
    Output.line("listening \(host.address(of: node)?.port ?? 0)")
    try await Task.sleep(nanoseconds: 600_000_000_000)
    await host.stop()
  }

  private func serveBare() async throws {
    let echo = BareEcho()
    Output.line("listening \(try await echo.listen())")
    try await Task.sleep(nanoseconds: 600_000_000_000)
    try await echo.end()
  }
}

/// Sends every message back on /echo, and to all on /fan.
private struct SocketMachine: Machine {
  private var credits: [ExchangeID: Int] = [:]
  private var fan: [ExchangeID] = []
  private var fanSet: Set<ExchangeID> = []

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake { .webSocket(limitBytes: 65_536) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .stream(let id, let part) = event else { return }
    switch part {
    case .opened(let head, _, _):
      credits[id] = initialStreamCreditBytes
      if head.target == "/fan" {
        fan.append(id)
        fanSet.insert(id)
      }
      turn.accept(id, ResponseHead(status: 101))
    case .received(let bytes, let isText):
      turn.grant(id, bytes.count)
      if !fanSet.contains(id) {
        guard let credit = credits[id], credit > 0 else { return }
        credits[id] = credit - bytes.count
        turn.send([id], bytes, isText: isText)
      } else {
        let ready = fan.filter { credits[$0, default: 0] > 0 }
        for id in ready { credits[id, default: 0] -= bytes.count }
        turn.send(ready, bytes, isText: isText)
      }
    case .credit(let bytes): credits[id]? += bytes
    case .finished, .aborted:
      credits[id] = nil
      if fanSet.remove(id) != nil { fan.removeAll { $0 == id } }
    case .accepted: break
    }
  }
}

/// A process of this bench, whose output is read by words.
private final class BenchProcess {
  private let process: ChildProcess
  private var unread = ""

  init(_ arguments: [String]) throws {
    process = try ChildProcess(OwnCommand.program, ["bench", "sockets"] + arguments, input: .piped, output: .piped)
  }

  /// The rest of the first line that begins with `name`; bounded by the lives of the processes.
  func word(after name: String) throws -> String {
    while true {
      while let end = unread.firstIndex(of: "\n") {
        let line = unread[..<end]
        unread = String(unread[unread.index(after: end)...])
        if line.hasPrefix(name) { return String(line.dropFirst(name.count + 1)) }
      }
      let data = process.read()
      guard !data.isEmpty else { throw ValidationError("a process of the bench ended before it said \"\(name)\"") }
      unread += String(decoding: data, as: UTF8.self)
    }
  }

  /// Lets the client go on.
  func go() { process.write([UInt8(ascii: "\n")]) }

  var residentBytes: Int { ProcessFigures.residentBytes(process.id) ?? 0 }

  func end() {
    process.signal(SIGTERM)
    process.waitUntilEnd()
  }
}

/// Many WebSockets by hand: frames of 100 bytes over bare sockets.
private struct SocketClient {
  private static let payloadBytes = 100
  /// Head and payload as a server sends them.
  private static let answerBytes = 2 + payloadBytes
  let port: Int
  let target: String

  /// Lets this process have as many descriptors as it may.
  static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  private var frame: [UInt8] {
    let mask: [UInt8] = [1, 2, 3, 4]
    return [0x82, 0x80 | UInt8(Self.payloadBytes)] + mask + (0..<Self.payloadBytes).map { UInt8($0) ^ mask[$0 & 3] }
  }

  private func open() throws -> CInt {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw ValidationError("no socket: errno \(errno) (ulimit -n?)") }
    var one: CInt = 1
    setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard connected == 0 else { throw ValidationError("cannot connect: errno \(errno)") }
    let request =
      "GET \(target) HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
      + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    try write(descriptor, Array(request.utf8))
    var head: [UInt8] = []
    var byte: UInt8 = 0
    while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
      guard head.count < 4_096, recv(descriptor, &byte, 1, 0) == 1 else { throw ValidationError("no WebSocket") }
      head.append(byte)
    }
    return descriptor
  }

  private func write(_ descriptor: CInt, _ bytes: [UInt8]) throws {
    guard Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count else {
      throw ValidationError("cannot send: errno \(errno)")
    }
  }

  private static var nanoseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// Takes what has come on all of them, until `goesOn` says no; it hears of each whole answer.
  private func take(_ descriptors: [CInt], _ goesOn: (Int) throws -> Bool) throws {
    var pending = [Int](repeating: 0, count: descriptors.count)
    var events = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      guard poll(&events, nfds_t(events.count), 10_000) > 0 else { throw ValidationError("nothing came for ten seconds") }
      for index in events.indices where events[index].revents != 0 {
        let got = recv(descriptors[index], &buffer, buffer.count, 0)
        guard got > 0 else { throw ValidationError("a connection ended") }
        pending[index] += got
        while pending[index] >= Self.answerBytes {
          pending[index] -= Self.answerBytes
          if try !goesOn(index) { return }
        }
      }
    }
  }

  /// One frame under way on each of `count` connections, for `nanoseconds`; prints echoes a second.
  func echo(_ count: Int, for nanoseconds: Int64) throws {
    let descriptors = try (0..<count).map { _ in try open() }
    let frame = frame
    for descriptor in descriptors { try write(descriptor, frame) }
    let warmUntil = Self.nanoseconds + 500_000_000
    var beganAt: Int64 = 0
    var echoes = 0
    var now = Self.nanoseconds
    try take(descriptors) { index in
      echoes += 1
      if echoes & 63 == 0 { now = Self.nanoseconds }
      if beganAt == 0 && now >= warmUntil {
        beganAt = now
        echoes = 0
      }
      if beganAt > 0 && now - beganAt >= nanoseconds { return false }
      try write(descriptors[index], frame)
      return true
    }
    Output.line("echoes \(Double(echoes) * 1e9 / Double(max(1, now - beganAt)))")
  }

  /// Opens `count` sockets, and five times has one message sent to all.
  func fan(_ count: Int) throws {
    Self.raiseDescriptorLimit()
    var descriptors: [CInt] = []
    for number in 0..<count {
      if number == 1_000 {
        usleep(500_000)
        Output.line("thousand sockets")
        _ = readLine()
      }
      descriptors.append(try open())
    }
    usleep(500_000)
    Output.line("all sockets")
    _ = readLine()
    var times: [String] = []
    var buffer = [UInt8](repeating: 0, count: Self.answerBytes)
    for _ in 0..<5 {
      let began = Self.nanoseconds
      try write(descriptors[0], frame)
      // In the order in which they were opened: over when the last has its message.
      for descriptor in descriptors {
        guard recv(descriptor, &buffer, buffer.count, CInt(MSG_WAITALL)) == buffer.count else { throw ValidationError("a message was cut") }
      }
      times.append(String(format: "%.0f", Double(Self.nanoseconds - began) / 1e6))
      usleep(300_000)
    }
    Output.line("delivered \(times.joined(separator: " "))")
  }
}
