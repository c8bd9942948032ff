// A relational store as a system that is flown: the node, what sets it up, the loads, who reads it back, and what judges them.

import Checking
import Flight
import Load
import Scenarios
import StoresAssembly
import StoresChecking
import StoresLoad
import Vocabulary
import World

/// A relational store.
public struct StoreSystem: FlownSystem {
  /// The system.
  public init() {}

  public let name = "store"
  public let keys = ["accounts"]
  public let ownObjectives: [(word: String, example: String)] = []
  public var mutants: [Mutant] { RelationalStoreAssembly.mutants }

  public var contract: SystemContract? {
    SystemContract(services: ["store"]) { [name] _, planted in
      [NodePlan("\(name)/store", planted: planted, make: RelationalStoreAssembly().make)]
    }
  }

  public func part(_ reading: inout PartReading) -> any ScenarioPart { StorePart(&reading) }

  public func place(_ part: StorePart, _ order: FlightOrder, on site: inout Site) -> any PlacedSystem {
    PlacedStore(part, order, &site)
  }
}

/// A store in one flight.
private struct PlacedStore: PlacedSystem {
  private let accounts: Int
  private let probe: NodeID

  let maximumTurnsPerSecond: Int? = 50_000
  /// How long setting up takes at most, where nothing is broken.
  private static let setUpTime = TimeSpan.seconds(1)

  init(_ part: StorePart, _ order: FlightOrder, _ site: inout Site) {
    accounts = part.accounts
    let scenario = order.scenario
    let store = Endpoint(
      site.place(
        NodePlan("store", planted: PlantedBugs(order.planted), make: RelationalStoreAssembly().make), as: [NodeRole.store.name]))
    func plan(_ load: StorePart.Load) -> StoreLoadPlan {
      StoreLoadPlan(
        arrivals: Arrivals(perSecond: load.perSecond, spacing: load.isPoisson ? .poisson : .even), until: scenario.duration,
        accounts: part.accounts)
    }
    for (index, load) in part.loads.enumerated() {
      let plan = plan(load)
      site.place(
        NodePlan(part.loads.count == 1 ? "load" : "load-\(index + 1)", cost: .client, isRecorded: true) {
          StoreLoad(plan, store: store, from: Self.setUpTime)
        }, as: ["load"], words: "\(load)")
    }
    let setUp = part.loads.first.map { plan($0).setUp() } ?? []
    site.place(
      NodePlan("setup", cost: .client, isRecorded: true) {
        ScriptedCaller(from: .zero, setUp.map { ScriptedCall(store, $0.request, accepts: $0.accepts) })
      }, as: ["setup"])
    probe = site.place(
      NodePlan("probe", cost: .client, isRecorded: true) {
        ScriptedCaller(from: scenario.duration + scenario.settle, [ScriptedCall(store, StoreLoadPlan.readBack)])
      }, as: [NodeRole.probe.name])
  }

  func isReadBack(_ record: FlightRecord) -> Bool {
    record.observations.contains { $0.node == probe && $0.observation.fact == .scriptEnded }
  }

  func checkers(_ record: FlightRecord, endedAt: Instant) -> [any Checker] {
    [NoDefects(), ReadBackEnded(), TransactionsSerializable(accounts: accounts)]
  }
}
