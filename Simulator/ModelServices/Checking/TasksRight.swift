// A task that is answered 200 comes to what its model makes of it: recomputed here from the request, the context that the
// answer names, and the version that it names. So what a lying model says reaches nobody, and context is what it should be.

import ChatCompletions
import Checking
import ModelServicesAPI
import Outside
import Vocabulary
import Wire

/// Checks answers to tasks.
public struct TasksRight: Checker {
  private let seen: ModelsSeen

  /// A checker of what was `seen`.
  public init(_ seen: ModelsSeen) { self.seen = seen }

  public var name: String { "tasks get what their model makes of them" }
  public var requirements: [String] { ["MODELS-3", "MODELS-14"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    var violations: [Violation] = []
    var count = 0
    for task in seen.tasks where task.status == 200 {
      count += 1
      guard let answer = task.answer else {
        violations.append(Violation(at: task.endedAt, "\(task.words) is answered 200 with what is no answer"))
        continue
      }
      if let mistake = mistake(task, answer) { violations.append(Violation(at: task.endedAt, "\(task.words) \(mistake)")) }
    }
    return judgement(violations, examined: counted(count, "task"), count: count)
  }

  private func mistake(_ task: SeenTask, _ answer: TaskAnswer) -> String? {
    guard ExactName(answer.service) == task.service else { return "is answered for \(answer.service)" }
    guard let registration = seen.registration(task.service, answer.version) else {
      return "is answered by version \(answer.version), which nobody registered"
    }
    var items: [ContextItem?] = [nil]
    if let filter = task.context {
      let scope = ExactName(filter.scope)
      guard let ids = answer.context else { return task.isContextRequired ? "wants context, and is done without" : nil }
      let given = GivenContext(
        scope: scope, type: registration.type, format: registration.format, ids: ids, from: task.startedAt, until: task.endedAt)
      if let mistake = given.mistake(seen.context) { return mistake }
      if let id = ids.first { items = seen.context.shows(scope, ExactName(id), from: task.startedAt, until: task.endedAt) }
    } else if answer.context != nil {
      return "wants no context, and is given some"
    }
    if registration.type == .language { return languageMistake(task, answer, registration) }
    let isRight = items.contains { ExpectedOutput.isRight(answer.output, task.input, $0, registration) }
    return isRight ? nil : "comes to what version \(answer.version) does not make of it"
  }
}

extension TasksRight {
  /// Most ways in which the notes of a task may have read that are tried.
  private static let mostReadings = 256

  /// What is wrong with a text: it is not what the scripted model says to the notes that the answer names, in that order, and
  /// the prompt behind them.
  private func languageMistake(_ task: SeenTask, _ answer: TaskAnswer, _ registration: ServiceRegistration) -> String? {
    guard case .string(let prompt)? = task.input["prompt"] else { return "has no prompt" }
    var readings: [[String]] = [[]]
    for id in answer.context ?? [] {
      guard let filter = task.context else { break }
      let items = seen.context.shows(ExactName(filter.scope), ExactName(id), from: task.startedAt, until: task.endedAt)
      let notes = items.compactMap { (item) -> String? in
        guard case .string(let text)? = item.content["text"] else { return nil }
        return text
      }
      readings = readings.flatMap { reading in notes.map { note in reading + [note] } }
      if readings.count > Self.mostReadings { return nil }
    }
    let isRight = readings.contains { (notes: [String]) -> Bool in
      let lines = notes.isEmpty ? [prompt] : [notes.joined(separator: "\n"), prompt]
      let request = ChatRequest(model: ExactName(ModelsSeen.languageModelName), [ChatMessage(.user, lines.joined(separator: "\n"))])
      let expected = ScriptedLanguageModel.completion(of: request)
      guard answer.output["text"] == .string(expected.text) else { return false }
      return registration.format == 1 || answer.output["tokens"] == .integer(expected.usage.completionTokens)
    }
    return isRight ? nil : "comes to a text that the language model does not say to it"
  }
}

/// What models make of tasks.
enum ExpectedOutput {
  /// Whether an output is what a model of this registration makes of an input with an item of context.
  static func isRight(_ output: JSON, _ input: JSON, _ item: ContextItem?, _ registration: ServiceRegistration) -> Bool {
    switch registration.type {
    case .audioEffect:
      let gain = item.flatMap { GivenContext.percent($0) } ?? 100
      return output == effect(input, gain: gain, registration.format)
    case .audioAnalysis:
      let level = item.flatMap { $0.content["level"] }.flatMap { try? JSONField($0).finiteDouble() } ?? 1
      return isAnalysis(output, input, level: level, registration.format)
    // The whole conversation tells (`languageMistake`).
    case .language: return false
    }
  }

  private static func samples(_ input: JSON) -> [Int16] {
    guard case .string(let text)? = input["pcm"] else { return [] }
    return PCM16.samples(text) ?? []
  }

  private static func effect(_ input: JSON, gain: Int64, _ format: Int64) -> JSON {
    var drive: Int64 = 100
    if format > 1, case .integer(let percent)? = input["drive_percent"] { drive = percent }
    var block: [Int16] = []
    var peak = 0
    for sample in samples(input) {
      let value = Int64(sample) * gain * drive / 10_000
      let clamped = Int16(clamping: value)
      peak = max(peak, Int(clamped.magnitude))
      block.append(clamped)
    }
    let pcm = JSON.string(PCM16.text(block))
    return format > 1 ? ["pcm": pcm, "peak": .integer(Int64(peak))] : ["pcm": pcm]
  }

  private static func isAnalysis(_ output: JSON, _ input: JSON, level: Double, _ format: Int64) -> Bool {
    let block = samples(input)
    guard let root = output["rms"].flatMap({ try? JSONField($0).finiteDouble() }), case .integer(let peak)? = output["peak"] else {
      return false
    }
    let squares = block.reduce(0.0) { $0 + Double($1) * Double($1) }
    let plain = block.isEmpty ? 0 : (squares / Double(block.count)).squareRoot()
    let scaled = plain / (level > 0 ? level : 1)
    let expected = scaled.isFinite ? scaled : plain
    guard abs(root - expected) <= 1e-9 * max(1, expected), peak == block.map({ Int64($0.magnitude) }).max() ?? 0 else { return false }
    guard format > 1 else { return output["crossings"] == nil }
    let crossings = zip(block, block.dropFirst()).count { ($0 < 0) != ($1 < 0) }
    return output["crossings"] == .integer(Int64(crossings))
  }
}
