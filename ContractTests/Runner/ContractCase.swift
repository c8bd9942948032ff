// A contract case: what a service's client does and what it must be answered, as values. The format of the files is on
// the page ContractTests.md. Cases say nothing about how a service is built, so that they judge any implementation at a
// URL. Requirements: each case names its own.

import Vocabulary

/// How binding a case is (RFC 2119).
public enum ContractLevel: String, Sendable, Hashable, CaseIterable {
  /// Without it the contract is broken.
  case must
  /// Left out only for a reason.
  case should
  /// Welcome.
  case may
}

/// One case.
public struct ContractCase: Sendable {
  /// Its id: service, endpoint, what holds: `SERVICE/produce/same-key-same-partition`.
  public var id: String
  /// The service that is judged.
  public var service: String
  /// How binding it is.
  public var level: ContractLevel
  /// Ids of the requirements that it checks.
  public var requirements: [String]
  /// Why it matters, in one sentence.
  public var because: String
  /// What is done, in order.
  public var steps: [ContractStep]
  /// What is asked of the judged service once the case has ended, however it ended; the answers say nothing.
  public var afterwards: [ClosingRequest]
  /// Where it stands: "ContractTests/monitoring/queue.yaml:12".
  public var place: String

  /// The line of its place; 0 where that names none.
  public var line: Int { place.split(separator: ":").last.flatMap { Int($0) } ?? 0 }

  /// The services that its steps call.
  public var services: Set<String> {
    var services: Set<String> = [service]
    for step in steps { if let request = step.kind.request { services.insert(request.service) } }
    return services
  }

  /// What it needs to be made, and is not there: services other than `services`, by name, and a channel where there is
  /// none.
  public func missing(services known: Set<String>, hasChannel: Bool) -> (services: [String], channel: Bool) {
    (services.subtracting(known).sorted(), needsChannel && !hasChannel)
  }

  /// Whether it needs a channel that leads from the services to the caller.
  public var needsChannel: Bool {
    steps.contains { step in
      switch step.kind {
      case .hears, .hearsNothing: true
      case .request(let request), .requestBegins(let request): request.mentions("channel")
      case .requestEnds, .wait, .windowBegins, .windowEnds: false
      }
    }
  }
}

/// One step of a case.
public struct ContractStep: Sendable {
  /// Its line in the file.
  public var line: Int
  /// What is done.
  public var kind: ContractStepKind
}

/// What a step does.
public enum ContractStepKind: Sendable {
  /// Makes requests, and judges the answers.
  indirect case request(RequestStep)
  /// Makes one request, and goes on while it is under way.
  indirect case requestBegins(RequestStep)
  /// Waits for the answer to the request that was begun, and judges it.
  indirect case requestEnds(RequestStep)
  /// Lets time pass.
  case wait(TimeSpan)
  /// A notification must come, or have come, within this time.
  indirect case hears(HeardExpectation, within: TimeSpan)
  /// None such may come within this time, or have come.
  indirect case hearsNothing(HeardExpectation, during: TimeSpan)
  /// The steps up to the matching end must be made within this time; where they were not, a failure among them says
  /// nothing.
  case windowBegins(TimeSpan)
  /// Ends the window that was begun last.
  case windowEnds

  /// The request that the step makes or judges; nil where it does neither.
  var request: RequestStep? {
    switch self {
    case .request(let request), .requestBegins(let request), .requestEnds(let request): request
    case .wait, .hears, .hearsNothing, .windowBegins, .windowEnds: nil
    }
  }
}

/// Requests, and what must be answered.
public struct RequestStep: Sendable {
  /// The service that is called.
  public var service: String
  /// The method.
  public var method: Method
  /// Path and query, sent exactly so.
  public var target: Template
  /// Header fields.
  public var headers: [(name: String, value: Template)]
  /// The body.
  public var body: ContractBody
  /// How often it is made, one after the other.
  public var times: Int
  /// How many are made at once, each time.
  public var atOnce: Int
  /// How long it is made again until the answer is as expected; nil judges the first answer.
  public var eventually: TimeSpan?
  /// What must be answered.
  public var expectation: AnswerExpectation
  /// What is kept of the last answer: a variable's name, and where its value is.
  public var saves: [(name: String, path: JSONPath)]

  func mentions(_ variable: String) -> Bool {
    target.mentions(variable) || headers.contains { $0.value.mentions(variable) } || body.mentions(variable)
  }
}

/// A request that takes away what a case made.
public struct ClosingRequest: Sendable, Hashable {
  /// Its line in the file.
  public var line: Int
  /// The method.
  public var method: Method
  /// Path and query, sent exactly so.
  public var target: Template
}

/// The body of a request.
public enum ContractBody: Sendable {
  /// None.
  case none
  /// A JSON document.
  indirect case json(JSONTemplate)
  /// Bytes, piece by piece.
  case parts([BodyPart])

  func mentions(_ variable: String) -> Bool {
    switch self {
    case .none: false
    case .json(let template): template.mentions(variable)
    case .parts(let parts): parts.contains { $0.mentions(variable) }
    }
  }
}

/// A piece of a body.
public enum BodyPart: Sendable {
  /// Text with variables.
  case text(Template)
  /// Bytes as they are.
  case bytes([UInt8])
  /// Text, many times.
  case repeated(Template, times: Int)

  func mentions(_ variable: String) -> Bool {
    switch self {
    case .text(let template), .repeated(let template, _): template.mentions(variable)
    case .bytes: false
    }
  }
}

/// What must be answered.
public struct AnswerExpectation: Sendable {
  /// The statuses that are right; all where it is empty.
  public var statuses: [ClosedRange<Int>] = []
  /// Whether a connection that is closed without an answer is right too.
  public var mayClose = false
  /// Header fields and what they must be.
  public var headers: [(name: String, matcher: JSONMatcher)] = []
  /// What the body must be, as JSON.
  public var json: JSONMatcher?
  /// That the body is an error object, and the texts that it must name.
  public var error: [Template]?
  /// How many answers of each status there must be, over all requests of the step.
  public var tally: [(status: Int, count: Int)] = []

  /// Whether nothing is right but a connection that is closed without an answer.
  var mustClose: Bool { mayClose && statuses.isEmpty && headers.isEmpty && json == nil && error == nil && tally.isEmpty }

  /// The statuses in words.
  var words: String {
    if !tally.isEmpty { return tally.map { "\($0.count) × \($0.status)" }.joined(separator: ", ") }
    var words = statuses.map { range in
      switch range.count {
      case 1: "\(range.lowerBound)"
      case 100 where range.lowerBound % 100 == 0: "\(range.lowerBound / 100)xx"
      default: "\(range.lowerBound)..\(range.upperBound)"
      }
    }
    if mustClose { return "a closed connection" }
    if words.isEmpty { words = ["of any number"] }
    if mayClose { words.append("a closed connection") }
    return "status " + words.joined(separator: " or ")
  }
}

/// What a notification must be.
public struct HeardExpectation: Sendable {
  /// Header fields and what they must be.
  public var headers: [(name: String, matcher: JSONMatcher)]
  /// What its body must be, as JSON.
  public var json: JSONMatcher
}
