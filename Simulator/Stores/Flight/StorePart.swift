// The words of the system *store*.

import Scenarios
import Vocabulary
import YAMLReading

/// What a scenario says of a relational store.
public struct StorePart: ScenarioPart {
  /// A load of kind *store*.
  public struct Load: Sendable, Hashable {
    /// Transactions a second.
    public var perSecond: Double
    /// Whether gaps are exponential; else even.
    public var isPoisson: Bool

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(["store", "arrivals"], of: "a load of a store")
      perSecond = try field.required("store", members).rate()
      isPoisson = try members.value("arrivals", or: true) { field throws(TextMistake) in try field.isPoisson() }
    }
  }

  /// The loads.
  public var loads: [Load]
  /// How many accounts they transfer between.
  public var accounts: Int

  public var roles: [ScenarioRole] {
    let callers = loads.count == 1 ? ["load"] : loads.indices.map { "load-\($0 + 1)" }
    return [
      ScenarioRole("store", ["store"]), ScenarioRole("load", callers), ScenarioRole("setup", ["setup"]), ScenarioRole("probe", ["probe"]),
    ]
  }
  public var sendsRequests: Bool { !loads.isEmpty }

  init(_ reading: inout PartReading) {
    accounts = reading.value("accounts", or: 4) { field throws(TextMistake) in try field.number("how many accounts", in: 2...1_000) }
    loads = reading.loads { field throws(TextMistake) in try Load(field) }
  }
}
