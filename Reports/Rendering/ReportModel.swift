// What a report says, before it has a form: runs, requirements, figures. All renderers read this, so that they cannot
// disagree.

import Checking
import Flight
import Ledger
import Load
import Vocabulary

/// A report of one or many flights.
public struct ReportModel: Sendable {
  /// The flights, in the order in which they were asked for.
  public var runs: [FlightResult]
  /// How many flights were asked for: more than `runs` where the campaign was asked to end.
  public var planned: Int
  /// The command that made the report.
  public var command: String
  /// What the requirements say, and what their parts are checked by.
  public var ledgers: [Ledger]

  /// A report. All flights were flown where `planned` is nil.
  public init(runs: [FlightResult], planned: Int? = nil, command: String, ledgers: [Ledger] = []) {
    self.ledgers = ledgers
    self.runs = runs
    self.planned = planned ?? runs.count
    self.command = command
  }

  /// Whether all promises held in all runs that were asked for.
  public var held: Bool { !runs.isEmpty && runs.count == planned && !isBroken }

  /// Whether a flight broke a promise.
  public var isBroken: Bool { runs.contains { $0.verdict == .failed } }

  /// "stopped after 94 of 19,000 flights"; nil where all were flown.
  public var stopped: String? {
    runs.count == planned
      ? nil : "stopped after \(CountText.grouped(runs.count)) of \(CountText.grouped(planned)) flight\(planned == 1 ? "" : "s")"
  }

  /// What the latencies are: "measured", or "modelled (virtual time), with the costs small-server (…)".
  var timingText: String {
    if runs.contains(where: { $0.timing == .measured }) { return "measured" }
    guard let costs = runs.first?.costs else { return "modelled (virtual time)" }
    return "modelled (virtual time), with the costs \"\(costs.name)\" (\(costs.origin))"
  }

  /// The verdict in a few words, as a heading.
  var headline: String {
    let failed = runs.count { $0.verdict == .failed }
    let verdict =
      isBroken
      ? "\(failed) of \(CountText.of(runs.count, "flight")) broke a promise" : runs.isEmpty ? "no flight ended" : "all promises held"
    return [stopped, verdict].compactMap { $0 }.joined(separator: ": ")
  }

  /// What a reader must know of the flights beside their verdicts, one sentence each, by scenario.
  public var notes: [(scenario: String, text: String)] {
    var notes: [(scenario: String, text: String)] = []
    for run in runs {
      guard let text = run.note, !notes.contains(where: { $0.scenario == run.scenario && $0.text == text }) else { continue }
      notes.append((run.scenario, text))
    }
    return notes + vainFaults + cutFaults
  }

  /// Faults that the end of the loads cut short, a sentence for each scenario.
  private var cutFaults: [(scenario: String, text: String)] {
    Set(runs.map(\.scenario)).sorted().compactMap { scenario in
      FlightResult.cutFaultsText(runs.filter { $0.scenario == scenario }.flatMap(\.faults)).map { (scenario, $0) }
    }
  }

  /// Faults that did not happen, a sentence for each scenario: one that always has some checks less than it claims.
  private var vainFaults: [(scenario: String, text: String)] {
    Set(runs.map(\.scenario)).sorted().compactMap { scenario in
      VainFaults(runs.filter { $0.scenario == scenario }.flatMap(\.faults)).sentence.map { (scenario, $0) }
    }
  }

  /// The flights in the order of their evidence: those that broke a promise first; else in the order in which they were
  /// asked for. `index` is the flight's place in `runs`.
  var byEvidence: [(index: Int, run: FlightResult)] {
    let all = runs.enumerated().map { (index: $0.offset, run: $0.element) }
    return all.filter { $0.run.verdict == .failed } + all.filter { $0.run.verdict == .held }
  }

  /// One requirement, and what was checked of it here.
  public struct RequirementRow: Sendable {
    /// The requirement's id.
    public var id: String
    /// What is asked; nil where no ledger has it.
    public var says: String?
    /// What was checked of its parts; nil where no ledger has it.
    public var standing: RequirementStanding?
    /// How often a check was made that is about it, or that checks one of its parts by the ledger; over all runs.
    public var checks = 0
    /// Names of the checks about it that held whenever they were made.
    public var held: [String] = []
    /// Names of the checks about it that were broken at least once.
    public var broken: [String] = []
    /// Names of the scenarios that name it.
    public var scenarios: [String] = []

    /// What was found of it here: "broken: MONITORING-7.e". A check about it may break that checks none of its parts by
    /// the ledger.
    public var words: String {
      guard let standing else { return broken.isEmpty ? "–" : "broken" }
      return standing.broken.isEmpty && !broken.isEmpty ? "broken; \(standing.words)" : standing.words
    }

    /// Where no check of it was made, that.
    static let unchecked = "not checked"
  }

  /// What the table of requirements says, and what it does not.
  static let requirementNote =
    RequirementText.note
    + " The ledger names checks by scenario: those of a scenario that it does not know, such as one of your own, are told in the columns behind, and "
    + "check no part. Broken parts are told by their numbers, and the checks that broke beside them; \"broken\" without a number is what a check about "
    + "the requirement found that is the check of none of its parts."

  /// All requirements that scenarios name or checks are about, in the order of their numbers.
  public var requirements: [RequirementRow] {
    var rows: [String: RequirementRow] = [:]
    func row(_ id: String) -> RequirementRow { rows[id] ?? RequirementRow(id: id) }
    let unmade = unmadeChecks
    // A check of a requirement's part is a check of the requirement, whichever it says itself that it is about.
    let asked = ledgers.flatMap(\.requirements).map { (id: $0.id, checks: $0.checks) }
    for run in runs {
      for id in run.requirements {
        var found = row(id)
        if !found.scenarios.contains(run.scenario) { found.scenarios.append(run.scenario) }
        rows[id] = found
      }
      for judgement in run.judgements {
        let made = check(judgement, run)
        let others = asked.filter { one in one.checks.contains(made) && !judgement.requirements.contains(one.id) }.map(\.id)
        for id in judgement.requirements + others {
          var found = row(id)
          found.checks += 1
          if !judgement.held {
            found.held.removeAll { $0 == judgement.checker }
            if !found.broken.contains(judgement.checker) { found.broken.append(judgement.checker) }
          } else if !found.held.contains(judgement.checker), !found.broken.contains(judgement.checker),
            !unmade.contains(made)
          {
            found.held.append(judgement.checker)
          }
          rows[id] = found
        }
      }
    }
    func order(_ id: String) -> (String, Int) {
      let parts = id.split(separator: "-")
      return (String(parts.first ?? ""), Int(parts.last ?? "") ?? 0)
    }
    // A requirement of which parts were checked by what is about another one is there too.
    let (held, broken) = madeChecks
    for requirement in ledgers.flatMap(\.requirements) {
      let standing = requirement.standing(held: held, broken: broken)
      guard rows[requirement.id] != nil || standing.checked > 0 || !standing.broken.isEmpty else { continue }
      var found = row(requirement.id)
      found.says = requirement.says
      found.standing = standing
      rows[requirement.id] = found
    }
    return rows.values.sorted { order($0.id) < order($1.id) }
  }

  private func check(_ judgement: Judgement, _ run: FlightResult) -> MadeCheck {
    .check(ExactName(judgement.checker), scenario: ExactName(run.scenario))
  }

  /// The checks that some flight of their scenario came to no judgement of: its process was lost. They hold of the others
  /// only.
  private var unmadeChecks: Set<MadeCheck> {
    var made: [ExactName: [Set<MadeCheck>]] = [:]
    for run in runs { made[ExactName(run.scenario), default: []].append(Set(run.judgements.map { check($0, run) })) }
    return made.values.reduce(into: []) { unmade, flights in
      let all = flights.reduce(into: Set()) { $0.formUnion($1) }
      for flight in flights { unmade.formUnion(all.subtracting(flight)) }
    }
  }

  /// The checks that were made: those that held in every flight of their scenario, and those that did not.
  private var madeChecks: (held: Set<MadeCheck>, broken: Set<MadeCheck>) {
    var held: Set<MadeCheck> = []
    var broken: Set<MadeCheck> = []
    for run in runs {
      for judgement in run.judgements {
        if judgement.held { held.insert(check(judgement, run)) } else { broken.insert(check(judgement, run)) }
      }
    }
    return (held.subtracting(broken).subtracting(unmadeChecks), broken)
  }
}

extension FlightResult {
  /// What a reader must know of the flight beside its verdict: that what it replayed was recorded nowhere. Nil where
  /// there is nothing.
  var note: String? {
    switch series {
    case .synthetic: "its series are synthetic, made from the seed, since no recorded ones were given (options: windtunnel run --help)"
    case .recorded, nil: nil
    }
  }

  /// The scenario's name, with a word on its series where they are synthetic.
  var scenarioLabel: String {
    switch series {
    case .synthetic: "\(scenario) (synthetic series)"
    case .recorded, nil: scenario
    }
  }
}

/// Faults that did not happen: their moment did not come, or they changed nothing, since what they break was down
/// already, or nothing came to it while they lasted.
struct VainFaults {
  /// How many faults were planned, and how many of them did not happen.
  var planned = 0
  var count = 0
  /// Of each kind, by its label, those that happen least first.
  var kinds: [(label: String, vain: Int, planned: Int)] = []

  /// How many kinds a sentence names.
  private static let named = 3

  /// Those of `faults`.
  init(_ faults: [FaultSpan]) {
    planned = faults.count
    count = faults.count { !$0.happened }
    let labels = Dictionary(grouping: faults, by: \.label)
    for label in labels.keys.sorted() {
      let all = labels[label] ?? []
      let vain = all.count { !$0.happened }
      if vain > 0 { kinds.append((label, vain, all.count)) }
    }
    kinds.sort { ($1.vain, $0.label) < ($0.vain, $1.label) }
  }

  /// "162 of 400 faults did not happen (…): crash of a node 100 of 120, …"; nil where all happened.
  var sentence: String? {
    guard count > 0 else { return nil }
    let shown = kinds.prefix(Self.named).map { "\($0.label) \($0.vain) of \($0.planned)" }.joined(separator: ", ")
    let more = kinds.count > Self.named ? " and \(kinds.count - Self.named) more kinds" : ""
    return
      "\(CountText.grouped(count)) of \(CountText.of(planned, "fault")) did not happen, since their moment did not come or they found nothing to change: "
      + shown + more
  }
}

extension FlightResult {
  /// What is to be known of those of its faults that the end of the loads cut short; nil where there is none.
  var cutFaultsText: String? { Self.cutFaultsText(faults) }

  /// "1 of 3 faults ended sooner than the scenario says, …"; nil where none did.
  static func cutFaultsText(_ faults: [FaultSpan]) -> String? {
    let cut = faults.filter { $0.cutFrom != nil && $0.happened }
    guard let first = cut.first, let planned = first.cutFrom else { return nil }
    let text =
      "\(CountText.grouped(cut.count)) of \(CountText.of(faults.count, "fault")) ended sooner than the scenario says, since the loads ended: "
      + "\(first.label) at \(first.beganAt.label) after \((first.endedAt - first.beganAt).label) of \(planned.label)"
    return cut.count > 1 ? text + ", and \(CountText.grouped(cut.count - 1)) more" : text
  }

  /// The figures of each of several systems.
  var figuresBySystem: [(system: String, figures: LatencyFigures, faults: Int)] {
    shares.map { ($0.system, LatencyFigures($0.requests), $0.faults.count(where: \.happened)) }
  }

  /// Its trace hash; a dash where there is none.
  var hashText: String { traceHash?.description ?? "–" }
}

/// Latency figures of one run, modelled.
public struct LatencyFigures: Sendable {
  /// Requests that a limit did not refuse.
  public var count: Int
  /// Those of them that failed.
  public var failed: Int
  /// Requests that a limit refused.
  public var limited: Int
  /// Percentiles of latency, each in thousandths of a percent, and its value: of all that are counted, as objectives
  /// have them; `TimeSpan.forever` where it is that of a request which failed.
  public var percentiles: [(thousandths: Int, span: TimeSpan)]
  /// The longest of those that were served.
  public var longest: TimeSpan?

  /// Figures of `requests`.
  public init(_ requests: [TimedRequest]) {
    let counted = requests.countedLatencies
    failed = requests.count { $0.outcome == .failed }
    limited = requests.count { $0.outcome == .limited }
    count = counted.count
    percentiles = [50_000, 90_000, 99_000, 99_900].compactMap { thousandths in
      Percentile.value(thousandths, of: counted).map { (thousandths, $0) }
    }
    longest = counted.last { $0 != .forever }
  }

  /// What percentiles are of.
  static let note =
    "Percentiles are of the requests that no limit refused, each from the moment at which it was meant to start; one that failed counts as slower "
    + "than any, and a percentile that falls on one is told as \"\(notServed)\". Requests may fail in a flight that held: how many of them may, and how "
    + "slow they may be, only the objectives of its scenario say."

  /// What is said in the place of a latency where it is that of a request which failed.
  public static let notServed = "not served"

  /// The percentile in words; a dash where no request is counted.
  func label(_ thousandths: Int) -> String { percentiles.first { $0.thousandths == thousandths }.map { Self.label($0.span) } ?? "–" }

  /// A value in words.
  public static func label(_ span: TimeSpan) -> String { span == .forever ? notServed : span.label }
}
