// Tasks on instances. What a task hands in was held against the service's contract by the registry; here it is held against
// the model's own, since a host trusts nobody.

import ChatCompletions
import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

/// A task as a host is asked for it.
struct HostTask {
  var service: String
  var version: Int64
  var task: String
  var input: JSONField
  var context: JSON?
  /// Whether the registry wants to know how the instance is: it counts as no use.
  var isProbe: Bool

  init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["service", "version", "task", "input", "context", "probe"])
    service = try field.member("service").string(maximumBytes: ServicesAPI.maximumNameBytes, minimumBytes: 1)
    version = try field.member("version").integer(in: 1...1_000_000_000)
    task = try field.member("task").string(maximumBytes: 32)
    input = try field.member("input")
    context = try field.optionalMember("context")?.value
    isProbe = try field.optionalMember("probe").map { (field) throws(FieldMistake) in try field.bool() } ?? false
  }

  var name: InstanceName { InstanceName(service: ExactName(service), version: version) }
}

/// A task whose text a language model outside is to give.
struct LanguageTask {
  var exchange: ExchangeID
  var task: HostTask
  /// The instance that it is done by.
  var instance: String
  var format: Int64
}

extension ModelHost {
  mutating func task(_ exchange: ExchangeID, _ task: HostTask, deadline: Deadline, _ turn: inout Turn) throws(RequestProblem) {
    figures.tasks += 1
    guard let instance = instances[task.name], case .ready(let model) = instance.state else {
      throw RequestProblem(404, code: "NO_INSTANCE", message: "no instance of version \(task.version) of \(quoted(task.service)) is ready")
    }
    do throws(FieldMistake) {
      try TypedContract.check(task.input, model.type.contract(format: model.format).input)
    } catch {
      figures.failures += 1
      throw RequestProblem(error)
    }
    instances[task.name]?.underWay += 1
    switch model.run(task.input.value, context: task.context) {
    case .output(let output):
      turn.spend(model.cost(of: task.input.value))
      answer(exchange, task, instance.name, output, &turn)
      release(task.name, isUse: !task.isProbe, &turn)
    case .prompt(let prompt, let maximumTokens):
      guard let backend = configuration.language else {
        figures.failures += 1
        release(task.name, isUse: !task.isProbe, &turn)
        throw RequestProblem(502, code: "MODEL_FAILED", message: "this host has no language model to ask")
      }
      guard instance.underWay < configuration.tasksOfInstance else {
        release(task.name, isUse: !task.isProbe, &turn)
        throw RequestProblem(429, code: "BUSY", message: "as many tasks wait for the language model as may")
      }
      _ = chats.send(
        Self.request(prompt, maximumTokens: maximumTokens, backend), to: backend.server, policy: Self.chatPolicy, deadline: deadline,
        release: .immediately, for: LanguageTask(exchange: exchange, task: task, instance: instance.name, format: model.format), &turn)
    }
  }

  private static let chatPolicy = ChatPolicy(
    firstPieceTimeout: .seconds(20), betweenPiecesTimeout: .seconds(10), wholeTimeout: .minutes(5), attempts: 3,
    longestComeAgain: .seconds(10))

  /// What a language model is asked for a prompt.
  static func request(_ prompt: String, maximumTokens: Int?, _ backend: LanguageBackend) -> ChatRequest {
    ChatRequest(
      model: ExactName(backend.model), [ChatMessage(.user, prompt)], maximumTokens: maximumTokens.map { Int64($0) }, isStreamed: true,
      includesUsage: true)
  }

  /// The language model's answer to a task is there, or will not come.
  mutating func spoken(_ asked: LanguageTask, _ result: Result<ChatCompletion, ChatFailure>, _ turn: inout Turn) {
    defer { release(asked.task.name, isUse: !asked.task.isProbe, &turn) }
    switch result {
    case .success(let completion): speak(asked, completion, &turn)
    // As long as it was to be: so it was asked for.
    case .failure(.lengthReached(let completion)): speak(asked, completion, &turn)
    case .failure(let failure):
      figures.failures += 1
      turn.reply(asked.exchange, Self.refusal(failure, turn.planted), .immediately)
    }
  }

  private func speak(_ asked: LanguageTask, _ completion: ChatCompletion, _ turn: inout Turn) {
    var members: [JSON.Member] = [.init("text", .string(completion.text))]
    if asked.format > 1, let usage = completion.usage { members.append(.init("tokens", .integer(usage.completionTokens))) }
    answer(asked.exchange, asked.task, asked.instance, .object(members), &turn)
  }

  private static func refusal(_ failure: ChatFailure, _ planted: PlantedBugs) -> Response {
    switch failure {
    case .refused(let refusal):
      return .failure(422, code: "MODEL_REFUSED", message: "the language model refuses to answer: \(refusal.words)")
    case .rateLimited(let after, _): return .failure(429, code: "BUSY", message: "the language model is asked too often", retryAfter: after)
    case .crowded: return .failure(429, code: "BUSY", message: "too many tasks wait for the language model")
    case .timedOut: return .failure(504, code: "MODEL_FAILED", message: "the language model did not answer in time")
    case .rejected(let status, let error):
      return .failure(502, code: "MODEL_FAILED", message: "the language model's server refused with \(status): \(error)")
    case .serverFailed(let status, _, let error):
      return .failure(502, code: "MODEL_FAILED", message: "the language model's server failed with \(status): \(error)")
    case .errorInStream(let error):
      return .failure(502, code: "MODEL_FAILED", message: "the language model failed while it spoke: \(error)")
    case .malformed(let mistake):
      return .failure(502, code: "MODEL_FAILED", message: "the language model's answer does not read: \(mistake)")
    case .brokenOff: return .failure(502, code: "MODEL_FAILED", message: "the language model's answer broke off")
    case .lengthReached, .endedOtherwise, .tooLong, .unsendable:
      return .failure(502, code: "MODEL_FAILED", message: "the language model gave no whole answer")
    case .transport: return .failure(502, code: "MODEL_FAILED", message: "the language model cannot be reached")
    }
  }

  private func answer(_ exchange: ExchangeID, _ task: HostTask, _ instance: String, _ output: JSON, _ turn: inout Turn) {
    let response = Response.json(200) { writer in
      writer.beginObject()
      writer.member("task", task.task)
      writer.member("service", task.service)
      writer.member("version", task.version)
      writer.member("instance", instance)
      writer.member("output", output)
      writer.endObject()
    }
    turn.reply(exchange, response, .immediately)
  }
}
