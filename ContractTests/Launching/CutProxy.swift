// A proxy on loopback between two processes, which can be cut: then whatever is sent vanishes, and nobody is told, as
// where packets are lost. When it is healed, connections from which something vanished are closed, since what follows
// would make no sense.
//
// Limit: one direction of connecting; who accepts answers over the same connection. Serves MONITORING-10.

import Live
import NIOCore
import NIOPosix
import Synchronization
import Vocabulary

/// A proxy to one address.
public final class CutProxy: Sendable {
  /// Where it listens.
  public let address: NetworkAddress
  private let listener: any Channel
  private let state: ProxyState

  /// Listens on a port that the system gives, for connections to `target`.
  public init(to target: NetworkAddress) async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let state = ProxyState()
    self.state = state
    listener = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { accepted in
        ClientBootstrap(group: accepted.eventLoop)
          .channelOption(.autoRead, value: false)
          .connect(host: target.host, port: target.port)
          .flatMapThrowing { made in
            try accepted.pipeline.syncOperations.addHandler(ProxyHandler(partner: made, state))
            try made.pipeline.syncOperations.addHandler(ProxyHandler(partner: accepted, state))
            state.add(accepted)
            made.read()
          }
          .flatMapErrorThrowing { error in
            accepted.close(promise: nil)
            throw error
          }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    address = NetworkAddress(host: "127.0.0.1", port: listener.localAddress?.port ?? 0)
  }

  /// Cuts, or heals.
  public func setCut(_ isCut: Bool) { state.setCut(isCut) }

  /// Ends the proxy and its connections.
  public func close() async {
    try? await listener.close().get()
    state.closeAll()
  }
}

/// What a proxy's connections share.
final class ProxyState: Sendable {
  private struct Inside {
    var isCut = false
    var channels: [ObjectIdentifier: any Channel] = [:]
    var spoilt: [ObjectIdentifier: any Channel] = [:]
  }
  private let inside = Mutex(Inside())

  func add(_ channel: any Channel) { inside.withLock { $0.channels[ObjectIdentifier(channel)] = channel } }

  func remove(_ channel: any Channel) {
    inside.withLock {
      $0.channels[ObjectIdentifier(channel)] = nil
      $0.spoilt[ObjectIdentifier(channel)] = nil
    }
  }

  /// Whether what `channel` received may pass; if not it is spoilt.
  func mayPass(_ channel: any Channel) -> Bool {
    inside.withLock {
      if $0.isCut { $0.spoilt[ObjectIdentifier(channel)] = channel }
      return !$0.isCut
    }
  }

  func setCut(_ isCut: Bool) {
    let spoilt = inside.withLock { inside -> [any Channel] in
      inside.isCut = isCut
      guard !isCut else { return [] }
      defer { inside.spoilt.removeAll() }
      return Array(inside.spoilt.values)
    }
    for channel in spoilt { channel.close(promise: nil) }
  }

  func closeAll() { for channel in inside.withLock({ Array($0.channels.values) }) { channel.close(promise: nil) } }
}

/// Passes on what one side sends to the other.
private final class ProxyHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let partner: any Channel
  private let state: ProxyState

  init(partner: any Channel, _ state: ProxyState) {
    self.partner = partner
    self.state = state
  }

  /// The accepted side becomes active only once it is set up; the other one was before.
  func channelActive(context: ChannelHandlerContext) { context.read() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let channel = context.channel
    guard state.mayPass(channel) else { return channel.read() }
    // The next is read once this is written: neither side can fill the proxy's memory.
    partner.writeAndFlush(unwrapInboundIn(data)).whenComplete { _ in channel.read() }
  }

  func channelInactive(context: ChannelHandlerContext) {
    state.remove(context.channel)
    partner.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
