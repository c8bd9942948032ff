// Judges the reference in the simulator: each case in a world of its own, in virtual time, so that waits cost nothing
// and a verdict depends on the case, the planted bug and the seed alone. Planted bugs that it catches prove that the
// cases bite.

import ContractTests
import Flight
import OpenAPI
import Vocabulary
import World

/// Judges the reference in the simulator.
public struct SimulatedJudge {
  /// What is judged.
  public var contract: SystemContract
  /// Planted bugs that are switched on.
  public var planted: [Mutant]
  /// The documents of the services, by their names: every exchange is held against that of its service.
  public var documents: [String: OpenAPIDocument]
  /// The seed of each world.
  public var seed: UInt64

  /// The channel that leads to the caller.
  static let channel = "webhook"
  /// The longest a case may take, in virtual time.
  static let longestCase = TimeSpan.minutes(60)
  /// Turns of a case within 10 ms of virtual time beyond which it is taken for endless: the cases make thousands at most.
  static let mostTurns = 1_000_000

  /// A judge.
  public init(_ contract: SystemContract, planted: [Mutant] = [], documents: [String: OpenAPIDocument] = [:], seed: UInt64 = 1) {
    self.contract = contract
    self.planted = planted
    self.documents = documents
    self.seed = seed
  }

  /// Makes one case. `mark` is where the turn is noted that is being taken, for another process to see.
  public func judge(_ contractCase: ContractCase, mark: UnsafeMutablePointer<TurnMark>? = nil) -> CaseVerdict {
    // Whoever judges stands behind all of the system's nodes, of which there are as many wherever a channel leads.
    let count = contract.place(SystemContract.Channel(name: Self.channel, endpoint: Endpoint(0)), .none).count
    let caller = Endpoint(UInt16(count))
    var plans = contract.place(SystemContract.Channel(name: Self.channel, endpoint: caller), PlantedBugs(planted))
    var services: [String: ContractService] = [:]
    for (index, name) in contract.services.enumerated() {
      // As `windtunnel serve` serves them, so that the commands that repeat a failure can be run.
      services[name] = ContractService(Endpoint(UInt16(index)), url: "http://127.0.0.1:\(8080 + index)")
    }
    let book = KeptVerdicts()
    var made = ContractPlan(cases: [contractCase], services: services, run: "sim", channel: Self.channel)
    made.documents = documents
    let plan = made
    plans.append(NodePlan("caller", cost: .client) { ContractCaller(plan, book: book) })

    let host = SimulatedHost(seed: seed, plans: plans)
    let defects = DefectList()
    host.recorder = defects
    host.mark = mark
    host.startAll()
    while !book.isClosed, host.now < Self.longestCase.nanoseconds {
      let turns = host.turnsTaken
      host.run(until: host.now + 10_000_000, atMost: Self.mostTurns)
      if host.turnsTaken - turns >= Self.mostTurns {
        return CaseVerdict(contractCase, .notRun("\(Self.mostTurns) turns were taken within 10 ms of virtual time: it would not end"))
      }
    }
    mark?.pointee.event = 0

    guard var verdict = book.verdicts.first else {
      return CaseVerdict(contractCase, .notRun("it did not end within \(Self.longestCase.seconds) seconds of virtual time"))
    }
    if let defect = defects.first, verdict.passed {
      var failure = CaseFailure(
        step: "all steps, each answered as it should be", line: contractCase.line,
        expected:
          "services that keep their host's rules: one answer to each request, and what else \"machines keep the host's rules\" checks in flights",
        found: "\(host.name(of: defect.node)), \(defect.at.nanoseconds / 1_000) µs after the start: \(defect.what)", commands: [])
      failure.isOfCase = false
      verdict.outcome = .failed(failure)
    }
    return verdict
  }
}

/// Keeps the first defect: what a machine must never do.
private final class DefectList: Recorder {
  private(set) var first: DefectRecord?

  func record(_ exchange: ExchangeRecord) {}
  func record(_ stream: StreamRecord) {}
  func record(_ observation: ObservationRecord) {}
  func record(_ defect: DefectRecord) { first = first ?? defect }
}
