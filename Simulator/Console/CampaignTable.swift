// What the flights of a campaign did at least: how long they flew, how many operations they asked for, how many faults
// they met, and how long the requests of all of them took. A campaign that held shows little where its flights were short or calm.

import Checking
import Flight
import Load
import Reports

/// A row for each scenario that was flown with several seeds, and below it one for each of its systems where it has
/// several.
package struct CampaignTable {
  /// What was flown of one scenario, or what one of its systems had of that.
  package struct Row {
    var scenario: String
    /// The system, where it is a row of one.
    var system: String?
    var flights = 0
    var failed = 0
    /// The shortest flight, in simulated seconds, rounded down.
    var leastSeconds = Int.max
    /// The fewest operations of a flight.
    var leastOperations = Int.max
    /// The fewest faults of a flight that did something.
    var leastFaults = Int.max
    /// Of the requests of all flights, those that a limit refused apart: modelled.
    var latencies = LatencyHistogram()

    /// Adds what one flight did.
    mutating func add(_ requests: [TimedRequest], _ faults: [FaultSpan]) {
      leastOperations = min(leastOperations, requests.count)
      leastFaults = min(leastFaults, faults.count { $0.happened })
      for latency in requests.countedLatencies { latencies.record(latency) }
    }
  }

  /// In the order in which the scenarios were flown.
  package let rows: [Row]

  /// The rows of what was flown.
  package init(_ model: ReportModel) {
    var rows: [Row] = []
    var places: [String: Int] = [:]
    /// The place of the row that is named so, which is made where it is missing.
    func place(_ scenario: String, _ system: String? = nil) -> Int {
      let name = scenario + (system.map { "/\($0)" } ?? "")
      if let known = places[name] { return known }
      rows.append(Row(scenario: scenario, system: system))
      places[name] = rows.count - 1
      return rows.count - 1
    }
    for run in model.runs {
      let whole = place(run.scenario)
      rows[whole].flights += 1
      rows[whole].failed += run.verdict == .failed ? 1 : 0
      rows[whole].leastSeconds = min(rows[whole].leastSeconds, Int(run.simulated.seconds))
      rows[whole].add(run.requests, run.faults)
      for share in run.shares { rows[place(run.scenario, share.system)].add(share.requests, share.faults) }
    }
    self.rows = rows
  }

  /// A line for each row below two lines of headings, and what these figures do not say; empty where no scenario was flown
  /// twice.
  package var lines: [String] {
    guard rows.contains(where: { $0.flights > 1 }) else { return [] }
    func name(_ row: Row) -> String { row.system.map { "  its \($0)" } ?? row.scenario }
    let width = max(8, rows.map { name($0).count }.max() ?? 0)
    func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
    func line(_ name: String, _ figures: [String], _ widths: [Int]) -> String {
      name + String(repeating: " ", count: width - name.count) + zip(figures, widths).map { padded($0, $1) }.joined()
    }
    let (columns, groups) = ([9, 8, 10, 12, 8, 12, 12], [17, 30, 24])
    func latency(_ row: Row, _ thousandths: Int) -> String { row.latencies.percentile(thousandths).map { LatencyFigures.label($0) } ?? "–" }
    let shown = rows.map { row in
      line(
        name(row),
        (row.system == nil ? [row.flights, row.failed, row.leastSeconds].map(String.init) : ["", "", ""])
          + ["\(row.leastOperations)", "\(row.leastFaults)", latency(row, 50_000), latency(row, 99_000)], columns)
    }
    let isFailureAmongThem = shown.contains { $0.contains(LatencyFigures.notServed) }
    let note =
      "\(LatencyFigures.notServed): that request failed, as some may in a flight that held; how many, an objective of its scenario says"
    return [
      line("", ["", "each flight at least:", "all requests:"], groups),
      line("scenario", ["flights", "failed", "seconds", "operations", "faults", "p50", "p99"], columns),
    ] + shown + (isFailureAmongThem ? [note] : [])
  }
}
