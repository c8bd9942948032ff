// What one flight came to: the verdict, each judgement, what broke when, and the figures of its load.

import Checking
import Kernel
import Vocabulary

/// The judgement of a flight as a whole.
public enum Verdict: String, Sendable, Hashable {
  /// All promises were shown to hold.
  case held
  /// A promise was broken, or a check had nothing to examine.
  case failed

  /// The verdict on a flight that was judged so. Where nothing judged it, nothing was shown.
  public init(_ judgements: [Judgement]) {
    self = !judgements.isEmpty && judgements.allSatisfy(\.held) ? .held : .failed
  }
}

/// Where a flight's times come from.
public enum Timing: String, Sendable, Hashable {
  /// From virtual time and the cost model.
  case modelled
  /// From the clocks of this machine.
  case measured
}

/// Where the series that a flight replays come from.
public enum SeriesOrigin: String, Sendable, Hashable {
  /// Made from the seed, as a stand-in.
  case synthetic
  /// Given to the flight: recorded somewhere.
  case recorded
}

/// What one flight came to.
public struct FlightResult: Sendable {
  /// The scenario's name.
  public var scenario: String
  /// The seed.
  public var seed: UInt64
  /// The planted bug that was switched on, if any.
  public var mutant: String?
  /// The verdict.
  public var verdict: Verdict
  /// The hash of all that happened; nil where that is not known: the flight was lost, or was none of virtual time.
  public var traceHash: TraceHash?
  /// The hash of all that happened to each system's nodes, by the system's name, in the order in which they are placed.
  public var systemHashes: [(system: String, hash: TraceHash)] = []
  /// The numbers of each system's nodes, in the order in which they are placed; empty where that is not known.
  public var systemNodes: [(system: String, nodes: Range<Int>)] = []
  /// Each checker's judgement.
  public var judgements: [Judgement]
  /// What was broken when.
  public var faults: [FaultSpan]
  /// The requests of the loads.
  public var requests: [TimedRequest]
  /// How much virtual time was flown.
  public var simulated: TimeSpan
  /// Turns that machines took.
  public var turns: Int
  /// Requirements that the scenario names.
  public var requirements: [String]
  /// Where its times come from.
  public var timing = Timing.modelled
  /// Where the series of its replay come from; nil where nothing is replayed.
  public var series: SeriesOrigin?
  /// The name of the costs that its times come from, and the machine on which those were measured; nil where the times
  /// are measured themselves.
  public var costs: (name: String, origin: String)?
  /// The command that repeats it, where that is not `replay`.
  public var ownCommand: String?

  /// A result.
  public init(
    scenario: String, seed: UInt64, mutant: String? = nil, verdict: Verdict, traceHash: TraceHash?, judgements: [Judgement],
    faults: [FaultSpan], requests: [TimedRequest], simulated: TimeSpan, turns: Int, requirements: [String], timing: Timing = .modelled,
    series: SeriesOrigin? = nil, ownCommand: String? = nil
  ) {
    self.scenario = scenario
    self.seed = seed
    self.mutant = mutant
    self.verdict = verdict
    self.traceHash = traceHash
    self.judgements = judgements
    self.faults = faults
    self.requests = requests
    self.simulated = simulated
    self.turns = turns
    self.requirements = requirements
    self.timing = timing
    self.series = series
    self.ownCommand = ownCommand
  }

  /// The judgements in the order in which a reader wants them: broken promises, then what else did not hold (that a
  /// machine broke a rule of its host is no promise to anybody), then what held.
  public var judgementsByEvidence: [Judgement] {
    let broken = judgements.filter { !$0.held }
    return broken.filter { !$0.requirements.isEmpty } + broken.filter(\.requirements.isEmpty) + judgements.filter(\.held)
  }

  /// One system's share of a flight of several.
  public struct SystemShare: Sendable {
    /// The system.
    public var system: String
    /// The requests of its loads.
    public var requests: [TimedRequest]
    /// What was broken of it.
    public var faults: [FaultSpan]
  }

  /// The flight by its systems, in the order in which they are placed; empty where there are not several.
  public var shares: [SystemShare] {
    guard systemNodes.count > 1 else { return [] }
    return systemNodes.map { system, nodes in
      let ids = Set(nodes.map { NodeID(UInt16($0)) })
      return SystemShare(
        system: system, requests: requests.filter { ids.contains($0.node) }, faults: faults.filter { $0.reach.touches(ids) })
    }
  }

  /// The first check that was broken, how, and when it showed, where that has a moment: of what broke it the earliest.
  public var firstFailure: (checker: String, summary: String, at: Instant?)? {
    guard let judgement = judgementsByEvidence.first, !judgement.held else { return nil }
    let timed = judgement.violations.compactMap { violation in violation.at.map { (violation: violation, at: $0) } }
    let first = timed.min { $0.at < $1.at }?.violation ?? judgement.violations.first
    return (judgement.checker, first?.summary ?? "nothing was examined (\(judgement.examined))", first?.at)
  }

  /// The one command that repeats the flight.
  public var replayCommand: String {
    ownCommand ?? Self.replayCommand(scenario, seed: seed, mutant: mutant)
  }

  /// The command that flies `scenario` (a name, or a path and options: words of a shell) once with `seed` and a planted
  /// bug.
  static func replayCommand(_ scenario: String, seed: UInt64, mutant: String?) -> String {
    "windtunnel replay \(scenario) --seed \(seed)" + (mutant.map { " --mutant \($0)" } ?? "")
  }
}
