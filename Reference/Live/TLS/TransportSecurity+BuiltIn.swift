// TLS 1.3 by swift-nio-ssl, in a build with the trait `TLS`.
//
// Fault model: a peer may have no certificate that leads to an authority which is believed, one of another name, one
// that is over, or an older version only: then the connection is closed before a byte of a request is sent. The
// handshake has what is left of nothing but its own limit, as long as that of a connection. Nodes of one host that call
// each other by their endpoints believe the host's own certificate and no other, whatever name it is of. Limits: no
// certificates of clients, no revocation lists, no resumption; certificates are read once, at the start.

#if TLS

  import NIOCore
  import NIOSSL
  import NIOTLS
  import Vocabulary

  extension TransportSecurity {
    /// Whether this build speaks TLS.
    public static var isBuiltIn: Bool { true }
  }

  /// TLS of one host; safe on any thread.
  final class HostSecurity: Sendable {
    /// For callers of HTTP, and for those that submit mail.
    private let callers: NIOSSLContext
    private let mail: NIOSSLContext
    private let servers: NIOSSLContext?
    private let ownCertificate: NIOSSLCertificate?

    /// Reads all files. Throws where one cannot be read, or is none of certificates or keys.
    init(_ security: TransportSecurity) throws(SecurityFailure) {
      var caller = TLSConfiguration.makeClientConfiguration()
      caller.minimumTLSVersion = .tlsv13
      caller.certificateVerification = .fullVerification
      caller.applicationProtocols = ["http/1.1"]
      if !security.authorityFiles.isEmpty {
        var authorities: [NIOSSLCertificate] = []
        for file in security.authorityFiles { authorities += try Self.certificates(file) }
        caller.trustRoots = .certificates(authorities)
      }
      callers = try Self.reading("the settings of callers") { try NIOSSLContext(configuration: caller) }
      caller.applicationProtocols = []
      mail = try Self.reading("the settings of callers") { try NIOSSLContext(configuration: caller) }
      guard let identity = security.identity else {
        (servers, ownCertificate) = (nil, nil)
        return
      }
      let chain = try Self.certificates(identity.certificateFile)
      let key = try Self.reading(identity.keyFile) { try NIOSSLPrivateKey(file: identity.keyFile, format: .pem) }
      var server = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      server.minimumTLSVersion = .tlsv13
      server.applicationProtocols = ["http/1.1"]
      servers = try Self.reading("\(identity.certificateFile) with \(identity.keyFile)") { try NIOSSLContext(configuration: server) }
      ownCertificate = chain.first
    }

    private static func certificates(_ file: String) throws(SecurityFailure) -> [NIOSSLCertificate] {
      let found = try reading(file) { try NIOSSLCertificate.fromPEMFile(file) }
      guard !found.isEmpty else { throw SecurityFailure("\(file): no certificate in it") }
      return found
    }

    private static func reading<Value>(_ what: String, _ body: () throws -> Value) throws(SecurityFailure) -> Value {
      do { return try body() } catch { throw SecurityFailure("\(what): \(error)") }
    }

    /// Whether listeners for clients speak it.
    var isServing: Bool { servers != nil }

    /// Has the caller's side of a connection that stands speak it; done when the peer has proved that it is `host`, or,
    /// where it `isOwn`, that it has this host's own certificate.
    func secure(
      _ channel: any Channel, for spoken: SecuredProtocol, towards host: String, isOwn: Bool, within limit: TimeSpan
    ) -> EventLoopFuture<Void> {
      let done = channel.eventLoop.makePromise(of: Void.self)
      let context =
        switch spoken {
        case .http: callers
        case .mail: mail
        }
      do {
        let handler: NIOSSLClientHandler
        var expected: String?
        if isOwn, let own = ownCertificate {
          handler = try NIOSSLClientHandler(
            context: context, serverHostname: nil,
            customVerificationCallback: { chain, verdict in verdict.succeed(chain.first == own ? .certificateVerified : .failed) })
        } else {
          // An address is held against the certificate as that of the peer; only names are told to it.
          let isAddress = IPAddress(host) != nil || host.utf8.contains(UInt8(ascii: "%"))
          // The library is content with a certificate of the address that was reached, whatever name was meant; whoever
          // rules the resolver could bring one. So a name is looked for again once the chain is verified.
          let name = host.utf8.last == UInt8(ascii: ".") ? String(host.dropLast()) : host
          handler = try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name)
          expected = isAddress ? nil : name
        }
        try channel.pipeline.syncOperations.addHandlers(
          [handler, HandshakeWait(done, within: limit, expecting: expected)], position: .first)
      } catch {
        channel.close(promise: nil)
        done.fail(SecurityFailure("\(error)"))
      }
      return done.futureResult
    }

    /// Has the server's side of a connection speak it, where servers do.
    func serve(_ channel: any Channel) throws {
      guard let servers else { return }
      try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: servers))
    }
  }

  /// Waits for the end of a caller's handshake, and goes.
  private final class HandshakeWait: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private var done: EventLoopPromise<Void>?
    private let limit: TimeSpan
    /// The name that the certificate must be of; nil where that is looked at otherwise.
    private let expected: String?
    private var alarm: Scheduled<Void>?

    init(_ done: EventLoopPromise<Void>, within limit: TimeSpan, expecting expected: String?) {
      self.expected = expected
      self.done = done
      self.limit = limit
    }

    func handlerAdded(context: ChannelHandlerContext) {
      let unsafe = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      alarm = context.eventLoop.scheduleTask(in: .nanoseconds(limit.nanoseconds)) {
        let (wait, context) = unsafe.value
        wait.fail(SecurityFailure("no handshake of TLS within \(wait.limit.milliseconds) ms"), context)
      }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case .handshakeCompleted? = event as? TLSUserEvent {
        if let expected, !Self.isCertified(expected, context) {
          return fail(SecurityFailure("the peer's certificate is not of the name \(expected)"), context)
        }
        alarm?.cancel()
        done?.succeed(())
        done = nil
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
      }
      context.fireUserInboundEventTriggered(event)
    }

    /// Whether the peer's certificate is of this name: one of its DNS names is the same without regard to case, or differs
    /// in a first label that is `*` (RFC 9525, 6.3).
    private static func isCertified(_ name: String, _ context: ChannelHandlerContext) -> Bool {
      guard let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate() else { return false }
      let wanted = name.lowercased()
      let behind = wanted.utf8.firstIndex(of: UInt8(ascii: ".")).map { String(wanted[$0...]) }
      for entry in certificate._subjectAlternativeNames() where entry.nameType == .dnsName {
        let given = entry.contents.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }.lowercased()
        if sameBytes(given, wanted) { return true }
        if let behind, given.hasPrefix("*."), sameBytes(String(given.dropFirst()), behind) { return true }
      }
      return false
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      fail(SecurityFailure("the handshake of TLS failed: \(Self.words(of: error))"), context)
    }

    /// What the library says of an error, without the places in its sources.
    private static func words(of error: any Error) -> String {
      let parts = "\(error)".split(separator: " at /")
      return (parts.prefix(1) + parts.dropFirst().map { $0.drop { $0 != "]" && $0 != "," } }).joined()
    }

    func channelInactive(context: ChannelHandlerContext) {
      fail(SecurityFailure("the peer closed the connection during the handshake of TLS"), context)
      context.fireChannelInactive()
    }

    private func fail(_ failure: SecurityFailure, _ context: ChannelHandlerContext) {
      alarm?.cancel()
      guard let done else { return }
      self.done = nil
      done.fail(failure)
      context.close(promise: nil)
    }
  }

#endif
