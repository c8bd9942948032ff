// How channels are told: each channel has its own queue and one delivery under way; what fails is tried again with
// backoff until the channel has taken it, for a day at least. Serves MONITORING-24.

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
          body: WebhookBody(alert: alert, reason: reason), toldAt: turn.wallClock))
    }
  }

  /// Puts the notifications among changes that are in the journal into their channels' queues.
  mutating func enqueue(_ changes: [AlertingChange], _ turn: inout Turn) {
    for case .notification(let notification) in changes {
      let channel = notification.id.channel
      channels[channel, default: ChannelQueue()].take(notification)
      if let queue = channels[channel], queue.waiting.count > configuration.maximumNotifications, let oldest = queue.oldestIdle {
        drop(oldest.id, &turn)
      }
      deliver(channel, &turn)
    }
  }

  private mutating func drop(_ id: NotificationID, _ turn: inout Turn) {
    settle(id, &turn)
    channels[id.channel]?.dropped += 1
  }

  mutating func deliver(_ channel: ExactName, _ turn: inout Turn) {
    guard let queue = channels[channel], !queue.waiting.isEmpty,
      let target = configuration.channels.first(where: { ExactName($0.name) == channel })
    else { return }
    switch queue.phase {
    case .idle: break
    case .underWay: return
    case .waiting(let until): return wake(channel, at: until, &turn)
    }
    if turn.planted.contains(.alertingWaitsForOthers), channels.contains(where: { $0.key < channel && !$0.value.waiting.isEmpty }) {
      return wake(channel, at: turn.now + .seconds(1), &turn)
    }
    guard let next = queue.next(at: turn.now)?.notification else {
      if let until = queue.asideUntil { wake(channel, at: until, &turn) }
      return
    }
    channels[channel]?.phase = .underWay(next.id)
    if turn.planted.contains(.alertingSettlesWhenSending) { try? append([.settled(next.id)], turn) }
    // One attempt and no breaker: the queue's own backoff decides about the next, for this channel alone.
    let policy = CallPolicy(
      attemptTimeout: configuration.deliverWithin, attempts: 1, retry: .never, backoff: configuration.deliveryBackoff, breaker: nil,
      bulkhead: Bulkhead.Policy(concurrent: 1_024, waiting: 1_024))
    calls.call(
      target.callee, next.body.request(path: target.path, idempotencyKey: key(of: next.id, turn)), policy: policy,
      then: .delivered(next.id), &turn)
  }

  private func key(of id: NotificationID, _ turn: borrowing Turn) -> String {
    let key = "alert-\(String(installation, radix: 16))-\(id.rule)-\(id.transition)-\(id.channel)"
    return turn.planted.contains(.alertingNotifiesAgain) ? "\(key)-\(turn.incarnation)" : key
  }

  mutating func delivered(_ id: NotificationID, _ outcome: CallOutcome, _ turn: inout Turn) {
    if let phase = channels[id.channel]?.phase {
      invariant(phase == .underWay(id), "\(id) was delivered, and its channel is \(phase)")
    }
    channels[id.channel]?.phase = .idle
    if case .success(let response) = outcome, (200...299).contains(response.status) {
      channels[id.channel]?.failures = 0
      channels[id.channel]?.lastFailure = nil
      settle(id, &turn)
      return deliver(id.channel, &turn)
    }
    let failure = DeliveryFailure(outcome, now: turn.wallClock)
    if let status = failure.refusingStatus {
      turn.observe(.contractViolated, subject: endpointNumber(id.channel), value: UInt64(status))
    }
    channels[id.channel]?.failures += 1
    channels[id.channel]?.lastFailure = failure.description
    channels[id.channel]?.change(id) { one in
      one.tries += 1
      one.refusals += failure.isOfContent ? 1 : 0
    }
    guard let one = channels[id.channel]?[id] else { return deliver(id.channel, &turn) }
    if one.tries >= configuration.leastTries, turn.wallClock - one.notification.toldAt > configuration.maximumAge {
      drop(id, &turn)
      return deliver(id.channel, &turn)
    }
    if failure.isOfContent, one.refusals >= configuration.refusals {
      // Others are not to wait for it. That the channel refuses this one says nothing of them.
      channels[id.channel]?.failures = 0
      let wait = max(configuration.asideEvery, failure.retryAfter)
      channels[id.channel]?.change(id) { $0.asideUntil = turn.now + wait }
      return deliver(id.channel, &turn)
    }
    let backoff = failure.refusingStatus == nil ? configuration.deliveryBackoff : configuration.refusalBackoff
    let ceiling = backoff.ceiling(beforeAttempt: channels[id.channel]?.failures ?? 1)
    let wait = max(turn.random.span(in: TimeSpan(nanoseconds: ceiling.nanoseconds / 2)...ceiling), failure.retryAfter)
    channels[id.channel]?.phase = .waiting(until: turn.now + wait)
    wake(id.channel, at: turn.now + wait, &turn)
  }

  private func endpointNumber(_ channel: ExactName) -> UInt64 {
    configuration.channels.first { ExactName($0.name) == channel }?.callee.statedAs ?? UInt64(UInt16.max)
  }

  private mutating func settle(_ id: NotificationID, _ turn: inout Turn) {
    channels[id.channel]?.settle(id)
    if turn.planted.contains(.alertingNotifiesAgain) { return }
    // Where this cannot be written the notification is delivered again after a restart, under the same key.
    try? append([.settled(id)], turn)
  }

  /// Looks at a channel again at `instant`, or earlier.
  private mutating func wake(_ channel: ExactName, at instant: Instant, _ turn: inout Turn) {
    guard let armed = channels[channel]?.wakeAt, instant < armed else { return }
    channels[channel]?.wakeAt = instant
    wakes[turn.wake(at: instant)] = .delivery(channel: channel)
  }
}

/// Why a delivery failed.
private struct DeliveryFailure {
  /// The status of an answer that refuses what was sent; nil for what may pass by itself.
  var refusingStatus: Int?
  /// How long the receiver asked to be left alone.
  var retryAfter = TimeSpan.zero
  var description: String

  init(_ outcome: CallOutcome, now: WallTime) {
    switch outcome {
    case .success(let response), .failure(.status(let response)):
      description = "status \(response.status)"
      retryAfter = RetryAfter.wait(response, now: now) ?? .zero
      if response.status < 500, ![408, 425, 429].contains(response.status) { refusingStatus = response.status }
    case .failure(.timedOut): description = "no answer in time"
    case .failure(.transport(let failure)): description = "\(failure)"
    case .failure(.redirected(_, let response)): description = "a redirect that is not followed, status \(response.status)"
    case .failure(.circuitOpen), .failure(.bulkheadFull): description = "too many deliveries are under way"
    }
  }

  /// Whether the receiver refuses what stands in the notification, so that others may go through.
  var isOfContent: Bool { refusingStatus.map { [400, 413, 422].contains($0) } ?? false }
}
