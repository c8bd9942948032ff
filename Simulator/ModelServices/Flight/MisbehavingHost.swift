// A host of models that misbehaves for a while: the machine of a host, and before it one who swallows tasks, holds them up,
// answers them wrongly or refuses. What it misbehaves at never reaches the machine behind; heartbeats do, so that only who
// looks at tasks finds out. Its chance is the node's own.

import ModelServicesAPI
import ModelServicesChecking
import Vocabulary
import Wire

/// The machine.
struct MisbehavingHost: Machine {
  private var inner: any Machine
  private let plan: [Misbehaviour]
  private var held: [TimerID: (ExchangeID, Request)] = [:]

  /// A host `inner` that misbehaves by `plan`.
  init(_ inner: any Machine, _ plan: [Misbehaviour]) {
    self.inner = inner
    self.plan = plan
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { try inner.start(&turn) }

  mutating func stopping(_ turn: inout Turn) { inner.stopping(&turn) }

  func intake(_ head: RequestHead) -> Intake { inner.intake(head) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let exchange, let request):
      guard let found = misbehaviour(request, turn.now) else { break }
      switch found.kind {
      case .hang: return
      case .slow(let span):
        held[turn.wake(after: span)] = (exchange, request)
        return
      case .lie(let share):
        if turn.random.chance(share) { return lie(exchange, request, &turn) }
      case .flap(let period):
        let phase = (turn.now - Instant(nanoseconds: found.beginsAt.nanoseconds)).nanoseconds % period.nanoseconds
        if phase * 2 < period.nanoseconds {
          return turn.reply(exchange, .failure(500, code: "FLAPPING", message: "the model is away for a moment"), .immediately)
        }
      case .refuseLoads:
        return turn.reply(exchange, .failure(422, code: "LOADING_FAILED", message: "the weights cannot be read"), .immediately)
      }
    case .timer(let timer):
      if let (exchange, request) = held.removeValue(forKey: timer) { return inner.handle(.request(exchange, request), &turn) }
    case .response, .failed, .abandoned, .message, .durable, .completed, .stream: break
    }
    inner.handle(event, &turn)
  }

  /// What a request is to suffer; nil for nothing.
  private func misbehaviour(_ request: Request, _ now: Instant) -> Misbehaviour? {
    guard request.head.method == .post else { return nil }
    let isTask = sameBytes(request.head.target, "/tasks")
    let isLoad = sameBytes(request.head.target, "/instances")
    return plan.first { misbehaviour in
      guard misbehaviour.isUnderWay(now) else { return false }
      switch misbehaviour.kind {
      case .hang, .slow, .lie, .flap:
        guard isTask else { return false }
        guard let service = misbehaviour.service else { return true }
        let named = (try? request.document())?.value["service"]
        return named == .string(service)
      case .refuseLoads: return isLoad
      }
    }
  }

  /// Answers 200 with what is none of the right answers.
  private func lie(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) {
    let asked = (try? request.document())?.value
    let kind = turn.random.below(4)
    let response = Response.json(200) { writer in
      writer.beginObject()
      writer.member("task", kind == 0 ? .string("0") : asked?["task"] ?? .null)
      writer.member("service", asked?["service"] ?? .null)
      writer.member("version", kind == 1 ? .integer(0) : asked?["version"] ?? .null)
      writer.member("instance", "liar")
      writer.member("output", kind == 2 ? ["pcm": .integer(1), "rms": .string("loud")] : [:])
      writer.endObject()
    }
    turn.reply(exchange, response, .immediately)
  }
}
