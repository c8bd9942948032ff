// A notification on its way to one channel, and the channels' queues. Serves MONITORING-24, in first form MONITORING-25.
//
// Each channel has a queue of its own and one delivery under way, so that a dead one blocks no other. A notification is durable with
// the state that it tells of, and stays until the channel has taken it, so it is delivered at least once; its key is the same for every
// attempt and over restarts, so that the receiver can tell a repetition. Bounded: beyond `limit` the oldest is given up, and counted.

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
}

/// The queue of one channel.
struct ChannelQueue: Sendable {
  /// Where the delivery of the oldest notification stands.
  enum Phase: Sendable {
    /// Nothing goes on.
    case idle
    /// It is under way.
    case underWay
    /// It failed and waits for its wake.
    case waiting
  }

  /// Oldest first.
  var notifications = Deque<Notification>()
  var phase = Phase.idle
  /// Failures of the oldest in a row.
  var failures = 0
  /// How often the receiver refused the oldest for what it is.
  var refusals = 0

  /// Removes one that was delivered or given up.
  mutating func settle(_ id: NotificationID) {
    guard let place = notifications.firstIndex(where: { $0.id == id }) else { return }
    if place == notifications.startIndex {
      failures = 0
      refusals = 0
    }
    notifications.remove(at: place)
  }
}
