// What stands in place of TLS in a build without it: nothing is spoken in the clear that was to be secured.

#if !TLS

  import NIOCore
  import Vocabulary

  extension TransportSecurity {
    /// Whether this build speaks TLS.
    public static var isBuiltIn: Bool { false }
  }

  /// TLS of one host, in a build without it.
  final class HostSecurity: Sendable {
    /// Throws where servers or callers are to speak it by more than its defaults.
    init(_ security: TransportSecurity) throws(SecurityFailure) {
      if security != TransportSecurity() { throw SecurityFailure(TransportSecurity.howToBuildIn) }
    }

    /// Whether listeners for clients speak it.
    var isServing: Bool { false }

    /// Fails: the connection is closed before a byte is sent.
    func secure(
      _ channel: any Channel, for spoken: SecuredProtocol, towards host: String, isOwn: Bool, within limit: TimeSpan
    ) -> EventLoopFuture<Void> {
      channel.close(promise: nil)
      return channel.eventLoop.makeFailedFuture(SecurityFailure(TransportSecurity.howToBuildIn))
    }

    /// Adds nothing.
    func serve(_ channel: any Channel) throws {}
  }

#endif
