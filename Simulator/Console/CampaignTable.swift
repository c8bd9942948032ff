// What the flights of a campaign did at least: how long they flew, how many operations they asked for, how many faults
// they met, and how long the requests of all of them took. A campaign that held shows little where its flights were short or calm.

import Checking
import Load
import Reports

/// A row for each scenario that was flown with several seeds.
package struct CampaignTable {
  /// What was flown of one scenario.
  package struct Row {
    var scenario: String
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
  }

  /// In the order in which the scenarios were flown.
  package let rows: [Row]

  /// The rows of what was flown.
  package init(_ model: ReportModel) {
    var rows: [Row] = []
    var places: [String: Int] = [:]
    for run in model.runs {
      let place = places[run.scenario] ?? rows.count
      if place == rows.count { rows.append(Row(scenario: run.scenario)) }
      places[run.scenario] = place
      rows[place].flights += 1
      rows[place].failed += run.verdict == .failed ? 1 : 0
      rows[place].leastSeconds = min(rows[place].leastSeconds, Int(run.simulated.seconds))
      rows[place].leastOperations = min(rows[place].leastOperations, run.requests.count)
      for latency in run.requests.countedLatencies { rows[place].latencies.record(latency) }
      rows[place].leastFaults = min(rows[place].leastFaults, run.faults.count { $0.happened })
    }
    self.rows = rows
  }

  /// A line for each row below a line of headings; empty where no scenario was flown twice.
  package var lines: [String] {
    guard rows.contains(where: { $0.flights > 1 }) else { return [] }
    let width = max(8, rows.map(\.scenario.count).max() ?? 0)
    func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
    func line(_ name: String, _ figures: [String]) -> String {
      name + String(repeating: " ", count: width - name.count) + zip(figures, [9, 8, 19, 12, 8, 14, 10]).map { padded($0, $1) }.joined()
    }
    func latency(_ row: Row, _ thousandths: Int) -> String { row.latencies.percentile(thousandths).map { LatencyFigures.label($0) } ?? "–" }
    return [line("scenario", ["flights", "failed", "each at least: s", "operations", "faults", "of all: p50", "p99"])]
      + rows.map { row in
        line(
          row.scenario,
          [row.flights, row.failed, row.leastSeconds, row.leastOperations, row.leastFaults].map(String.init)
            + [latency(row, 50_000), latency(row, 99_000)])
      }
  }
}
