// What a listener does when the system has no descriptor, or no memory, for another connection: it rests for a moment.
//
// A connection that cannot be accepted stays where it was, so the listener would hear of it again at once, and so for
// ever. It waits in the system's row meanwhile, as others do that come. Reading is switched off, not put off: a
// listener whose last accept failed still wants to read.

import Glibc
import NIOCore
import Vocabulary

/// A handler of a listening channel; confined to the node's loop. First in its pipeline.
final class AcceptPause: ChannelInboundHandler {
  typealias InboundIn = Channel

  private unowned let node: LiveNode

  init(node: LiveNode) { self.node = node }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
      return context.fireErrorCaught(error)
    }
    node.tellAcceptFailure(SystemError("accept", error.errnoCode))
    let channel = context.channel
    Self.setAccepting(channel, false)
    node.loop.scheduleTask(in: .nanoseconds(node.limits.acceptPause.nanoseconds)) { Self.setAccepting(channel, true) }
  }

  /// Nothing where the channel is closed meanwhile.
  private static func setAccepting(_ channel: any Channel, _ isAccepting: Bool) {
    do { try channel.syncOptions?.setOption(.autoRead, value: isAccepting) } catch { return }
  }
}
