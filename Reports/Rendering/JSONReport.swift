// The report as JSON, for programs: {"held", "version", "commit", "modified", "command", "planned", "stopped",
// "runs":[{"scenario","seed","verdict","trace_hash", …}], "requirements":[…]}. `held` is true where all flights that
// were planned were flown and held; `stopped` where they were not all flown. Times are in nanoseconds of virtual time; a
// percentile is null where it is that of a request which failed. A run of several systems has "systems", with the
// figures of each; a fault that the end of the loads cut short has "cut_from_ns", how long it was to last.

import Checking
import Flight
import Vocabulary
import Wire

/// Renders JSON.
public enum JSONReport {
  /// How the document of a report begins in which all held. Who must know whether a report is evidence reads no more
  /// than this.
  public static let heldBeginning = #"{"held":true,"#

  /// The document.
  public static func render(_ model: ReportModel) -> String {
    let runs = model.runs.map(run)
    let requirements = model.requirements.map { row in
      JSON.object([
        .init("id", .string(row.id)), .init("says", row.says.map { .string($0) } ?? .null),
        .init("standing", row.standing.map { RequirementText.json($0, isBroken: !row.broken.isEmpty) } ?? .null),
        .init("checks", .integer(Int64(row.checks))),
        .init("held", .array(row.held.map { .string($0) })), .init("broken", .array(row.broken.map { .string($0) })),
        .init("scenarios", .array(row.scenarios.map { .string($0) })),
      ])
    }
    let document = JSON.object(
      [.init("held", .bool(model.held))] + ProductVersion.members + [
        .init("command", .string(model.command)), .init("planned", .integer(Int64(model.planned))),
        .init("stopped", .bool(model.stopped != nil)), .init("runs", .array(runs)), .init("requirements", .array(requirements)),
      ])
    // All numbers are integers; there is nothing that JSON has no form for.
    return (try? document.serializedText()) ?? "{}"
  }

  private static func run(_ run: FlightResult) -> JSON {
    let figures = LatencyFigures(run.requests)
    var members: [JSON.Member] = [
      .init("scenario", .string(run.scenario)),
      // A seed has 64 bits; those beyond 63 are written as text, which every reader keeps.
      .init("seed", Int64(exactly: run.seed).map { .integer($0) } ?? .string(String(run.seed))),
      .init("verdict", .string(run.verdict.rawValue)), .init("trace_hash", run.traceHash.map { .string($0.description) } ?? .null),
    ]
    if let mutant = run.mutant { members.append(.init("mutant", .string(mutant))) }
    if let costs = run.costs {
      members.append(.init("costs", .object([.init("name", .string(costs.name)), .init("origin", .string(costs.origin))])))
    }
    if let series = run.series { members.append(.init("series", .string(series.rawValue))) }
    if let failure = run.firstFailure {
      members.append(
        .init("first_failure", .object([.init("check", .string(failure.checker)), .init("summary", .string(failure.summary))])))
    }
    members += [
      .init("replay", .string(run.replayCommand)), .init("simulated_ns", .integer(run.simulated.nanoseconds)),
      .init("turns", .integer(Int64(run.turns))), .init("latency_\(run.timing.rawValue)", latency(figures)),
    ]
    let systems = run.figuresBySystem
    if !systems.isEmpty {
      members.append(
        .init(
          "systems",
          .array(
            systems.map {
              .object([.init("system", .string($0.system)), .init("latency_\(run.timing.rawValue)", latency($0.figures))])
            })))
    }
    members += [
      .init("faults", .array(run.faults.map(fault))),
      .init("checks", .array(run.judgements.map(judgement))),
    ]
    return .object(members)
  }

  private static func latency(_ figures: LatencyFigures) -> JSON {
    .object(
      [
        .init("requests", .integer(Int64(figures.count))), .init("failed", .integer(Int64(figures.failed))),
        .init("limited", .integer(Int64(figures.limited))),
      ]
        + figures.percentiles.map {
          .init("\(LatencyText.percentile($0.thousandths))_ns", $0.span == .forever ? .null : .integer($0.span.nanoseconds))
        })
  }

  private static func fault(_ fault: FaultSpan) -> JSON {
    var members: [JSON.Member] = [
      .init("label", .string(fault.label)), .init("began_ns", .integer(fault.beganAt.nanoseconds)),
      .init("ended_ns", .integer(fault.endedAt.nanoseconds)), .init("happened", .bool(fault.happened)),
    ]
    if let planned = fault.cutFrom { members.append(.init("cut_from_ns", .integer(planned.nanoseconds))) }
    return .object(members)
  }

  private static func judgement(_ judgement: Judgement) -> JSON {
    .object([
      .init("check", .string(judgement.checker)), .init("held", .bool(judgement.held)), .init("examined", .string(judgement.examined)),
      .init("requirements", .array(judgement.requirements.map { .string($0) })),
      .init("violations", .array(judgement.violations.map { .string($0.summary) })),
    ])
  }
}
