// The words of the system *queue*: the message queue alone.

import RaftLoad
import Scenarios
import Vocabulary
import YAMLReading

/// What a scenario says of the message queue.
public struct QueuePart: ScenarioPart {
  /// One load.
  public enum Load: Sendable, Hashable {
    /// Produces and consumes, open loop, and members of a consumer group.
    case queue(Queue)
    /// Somebody who transfers leaderships and changes memberships, and restores them in the end.
    case operators(OperatorLoad)
  }

  /// A load of kind *queue*.
  public struct Queue: Sendable, Hashable {
    /// Operations a second.
    public var perSecond: Double
    /// Whether gaps are exponential; else even.
    public var isPoisson: Bool
    /// How many keys.
    public var keys: Int
    /// Share of the operations that consume, 0 … 1.
    public var readShare: Double
    /// Members of a consumer group of its own.
    public var members: Int

    static let keys = ["queue", "keys", "reads", "arrivals", "members"]

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(Self.keys, of: "a load of the queue")
      perSecond = try field.required("queue", members).rate()
      isPoisson = try members.value("arrivals", or: true) { field throws(TextMistake) in try field.isPoisson() }
      keys = try members.value("keys", or: 5) { field throws(TextMistake) in try field.number("how many keys", in: 1...10_000) }
      readShare = try members.value("reads", or: 0.5) { field throws(TextMistake) in try field.share() }
      self.members = try members.value("members", or: 0) { field throws(TextMistake) in
        try field.number("how many members of a consumer group", in: 0...20)
      }
    }
  }

  /// How many brokers there are.
  public var servers: Int
  /// How their tunables are set.
  public var tuning: Tuning
  /// After what time a consumer group that is not used is forgotten; nil for the queue's default.
  public var groupRetention: TimeSpan?
  /// The loads.
  public var loads: [Load]

  public var roles: [ScenarioRole] {
    let names = (1...servers).map { "queue-\($0)" }
    let members = queues.enumerated().flatMap { index, load in (0..<load.members).map { "member-\(index + 1)-\($0 + 1)" } }
    return names.map { ScenarioRole(node: $0, sendsMessages: true) }
      + [
        ScenarioRole("servers", names, sendsMessages: true), ScenarioRole("load", Self.numbered("load", queues.count)),
        ScenarioRole("members", members), ScenarioRole("operator", Self.numbered("operator", operators.count)), ScenarioRole(node: "probe"),
      ]
  }
  public var sendsRequests: Bool { !queues.isEmpty }

  /// The names of so many nodes of one kind: one alone has no number.
  private static func numbered(_ name: String, _ count: Int) -> [String] {
    count == 1 ? [name] : (0..<count).map { "\(name)-\($0 + 1)" }
  }

  init(_ reading: inout PartReading) {
    servers = reading.required("servers") { field throws(TextMistake) in try field.number("how many servers", in: 1...7) } ?? 7
    tuning = reading.value("tuning", or: .drawn) { field throws(TextMistake) in try Tuning(field) }
    groupRetention = reading.value("group retention", or: nil) { field throws(TextMistake) in
      try field.span("how long a consumer group is remembered", positive: true)
    }
    loads = reading.loads { field throws(TextMistake) in
      let members = try field.members(Queue.keys + OperatorLoad.keys, of: "a load")
      if members["operator"] != nil { return .operators(try OperatorLoad(field)) }
      guard members["queue"] != nil else { throw field.expected("a load with the key \"queue\" or \"operator\"") }
      return .queue(try Queue(field))
    }
  }

  /// The loads of kind *queue*.
  var queues: [Queue] { loads.compactMap { if case .queue(let load) = $0 { load } else { nil } } }
  /// The operators.
  var operators: [OperatorLoad] { loads.compactMap { if case .operators(let load) = $0 { load } else { nil } } }
}
