// The report as one self-contained HTML page: no script, no font, no picture from elsewhere. It follows the reader's
// light or dark preference and prints well.

import Checking
import Flight
import Load
import Vocabulary

/// Renders the HTML page.
public enum HTMLReport {
  /// Runs that are shown whole; of more, those that failed come first.
  static let wholeRuns = 40

  /// The page: what broke first, then all flights in a row each, the requirements, and each flight by itself.
  public static func render(_ model: ReportModel) -> String {
    var out = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    out += "<title>Windtunnel: \(model.headline)</title>\n"
    out += "<style>\(style)</style>\n</head>\n<body>\n<main>\n"
    out += header(model)
    let shown = model.byEvidence.prefix(wholeRuns)
    out += evidence(model)
    out += summary(model, shown: Set(shown.map(\.index)))
    out += notes(model)
    out += requirements(model)
    for (index, run) in shown { out += section(run, index) }
    if model.runs.count > shown.count {
      out += "<p class=\"note\">\(CountText.of(model.runs.count - shown.count, "more flight")) in report.json; "
      out += "<code>windtunnel replay</code> tells of one alone.</p>\n"
    }
    let isModelled = model.runs.allSatisfy { $0.timing == .modelled }
    out += "<footer>Windtunnel \(ProductVersion.withCommit). Latencies, durations and times in this report are "
    out +=
      isModelled
      ? HTMLText.escaped("\(model.timingText). ") + "The same seed gives the same flight, byte for byte, with the same version."
      : "measured on real sockets, on the machine that made it."
    out += "</footer>\n</main>\n</body>\n</html>\n"
    return out
  }

  /// What broke, a line for each flight, with the command that repeats it.
  private static func evidence(_ model: ReportModel) -> String {
    let failed = model.byEvidence.filter { $0.run.verdict == .failed }
    guard !failed.isEmpty else { return "" }
    var out = "<h2>What broke</h2>\n<ul class=\"broke\">\n"
    for (index, run) in failed.prefix(wholeRuns) {
      out += "<li><a href=\"#\(anchor(index))\">\(HTMLText.escaped(run.scenarioLabel)), seed \(run.seed)</a>: "
      if let failure = run.firstFailure {
        out +=
          HTMLText.escaped("\(failure.checker): \(failure.summary)")
          + (failure.at.map { " <span class=\"at\">at \($0.label)</span>" } ?? "")
      }
      out += "<br><code>\(HTMLText.escaped(run.replayCommand))</code></li>\n"
    }
    if failed.count > wholeRuns { out += "<li>and \(CountText.of(failed.count - wholeRuns, "more flight"))</li>\n" }
    return out + "</ul>\n"
  }

  private static func notes(_ model: ReportModel) -> String {
    model.notes.map { "<p class=\"note\">Note: \(HTMLText.escaped("\($0.scenario): \($0.text)")).</p>\n" }.joined()
  }

  private static func header(_ model: ReportModel) -> String {
    let simulated = model.runs.reduce(0.0) { $0 + $1.simulated.seconds }
    let headline = model.headline.prefix(1).uppercased() + model.headline.dropFirst()
    var out = "<header class=\"\(model.held ? "held" : "failed")\"><p class=\"brand\">Windtunnel</p><h1>\(headline)</h1>\n"
    out +=
      "<p>\(CountText.of(model.runs.count, "flight")), \(Int(simulated.rounded())) s of \(model.runs.allSatisfy { $0.timing == .modelled } ? "virtual" : "real") time. Made by "
    out += "<code>\(HTMLText.escaped(model.command))</code></p></header>\n"
    return out
  }

  /// A row for each flight; those that are `shown` below, by their places in the model, are led to.
  private static func summary(_ model: ReportModel, shown: Set<Int>) -> String {
    var out = "<h2>Flights</h2>\n<div class=\"wide\"><table><thead><tr><th>Scenario</th><th class=\"n\">Seed</th><th>Verdict</th>"
    out += "<th class=\"n\">Requests</th><th class=\"n\">p50</th><th class=\"n\">p99</th><th class=\"n\">Faults</th>"
    out += "<th>Trace hash</th></tr></thead><tbody>\n"
    func row(_ cells: [(heading: String, content: String, kind: String?)], _ figures: LatencyFigures, faults: Int, hash: String) -> String {
      "<tr>" + cells.map { cell($0.heading, $0.content, $0.kind) }.joined() + cell("Requests", "\(figures.count)", "n")
        + cell("p50", figures.label(50_000), "n") + cell("p99", figures.label(99_000), "n") + cell("Faults", "\(faults)", "n")
        + cell("Trace hash", hash) + "</tr>\n"
    }
    for (index, run) in model.runs.enumerated() {
      let label = named(run.scenarioLabel)
      let link = shown.contains(index) ? "<a href=\"#\(anchor(index))\">\(label)</a>" : label
      out += row(
        [("Scenario", link, nil), ("Seed", "\(run.seed)", "n"), ("Verdict", badge(run.verdict == .held ? "held" : "failed"), nil)],
        LatencyFigures(run.requests), faults: run.faults.count(where: \.happened), hash: "<code>\(run.hashText)</code>")
      for (system, figures, faults) in run.figuresBySystem {
        out += row(
          [("Scenario", "… its \(HTMLText.escaped(system))", nil), ("Seed", "", nil), ("Verdict", "", nil)], figures, faults: faults,
          hash: "")
      }
    }
    return out + "</tbody></table></div>\n<p class=\"note\">\(LatencyFigures.note)</p>\n"
  }

  private static func requirements(_ model: ReportModel) -> String {
    var out = "<h2>Requirements</h2>\n<p class=\"note\">\(ReportModel.requirementNote)</p>\n"
    out += "<div class=\"wide\"><table><thead><tr><th>Requirement</th><th>What is asked</th><th>Here</th><th class=\"n\">Checks made</th>"
    out += "<th>Held</th><th>Broken</th><th>Scenarios that name it</th></tr></thead><tbody>\n"
    for row in model.requirements {
      let held = row.checks == 0 ? badge(ReportModel.RequirementRow.unchecked) : HTMLText.escaped(row.held.joined(separator: ", "))
      out +=
        "<tr>" + cell("Requirement", named(row.id)) + cell("What is asked", HTMLText.escaped(row.says ?? RequirementText.unknown), "asked")
      // Ids and names of scenarios have hyphens, at which a line would break.
      out += cell("Here", row.words.split(separator: " ").map { named(String($0)) }.joined(separator: " "))
      out += cell("Checks made", "\(row.checks)", "n") + cell("Held", held)
      out += cell("Broken", HTMLText.escaped(row.broken.joined(separator: ", ")), "broken")
      out += cell("Scenarios that name it", row.scenarios.map(named).joined(separator: ", ")) + "</tr>\n"
    }
    return out + "</tbody></table></div>\n"
  }

  /// A cell of a table. On a narrow page each row is a list, in which `heading` stands before what is in the cell.
  private static func cell(_ heading: String, _ content: String, _ kind: String? = nil) -> String {
    "<td\(kind.map { " class=\"\($0)\"" } ?? "") data-heading=\"\(heading)\"\(content.isEmpty ? " data-empty" : "")>\(content)</td>"
  }

  /// A name, which stands on one line where that is long enough.
  private static func named(_ name: String) -> String { "<span class=\"name\">\(HTMLText.escaped(name))</span>" }

  /// One flight: its checks, broken ones first, then its figures. Folded where it held.
  private static func section(_ run: FlightResult, _ index: Int) -> String {
    var out =
      "<section id=\"\(anchor(index))\"><details\(run.verdict == .failed ? " open" : "")><summary><h2>\(HTMLText.escaped(run.scenario)) "
    out += "<small>seed \(run.seed)</small> \(badge(run.verdict == .held ? "held" : "failed"))</h2></summary>\n"
    if let mutant = run.mutant { out += "<p class=\"note\">Flown with the planted bug <code>\(HTMLText.escaped(mutant))</code>.</p>\n" }
    if let note = run.note { out += "<p class=\"note\">Note: \(HTMLText.escaped(note)).</p>\n" }
    out += "<p class=\"repeat\">Repeat it: <code>\(HTMLText.escaped(run.replayCommand))</code></p>\n"
    out +=
      "<div class=\"wide\"><table><thead><tr><th>Check</th><th>Verdict</th><th>Examined</th><th>Requirements</th></tr></thead><tbody>\n"
    for judgement in run.judgementsByEvidence {
      out += "<tr>" + cell("Check", HTMLText.escaped(judgement.checker)) + cell("Verdict", badge(judgement.held ? "held" : "failed"))
      out += cell("Examined", HTMLText.escaped(judgement.examined))
      out +=
        cell("Requirements", judgement.requirements.isEmpty ? "–" : judgement.requirements.map(named).joined(separator: ", ")) + "</tr>\n"
      if !judgement.violations.isEmpty {
        out += "<tr class=\"evidence\"><td colspan=\"4\"><ul>"
        for violation in judgement.violations {
          let at = violation.at.map { " <span class=\"at\">at \($0.label)</span>" } ?? ""
          out += "<li>\(HTMLText.escaped(violation.summary))\(at)</li>"
        }
        out += "</ul></td></tr>\n"
      } else if !judgement.held {
        out += "<tr class=\"evidence\"><td colspan=\"4\">Nothing was examined: a check that saw nothing is no pass.</td></tr>\n"
      }
    }
    out += "</tbody></table></div>\n"
    // Of several systems one figure would be of none.
    let shares = run.shares.filter { !$0.requests.isEmpty }
    for share in shares {
      out += "<h3>\(HTMLText.escaped(share.system))</h3>\n" + tiles(LatencyFigures(share.requests))
      for form in [LatencyPlot.Form.broad, .narrow] { out += LatencyPlot(run, share: share, for: form).svg() }
    }
    if shares.isEmpty, !run.requests.isEmpty {
      out += tiles(LatencyFigures(run.requests))
      for form in [LatencyPlot.Form.broad, .narrow] { out += LatencyPlot(run, for: form).svg() }
    }
    if let cut = run.cutFaultsText { out += "<p class=\"note\">\(HTMLText.escaped(cut)).</p>\n" }
    if let vain = VainFaults(run.faults).sentence { out += "<p class=\"note\">\(HTMLText.escaped(vain)).</p>\n" }
    return out + "</details></section>\n"
  }

  /// Latencies and counts of some requests.
  private static func tiles(_ figures: LatencyFigures) -> String {
    var out = "<dl class=\"figures\">"
    for (thousandths, span) in figures.percentiles { out += figure(LatencyText.percentile(thousandths), LatencyFigures.label(span)) }
    if let longest = figures.longest { out += figure("slowest", longest.label) }
    out += figure("requests", "\(figures.count)") + figure("failed", "\(figures.failed)") + figure("limited (429)", "\(figures.limited)")
    return out + "</dl>\n"
  }

  private static func figure(_ label: String, _ value: String) -> String { "<div><dt>\(label)</dt><dd>\(value)</dd></div>" }

  private static func badge(_ text: String) -> String {
    "<span class=\"badge \(text.split(separator: " ").joined(separator: "-"))\">\(text)</span>"
  }

  /// The place of the flight that stands at `index` of the model.
  private static func anchor(_ index: Int) -> String { "flight-\(index + 1)" }

  private static let style = """
    :root{color-scheme:light dark;--bg:#fbfbfa;--fg:#1d2327;--soft:#5d6870;--line:#dfe3e6;--card:#fff;--good:#1a7f4b;--bad:#c0342b;
    --warn:#9a6a00;--p99:#c2570c;--median:#1f6fb2;--fault:#d9534f}
    @media (prefers-color-scheme:dark){:root{--bg:#14181b;--fg:#e6eaec;--soft:#9aa6ad;--line:#2b3338;--card:#1a2024;--good:#4cc38a;
    --bad:#f2736b;--warn:#e0b04a;--p99:#f0944d;--median:#69aee8;--fault:#e57373}}
    *{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,-apple-system,"Segoe UI",
    Roboto,"Liberation Sans",sans-serif}main{max-width:1200px;margin:0 auto;padding:24px 20px 60px;overflow-wrap:anywhere}
    header{border-left:6px solid var(--good);padding:2px 0 2px 18px;margin-bottom:28px}header.failed{border-color:var(--bad)}
    .brand{margin:0;color:var(--soft);letter-spacing:.08em;text-transform:uppercase;font-size:12px}h1{margin:2px 0 4px;font-size:28px;
    line-height:1.2}h2{margin:34px 0 10px;font-size:19px}h2 small{color:var(--soft);font-weight:400}header p{margin:0;color:var(--soft)}
    code{font:13px/1.4 ui-monospace,"DejaVu Sans Mono",monospace;background:color-mix(in srgb,var(--fg) 7%,transparent);
    padding:1px 5px;border-radius:4px;overflow-wrap:anywhere}.wide{overflow-x:auto;overflow-wrap:normal}.evidence{overflow-wrap:anywhere}table{border-collapse:collapse;width:100%;
    background:var(--card);border:1px solid var(--line);border-radius:6px}th,td{text-align:left;padding:7px 10px;
    border-top:1px solid var(--line);vertical-align:top}th{border-top:0;font-size:12px;color:var(--soft);font-weight:600}
    .name{white-space:nowrap}.asked{min-width:260px}h3{margin:22px 0 0;font-size:16px}.n{text-align:right;font-variant-numeric:tabular-nums}a{color:inherit}.badge{display:inline-block;padding:0 8px;border-radius:10px;
    font-size:12px;font-weight:600;white-space:nowrap;color:var(--good);border:1px solid currentColor}.badge.failed{color:var(--bad)}
    .badge.not-checked{color:var(--warn)}.broken{color:var(--bad)}section{border-top:1px solid var(--line);margin-top:34px}
    .figures{display:flex;flex-wrap:wrap;gap:10px;margin:14px 0}.figures div{background:var(--card);border:1px solid var(--line);
    border-radius:6px;padding:6px 14px}.figures dt{color:var(--soft);font-size:12px}.figures dd{margin:0;font-size:17px;
    font-variant-numeric:tabular-nums}.evidence td{border-top:0;padding-top:0;color:var(--bad)}.evidence ul{margin:0;padding-left:18px}
    summary{cursor:pointer}summary h2{display:inline;margin:14px 0 6px}.broke{padding-left:18px}.broke li{margin:0 0 8px}
    .at,.note,.repeat,footer{color:var(--soft)}footer{margin-top:40px;font-size:13px}.plot{width:100%;height:auto;display:block;
    background:var(--card);border:1px solid var(--line);border-radius:6px;margin:12px 0;font-size:11px}.plot text{fill:var(--soft)}
    .plot .title{fill:var(--fg);font-size:12px;font-weight:600}.grid{stroke:var(--line)}.frame{stroke:var(--soft)}
    .plot.narrow{display:none}
    @media (max-width:720px){main{padding:16px 12px 40px}h1{font-size:22px}.plot.broad{display:none}.plot.narrow{display:block}
    table,tbody,tr,td{display:block}thead{display:none}tr{padding:8px 10px;border-top:1px solid var(--line)}tr:first-child{border-top:0}
    td,.n{border:0;padding:1px 0;text-align:left;min-width:0}td[data-heading]::before{content:attr(data-heading) ": ";color:var(--soft);font-size:12px}
    td[data-empty]{display:none}tr.evidence{border-top:0;padding-top:0}.name{white-space:normal}}
    path.p99,path.median{fill:none;stroke-width:1.6}path.p99{stroke:var(--p99)}path.median{stroke:var(--median)}
    .longest,.key.slowest .swatch{fill:none;stroke:var(--p99)}path.failed{stroke:var(--bad);stroke-width:2}.fault rect{fill:var(--fault);opacity:.13}
    .fault .bar{opacity:.75}.key .swatch{opacity:1}.key.median .swatch{fill:var(--median)}.key.p99 .swatch{fill:var(--p99)}
    .key.failed .swatch{fill:var(--bad)}.key.fault .swatch{fill:var(--fault);opacity:.4}
    """
}

/// Names of latency figures.
enum LatencyText {
  /// "p99.9" for 99,900.
  static func percentile(_ thousandths: Int) -> String {
    thousandths == 50_000 ? "median" : Percentile.label(thousandths)
  }
}
