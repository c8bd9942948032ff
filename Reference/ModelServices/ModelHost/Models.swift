// The models that factories make. They are small and exact, so that anybody can say what a task must come to, and stand where
// large ones would: their weights take memory and time to load, and do not enter what they compute.

import ModelServicesAPI
import Vocabulary
import Wire

/// What a model makes of a task.
enum ModelResult {
  /// It is done.
  case output(JSON)
  /// A language model is to be asked: what, and how many tokens the answer may have.
  case prompt(String, maximumTokens: Int?)
}

/// A loaded model. What it is given was held against the contract of its type and format.
protocol Model: Sendable {
  /// What it takes and gives.
  var type: ModelType { get }
  /// In which format.
  var format: Int64 { get }
  /// The bytes that it holds.
  var weights: ModelWeights { get }
  /// Carries a task out. `context` is what the adapter of its type and format made; nil where there is none.
  func run(_ input: JSON, context: JSON?) -> ModelResult
  /// CPU time that a task takes, for the simulator's cost model.
  func cost(of input: JSON) -> TimeSpan
}

/// Makes models of one type.
protocol ModelFactory: Sendable {
  /// Of which.
  var type: ModelType { get }
  /// Makes one of weights that are loaded.
  func make(format: Int64, _ weights: ModelWeights) -> any Model
}

/// The factories.
enum ModelFactories {
  private static let all: [any ModelFactory] = [AudioEffectFactory(), AudioAnalysisFactory(), LanguageFactory()]

  /// That of a type.
  static func factory(of type: ModelType) -> any ModelFactory {
    guard let factory = all.first(where: { $0.type == type }) else { breakInvariant("no factory for models of type \(type.rawValue)") }
    return factory
  }
}

/// The samples of a task; of one that has none, none.
private func samples(_ input: JSON) -> [Int16] {
  guard case .string(let text)? = input["pcm"] else { return [] }
  return PCM16.samples(text) ?? []
}

/// What an integer member says; nil where there is none.
private func integer(_ value: JSON?, _ name: String) -> Int64? {
  guard case .integer(let number)? = value?[name] else { return nil }
  return number
}

private func audioCost(_ input: JSON) -> TimeSpan {
  guard case .string(let text)? = input["pcm"] else { return .zero }
  // Four characters are three bytes; about 4 ns a sample (reading Base64, multiplying, writing it).
  return .nanoseconds(Int64(text.utf8.count) * 3 / 8 * 4)
}

/// Makes audio effects.
struct AudioEffectFactory: ModelFactory {
  let type = ModelType.audioEffect

  func make(format: Int64, _ weights: ModelWeights) -> any Model { AudioEffect(format: format, weights: weights) }
}

/// Each sample times the context's gain and the task's drive, in percent, toward zero, and no further than 16 bits reach.
/// Format 2 tells the peak of what came out besides.
struct AudioEffect: Model {
  let type = ModelType.audioEffect
  let format: Int64
  let weights: ModelWeights

  func run(_ input: JSON, context: JSON?) -> ModelResult {
    let drive = format == 1 ? 100 : min(max(integer(input, "drive_percent") ?? 100, 0), 1_000)
    let gain = format == 1 ? Self.percent(context?["gain"]) : min(max(integer(context, "gain_percent") ?? 100, 0), 1_000)
    var peak: Int64 = 0
    let block = samples(input).map { sample in
      let value = min(max(Int64(sample) * gain * drive / 10_000, Int64(Int16.min)), Int64(Int16.max))
      peak = max(peak, abs(value))
      return Int16(truncatingIfNeeded: value)
    }
    var members: [JSON.Member] = [.init("pcm", .string(PCM16.text(block)))]
    if format > 1 { members.append(.init("peak", .integer(peak))) }
    return .output(.object(members))
  }

  private static func percent(_ gain: JSON?) -> Int64 {
    guard let gain, let factor = try? JSONField(gain).finiteDouble(), (0...10).contains(factor) else { return 100 }
    return Int64((factor * 100).rounded())
  }

  func cost(of input: JSON) -> TimeSpan { audioCost(input) }
}

/// Makes analyses.
struct AudioAnalysisFactory: ModelFactory {
  let type = ModelType.audioAnalysis

  func make(format: Int64, _ weights: ModelWeights) -> any Model { AudioAnalysis(format: format, weights: weights) }
}

/// The root of the mean square of a block, over the context's level where that is above 0, and its peak. Format 2 tells
/// besides how often the sign changes.
struct AudioAnalysis: Model {
  let type = ModelType.audioAnalysis
  let format: Int64
  let weights: ModelWeights

  func run(_ input: JSON, context: JSON?) -> ModelResult {
    let block = samples(input)
    var squares: Int64 = 0
    var peak: Int64 = 0
    var crossings: Int64 = 0
    for (place, sample) in block.enumerated() {
      squares += Int64(sample) * Int64(sample)
      peak = max(peak, abs(Int64(sample)))
      if place > 0, (sample < 0) != (block[place - 1] < 0) { crossings += 1 }
    }
    let level = context.flatMap { $0["level"] }.flatMap { try? JSONField($0).finiteDouble() } ?? 1
    let root = block.isEmpty ? 0 : (Double(squares) / Double(block.count)).squareRoot()
    let scaled = level > 0 ? root / level : root
    var members: [JSON.Member] = [.init("rms", .double(scaled.isFinite ? scaled : root)), .init("peak", .integer(peak))]
    if format > 1 { members.append(.init("crossings", .integer(crossings))) }
    return .output(.object(members))
  }

  func cost(of input: JSON) -> TimeSpan { audioCost(input) }
}

/// Makes what speaks to a language model outside.
struct LanguageFactory: ModelFactory {
  let type = ModelType.language

  func make(format: Int64, _ weights: ModelWeights) -> any Model { Language(format: format, weights: weights) }
}

/// The notes of the context, and the prompt behind them, for a language model outside.
struct Language: Model {
  let type = ModelType.language
  let format: Int64
  let weights: ModelWeights

  func run(_ input: JSON, context: JSON?) -> ModelResult {
    var lines: [String] = []
    if case .string(let text)? = context?["text"], !text.isEmpty { lines.append(text) }
    if case .array(let notes)? = context?["notes"] {
      for case .string(let note) in notes { lines.append(note) }
    }
    if case .string(let prompt)? = input["prompt"] { lines.append(prompt) }
    let tokens = integer(input, "max_tokens").map { Int(min(max($0, 1), 1_000_000)) }
    return .prompt(lines.joined(separator: "\n"), maximumTokens: format > 1 ? tokens : nil)
  }

  func cost(of input: JSON) -> TimeSpan { .zero }
}
