// How fast a request's body, or a WebSocket's message, comes, and how fast a whole answer is taken: whoever is too slow
// does not keep its space.
//
// Three rules, all in `LiveLimits`: each window brings a least number of bytes; a body that is kept whole is there
// within a time; and where the node has no space for another body, whoever brought little in the last short window
// gives its space to it. Time in which the machine, not the sender, is waited for counts for none of them. A body that is
// a stream has no pace: it takes no more memory than its credit, however quiet it is.

import Vocabulary

/// The pace of one body at a time; begun anew with each.
struct BodyPace {
  private var begunAt: Instant
  private var windowStart: Instant
  private var windowBytes = 0
  private var shortStart: Instant
  private var shortBytes = 0
  /// What the last short window brought that is over; nil where none of this body is.
  private var lastShortBytes: Int?

  init(now: Instant) { (begunAt, windowStart, shortStart) = (now, now, now) }

  /// A body begins.
  mutating func begin(now: Instant) { self = BodyPace(now: now) }

  /// The sender is not to blame for the time until now.
  mutating func pause(now: Instant) {
    let begun = begunAt
    self = BodyPace(now: now)
    begunAt = begun
  }

  /// `count` bytes came.
  mutating func note(_ count: Int) {
    windowBytes += count
    shortBytes += count
  }

  /// Whether the body comes too slowly to be waited for; to be asked at each sweep. `timeout` is how long it may take
  /// altogether; nil where nothing bounds that.
  mutating func isTooSlow(now: Instant, within timeout: TimeSpan?, _ limits: LiveLimits) -> Bool {
    if now - shortStart > limits.pressedBodyWindow {
      lastShortBytes = shortBytes
      (shortStart, shortBytes) = (now, 0)
    }
    if let timeout, now - begunAt > timeout { return true }
    guard now - windowStart > limits.bodyWindow else { return false }
    let isSlow = windowBytes < limits.bodyBytesPerWindow
    (windowStart, windowBytes) = (now, 0)
    return isSlow
  }

  /// Whether the body gives way to another where there is no space for both.
  func givesWay(_ limits: LiveLimits) -> Bool { lastShortBytes.map { $0 < limits.pressedBodyBytesPerWindow } ?? false }
}
