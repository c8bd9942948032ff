// One connection to a server that speaks RESP (`RESPReader`): commands go out as they come, and answers come in their
// order. What the server tells without being asked (messages of a pattern) is kept until somebody takes it.
//
// Fault model: the server may go away at any byte, answer nonsense, or stand still: with what is no value, an answer that
// nobody waits for, or none for `answerWithin` where some are due, the connection ends, and with it all that was under
// way on it, which may have been done. Bounded: an answer in its bytes and elements (`RESPLimits`), and what was told and
// not taken in its bytes: beyond that the connection ends, since something would be missing.

import NIOCore
import Synchronization
import Vocabulary
import Wire

/// Why a server's answer did not come.
enum RESPFailure: Error {
  /// Nothing was sent: there is no connection.
  case away(String)
  /// It was sent, and what became of it is not known.
  case open
}

/// A connection; confined to its loop, but for what says otherwise.
final class RESPLink: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer

  /// Answers that are due.
  private struct Due {
    var left: Int
    var values: [RESPValue] = []
    let promise: EventLoopPromise<[RESPValue]>
  }

  /// Bytes that were told and not taken.
  static let maximumToldBytes = 4 << 20

  /// Which of all connections of its adapter it is.
  let number: UInt64
  private let isListening: Bool
  private let answerWithin: TimeAmount
  private let isOver = Atomic(false)
  private let loop: any EventLoop
  private var channel: (any Channel)?
  private var reader = RESPReader()
  private var due = CircularBuffer<Due>()
  private var told: [UInt8] = []
  private var taker: (promise: EventLoopPromise<[UInt8]>, alarm: Scheduled<Void>)?
  /// When an answer came last, or the first was due.
  private var heardAt = NIODeadline.now()
  private var watch: RepeatedTask?

  /// A connection on `loop`; `isListening` where patterns are listened to by it. The next answer may take `answerWithin`.
  init(_ number: UInt64, on loop: any EventLoop, isListening: Bool, answerWithin: TimeSpan) {
    self.answerWithin = .nanoseconds(answerWithin.nanoseconds)
    self.number = number
    self.loop = loop
    self.isListening = isListening
  }

  /// Whether it serves no more. On any thread.
  var isClosed: Bool { isOver.load(ordering: .acquiring) }

  // MARK: asking

  /// Sends commands, of which so many answers come. On any thread.
  func ask(_ bytes: [UInt8], answers count: Int) -> EventLoopFuture<[RESPValue]> {
    let promise = loop.makePromise(of: [RESPValue].self)
    loop.execute {
      guard let channel = self.channel, !self.isClosed else { return promise.fail(RESPFailure.away("the connection is closed")) }
      if self.due.isEmpty { self.heardAt = .now() }
      self.due.append(Due(left: count, promise: promise))
      channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }
    return promise.futureResult
  }

  /// What the server told since it was asked last, at once or when some comes; none after `span`. On any thread.
  func takeTold(within span: TimeSpan) -> EventLoopFuture<[UInt8]> {
    let promise = loop.makePromise(of: [UInt8].self)
    loop.execute {
      // A second one who takes has given the first up.
      self.passTold([])
      guard !self.isClosed else { return promise.fail(RESPFailure.open) }
      guard self.told.isEmpty else { return promise.succeed(self.takenTold()) }
      let alarm = self.loop.scheduleTask(in: .nanoseconds(max(0, span.nanoseconds))) { self.passTold([]) }
      self.taker = (promise, alarm)
    }
    return promise.futureResult
  }

  private func takenTold() -> [UInt8] {
    defer { told = [] }
    return told
  }

  private func passTold(_ bytes: [UInt8]) {
    guard let (promise, alarm) = taker else { return }
    taker = nil
    alarm.cancel()
    promise.succeed(bytes)
  }

  /// Closes it. On any thread.
  func close() { loop.execute { self.end() } }

  // MARK: the channel

  func handlerAdded(context: ChannelHandlerContext) {
    channel = context.channel
    let pause = TimeAmount.nanoseconds(max(1_000_000, answerWithin.nanoseconds / 5))
    watch = loop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
      if !self.due.isEmpty, .now() - self.heardAt > self.answerWithin { self.end() }
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    reader.feed(unwrapInboundIn(data).readableBytesView)
    do throws(RESPMistake) {
      while let value = try reader.next() {
        guard take(value) else { return end() }
      }
    } catch { end() }
  }

  /// Takes a value that came. False where nobody waits for it.
  private func take(_ value: RESPValue) -> Bool {
    let word = value.elements?.first?.content ?? []
    // Version 2 tells by arrays what version 3 tells by values of their own; either answers subscriptions so.
    if isListening, word == Array("pmessage".utf8) {
      value.write(into: &told)
      guard told.count <= Self.maximumToldBytes else { return false }
      if taker != nil { passTold(takenTold()) }
      return true
    }
    if case .push = value, !isListening { return true }
    guard var next = due.first else { return false }
    heardAt = .now()
    next.values.append(value)
    next.left -= 1
    if next.left > 0 {
      due[due.startIndex] = next
    } else {
      due.removeFirst()
      next.promise.succeed(next.values)
    }
    return true
  }

  func channelInactive(context: ChannelHandlerContext) { end() }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { end() }

  private func end() {
    guard !isOver.exchange(true, ordering: .acquiringAndReleasing) else { return }
    watch?.cancel()
    channel?.close(promise: nil)
    channel = nil
    while let one = due.popFirst() { one.promise.fail(RESPFailure.open) }
    if let (promise, alarm) = taker {
      taker = nil
      alarm.cancel()
      promise.fail(RESPFailure.open)
    }
    told = []
  }
}
