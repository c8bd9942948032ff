// The client that makes contract cases, one after the other, and judges the answers: one pure machine, the same in the
// simulator and on real sockets. It also receives what alerting's channel sends, so that notifications are judged as
// they arrive.
//
// Fault model: an answer that does not come within `answerWithin`, a connection that breaks, answers that are no HTTP:
// all are findings of the step, except that a service which cannot be reached before it ever answered makes the case
// not run. Limits: one case at a time; notifications of one case are kept until it ends, at most `maximumHeard`.
// Parts: +Requests (a step's requests and their judgement), +Listening (notifications), +Documents (every exchange is held
// against the documents of the services), +Closing (what is done after a case). Requirements: those of the cases.

import OpenAPI
import Vocabulary
import Wire

/// Where a service is.
public struct ContractService: Sendable, Hashable {
  /// The endpoint by which the host finds it.
  public var endpoint: Endpoint
  /// The path below which all its targets are; empty for none.
  public var prefix: String
  /// Its address, for the commands that repeat a failure: `http://127.0.0.1:8080`.
  public var url: String

  /// A service.
  public init(_ endpoint: Endpoint, prefix: String = "", url: String) {
    self.endpoint = endpoint
    self.prefix = prefix
    self.url = url
  }
}

/// What a caller does.
public struct ContractPlan: Sendable {
  /// The cases, in order.
  public var cases: [ContractCase]
  /// Where the services are, by name; cases that need another one are not run.
  public var services: [String: ContractService]
  /// Begins every name that the cases make up, so that a service can be judged many times: lower-case letters and
  /// digits.
  public var run: String
  /// The channel that leads to the caller; nil where there is none, and the cases that need one are not run.
  public var channel: String?
  /// The documents of the services, by their names: every exchange is held against that of its service.
  public var documents: [String: OpenAPIDocument] = [:]
  /// How long an answer may take.
  public var answerWithin = TimeSpan.seconds(20)

  /// A plan.
  public init(cases: [ContractCase], services: [String: ContractService], run: String, channel: String?) {
    self.cases = cases
    self.services = services
    self.run = run
    self.channel = channel
  }
}

/// The machine that makes contract cases.
public struct ContractCaller: Machine {
  /// What a wake is for.
  enum Purpose {
    case waitIsOver
    case tryAgain
    case answerIsLate
    case listenedLongEnough
    case closingIsLate
  }

  /// Notifications of one case that are kept.
  static let maximumHeard = 10_000

  let plan: ContractPlan
  let book: any VerdictBook

  // What follows is of the case that is being made.
  private var place = 0
  var step = 0
  var variables = Variables()
  var round: RequestRound?
  /// The request that is under way while other steps are made.
  var begun: RequestRound?
  var wake: (timer: TimerID, purpose: Purpose)?
  var heard: [Request] = []
  /// Requests under way that are held against a document.
  var sent: [ExchangeID: SentRequest] = [:]
  private var windows: [(limit: TimeSpan, began: Instant)] = []
  var performed: [PerformedStep] = []
  /// What it saved from answers.
  var saved = SavedValues()
  var answers = 0
  var answered: Set<String> = []
  private var began = Instant(nanoseconds: 0)
  /// Closing requests under way, each with how it was made.
  var closing: [(id: ExchangeID, request: ClosingRequest, made: MadeRequest)] = []
  /// The verdict of a case that passed, as long as a closing request may still not fit its document.
  var passing: CaseVerdict?

  /// A caller that tells `book`.
  public init(_ plan: ContractPlan, book: any VerdictBook) {
    self.plan = plan
    self.book = book
  }

  public func intake(_ head: RequestHead) -> Intake { .whole(limitBytes: 1 << 20) }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    beginCase(&turn)
    goOn(&turn)
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .request(let exchange, let request): hear(exchange, request, &turn)
    case .response(let id, let response): if !closed(.answered(response), id, &turn) { came(.answered(response), id, &turn) }
    case .failed(let id, let failure): if !closed(.broke(failure), id, &turn) { came(.broke(failure), id, &turn) }
    case .timer(let timer):
      guard let wake, wake.timer == timer else { return }
      self.wake = nil
      switch wake.purpose {
      case .waitIsOver: nextStep(&turn)
      case .tryAgain: beginRound(&turn)
      case .answerIsLate: late(&turn)
      case .listenedLongEnough: listened(&turn)
      case .closingIsLate: closingIsLate(&turn)
      }
    case .abandoned, .message, .durable, .completed, .stream: break
    }
  }

  // MARK: the way through the cases

  /// The case that is being made.
  var current: ContractCase? { plan.cases.indices.contains(place) ? plan.cases[place] : nil }

  private mutating func beginCase(_ turn: inout Turn) {
    step = 0
    variables = Variables()
    variables["run"] = .string("\(plan.run)c\(place)")
    variables["channel"] = .string(plan.channel ?? "")
    heard = []
    windows = []
    performed = []
    saved = SavedValues()
    answers = 0
    answered = []
    began = turn.now
  }

  mutating func nextStep(_ turn: inout Turn) {
    step += 1
    goOn(&turn)
  }

  /// Goes on with the step that is next, or with the next case.
  private mutating func goOn(_ turn: inout Turn) {
    while closing.isEmpty, let current {
      if step == 0, let reason = missing(for: current) {
        end(.notRun(reason), &turn)
        continue
      }
      guard current.steps.indices.contains(step) else {
        end(.passed, &turn)
        continue
      }
      variables["now"] = .integer(turn.wallClock.milliseconds)
      variables["step"] = .integer(Int64(step + 1))
      switch current.steps[step].kind {
      case .wait(let span):
        performed.append(.wait(span))
        wake = (turn.wake(after: span), .waitIsOver)
        return
      case .windowBegins(let limit): windows.append((limit, turn.now))
      case .windowEnds: _ = windows.popLast()
      case .request(let request):
        round = RequestRound(began: turn.now)
        performed.append(.requests(request, []))
        return beginRound(&turn)
      case .requestBegins(let request): guard begin(request, &turn) else { return }
      case .requestEnds: return awaitBegun(&turn)
      case .hears(let expectation, let span), .hearsNothing(let expectation, let span):
        return listen(for: expectation, span, &turn)
      }
      step += 1
    }
    if closing.isEmpty { book.close() }
  }

  /// Why a case cannot be made; nil where it can.
  private func missing(for contractCase: ContractCase) -> String? {
    let missing = contractCase.missing(services: Set(plan.services.keys), hasChannel: plan.channel != nil)
    if !missing.services.isEmpty { return "no address was given of \(missing.services.joined(separator: ", "))" }
    return missing.channel ? "no channel leads from the system to the caller" : nil
  }

  /// The step failed. Where it was to be made within a time that had passed, it says nothing.
  mutating func fail(expected: String, found: String, _ turn: inout Turn) {
    guard let current else { return }
    if let overrun = windows.first(where: { turn.now - $0.began > $0.limit }) {
      let took = Self.text(turn.now - overrun.began)
      return endEarly(.notRun("the steps took \(took), longer than the \(Self.text(overrun.limit)) within which they say anything"), &turn)
    }
    let what = current.steps.indices.contains(step) ? Self.words(current.steps[step].kind) : ""
    if current.steps.indices.contains(step), let request = current.steps[step].kind.request, request.service != current.service,
      !answered.contains(current.service)
    {
      // Another service is at fault, before the judged one was asked anything.
      let reason = "the set-up could not be made: \(request.service), step \(step + 1) (\(what)): expected \(expected), found \(found)"
      return endEarly(.notRun(reason), &turn)
    }
    failHere(expected: expected, found: found, &turn)
  }

  /// The step failed, whatever time it took and whoever is at fault.
  mutating func failHere(expected: String, found: String, _ turn: inout Turn) {
    guard let current else { return }
    let line = current.steps.indices.contains(step) ? current.steps[step].line : 0
    let what = current.steps.indices.contains(step) ? Self.words(current.steps[step].kind) : ""
    let commands = CurlText(plan: plan, run: variables["run"], saved: saved).commands(performed)
    let failure = CaseFailure(step: "step \(step + 1) (\(what))", line: line, expected: expected, found: found, commands: commands)
    endEarly(.failed(failure), &turn)
  }

  mutating func endEarly(_ outcome: CaseOutcome, _ turn: inout Turn) {
    end(outcome, &turn)
    goOn(&turn)
  }

  private mutating func end(_ outcome: CaseOutcome, _ turn: inout Turn) {
    for id in (round?.waiting ?? []) + (begun?.waiting ?? []) { turn.cancelCall(id) }
    if let wake { turn.cancelWake(wake.timer) }
    round = nil
    begun = nil
    wake = nil
    sent = [:]
    beginClosing(&turn)
    if let current {
      let verdict = CaseVerdict(current, outcome, answers: answers, took: turn.now - began)
      if verdict.passed, !sent.isEmpty { passing = verdict } else { book.note(verdict) }
    }
    if closing.isEmpty {
      place += 1
      beginCase(&turn)
    }
  }

  /// Nothing of the case that ended is under way any more.
  mutating func nextCase(_ turn: inout Turn) {
    wake = nil
    if let passing { book.note(passing) }
    passing = nil
    sent = [:]
    place += 1
    beginCase(&turn)
    goOn(&turn)
  }

  // MARK: words

  static func text(_ span: TimeSpan) -> String {
    span.nanoseconds % 1_000_000_000 == 0 ? "\(span.nanoseconds / 1_000_000_000) s" : "\(span.milliseconds) ms"
  }

  private static func words(_ kind: ContractStepKind) -> String {
    switch kind {
    case .request(let request), .requestBegins(let request), .requestEnds(let request): "\(request.method.token) \(request.target.shown)"
    case .wait: "wait"
    case .hears: "hears"
    case .hearsNothing: "hears nothing"
    case .windowBegins, .windowEnds: "within"
    }
  }
}
