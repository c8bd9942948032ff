// A notification on its way to one channel, and the channels' queues. Serves MONITORING-24, in first form
// MONITORING-25.
//
// Each channel has a queue of its own and one delivery under way, so that a dead one blocks no other. A notification is
// durable with the state that it tells of, and stays until the channel has taken it, so it is delivered at least once;
// its key is the same for every attempt and over restarts, so that the receiver can tell a repetition.
//
// In order: a channel gets its notifications one after the other, the oldest first, and one that fails is tried again
// before the next has its turn. Only what the receiver refuses for its content (400, 413, 422), several times, is put
// aside: it is tried again now and then, and others overtake it. Bounded: what was told longer ago than `maximumAge`
// and was tried often in this life is given up, and so is the oldest where too many wait; both are counted. What is for
// a channel that is not configured (any more) waits for it to come back, bounded by count alone.

import DequeModule
import MonitoringAPI
import Vocabulary

/// Names a notification: one change of one rule's alert, for one channel.
struct NotificationID: Hashable, Sendable {
  var rule: UInt64
  var transition: UInt64
  var channel: ExactName
}

/// One notification.
struct Notification: Sendable, Equatable {
  var id: NotificationID
  var body: WebhookBody
  /// When the change happened, by this service's wall clock.
  var toldAt: WallTime
}

/// The queue of one channel.
struct ChannelQueue: Sendable {
  /// Where the delivery of a notification stands.
  enum Phase: Sendable, Equatable {
    /// Nothing goes on.
    case idle
    /// This one is under way.
    case underWay(NotificationID)
    /// The last attempt failed, and the next one is then.
    case waiting(until: Instant)
  }

  /// A notification that waits to be delivered. All but itself is of this life only.
  struct Waiting: Sendable {
    var notification: Notification
    /// Attempts that failed.
    var tries = 0
    /// How often the receiver refused it for its content.
    var refusals = 0
    /// It was put aside, and is tried again then; nil while it is in its place.
    var asideUntil: Instant?
  }

  /// Oldest first.
  private(set) var waiting = Deque<Waiting>()
  var phase = Phase.idle
  /// Failures in a row.
  var failures = 0
  /// What the last attempt came to; nil where it succeeded, or there was none.
  var lastFailure: String?
  /// Given up in this life because they were too old, or too many.
  var dropped = 0
  /// When the queue is looked at again for what was put aside.
  var wakeAt = Instant.never

  /// Notifications that were put aside.
  var asideCount: Int { waiting.count { $0.asideUntil != nil } }

  /// Takes one more, unless it is there.
  mutating func take(_ notification: Notification) {
    if !waiting.contains(where: { $0.notification.id == notification.id }) { waiting.append(Waiting(notification: notification)) }
  }

  /// The one whose turn it is, if any.
  func next(at now: Instant) -> Waiting? { waiting.first { one in one.asideUntil.map { $0 <= now } ?? true } }

  /// When the first of those that were put aside is tried again.
  var asideUntil: Instant? { waiting.lazy.compactMap(\.asideUntil).min() }

  /// The oldest that is not under way.
  var oldestIdle: Notification? { waiting.first { phase != .underWay($0.notification.id) }?.notification }

  /// Changes one that waits.
  mutating func change(_ id: NotificationID, _ body: (inout Waiting) -> Void) {
    if let place = waiting.firstIndex(where: { $0.notification.id == id }) { body(&waiting[place]) }
  }

  /// One that waits.
  subscript(_ id: NotificationID) -> Waiting? { waiting.first { $0.notification.id == id } }

  /// Removes one that was delivered or given up.
  mutating func settle(_ id: NotificationID) {
    let before = waiting.count
    waiting.removeAll { $0.notification.id == id }
    invariant(before - waiting.count <= 1, "\(id) waited \(before - waiting.count) times")
  }
}
