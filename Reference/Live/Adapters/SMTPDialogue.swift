// One submission: a connection to a mail server, from its greeting to QUIT. Limits and faults: see SMTPAdapter.

import NIOCore
import NIOPosix
import Vocabulary
import Wire

/// The dialogue of one submission; used by one task.
struct SMTPDialogue {
  private typealias Wire = NIOAsyncChannel<ByteBuffer, ByteBuffer>
  /// A recipient that was refused, and how.
  typealias Refusal = (address: String, reply: SMTPReply)

  private let configuration: SMTPConfiguration
  private let surroundings: AdapterSurroundings
  private var unread = ByteBuffer()
  /// Bytes that were taken from the connection so far.
  private var takenBytes = 0
  /// Whether the message was sent whole, and no answer to it came.
  private(set) var isOpen = false

  init(configuration: SMTPConfiguration, surroundings: AdapterSurroundings) {
    self.configuration = configuration
    self.surroundings = surroundings
  }

  /// Submits a message; returns the recipients that the server refused, where it took others.
  mutating func submit(_ message: SMTPMessage) async throws -> [Refusal] {
    let connection = try await connect()
    let copy = self
    let (done, refused) = try await connection.executeThenClose { inbound, outbound in
      var dialogue = copy
      var input = inbound.makeAsyncIterator()
      let result: Result<[Refusal], any Error>
      do { result = .success(try await dialogue.speak(message, connection.channel, &input, outbound)) } catch { result = .failure(error) }
      return (dialogue, result)
    }
    self = done
    return try refused.get()
  }

  private func connect() async throws -> Wire {
    let limit = min(surroundings.timeLeft, .seconds(HostLimits.connectSeconds))
    let connection: Wire
    do {
      connection = try await ClientBootstrap(group: surroundings.group)
        .connectTimeout(.nanoseconds(max(1, limit.nanoseconds)))
        .connect(host: configuration.address.host, port: configuration.address.port) { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(ArrivedBytes())
            return try Wire(wrappingChannelSynchronously: channel)
          }
        }
    } catch { throw SMTPFailure.connection("the mail server is not reached") }
    if configuration.security == .implicitTLS {
      do { try await secure(connection.channel) } catch {
        try? await connection.channel.close()
        throw error
      }
    }
    return connection
  }

  /// Has the connection speak TLS from here on. What came in the clear and was not taken yet would then be taken for what
  /// TLS brings, and anyone on the way can have put it there (RFC 3207; CVE-2011-0411): with such there is no TLS.
  private func secure(_ channel: any Channel) async throws {
    guard unread.readableBytes == 0 else { throw Self.saidTooMuch }
    let (security, host, limit, taken) = (surroundings.security, configuration.address.host, surroundings.timeLeft, takenBytes)
    do {
      try await channel.eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
        // Asked on the loop, in one with the change to TLS: what has come may wait anywhere between there and here.
        guard let arrived = try? channel.pipeline.syncOperations.handler(type: ArrivedBytes.self), arrived.count == taken else {
          channel.close(promise: nil)
          return channel.eventLoop.makeFailedFuture(Self.saidTooMuch)
        }
        return security.secure(channel, for: .mail, towards: host, isOwn: false, within: limit)
      }.get()
    } catch let failure as SMTPFailure {
      throw failure
    } catch { throw SMTPFailure.insecure("\(error)") }
  }

  private static var saidTooMuch: SMTPFailure { .insecure("the mail server said more in the clear, where TLS was to begin") }

  private mutating func speak(
    _ message: SMTPMessage, _ channel: any Channel, _ input: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
    _ output: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) async throws -> [Refusal] {
    try await expect(220, &input)
    var offers = try await hello(&input, output)
    if configuration.security == .startTLS {
      guard offers.contains("STARTTLS") else { throw SMTPFailure.insecure("the mail server offers no STARTTLS") }
      let reply = try await exchange("STARTTLS", &input, output)
      guard reply.code == 220 else { throw SMTPFailure.insecure("the mail server does not begin TLS: \(reply.text)") }
      try await secure(channel)
      offers = try await hello(&input, output)
    }
    if let credentials = configuration.credentials {
      guard offers.contains(where: { $0.hasPrefix("AUTH ") && $0.split(separator: " ").contains("PLAIN") }) else {
        throw SMTPFailure.insecure("the mail server offers no AUTH PLAIN")
      }
      let proof = String(base64: [0] + Array(credentials.user.utf8) + [0] + Array(credentials.password.utf8))
      // Whatever it says: its words may repeat the proof.
      let reply = try await exchange("AUTH PLAIN \(proof)", &input, output)
      guard reply.code == 235 else { throw SMTPFailure.insecure("the mail server did not take the user and the password (\(reply.code))") }
    }
    try await command("MAIL FROM:<\(message.from)>", 250, &input, output)
    var refused: [Refusal] = []
    for address in message.to {
      let reply = try await exchange("RCPT TO:<\(address)>", &input, output)
      if reply.code != 250 && reply.code != 251 { refused.append((address, reply)) }
    }
    if refused.count == message.to.count {
      // One that may be taken later makes it worth another try.
      let first = refused.first { $0.reply.code < 500 } ?? refused[0]
      throw Self.failure(first.reply)
    }
    try await command("DATA", 354, &input, output)
    try await output.write(ByteBuffer(bytes: message.data(now: surroundings.wallClock)))
    isOpen = true
    let reply = try await reply(&input)
    isOpen = false
    guard reply.code == 250 else { throw Self.failure(reply) }
    // It is submitted, whatever becomes of the farewell.
    try? await output.write(ByteBuffer(string: "QUIT\r\n"))
    return refused
  }

  private static func failure(_ reply: SMTPReply) -> SMTPFailure {
    switch reply.code {
    case 400...499: .later(reply)
    case 500...599: .refused(reply)
    default: .connection("the mail server does not speak SMTP: \(reply.text)")
    }
  }

  /// Says who this is; returns what the server offers, in capitals.
  private mutating func hello(
    _ input: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator, _ output: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) async throws -> [String] {
    let reply = try await command("EHLO \(configuration.name)", 250, &input, output)
    return reply.lines.dropFirst().map { $0.uppercased() }
  }

  @discardableResult private mutating func command(
    _ line: String, _ expected: Int, _ input: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
    _ output: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) async throws -> SMTPReply {
    let reply = try await exchange(line, &input, output)
    guard reply.code == expected else { throw Self.failure(reply) }
    return reply
  }

  private mutating func exchange(
    _ line: String, _ input: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
    _ output: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) async throws -> SMTPReply {
    invariant(!line.utf8.contains { $0 == 13 || $0 == 10 }, "a command of two lines")
    try await output.write(ByteBuffer(string: "\(line)\r\n"))
    return try await reply(&input)
  }

  private mutating func expect(_ code: Int, _ input: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) async throws {
    let reply = try await reply(&input)
    guard reply.code == code else { throw Self.failure(reply) }
  }

  // MARK: reading

  private mutating func reply(_ input: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) async throws -> SMTPReply {
    var lines: [String] = []
    while lines.count < 100 {
      let line = try await line(&input)
      let digits = line.prefix(3)
      guard digits.count == 3, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
        throw SMTPFailure.connection("the mail server does not speak SMTP")
      }
      let code = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
      lines.append(String(decoding: line.dropFirst(4), as: UTF8.self))
      switch line.dropFirst(3).first {
      case nil, UInt8(ascii: " "): return SMTPReply(code: code, lines: lines)
      case UInt8(ascii: "-"): continue
      case .some: throw SMTPFailure.connection("the mail server does not speak SMTP")
      }
    }
    throw SMTPFailure.connection("the mail server's answer has more than 100 lines")
  }

  private mutating func line(_ input: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) async throws -> [UInt8] {
    while true {
      if let end = unread.readableBytesView.firstIndex(of: 10) {
        var line = unread.readBytes(length: end - unread.readerIndex + 1) ?? []
        line.removeLast()
        if line.last == 13 { line.removeLast() }
        guard line.count <= 1_000 else { break }
        unread.discardReadBytes()
        return line
      }
      guard unread.readableBytes <= 1_000 else { break }
      guard var more = try await input.next() else { throw SMTPFailure.lost }
      takenBytes += more.readableBytes
      unread.writeBuffer(&more)
    }
    throw SMTPFailure.connection("a line of the mail server's answer is longer than 1,000 bytes")
  }
}

/// Counts what has come on a connection; confined to its loop.
private final class ArrivedBytes: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private(set) var count = 0

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    count += unwrapInboundIn(data).readableBytes
    context.fireChannelRead(data)
  }
}

extension SMTPFailure {
  /// The server closed the connection; `SMTPDialogue.isOpen` tells what that means.
  fileprivate static var lost: any Error { ChannelError.eof }
}
