// How channels are told: each channel has its own queue and one delivery under way; what fails is tried again with backoff until the
// channel has taken it. Serves MONITORING-24.

import Durable
import MonitoringAPI
import Resilience
import Vocabulary
import Wire

extension Alerting {
  /// The notifications of a change, one for each channel of the rule; they take the rule's next number.
  func notifications(_ entry: inout RuleEntry, told: AlertWord, reason: AlertReason, _ turn: borrowing Turn) -> [AlertingChange] {
    entry.transitions += 1
    var alert = Self.view(entry)
    alert.state = told
    return entry.rule.channels.map { channel in
      .notification(
        Notification(
          id: NotificationID(rule: entry.number, transition: entry.transitions, channel: ExactName(channel)),
          body: WebhookBody(alert: alert, reason: reason)))
    }
  }

  /// Puts the notifications among changes that are in the journal into their channels' queues.
  mutating func enqueue(_ changes: [AlertingChange], _ turn: inout Turn) {
    for case .notification(let notification) in changes {
      let channel = notification.id.channel
      guard channels[channel] != nil else { continue }
      channels[channel]?.notifications.append(notification)
      if let count = channels[channel]?.notifications.count, count > configuration.maximumNotifications { dropOldest(of: channel, &turn) }
      deliver(channel, &turn)
    }
  }

  private mutating func dropOldest(of channel: ExactName, _ turn: inout Turn) {
    // The oldest may be under way; the one behind it is then the oldest that can go.
    let place = channels[channel]?.phase == .underWay ? 1 : 0
    guard let queue = channels[channel]?.notifications, queue.indices.contains(place) else { return }
    settle(queue[place].id, &turn)
    droppedNotifications += 1
  }

  mutating func deliver(_ channel: ExactName, _ turn: inout Turn) {
    guard let queue = channels[channel], queue.phase == .idle, let first = queue.notifications.first,
      let target = configuration.channels.first(where: { ExactName($0.name) == channel })
    else { return }
    channels[channel]?.phase = .underWay
    // One attempt and no breaker: the queue's own backoff decides about the next, for this channel alone.
    let policy = CallPolicy(
      attemptTimeout: configuration.deliverWithin, attempts: 1, retry: .never, backoff: configuration.deliveryBackoff, breaker: nil,
      bulkhead: Bulkhead.Policy(concurrent: 1_024, waiting: 1_024))
    calls.call(
      target.endpoint, first.body.request(path: target.path, idempotencyKey: key(of: first.id, turn)), policy: policy,
      then: .delivered(first.id), &turn)
  }

  private func key(of id: NotificationID, _ turn: borrowing Turn) -> String {
    let key = "alert-\(String(installation, radix: 16))-\(id.rule)-\(id.transition)-\(id.channel)"
    return turn.planted.contains(.alertingNotifiesAgain) ? "\(key)-\(turn.incarnation)" : key
  }

  mutating func delivered(_ id: NotificationID, _ outcome: CallOutcome, _ turn: inout Turn) {
    channels[id.channel]?.phase = .idle
    switch outcome {
    case .success(let response) where (200...299).contains(response.status): settle(id, &turn)
    case .success(let response) where response.status != 408:
      // The channel refuses what it was sent: a few more tries, in case it is being mended, and then the next one's turn.
      turn.observe(.contractViolated, subject: endpointNumber(id.channel), value: UInt64(response.status))
      channels[id.channel]?.refusals += 1
      if let refusals = channels[id.channel]?.refusals, refusals >= configuration.refusals {
        droppedNotifications += 1
        settle(id, &turn)
      } else {
        return deliverLater(id.channel, &turn)
      }
    case .success, .failure: return deliverLater(id.channel, &turn)
    }
    deliver(id.channel, &turn)
  }

  private func endpointNumber(_ channel: ExactName) -> UInt64 {
    UInt64(configuration.channels.first { ExactName($0.name) == channel }?.endpoint.index ?? .max)
  }

  private mutating func settle(_ id: NotificationID, _ turn: inout Turn) {
    channels[id.channel]?.settle(id)
    if turn.planted.contains(.alertingNotifiesAgain) { return }
    // Where this cannot be written the notification is delivered again after a restart, under the same key.
    try? append([.settled(id)], turn)
  }

  private mutating func deliverLater(_ channel: ExactName, _ turn: inout Turn) {
    channels[channel]?.phase = .waiting
    channels[channel]?.failures += 1
    let ceiling = configuration.deliveryBackoff.ceiling(beforeAttempt: channels[channel]?.failures ?? 1)
    wakes[turn.wake(after: turn.random.span(in: .milliseconds(10)...max(.milliseconds(10), ceiling)))] = .delivery(channel: channel)
  }
}
