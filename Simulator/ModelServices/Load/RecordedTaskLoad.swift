// A load of tasks as they were recorded: when each begins, how long its prompt is, how long its answer is to be and which
// context it wants follow from the recording. Open loop: what becomes of a task holds up no other.
//
// Limits: a token stands for four bytes of a prompt or for one sample of a block, up to `mostPromptBytes` and `mostSamples`;
// an answer has at most `mostAnswerTokens`. What was meant to begin while the load's process was down is not made up for.

import Load
import ModelServicesAPI
import Vocabulary
import Wire

/// What the load does.
public struct RecordedTaskPlan: Sendable, Hashable {
  /// Most bytes of a prompt, samples of a block, and tokens that an answer is to have.
  public static let mostPromptBytes = 16 << 10
  public static let mostSamples = 4_800
  public static let mostAnswerTokens = 256
  static let leastSamples = 16

  /// What was recorded.
  public var recording: TaskRecording
  /// How many times as fast as it was recorded it is sent.
  public var speed: Int64
  /// When it begins.
  public var from: TimeSpan
  /// The services that tasks are for, each as often as the others.
  public var targets: [TaskLoadPlan.Target]
  /// The share of tasks that want the context of their key, 0 … 1; those without a key want none.
  public var contextShare: Double
  /// What stands before the number of tokens that an answer is to have, and behind it; nothing is said of them where nil.
  public var answerMarker: Marker?
  /// How long a task may take; one for a language model five times as long.
  public var timeout = TimeSpan.seconds(2)

  /// How a prompt tells a scripted model how long its answer is to be.
  public struct Marker: Sendable, Hashable {
    /// What stands before the number, and behind it.
    public var before: String
    public var behind: String

    /// A marker.
    public init(before: String, behind: String) {
      self.before = before
      self.behind = behind
    }
  }

  /// A plan.
  public init(
    _ recording: TaskRecording, speed: Int64, from: TimeSpan, targets: [TaskLoadPlan.Target], contextShare: Double = 1,
    answerMarker: Marker? = nil
  ) {
    self.recording = recording
    self.speed = max(1, speed)
    self.from = from
    self.targets = targets
    self.contextShare = contextShare
    self.answerMarker = answerMarker
  }

  /// The name of the scope of a key.
  public static func scope(_ key: Int64) -> String { "session-\(key)" }

  /// When a task begins, counted from the load's start.
  func begins(_ task: TaskRecording.RecordedRequest) -> TimeSpan { from + .nanoseconds(task.at.nanoseconds / speed) }
}

/// The machine.
public struct RecordedTaskLoad: Machine {
  /// Most tasks that begin in one turn: a recording may have any number at one time.
  private static let mostAtOnce = 64

  private let plan: RecordedTaskPlan
  private let registry: Endpoint
  private let ownKeys: [Int64?]
  private var open = OpenOperations<Instant>()
  /// The next task, and what wakes the load for it.
  private var next = 0
  private var timer: TimerID?
  private var origin = Instant(nanoseconds: 0)

  /// A load of `plan` on the registry at `registry`.
  public init(_ plan: RecordedTaskPlan, registry: Endpoint) {
    invariant(!plan.targets.isEmpty, "recorded tasks for no service")
    self.plan = plan
    self.registry = registry
    ownKeys = plan.recording.ownKeys
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    origin = turn.loadOrigin
    if turn.incarnation > 0 {
      let now = turn.now
      next = plan.recording.tasks.firstIndex { origin + plan.begins($0) > now } ?? plan.recording.tasks.count
    }
    arm(&turn)
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if case .timer(let timer) = event, timer == self.timer {
      begin(&turn)
      return arm(&turn)
    }
    switch open.change(by: event, &turn) {
    case .answered(let intended, let response):
      (response.status == 200 ? LoadOutcome.served : response.status == 429 ? .limited : .failed).tell(intended: intended, &turn)
    case .failed(let intended, _), .timedOut(let intended): LoadOutcome.failed.tell(intended: intended, &turn)
    case .due, nil: break
    }
  }

  private mutating func arm(_ turn: inout Turn) {
    timer = next < plan.recording.tasks.count ? turn.wake(at: origin + plan.begins(plan.recording.tasks[next])) : nil
  }

  /// Begins what is due.
  private mutating func begin(_ turn: inout Turn) {
    var begun = 0
    while next < plan.recording.tasks.count, begun < Self.mostAtOnce {
      let task = plan.recording.tasks[next]
      let intended = origin + plan.begins(task)
      guard intended <= turn.now else { return }
      let target = plan.targets[Int(turn.random.below(UInt64(plan.targets.count)))]
      var context: ContextFilter?
      if let key = ownKeys[next], turn.random.chance(plan.contextShare) { context = ContextFilter(scope: RecordedTaskPlan.scope(key)) }
      let name = "\(turn.node.index)-\(turn.numbersBefore + next + 1)"
      let input = plan.input(task, target.type, name: name, &turn.random)
      let timeout = target.type == .language ? plan.timeout * 5 : plan.timeout
      open.call(registry, ServicesAPI.task(target.service, input, context: context), for: intended, until: turn.now + timeout, &turn)
      next += 1
      begun += 1
    }
  }
}

extension RecordedTaskPlan {
  /// What a recorded task hands in to a model of a type.
  func input(_ task: TaskRecording.RecordedRequest, _ type: ModelType, name: String, _ random: inout RandomStream) -> JSON {
    switch type {
    case .audioEffect, .audioAnalysis:
      return TaskLoad.input(type, samples: min(max(Self.leastSamples, task.inputTokens), Self.mostSamples), name: name, &random)
    case .language:
      var prompt = "task \(name): how windy is it?"
      if let marker = answerMarker { prompt += " \(marker.before)\(min(max(1, task.outputTokens), Self.mostAnswerTokens))\(marker.behind)" }
      let bytes = min(task.inputTokens * 4, Self.mostPromptBytes)
      if bytes > prompt.utf8.count { prompt += String(repeating: "~", count: bytes - prompt.utf8.count) }
      return ["prompt": .string(prompt)]
    }
  }
}
