// When the system has taken what was written to a connection: asked at each flush, and told by the channel only where
// something is left. A promise for each message would cost more than the message.

import NIOCore
import Vocabulary

/// What of streams was written to one channel and not taken by the system yet.
struct UndrainedBytes {
  /// Bytes that were written.
  var count = 0
  /// How many of these, the first, are of exchanges that are complete: nobody is told of them.
  private var endedBytes = 0
  /// Whether the channel will tell when it has written all that was there.
  var isAwaited = false

  /// What was written so far is of exchanges that are complete.
  mutating func endExchange() { endedBytes = count }

  /// `bytes` have been taken by the system; returns how many of them somebody is told of.
  mutating func take(_ bytes: Int) -> Int {
    let taken = min(bytes, count)
    let ended = min(taken, endedBytes)
    count -= taken
    endedBytes -= ended
    return taken - ended
  }
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
      let taken = undrained.take(undrained.count)
      if taken > 0 { drained(taken) }
    } else {
      watch(context)
    }
  }

  /// Has the channel tell once it has written what is there.
  private func watch(_ context: ChannelHandlerContext) {
    let marked = undrained.count
    undrained.isAwaited = true
    let written = context.eventLoop.makePromise(of: Void.self)
    // What a connection that breaks had not written is taken by nobody.
    written.futureResult.assumeIsolated().whenSuccess { [weak self] in
      guard let self else { return }
      self.undrained.isAwaited = false
      let taken = self.undrained.take(marked)
      if taken > 0 { self.drained(taken) }
      if self.undrained.count > 0, self.context != nil { self.flushAndWatch() }
    }
    context.channel.writeAndFlush(ByteBuffer(), promise: written)
  }
}
