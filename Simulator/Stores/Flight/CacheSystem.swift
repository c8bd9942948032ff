// A cache as a system that is flown: the node, the loads, and what judges them.

import Checking
import Flight
import Load
import Scenarios
import StoresAssembly
import StoresChecking
import StoresLoad
import Vocabulary
import World

/// A cache.
public struct CacheSystem: FlownSystem {
  /// The system.
  public init() {}

  public let name = "cache"
  public let keys: [String] = []
  public let ownObjectives: [(word: String, example: String)] = []
  public var mutants: [Mutant] { CacheAssembly.mutants }

  /// One that cleans nothing away while it is judged: nothing may hang on it.
  public var contract: SystemContract? {
    SystemContract(services: ["cache"]) { [name] _, planted in
      [NodePlan("\(name)/cache", planted: planted, make: CacheAssembly.cleaning(every: .seconds(3_600)).make)]
    }
  }

  public func part(_ reading: inout PartReading) -> any ScenarioPart { CachePart(&reading) }

  public func place(_ part: CachePart, _ order: FlightOrder, on site: inout Site) -> any PlacedSystem {
    PlacedCache(part, order, &site)
  }
}

/// A cache in one flight.
private struct PlacedCache: PlacedSystem {
  let maximumTurnsPerSecond: Int? = 50_000

  init(_ part: CachePart, _ order: FlightOrder, _ site: inout Site) {
    // In some flights nothing is cleaned away: nothing may hang on it.
    var random = RandomStream(seed: order.seed, name: "cleaning")
    let assembly = CacheAssembly.cleaning(every: random.chance(0.5) ? .milliseconds(250) : .seconds(3_600))
    let cache = Endpoint(site.place(NodePlan("cache", planted: PlantedBugs(order.planted), make: assembly.make), as: [NodeRole.cache.name]))
    for (index, load) in part.loads.enumerated() {
      let plan = CacheLoadPlan(
        arrivals: Arrivals(perSecond: load.perSecond, spacing: load.isPoisson ? .poisson : .even), until: order.scenario.duration,
        keys: load.keys)
      site.place(
        NodePlan(part.loads.count == 1 ? "load" : "load-\(index + 1)", cost: .client, isRecorded: true) { CacheLoad(plan, cache: cache) },
        as: ["load"], words: "\(load)")
    }
  }

  func checkers(_ record: FlightRecord, endedAt: Instant) -> [any Checker] {
    [NoDefects(), ValuesInTime(), LocksFenced(), CountersCount()]
  }
}
