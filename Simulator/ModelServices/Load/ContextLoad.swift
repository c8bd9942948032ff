// A load on the context manager: items that are put with and without a time to live, taken away, read one by one, in lists and
// in the form of each type of model. Open loop. The owner of each item is a name of its own, so that a read tells which write
// it saw.

import Load
import ModelServicesAPI
import Vocabulary
import Wire

/// What the load does.
public struct ContextLoadPlan: Sendable, Hashable {
  /// When operations are meant to start.
  public var arrivals: Arrivals
  /// When it begins, and how long it begins new ones.
  public var from: TimeSpan
  public var until: TimeSpan
  /// How many scopes there are, and how many ids of each kind in one.
  public var scopes: Int
  public var items: Int
  /// How long an operation may take.
  public var timeout = TimeSpan.seconds(3)

  /// A plan.
  public init(arrivals: Arrivals, from: TimeSpan, until: TimeSpan, scopes: Int, items: Int) {
    self.arrivals = arrivals
    self.from = from
    self.until = until
    self.scopes = scopes
    self.items = items
  }
}

/// The machine.
public struct ContextLoad: Machine {
  private let plan: ContextLoadPlan
  private let context: Endpoint
  private var requests: TimedRequests

  /// A load of `plan` on the context manager at `context`.
  public init(_ plan: ContextLoadPlan, context: Endpoint) {
    invariant(plan.scopes > 0 && plan.items > 0, "\(plan.items) items in \(plan.scopes) scopes")
    self.plan = plan
    self.context = context
    requests = TimedRequests(plan.arrivals, from: plan.from, until: plan.until)
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) { requests.start(&turn) }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    let (plan, context) = (plan, context)
    requests.take(event, &turn) { response in
      // What is not there is an answer as good as any.
      [200, 201, 204, 404].contains(response.status) ? .served : .failed
    } make: { number, turn in
      (context, Self.request(plan, number, &turn), plan.timeout)
    }
  }

  private static func request(_ plan: ContextLoadPlan, _ number: Int, _ turn: inout Turn) -> Request {
    let scope = TaskLoadPlan.scope(Int(turn.random.below(UInt64(plan.scopes))))
    let kind = ContextKind.allCases[Int(turn.random.below(UInt64(ContextKind.allCases.count)))]
    let id = "\(kind.rawValue)-\(turn.random.below(UInt64(plan.items)))"
    switch turn.random.below(100) {
    case ..<40: return item(id, kind, scope, "\(turn.node.index)-\(number)", &turn).request()
    case ..<48: return ContextAPI.delete(id, scope: scope)
    case ..<58: return ContextAPI.item(id, scope: scope)
    case ..<80: return ContextAPI.items(ContextFilter(scope: scope))
    default:
      let type = ModelType.allCases[Int(turn.random.below(UInt64(ModelType.allCases.count)))]
      return ContextAPI.adapted(type, format: turn.random.integer(in: ModelType.formats), ContextFilter(scope: scope))
    }
  }

  private static func item(
    _ id: String, _ kind: ContextKind, _ scope: String, _ owner: String, _ turn: inout Turn
  ) -> ContextItem {
    let format = turn.random.integer(in: ModelType.formats)
    let content: JSON
    switch (kind, format) {
    case (.gain, 1): content = ["gain": .double(Double(turn.random.below(300)) / 100)]
    case (.gain, _): content = ["gain_percent": .integer(Int64(turn.random.below(300)))]
    case (.reference, _): content = ["level": .integer(Int64(1 + turn.random.below(1_000)))]
    case (.note, _): content = ["text": .string("note \(owner)")]
    }
    // Some for a type alone that the kind is for, some for others alone.
    var readers = [ContextItem.everyReader]
    if turn.random.chance(0.3) { readers = [ModelType.allCases[Int(turn.random.below(3))].rawValue] }
    return ContextItem(
      id, scope: scope, kind: kind.rawValue, format: format, owner: owner, content: content,
      priority: Int64(turn.random.below(5)),
      timeToLive: turn.random.chance(0.7) ? .milliseconds(Int64(50 + turn.random.below(3_000))) : nil, readers: readers)
  }
}
