// Adapters: what each type of model is given of the items of a scope, in the form of each format. Items come by priority;
// those of kinds that an adapter does not know are not for its models. Items of either format are read, whichever wrote them,
// and given in the format that is asked for: so versions N and N+1 of a model share them.

import ModelServicesAPI
import Vocabulary
import Wire

/// What a model is given.
struct AdaptedContext {
  /// Its form, by type and format.
  var context: JSON
  /// The items that are in it, in order.
  var items: [String]
}

/// Makes the context of models of one type.
protocol ContextAdapter: Sendable {
  /// Of which.
  var type: ModelType { get }
  /// What a model of the given format is given of `items`, all of which its type may read.
  func adapt(_ items: [ContextItem], format: Int64) -> AdaptedContext
}

/// The adapters.
enum ContextAdapters {
  private static let all: [any ContextAdapter] = [AudioEffectAdapter(), AudioAnalysisAdapter(), LanguageAdapter()]

  /// That of a type.
  static func adapter(of type: ModelType) -> any ContextAdapter {
    guard let adapter = all.first(where: { $0.type == type }) else { breakInvariant("no adapter for models of type \(type.rawValue)") }
    return adapter
  }
}

/// The gain that ranks first. Format 1 {"gain"}, a factor; format 2 {"gain_percent"}.
struct AudioEffectAdapter: ContextAdapter {
  let type = ModelType.audioEffect

  func adapt(_ items: [ContextItem], format: Int64) -> AdaptedContext {
    for item in items where ContextKind.named(item.kind) == .gain {
      guard let percent = Self.percent(item) else { continue }
      let content: JSON = format == 1 ? ["gain": .double(Double(percent) / 100)] : ["gain_percent": .integer(percent)]
      return AdaptedContext(context: content, items: [item.id])
    }
    return AdaptedContext(context: [:], items: [])
  }

  private static func percent(_ item: ContextItem) -> Int64? {
    let content = JSONField(item.content)
    if item.format == 1 {
      guard let gain = try? content.member("gain").finiteDouble(), (0...10).contains(gain) else { return nil }
      return Int64((gain * 100).rounded())
    }
    return try? content.member("gain_percent").integer(in: 0...1_000)
  }
}

/// The reference that ranks first: {"level"}.
struct AudioAnalysisAdapter: ContextAdapter {
  let type = ModelType.audioAnalysis

  func adapt(_ items: [ContextItem], format: Int64) -> AdaptedContext {
    for item in items where ContextKind.named(item.kind) == .reference {
      guard let level = item.content["level"] else { continue }
      return AdaptedContext(context: ["level": level], items: [item.id])
    }
    return AdaptedContext(context: [:], items: [])
  }
}

/// All notes in order, as many as fit: format 1 {"text"}, lines; format 2 {"notes"}, a list.
struct LanguageAdapter: ContextAdapter {
  let type = ModelType.language
  /// Most bytes of notes that a model is given.
  static let maximumBytes = 8 << 10

  func adapt(_ items: [ContextItem], format: Int64) -> AdaptedContext {
    var notes: [String] = []
    var ids: [String] = []
    var bytes = 0
    for item in items where ContextKind.named(item.kind) == .note {
      guard case .string(let text)? = item.content["text"], bytes + text.utf8.count <= Self.maximumBytes else { continue }
      bytes += text.utf8.count
      notes.append(text)
      ids.append(item.id)
    }
    let context: JSON = format == 1 ? ["text": .string(notes.joined(separator: "\n"))] : ["notes": .array(notes.map { .string($0) })]
    return AdaptedContext(context: context, items: ids)
  }
}
