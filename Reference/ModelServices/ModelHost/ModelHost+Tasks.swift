// Tasks on instances. What a task hands in was held against the service's contract by the registry; here it is held against
// the model's own, since a host trusts nobody.

import ModelServicesAPI
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

extension ModelHost {
  mutating func task(_ exchange: ExchangeID, _ task: HostTask, _ turn: inout Turn) throws(RequestProblem) {
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
    case .prompt:
      figures.failures += 1
      release(task.name, isUse: !task.isProbe, &turn)
      throw RequestProblem(502, code: "MODEL_FAILED", message: "this host has no language model to ask")
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
