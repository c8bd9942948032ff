// When the system has taken what was written to a connection: asked at each flush, and told by the channel only where
// something is left. A promise for each message would cost more than the message.

import NIOCore
import Vocabulary

/// What of streams was written to one channel and not taken by the system yet.
struct UndrainedBytes {
  /// Bytes that were written.
  var count = 0
  /// Whether the channel will tell when it has written all that was there.
  var isAwaited = false
}

/// A connection that tells when what was written has been taken. Confined to its loop.
protocol DrainingConnection: AnyObject {
  var context: ChannelHandlerContext? { get }
  var undrained: UndrainedBytes { get set }
  /// `bytes` of streams have been taken by the system.
  func drained(_ bytes: Int)
}

extension DrainingConnection {
  /// Flushes, and finds out what the system has taken.
  func flushAndWatch() {
    guard let context else { return }
    context.flush()
    guard undrained.count > 0, !undrained.isAwaited else { return }
    if context.channel.bufferedWritableBytes == 0 {
      let taken = undrained.count
      undrained.count = 0
      drained(taken)
    } else {
      watch(context)
    }
  }

  /// Has the channel tell once it has written what is there.
  private func watch(_ context: ChannelHandlerContext) {
    let marked = undrained.count
    undrained.isAwaited = true
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { [weak self] _ in
      guard let self else { return }
      self.undrained.isAwaited = false
      let taken = min(marked, self.undrained.count)
      self.undrained.count -= taken
      if taken > 0 { self.drained(taken) }
      if self.undrained.count > 0, self.context != nil { self.flushAndWatch() }
    }
    context.channel.writeAndFlush(ByteBuffer(), promise: written)
  }
}
