// The words of the system *cache*.

import Scenarios
import Vocabulary
import YAMLReading

/// What a scenario says of a cache.
public struct CachePart: ScenarioPart {
  /// A load of kind *cache*.
  public struct Load: Sendable, Hashable {
    /// Operations a second.
    public var perSecond: Double
    /// Whether gaps are exponential; else even.
    public var isPoisson: Bool
    /// How many keys, counters and locks of each.
    public var keys: Int

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(["cache", "keys", "arrivals"], of: "a load of a cache")
      perSecond = try field.required("cache", members).rate()
      isPoisson = try members.value("arrivals", or: true) { field throws(TextMistake) in try field.isPoisson() }
      keys = try members.value("keys", or: 5) { field throws(TextMistake) in try field.number("how many keys", in: 1...10_000) }
    }
  }

  /// The loads.
  public var loads: [Load]

  public var roles: [ScenarioRole] {
    let callers = loads.count == 1 ? ["load"] : loads.indices.map { "load-\($0 + 1)" }
    return [ScenarioRole("cache", ["cache"]), ScenarioRole("load", callers)]
  }
  public var sendsRequests: Bool { !loads.isEmpty }

  init(_ reading: inout PartReading) {
    loads = reading.loads { field throws(TextMistake) in try Load(field) }
  }
}
