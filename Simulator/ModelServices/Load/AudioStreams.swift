// Streams of audio in real time: of each a block every 10 ms, whatever became of the one before. A block that is not answered
// within its 10 ms is missed: what plays has nothing to play.

import Load
import ModelServicesAPI
import Vocabulary
import Wire

extension Fact {
  /// A block was meant to be sent at `subject` nanoseconds on the load's clock; `value` is 1 where it was missed.
  public static let audioBlock = Fact("models/audio-block")
}

/// What the load does.
public struct AudioStreamsPlan: Sendable, Hashable {
  /// How long a block is.
  public static let blockTime = TimeSpan.milliseconds(10)

  /// How many streams at once.
  public var streams: Int
  /// When they begin, and how long they go on.
  public var from: TimeSpan
  public var until: TimeSpan
  /// The service that does the blocks.
  public var service: String
  /// The share of blocks that want context, 0 … 1.
  public var contextShare: Double
  /// Samples of a block: 480 are 10 ms at 48 kHz.
  public var samples = 480

  /// A plan.
  public init(streams: Int, from: TimeSpan, until: TimeSpan, service: String, contextShare: Double = 0) {
    self.streams = streams
    self.from = from
    self.until = until
    self.service = service
    self.contextShare = contextShare
  }
}

/// The machine.
public struct AudioStreams: Machine {
  private let plan: AudioStreamsPlan
  private let registry: Endpoint
  private var open = OpenOperations<(intended: Instant, isTold: Bool)>()
  /// When each stream's next block is due.
  private var due: [TimerID: Int] = [:]
  private var origin = Instant(nanoseconds: 0)

  /// Streams of `plan` to the registry at `registry`.
  public init(_ plan: AudioStreamsPlan, registry: Endpoint) {
    invariant(plan.streams > 0, "no stream of audio")
    self.plan = plan
    self.registry = registry
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    origin = turn.loadOrigin
    for stream in 0..<plan.streams {
      // Streams do not begin together.
      let offset = TimeSpan(nanoseconds: AudioStreamsPlan.blockTime.nanoseconds * Int64(stream) / Int64(plan.streams))
      due[turn.wake(at: max(turn.now, origin + plan.from + offset))] = stream
    }
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .timer(let timer) = event, let stream = due.removeValue(forKey: timer) { return send(stream, &turn) }
    switch open.change(by: event, &turn) {
    case .answered(let block, let response): ended(block.intended, response.status == 200 ? .served : .failed, &turn)
    case .failed(let block, _), .timedOut(let block): ended(block.intended, .failed, &turn)
    case .due, nil: break
    }
  }

  private mutating func send(_ stream: Int, _ turn: inout Turn) {
    let next = turn.now + AudioStreamsPlan.blockTime
    if next < origin + plan.until { due[turn.wake(at: next)] = stream }
    let input = TaskLoad.input(.audioEffect, samples: plan.samples, name: "", &turn.random)
    let context = turn.random.chance(plan.contextShare) ? ContextFilter(scope: TaskLoadPlan.scope(stream)) : nil
    // What comes later than ten blocks is of no use to anybody.
    open.call(
      registry, ServicesAPI.task(plan.service, input, context: context), for: (turn.now, false),
      until: turn.now + AudioStreamsPlan.blockTime * 10, &turn)
  }

  private func ended(_ intended: Instant, _ outcome: LoadOutcome, _ turn: inout Turn) {
    outcome.tell(intended: intended, &turn)
    let isMissed = outcome != .served || turn.now - intended > AudioStreamsPlan.blockTime
    turn.observe(.audioBlock, subject: UInt64(max(0, intended.nanoseconds)), value: isMissed ? 1 : 0)
  }
}
