// The words of the system *registers*: registers that several servers keep together on Raft.

import RaftLoad
import Scenarios
import Vocabulary
import YAMLReading

/// What a scenario says of registers.
public struct RegistersPart: ScenarioPart {
  /// One load.
  public enum Load: Sendable, Hashable {
    /// Reads, writes and swaps, open loop.
    case registers(Registers)
    /// Somebody who transfers leaderships and changes memberships, and restores them in the end.
    case operators(OperatorLoad)
  }

  /// A load of kind *registers*.
  public struct Registers: Sendable, Hashable {
    /// Operations a second.
    public var perSecond: Double
    /// Whether gaps are exponential; else even.
    public var isPoisson: Bool
    /// How many registers.
    public var keys: Int
    /// Share of the operations that read, 0 … 1.
    public var readShare: Double
    /// How long an operation may take, redirections included.
    public var patience: TimeSpan

    static let keys = ["registers", "keys", "reads", "arrivals", "patience"]

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(Self.keys, of: "a load of registers")
      perSecond = try field.required("registers", members).rate()
      isPoisson = try members.value("arrivals", or: true) { field throws(TextMistake) in try field.isPoisson() }
      keys = try members.value("keys", or: 5) { field throws(TextMistake) in try field.number("how many registers", in: 1...10_000) }
      readShare = try members.value("reads", or: 0.5) { field throws(TextMistake) in try field.share() }
      patience = try members.value("patience", or: .seconds(1)) { field throws(TextMistake) in
        try field.span("how long an operation may take", positive: true)
      }
    }
  }

  /// How many servers keep the registers.
  public var servers: Int
  /// How their tunables are set.
  public var tuning: Tuning
  /// The loads.
  public var loads: [Load]

  public var roles: [ScenarioRole] {
    let names = (1...servers).map { "server-\($0)" }
    let callers = loads.indices.map { "load-\($0 + 1)" }
    return [ScenarioRole("servers", names, sendsMessages: true), ScenarioRole("load", callers)]
      + AimedFault.Aim.allCases.map { ScenarioRole($0.rawValue, names, isAim: true, sendsMessages: true) }
      + names.map { ScenarioRole(node: $0, sendsMessages: true) }
  }
  public var sendsRequests: Bool { loads.contains { if case .registers = $0 { true } else { false } } }

  init(_ reading: inout PartReading) {
    servers =
      reading.required("servers") { field throws(TextMistake) in try field.number("how many servers", in: 1...7) } ?? 7
    tuning = reading.value("tuning", or: .drawn) { field throws(TextMistake) in try Tuning(field) }
    loads = reading.loads { field throws(TextMistake) in
      let members = try field.members(Registers.keys + OperatorLoad.keys, of: "a load")
      if members["operator"] != nil { return .operators(try OperatorLoad(field)) }
      guard members["registers"] != nil else { throw field.expected("a load with the key \"registers\" or \"operator\"") }
      return .registers(try Registers(field))
    }
  }
}
