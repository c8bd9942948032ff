// What the live host's WebSockets are measured beside: an echo of SwiftNIO's own handlers on one loop, and nothing else.

import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// A WebSocket server on 127.0.0.1 that sends every message back, whatever the target.
public final class BareEcho: Sendable {
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  /// A server that does not listen yet.
  public init() {}

  /// Listens, and returns the port.
  public func listen() async throws -> Int {
    let upgrader = NIOWebSocketServerUpgrader(
      shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
      upgradePipelineHandler: { channel, _ in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(EchoHandler()) }
      })
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1_024)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.pipeline.configureHTTPServerPipeline(withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return channel.localAddress?.port ?? 0
  }

  /// Ends its loop.
  public func end() async throws { try await group.shutdownGracefully() }
}

/// Sends every message back; flushes once for all that came together.
private final class EchoHandler: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    guard frame.opcode == .binary || frame.opcode == .text else { return }
    context.write(wrapOutboundOut(WebSocketFrame(fin: true, opcode: frame.opcode, data: frame.unmaskedData)), promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}
