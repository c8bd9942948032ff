// A load of kind *replay*: sends the rows of recorded series to ingestion as their time comes on the wall clock, which
// may run many times as fast as it did then. A pure machine, for both worlds.
//
// Rows of a series go out in order, one request at a time, each with an `Idempotency-Key` and sent again until it is
// accepted, so that every row arrives once and the last of two rows of one time wins. What is refused for what it is
// (400, 413, 422) is halved until the row stands alone that is meant; that row is given up, and said (`rowRefused`), so
// that it does not keep the others from being sent.

import Load
import MonitoringAPI
import Vocabulary
import Wire

/// The machine of a replay load. It states `replayEnded` when every row was accepted or given up.
public struct ReplayLoad: Machine {
  private struct Lane {
    var next = 0
    var open: (id: ExchangeID, timer: TimerID, count: Int, since: Instant)?
    var retry: TimerID?
    var batch = 0
    var attempts = 0
    /// Rows of the next request, at most: fewer where a row is looked for that is refused.
    var width = ReplayLoad.rowsPerRequest
  }

  private let recording: Recording
  private let ingestion: Endpoint
  private let tick: TimeSpan
  private var lanes: [Lane]
  private var wake: TimerID?
  private var isDone = false
  private var refusedRows: UInt64 = 0

  /// Most rows in one request.
  static let rowsPerRequest = 500
  static let timeout = TimeSpan.seconds(2)

  /// A replay of `recording` to the ingestion service at `ingestion`, which looks every `tick` for rows whose time has
  /// come.
  public init(_ recording: Recording, ingestion: Endpoint, tick: TimeSpan = .milliseconds(200)) {
    self.recording = recording
    self.ingestion = ingestion
    self.tick = tick
    lanes = recording.series.map { _ in Lane() }
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { wake = turn.wake(after: tick) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer(let timer):
      if timer == wake {
        for index in lanes.indices { sendDue(index, &turn) }
        wake = isDone ? nil : turn.wake(after: tick)
      } else if let index = lanes.firstIndex(where: { $0.open?.timer == timer }) {
        if let open = lanes[index].open { turn.cancelCall(open.id) }
        ended(index, isAccepted: false, &turn)
      } else if let index = lanes.firstIndex(where: { $0.retry == timer }) {
        lanes[index].retry = nil
        sendDue(index, &turn)
      }
    case .response(let id, let response):
      guard let index = lanes.firstIndex(where: { $0.open?.id == id }) else { return }
      if let open = lanes[index].open { turn.cancelWake(open.timer) }
      if [400, 413, 422].contains(response.status) {
        refused(index, status: response.status, &turn)
      } else {
        ended(index, isAccepted: response.status == 202, &turn)
      }
    case .failed(let id, _):
      guard let index = lanes.firstIndex(where: { $0.open?.id == id }) else { return }
      if let open = lanes[index].open { turn.cancelWake(open.timer) }
      ended(index, isAccepted: false, &turn)
    case .request, .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  /// Sends the rows of a series whose time has come, if none of its requests is under way. What was sent and not
  /// accepted is sent again as it was, whatever has come due since.
  private mutating func sendDue(_ index: Int, _ turn: inout Turn) {
    guard lanes[index].open == nil, lanes[index].retry == nil else { return }
    let rows = recording.series[index].rows
    let now = turn.wallClock.milliseconds
    var count = lanes[index].attempts > 0 ? lanes[index].batch : 0
    if count == 0 {
      while count < lanes[index].width, lanes[index].next + count < rows.count,
        rows[lanes[index].next + count].timestampMilliseconds <= now
      {
        count += 1
      }
      lanes[index].batch = count
    }
    guard count > 0 else { return }
    let name = recording.series[index].name
    let first = lanes[index].next
    let metrics = rows[first..<first + count].map { Metric(name: name, value: $0.value, timestampMilliseconds: $0.timestampMilliseconds) }
    var request = MetricsRequest(metrics: metrics).request(client: "replay-\(name)", idempotencyKey: "\(turn.nameInLife(name))-\(first)")
    request.deadline = Deadline(turn.now + Self.timeout)
    lanes[index].open = (turn.call(ingestion, request, .immediately), turn.wake(after: Self.timeout), count, turn.now)
  }

  /// No repetition comes to anything else: looks for the row that is meant, and gives it up once it stands alone.
  private mutating func refused(_ index: Int, status: Int, _ turn: inout Turn) {
    guard let open = lanes[index].open else { return }
    if open.count > 1 {
      lanes[index].width = open.count / 2
      lanes[index].open = nil
      lanes[index].attempts = 0
      LoadOutcome.failed.tell(intended: open.since, &turn)
      return sendDue(index, &turn)
    }
    refusedRows += 1
    turn.observe(.rowRefused, subject: refusedRows, value: UInt64(status))
    ended(index, isAccepted: true, &turn)
  }

  private mutating func ended(_ index: Int, isAccepted: Bool, _ turn: inout Turn) {
    guard let open = lanes[index].open else { return }
    lanes[index].open = nil
    (isAccepted ? LoadOutcome.served : .failed).tell(intended: open.since, &turn)
    if isAccepted {
      lanes[index].next += open.count
      lanes[index].attempts = 0
      lanes[index].width = min(Self.rowsPerRequest, 2 * lanes[index].width)
    } else {
      lanes[index].attempts += 1
      lanes[index].retry = turn.wake(after: .milliseconds(150) + turn.random.span(in: .zero...(.milliseconds(150))))
    }
    let isComplete = zip(lanes, recording.series).allSatisfy { $0.next == $1.rows.count }
    if isComplete, !isDone {
      isDone = true
      turn.observe(.replayEnded)
    }
  }
}
