// Sliding-window rate limiter: at most `limit` within any window, exactly, for each key, in memory that is bounded.
//
// A key's last `limit` accepted instants are kept in a ring; a request passes if the oldest of them has left the
// window. Keys are forgotten, oldest use first, once their window is empty. While all `maximumKeys` keys are in use a
// new key is refused: forgetting one that is in use would let it exceed its limit. Requirements: MONITORING-2,
// WORKSPACES-16.

import Vocabulary

/// An exact sliding-window limiter over keys.
public struct SlidingWindowLimiter: Sendable {
  /// What becomes of a request.
  public enum Decision: Sendable, Hashable {
    /// It passes.
    case allowed
    /// It is refused; another one can pass after this span.
    case refused(retryAfter: TimeSpan)
    /// All keys are taken by others that are in use.
    case noRoom(retryAfter: TimeSpan)
  }

  private struct Slot {
    var key: ExactName
    /// Neighbours in the order of last use; −1 at the ends.
    var older: Int
    var newer: Int
    /// Where the next instant goes in the ring.
    var cursor: Int
    var count: Int
    var lastUse: Instant
  }

  private let limit: Int
  private let window: TimeSpan
  private let maximumKeys: Int
  private var slotOfKey: [ExactName: Int] = [:]
  private var slots: [Slot] = []
  /// `limit` instants for each slot.
  private var instants: [Instant] = []
  private var oldest = -1
  private var newest = -1
  private var free: [Int] = []

  /// A limiter that lets `limit` requests of a key pass within any `window`, for at most `maximumKeys` keys at once.
  public init(limit: Int, window: TimeSpan, maximumKeys: Int) {
    invariant(
      limit >= 1 && window > .zero && maximumKeys >= 1, "a limiter of \(limit) requests in \(window) for \(maximumKeys) keys")
    self.limit = limit
    self.window = window
    self.maximumKeys = maximumKeys
  }

  /// How many keys are remembered.
  public var keyCount: Int { slotOfKey.count }

  /// Decides about a request of the key `name` at `now`, which must not run backwards. Refused requests do not count
  /// against the limit.
  public mutating func decide(_ name: String, at now: Instant) -> Decision {
    let key = ExactName(name)
    let slot: Int
    if let known = slotOfKey[key] {
      slot = known
    } else {
      forgetIdle(at: now, atMost: 2)
      guard slotOfKey.count < maximumKeys else {
        let lastUse = oldest >= 0 ? slots[oldest].lastUse : now
        return .noRoom(retryAfter: max(.nanoseconds(1), lastUse + window - now))
      }
      slot = take(key, now)
    }
    let base = slot * limit
    invariant(now >= slots[slot].lastUse, "a request at \(now) behind one at \(slots[slot].lastUse)")
    invariant(
      slots[slot].count <= limit && slots[slot].cursor < limit,
      "\(slots[slot].count) requests and the next at \(slots[slot].cursor) of a ring of \(limit)")
    if slots[slot].count == limit {
      let first = instants[base + slots[slot].cursor]
      let age = now - first
      if age < window { return .refused(retryAfter: window - age) }
    } else {
      slots[slot].count += 1
    }
    instants[base + slots[slot].cursor] = now
    slots[slot].cursor = (slots[slot].cursor + 1) % limit
    slots[slot].lastUse = now
    unlink(slot)
    link(slot)
    return .allowed
  }

  /// Forgets up to `atMost` keys whose last accepted request has left the window: amortised, every new key pays for two
  /// old ones.
  private mutating func forgetIdle(at now: Instant, atMost: Int) {
    for _ in 0..<atMost {
      guard oldest >= 0, now - slots[oldest].lastUse >= window else { return }
      let slot = oldest
      slotOfKey[slots[slot].key] = nil
      unlink(slot)
      free.append(slot)
    }
  }

  private mutating func take(_ key: ExactName, _ now: Instant) -> Int {
    let slot: Int
    let fresh = Slot(key: key, older: -1, newer: -1, cursor: 0, count: 0, lastUse: now)
    if let reused = free.popLast() {
      slot = reused
      slots[slot] = fresh
    } else {
      slot = slots.count
      slots.append(fresh)
      instants.append(contentsOf: repeatElement(Instant(nanoseconds: 0), count: limit))
    }
    slotOfKey[key] = slot
    link(slot)
    invariant(
      slotOfKey.count <= maximumKeys && slotOfKey.count + free.count == slots.count,
      "\(slotOfKey.count) keys of \(maximumKeys), and \(free.count) free, in \(slots.count) slots")
    return slot
  }

  private mutating func link(_ slot: Int) {
    slots[slot].older = newest
    slots[slot].newer = -1
    if newest >= 0 { slots[newest].newer = slot } else { oldest = slot }
    newest = slot
  }

  private mutating func unlink(_ slot: Int) {
    let older = slots[slot].older
    let newer = slots[slot].newer
    if older >= 0 { slots[older].newer = newer } else { oldest = newer }
    if newer >= 0 { slots[newer].older = older } else { newest = older }
    invariant((oldest < 0) == (newest < 0), "the order of use goes from \(oldest) to \(newest)")
  }
}
