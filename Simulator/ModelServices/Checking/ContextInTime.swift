// What is given out of context was written, was not replaced or taken away before, and its time is not over; what was
// acknowledged is there for whoever asks behind that, over restarts too, until its time is over.

import Checking
import ModelServicesAPI
import Vocabulary
import Wire

/// Checks reads of items.
public struct ContextInTime: Checker {
  private let seen: ModelsSeen?

  /// A checker of what was `seen`; it is read anew where that is nil.
  public init(_ seen: ModelsSeen? = nil) { self.seen = seen }

  public var name: String { "context is given out in its time" }
  public var requirements: [String] { ["MODELS-4"] }

  public func judge(_ record: FlightRecord) -> Judgement {
    let context = (seen ?? ModelsSeen(record, [])).context
    var violations: [Violation] = []
    var count = 0
    for read in context.reads {
      func words(_ id: ExactName) -> String { context.words(read.scope, id, from: read.startedAt, until: read.endedAt) }
      switch read.asked {
      case .adapted: continue
      case .item(let id):
        count += 1
        if read.isMissing, context.mustShow(read.scope, ExactName(id), from: read.startedAt, until: read.endedAt) != nil {
          violations.append(Violation(at: read.startedAt, "\(read.scope)/\(id) is not found, and was \(words(ExactName(id)))"))
        }
      case .items(let filter):
        count += 1
        guard filter.kinds.isEmpty, filter.limit == ContextAPI.maximumItems else { break }
        for id in context.ids(read.scope) where !read.shown.contains(where: { ExactName($0.item.id) == id }) {
          if context.mustShow(read.scope, id, from: read.startedAt, until: read.endedAt) != nil {
            violations.append(Violation(at: read.startedAt, "a list does not have \(read.scope)/\(id), which was \(words(id))"))
          }
        }
      }
      for (item, _) in read.shown {
        let id = ExactName(item.id)
        if !context.shows(read.scope, id, from: read.startedAt, until: read.endedAt).contains(where: { Self.isSame($0, item) }) {
          let isPast = context.candidates(read.scope, id, from: read.startedAt, until: read.endedAt).contains { write in
            write.item.map { Self.isSame($0, item) } ?? false
          }
          violations.append(
            Violation(
              at: read.startedAt,
              "\(read.scope)/\(item.id) is shown as \(item.owner) wrote it, \(isPast ? "whose time was over" : "which was replaced, taken away, or never written")"
            ))
        }
      }
    }
    return judgement(violations, examined: counted(count, "read"), count: count)
  }

  /// Whether what is shown is what was written. The time to live is told as what is left of it, and is held apart.
  private static func isSame(_ written: ContextItem, _ shown: ContextItem) -> Bool {
    var shown = shown
    shown.timeToLive = written.timeToLive
    return shown == written
  }
}
