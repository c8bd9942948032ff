// A load of tasks: blocks of samples for services of audio, prompts for those of language, some with context, open loop.
// What a task must come to follows from its request; checkers read the exchanges that the host recorded.

import Load
import ModelServicesAPI
import Vocabulary
import Wire

/// What the load does.
public struct TaskLoadPlan: Sendable, Hashable {
  /// A service that tasks are for.
  public struct Target: Sendable, Hashable {
    /// Its name.
    public var service: String
    /// Its type.
    public var type: ModelType

    /// A service.
    public init(_ service: String, _ type: ModelType) {
      self.service = service
      self.type = type
    }
  }

  /// When tasks are meant to start.
  public var arrivals: Arrivals
  /// When it begins, and how long it begins new ones.
  public var from: TimeSpan
  public var until: TimeSpan
  /// The services that they are for, each as often as the others.
  public var targets: [Target]
  /// The share of tasks that want context, 0 … 1, and how many scopes there are.
  public var contextShare: Double
  public var scopes: Int
  /// Samples of a block.
  public var samples = 48
  /// How long a task may take; one for a language model five times as long.
  public var timeout = TimeSpan.seconds(2)

  /// A plan.
  public init(arrivals: Arrivals, from: TimeSpan, until: TimeSpan, targets: [Target], contextShare: Double = 0, scopes: Int = 1) {
    self.arrivals = arrivals
    self.from = from
    self.until = until
    self.targets = targets
    self.contextShare = contextShare
    self.scopes = scopes
  }

  /// The name of a scope.
  public static func scope(_ number: Int) -> String { "session-\(number)" }
}

/// The machine.
public struct TaskLoad: Machine {
  private let plan: TaskLoadPlan
  private let registry: Endpoint
  private var requests: TimedRequests

  /// A load of `plan` on the registry at `registry`.
  public init(_ plan: TaskLoadPlan, registry: Endpoint) {
    invariant(!plan.targets.isEmpty && plan.scopes > 0, "tasks for \(plan.targets.count) services in \(plan.scopes) scopes")
    self.plan = plan
    self.registry = registry
    requests = TimedRequests(plan.arrivals, from: plan.from, until: plan.until)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { requests.start(&turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    let (plan, registry) = (plan, registry)
    requests.take(event, &turn) { response in
      response.status == 200 ? .served : response.status == 429 ? .limited : .failed
    } make: { number, turn in
      Self.sending(plan, registry, number, &turn)
    }
  }

  private static func sending(_ plan: TaskLoadPlan, _ registry: Endpoint, _ number: Int, _ turn: inout Turn) -> TimedRequests.Sending {
    let target = plan.targets[Int(turn.random.below(UInt64(plan.targets.count)))]
    var context: ContextFilter?
    if turn.random.chance(plan.contextShare) {
      context = ContextFilter(scope: TaskLoadPlan.scope(Int(turn.random.below(UInt64(plan.scopes)))))
    }
    let input = input(target.type, samples: plan.samples, name: "\(turn.node.index)-\(number)", &turn.random)
    let timeout = target.type == .language ? plan.timeout * 5 : plan.timeout
    return (registry, ServicesAPI.task(target.service, input, context: context), timeout)
  }

  /// What a task of a type hands in.
  static func input(_ type: ModelType, samples: Int, name: String, _ random: inout RandomStream) -> JSON {
    switch type {
    case .audioEffect, .audioAnalysis:
      return ["pcm": .string(PCM16.text((0..<samples).map { _ in Int16(truncatingIfNeeded: random.next()) }))]
    case .language: return ["prompt": .string("task \(name): how windy is it?")]
    }
  }
}
