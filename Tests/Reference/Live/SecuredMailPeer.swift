// The server's side of TLS over a plain connection, in the manner of `RawClient`: it waits for what comes. The engine is
// swift-nio-ssl's, in a channel that is embedded here.

#if TLS

  import NIOCore
  import NIOEmbedded
  import NIOSSL
  import NIOTLS
  import Synchronization

  /// A mail server's peer by TLS; used by one thread.
  final class SecuredMailPeer: MailPeer {
    private let raw: RawClient
    private let channel: EmbeddedChannel
    private let handshake = Handshake()
    private var unread: [UInt8] = []

    /// Completes a handshake with who is connected; nil where there is none. `offered` keeps what protocol was agreed on.
    init?(_ raw: RawClient, _ context: NIOSSLContext, offered: AgreedProtocols) {
      self.raw = raw
      channel = EmbeddedChannel()
      do { try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), handshake]) } catch { return nil }
      guard let somewhere = try? SocketAddress(ipAddress: "127.0.0.1", port: 1) else { return nil }
      channel.connect(to: somewhere, promise: nil)
      while !handshake.isComplete {
        guard readMore() else { return nil }
      }
      offered.note(handshake.agreed)
    }

    /// Its own promises would outlive it.
    deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }

    func readLine() -> String? {
      mailLine {
        while unread.isEmpty { guard readMore() else { return nil } }
        return unread.removeFirst()
      }
    }

    func say(_ text: String) {
      channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
      sendOut()
    }

    func close() { raw.close() }

    /// Reads once; false at the end, or where what came is no TLS.
    private func readMore() -> Bool {
      guard !raw.unread.isEmpty || raw.readMore() else { return false }
      do { try channel.writeInbound(ByteBuffer(bytes: raw.read(raw.unread.count))) } catch {
        // What went wrong is told to the peer.
        sendOut()
        return false
      }
      sendOut()
      while let bytes = try? channel.readInbound(as: ByteBuffer.self) { unread += Array(bytes.readableBytesView) }
      return true
    }

    private func sendOut() {
      while let bytes = try? channel.readOutbound(as: ByteBuffer.self) { raw.send(Array(bytes.readableBytesView)) }
    }
  }

  /// What handshakes agreed on as what is spoken inside, one after the other.
  final class AgreedProtocols: Sendable {
    private let kept = Mutex<[String?]>([])
    var all: [String?] { kept.withLock { $0 } }
    func note(_ name: String?) { kept.withLock { $0.append(name) } }
  }

  /// Waits for the end of a handshake.
  private final class Handshake: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private(set) var isComplete = false
    private(set) var agreed: String?

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard case .handshakeCompleted(let name)? = event as? TLSUserEvent else { return context.fireUserInboundEventTriggered(event) }
      (isComplete, agreed) = (true, name)
    }
  }

#endif
