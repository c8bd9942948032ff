// A member of a consumer group: joins, consumes what it is assigned, commits what it has consumed, tells that it lives.
// It dies with its node, and joins anew; now and then it leaves by itself, or stands still for longer than its session.
// Judges read the exchanges. Serves MONITORING-7.

import Load
import MonitoringAPI
import Vocabulary

/// The machine.
public struct GroupConsumer: Machine {
  private enum Step {
    case joining
    case readingOffsets
    case consuming(TopicPartition)
    case committing
    case leaving
  }

  private let group: String
  private let brokers: [Endpoint]
  private let until: TimeSpan
  private var origin = Instant(nanoseconds: 0)
  private var member: String?
  private var generation: Int64 = 0
  private var assignment: [TopicPartition] = []
  private var offsets: [TopicPartition: Int64] = [:]
  private var uncommitted: Set<TopicPartition> = []
  private var turnOf = 0
  private var open: (id: ExchangeID, step: Step, timer: TimerID)?
  private var heartbeat: (id: ExchangeID, timer: TimerID)?
  private var pause: TimerID?
  private var beat: TimerID?
  /// Until then it gives no sign of life.
  private var asleepUntil = Instant(nanoseconds: 0)

  static let session = TimeSpan.milliseconds(1_500)
  static let timeout = TimeSpan.seconds(1)

  /// A member of `group` that takes part for as long as `until`.
  public init(group: String, brokers: [Endpoint], until: TimeSpan) {
    invariant(!brokers.isEmpty, "a consumer of \(brokers.count) brokers")
    self.group = group
    self.brokers = brokers
    self.until = until
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    origin = turn.loadOrigin
    pause = turn.wake(after: turn.random.span(in: .zero...(.milliseconds(300))))
    beat = turn.wake(after: .milliseconds(400))
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      if timer == pause {
        pause = nil
        goOn(&turn)
      } else if timer == beat {
        beat = turn.wake(after: .milliseconds(400))
        sendHeartbeat(&turn)
      } else if let open, open.timer == timer {
        turn.cancelCall(open.id)
        self.open = nil
        rest(.milliseconds(50), &turn)
      } else if let heartbeat, heartbeat.timer == timer {
        turn.cancelCall(heartbeat.id)
        self.heartbeat = nil
      }
    case .response(let id, let response):
      if let open, open.id == id {
        turn.cancelWake(open.timer)
        self.open = nil
        answered(open.step, response, &turn)
      } else if let heartbeat, heartbeat.id == id {
        turn.cancelWake(heartbeat.timer)
        self.heartbeat = nil
        lived(response)
      }
    case .failed(let id, _):
      if let open, open.id == id {
        turn.cancelWake(open.timer)
        self.open = nil
        rest(.milliseconds(50), &turn)
      } else if let heartbeat, heartbeat.id == id {
        turn.cancelWake(heartbeat.timer)
        self.heartbeat = nil
      }
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  private mutating func rest(_ span: TimeSpan, _ turn: inout Turn) { if pause == nil { pause = turn.wake(after: span) } }

  private func broker(_ turn: inout Turn) -> Endpoint { brokers[Int(turn.random.below(UInt64(brokers.count)))] }

  private mutating func ask(_ step: Step, _ request: Request, _ turn: inout Turn) {
    var request = request
    request.deadline = Deadline(turn.now + Self.timeout)
    open = (turn.call(broker(&turn), request, .immediately), step, turn.wake(after: Self.timeout))
  }

  private mutating func sendHeartbeat(_ turn: inout Turn) {
    guard let member, heartbeat == nil, turn.now >= asleepUntil else { return }
    var request = HeartbeatRequest(generation: generation).request(group: group, member: member)
    request.deadline = Deadline(turn.now + Self.timeout)
    heartbeat = (turn.call(broker(&turn), request, .immediately), turn.wake(after: Self.timeout))
  }

  private mutating func lived(_ response: Response) {
    if response.status == 404 { return forget() }
    guard response.status == 200, let document = try? response.document(), let news = try? Assignment(document),
      news.generation > generation
    else { return }
    take(news)
  }

  private mutating func take(_ news: Assignment) {
    generation = news.generation
    assignment = news.partitions
    // Where others have come meanwhile is asked for again.
    offsets.removeAll()
    uncommitted.removeAll()
  }

  private mutating func forget() {
    member = nil
    assignment = []
    offsets.removeAll()
    uncommitted.removeAll()
  }

  /// The next step: join, learn the offsets, consume by turns, commit now and then.
  private mutating func goOn(_ turn: inout Turn) {
    guard open == nil, turn.now < origin + until else { return }
    guard let member else {
      return ask(.joining, JoinRequest(topics: [QueueAPI.inboundTopic], sessionTimeout: Self.session).request(group: group), &turn)
    }
    if turn.random.chance(0.002) { return ask(.leaving, Request(.delete, "/groups/\(group)/members/\(member)"), &turn) }
    // It falls asleep for longer than its session: when it wakes, others have its partitions.
    if turn.random.chance(0.002) {
      asleepUntil = turn.now + Self.session * 2
      return rest(Self.session * 2, &turn)
    }
    guard !assignment.isEmpty else { return rest(.milliseconds(100), &turn) }
    guard !offsets.isEmpty else { return ask(.readingOffsets, Request(.get, "/groups/\(group)/offsets"), &turn) }
    if uncommitted.count >= 3 || !uncommitted.isEmpty && turn.random.chance(0.3) {
      let done = uncommitted.sorted().map { GroupOffset($0, offset: offsets[$0] ?? 0) }
      return ask(.committing, CommitRequest(member: member, generation: generation, offsets: done).request(group: group), &turn)
    }
    turnOf += 1
    let partition = assignment[turnOf % assignment.count]
    let request = ConsumeRequest(partition: partition.partition, offset: offsets[partition] ?? 0, count: 50)
    ask(.consuming(partition), request.request(), &turn)
  }

  private mutating func answered(_ step: Step, _ response: Response, _ turn: inout Turn) {
    let document = try? response.document()
    switch step {
    case .joining:
      if response.status == 201, let document, let news = try? Assignment(document) {
        member = news.member
        take(news)
      }
    case .readingOffsets:
      if response.status == 200, let document, let found = try? GroupOffsets(document) {
        for partition in assignment { offsets[partition] = 0 }
        for offset in found.offsets where offsets[offset.partition] != nil { offsets[offset.partition] = offset.offset }
      }
    case .consuming(let partition):
      // A division anew may have come in between: then what was consumed is not this member's to commit.
      if response.status == 200, let document, let answer = try? ConsumeResponse(document), let offset = offsets[partition],
        answer.nextOffset > offset, answer.messages.first?.offset == offset
      {
        offsets[partition] = answer.nextOffset
        uncommitted.insert(partition)
      }
    case .committing:
      if response.status == 200 { uncommitted.removeAll() }
      if response.status == 404 || response.status == 409 { forget() }
    case .leaving: if response.status == 204 || response.status == 404 { forget() }
    }
    rest(turn.random.span(in: .milliseconds(5)...(.milliseconds(60))), &turn)
  }
}
