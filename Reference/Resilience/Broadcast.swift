// Telling many listeners at once, each an event stream: whoever takes more slowly than news comes, by more than a bound, is
// cut off, and may connect anew. Each listener has what it wants to hear of. At most once, in the order of telling.

import DequeModule
import Vocabulary

/// Those who listen. `Interest` is what each wants to hear of.
public struct Broadcast<Interest: Sendable>: Sendable {
  private struct Listener: Sendable {
    var interest: Interest
    /// What may be sent; nothing where it is 0 or below.
    var credit = initialStreamCreditBytes
    var waiting = Deque<[UInt8]>()
    var waitingBytes = 0
  }

  private let maximumListeners: Int
  private let maximumWaitingBytes: Int
  private var listeners: [ExchangeID: Listener] = [:]
  /// Listeners that took too slowly.
  public private(set) var cutOff: UInt64 = 0

  /// Nobody, of `maximumListeners` at most, for each of whom `maximumWaitingBytes` may wait.
  public init(maximumListeners: Int = 1_000, maximumWaitingBytes: Int = 256 << 10) {
    self.maximumListeners = maximumListeners
    self.maximumWaitingBytes = maximumWaitingBytes
  }

  /// How many listen.
  public var count: Int { listeners.count }

  /// Takes a listener in; its stream is accepted by the caller. Returns false where as many listen as may.
  public mutating func add(_ id: ExchangeID, _ interest: Interest) -> Bool {
    guard listeners.count < maximumListeners else { return false }
    listeners[id] = Listener(interest: interest)
    return true
  }

  /// What a listener wants to hear of; nil of who does not listen.
  public func interest(of id: ExchangeID) -> Interest? { listeners[id]?.interest }

  /// How many want what `concerns` says.
  public func count(where concerns: (Interest) -> Bool) -> Int { listeners.values.count { concerns($0.interest) } }

  /// Tells one listener something.
  public mutating func tell(_ id: ExchangeID, _ bytes: [UInt8], _ turn: inout Turn) {
    if offer(id, bytes, &turn) == .ready { turn.send([id], bytes, isText: true, .immediately) }
  }

  /// Tells all to whom `concerns` holds. Returns to how many it goes, and who was cut off.
  @discardableResult
  public mutating func tell(
    _ bytes: [UInt8], _ turn: inout Turn, where concerns: (Interest) -> Bool
  ) -> (receivers: Int, gone: [ExchangeID]) {
    var (ready, gone): ([ExchangeID], [ExchangeID]) = ([], [])
    var receivers = 0
    for id in listeners.keys.sorted() {
      guard let listener = listeners[id], concerns(listener.interest) else { continue }
      switch offer(id, bytes, &turn) {
      case .ready:
        ready.append(id)
        receivers += 1
      case .waits: receivers += 1
      case .cutOff: gone.append(id)
      }
    }
    if !ready.isEmpty { turn.send(ready, bytes, isText: true, .immediately) }
    return (receivers, gone)
  }

  /// Ends the streams of all to whom `concerns` holds, since they may have missed something.
  public mutating func cutOff(_ turn: inout Turn, where concerns: (Interest) -> Bool) {
    for id in listeners.keys.sorted() {
      guard let listener = listeners[id], concerns(listener.interest) else { continue }
      end(id, &turn)
    }
  }

  private enum Offer {
    case ready, waits, cutOff
  }

  private mutating func offer(_ id: ExchangeID, _ bytes: [UInt8], _ turn: inout Turn) -> Offer {
    guard let listener = listeners[id] else { return .cutOff }
    if listener.credit > 0 {
      listeners[id]?.credit -= bytes.count
      return .ready
    }
    if listener.waitingBytes + bytes.count <= maximumWaitingBytes {
      listeners[id]?.waiting.append(bytes)
      listeners[id]?.waitingBytes += bytes.count
      return .waits
    }
    end(id, &turn)
    return .cutOff
  }

  private mutating func end(_ id: ExchangeID, _ turn: inout Turn) {
    cutOff += 1
    listeners[id] = nil
    turn.abort(id, .connectionLost, .immediately)
  }

  /// What comes of a listener's stream. False where it is over, and the caller has it forgotten (`forget`).
  @discardableResult
  public mutating func hear(_ id: ExchangeID, _ part: StreamEvent, _ turn: inout Turn) -> Bool {
    switch part {
    case .credit(let bytes):
      listeners[id]?.credit += bytes
      while let listener = listeners[id], listener.credit > 0, let next = listener.waiting.first {
        listeners[id]?.waiting.removeFirst()
        listeners[id]?.waitingBytes -= next.count
        listeners[id]?.credit -= next.count
        turn.send([id], next, isText: true, .immediately)
      }
    case .aborted: return false
    // The request was whole: its side of the stream is complete from the beginning.
    case .opened, .accepted, .received, .finished: break
    }
    return true
  }

  /// A listener left.
  public mutating func forget(_ id: ExchangeID) { listeners[id] = nil }
}
