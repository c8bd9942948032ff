// Items come by priority, of equal ones the newest first, for whoever asks; a model is given those alone that its type may
// read, the one that ranks first where it takes one, and all that it takes in that order.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// Checks the order of items, and who is given them.
public struct ContextForReaders: Checker {
  private let seen: ModelsSeen?

  /// A checker of what was `seen`; it is read anew where that is nil.
  public init(_ seen: ModelsSeen? = nil) { self.seen = seen }

  public var name: String { "context is given to its readers, in order" }
  public var requirements: [String] { ["MODELS-5", "MODELS-6", "MODELS-14"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let context = (seen ?? ModelsSeen(record, [])).context
    var violations: [Violation] = []
    var count = 0
    for read in context.reads {
      switch read.asked {
      case .item: continue
      case .items:
        count += 1
        for (left, right) in zip(read.shown, read.shown.dropFirst())
        where (left.item.priority, left.sequence) < (right.item.priority, right.sequence) {
          violations.append(
            Violation(
              at: read.startedAt,
              "\(read.scope) gives \(left.item.id) (priority \(left.item.priority)) before \(right.item.id) (priority \(right.item.priority))"
            ))
        }
      case .adapted(let type, let format, _):
        count += 1
        let given = GivenContext(
          scope: read.scope, type: type, format: format, ids: read.ids, from: read.startedAt, until: read.endedAt)
        if let mistake = given.mistake(context) { violations.append(Violation(at: read.startedAt, mistake)) }
        if let content = read.adapted, let mistake = given.contentMistake(content, context) {
          violations.append(Violation(at: read.startedAt, mistake))
        }
      }
    }
    return judgement(violations, examined: counted(count, "read"), count: count)
  }
}

/// Items that a model was given.
struct GivenContext {
  var scope: ExactName
  var type: ModelType
  var format: Int64
  var ids: [String]
  var from: Instant
  var until: Instant

  /// The kind of items that models of a type are given.
  private var kind: ContextKind {
    switch type {
    case .audioEffect: .gain
    case .audioAnalysis: .reference
    case .language: .note
    }
  }

  private func isFor(_ item: ContextItem) -> Bool { item.isRead(by: type) && ContextKind.named(item.kind) == kind }

  /// The items that may stand behind an id.
  private func items(_ id: String, _ context: SeenContext) -> [ContextItem] {
    context.shows(scope, ExactName(id), from: from, until: until).filter(isFor)
  }

  /// What is wrong with what was given; nil where nothing is.
  func mistake(_ context: SeenContext) -> String? {
    var last: (id: String, greatest: Int64)?
    for id in ids {
      let possible = items(id, context)
      guard let greatest = possible.map(\.priority).max(), let least = possible.map(\.priority).min() else {
        return "a model of type \(type.rawValue) is given \(scope)/\(id), which is over, or not for it"
      }
      if let last, last.greatest < least {
        return "a model is given \(last.id) (priority \(last.greatest) at most) before \(id) (priority \(least) at least)"
      }
      last = (id, greatest)
    }
    // Whether something that must be there should have come before.
    let isSingle = type != .language
    let first = ids.first.map { items($0, context).map(\.priority).max() ?? 0 }
    for other in context.ids(scope) where !ids.contains(where: { ExactName($0) == other }) {
      guard let must = context.mustShow(scope, other, from: from, until: until), must.allSatisfy(isFor),
        let least = must.map(\.priority).min()
      else { continue }
      guard let first else { return "a model of type \(type.rawValue) is given nothing of \(scope), and \(other) is for it" }
      if isSingle, first < least {
        return "a model is given \(ids[0]) (priority \(first) at most), and \(other) (priority \(least) at least) ranks before it"
      }
    }
    return nil
  }

  /// What is wrong with the form in which it was given.
  func contentMistake(_ content: JSON, _ context: SeenContext) -> String? {
    guard let id = ids.first, type != .language else {
      guard type == .language else { return nil }
      let member = format == 1 ? "text" : "notes"
      return content[member] == nil ? "a language model of format \(format) is given no \"\(member)\"" : nil
    }
    let possible = items(id, context)
    let isRight = possible.contains { item in
      switch type {
      case .audioEffect:
        guard let percent = Self.percent(item) else { return false }
        return content == (format == 1 ? ["gain": .double(Double(percent) / 100)] : ["gain_percent": .integer(percent)])
          || (format == 1 && (content["gain"].flatMap { try? JSONField($0).finiteDouble() }) == Double(percent) / 100)
      case .audioAnalysis: return content["level"] == item.content["level"]
      case .language: return true
      }
    }
    return isRight ? nil : "a model of type \(type.rawValue), format \(format), is given \(scope)/\(id) in another form than it has"
  }

  /// The gain of an item, in percent.
  static func percent(_ item: ContextItem) -> Int64? {
    if item.format > 1 { return try? JSONField(item.content).member("gain_percent").integer() }
    guard let gain = try? JSONField(item.content).member("gain").finiteDouble() else { return nil }
    return Int64((gain * 100).rounded())
  }
}
