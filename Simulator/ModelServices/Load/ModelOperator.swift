// An operator: registers services, asks that they be initialised, and swaps their versions, each at its time. What is
// registered is asked again until it is answered, one after the other, since the first version of a service is the one that
// serves; a swap is asked for once, and what became of it is what it was answered.

import Load
import ModelServicesAPI
import Vocabulary
import Wire

/// What an operator does, and when.
public struct OperatorStep: Sendable, Hashable {
  /// What he does.
  public enum Act: Sendable, Hashable {
    case register(ServiceRegistration)
    case initialize(String)
    case swap(String, to: Int64, gradual: TimeSpan)
  }

  /// When.
  public var at: TimeSpan
  /// What.
  public var act: Act

  /// A step.
  public init(at: TimeSpan, _ act: Act) {
    self.at = at
    self.act = act
  }

  var request: Request {
    switch act {
    case .register(let registration): registration.request()
    case .initialize(let service): ServicesAPI.initialize(service)
    case .swap(let service, let version, let gradual): ServicesAPI.swap(service, to: version, gradual: gradual)
    }
  }
}

/// The machine.
public struct ModelOperator: Machine {
  private let steps: [OperatorStep]
  private let registry: Endpoint
  private var open = OpenOperations<(step: Int, attempts: Int)>()

  /// An operator who does `steps` at the registry at `registry`.
  public init(_ steps: [OperatorStep], registry: Endpoint) {
    self.steps = steps
    self.registry = registry
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    let origin = turn.loadOrigin
    registerNext(behind: -1, &turn)
    for (place, step) in steps.enumerated() where origin + step.at >= turn.now {
      if case .register = step.act { continue }
      open.wait((place, 0), for: origin + step.at - turn.now, &turn)
    }
  }

  /// Goes on with the first registration behind a step.
  private mutating func registerNext(behind place: Int, _ turn: inout Turn) {
    for next in steps.indices where next > place {
      if case .register = steps[next].act { return open.wait((next, 0), for: .zero, &turn) }
    }
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch open.change(by: event, &turn) {
    case .due(let operation):
      let span: TimeSpan = if case .register = steps[operation.step].act { .seconds(1) } else { .seconds(90) }
      open.call(registry, steps[operation.step].request, for: operation, until: turn.now + span, &turn)
    case .answered(let operation, let response):
      if response.status >= 500 { again(operation, &turn) } else { ended(operation.step, &turn) }
    case .failed(let operation, _), .timedOut(let operation): again(operation, &turn)
    case nil: break
    }
  }

  private mutating func ended(_ place: Int, _ turn: inout Turn) {
    if case .register = steps[place].act { registerNext(behind: place, &turn) }
  }

  private mutating func again(_ operation: (step: Int, attempts: Int), _ turn: inout Turn) {
    guard case .register = steps[operation.step].act, operation.attempts < 100 else { return ended(operation.step, &turn) }
    open.wait((operation.step, operation.attempts + 1), for: .milliseconds(100), &turn)
  }
}
