// Recorded series: rows of `timestamp,value` from CSV files, as the numenta anomaly benchmark has them, and a synthetic
// stand-in where no files are given. The text is parsed here; who reads the file is outside.
//
// Limits: the first line must name the columns; fields may be quoted (RFC 4180, `CSVText`); timestamps are `YYYY-MM-DD
// HH:MM:SS` (UTC) with or without a fraction; values are decimal numbers, which are rounded to doubles where they have
// a fraction or an exponent, and refused where a double holds nothing near them; a recording takes at most a week to
// send in a flight; rows may repeat a timestamp (the last one then counts) and may go back in time (they are sent in
// the order of time).

import Load
import MonitoringAPI
import Vocabulary
import Wire

/// One recorded series.
public struct RecordedSeries: Sendable, Hashable {
  /// One row.
  public struct Row: Sendable, Hashable {
    /// Milliseconds since 1970.
    public var timestampMilliseconds: Int64
    /// The value.
    public var value: Double

    /// A row.
    public init(timestampMilliseconds: Int64, value: Double) {
      self.timestampMilliseconds = timestampMilliseconds
      self.value = value
    }
  }

  /// Name of the measurement.
  public var name: String
  /// All rows, in the order of time; where two have one time the later in the file comes later.
  public var rows: [Row]

  /// A series.
  public init(name: String, rows: [Row]) {
    self.name = name
    self.rows = rows
  }

  /// Parses the `csv` of a file named `file`.
  public init(csv: String, name: String, file: String) throws(TextMistake) {
    self.name = name
    rows = []
    func mistake(_ what: String, at field: CSVText.Field) -> TextMistake {
      TextMistake(file: file, line: field.line, column: field.column, problem: "expected \(what), found \(quoted(field.text))")
    }
    var reader = CSVText(csv, file: file)
    guard let header = try reader.next() else {
      throw TextMistake(file: file, line: 1, column: 1, problem: "expected the columns timestamp,value, found an empty file")
    }
    guard header.map(\.text) == ["timestamp", "value"] else {
      throw TextMistake(
        file: file, line: header.first?.line ?? 1, column: header.first?.column ?? 1,
        problem: "expected the columns timestamp,value, found \(quoted(header.map(\.text).joined(separator: ",")))")
    }
    while let row = try reader.next() {
      guard row.count == 2 else {
        throw TextMistake(
          file: file, line: row.first?.line ?? 1, column: row.first?.column ?? 1,
          problem: "expected a time like 2014-04-10 00:04:00 and a value, found \(row.count) fields")
      }
      let nanoseconds: Int64
      do throws(InstantText.Mistake) {
        nanoseconds = try InstantText.read(row[0].text)
      } catch {
        switch error {
        case .noMoment: throw mistake("a time like 2014-04-10 00:04:00", at: row[0])
        case .beyondRange: throw mistake("a time \(InstantText.range)", at: row[0])
        }
      }
      guard let number = ExactDecimal(written: row[1].text) else { throw mistake("a finite decimal number", at: row[1]) }
      guard let value = number.representableDouble else { throw mistake("a number within the range of a 64-bit double", at: row[1]) }
      // What is sent comes back as it was sent; a fraction is rounded wherever it is read.
      guard !number.isSpelledAsInteger || number.isInteger(exactly: value) else {
        throw mistake("an integer that a 64-bit double holds exactly (written with \".0\" behind it, it is rounded)", at: row[1])
      }
      rows.append(Row(timestampMilliseconds: WallTime(nanoseconds: nanoseconds).milliseconds, value: value))
    }
    guard !rows.isEmpty else { throw TextMistake(file: file, line: 1, column: 1, problem: "expected rows, found none") }
    // A stable order of time: rows of one time keep the order of the file.
    let order = rows.indices.sorted { (rows[$0].timestampMilliseconds, $0) < (rows[$1].timestampMilliseconds, $1) }
    rows = order.map { rows[$0] }
  }

  /// A synthetic series of a day and a half at five-minute steps: a slow wave with noise, and one anomaly, which is its
  /// window.
  public static func synthetic(seed: UInt64, name: String) -> (series: RecordedSeries, anomaly: ClosedRange<Int64>) {
    var random = RandomStream(seed: seed, name: "synthetic-series")
    let start: Int64 = 1_400_000_100_000
    let step: Int64 = 300_000
    let anomaly = (start + 200 * step)...(start + 230 * step)
    let rows = (0..<432).map { index -> Row in
      let phase = Double(index % 288) / 288
      let wave = phase < 0.5 ? phase * 2 : 2 - phase * 2
      let time = start + Int64(index) * step
      let lift = anomaly.contains(time) && index >= 205 && index <= 220 ? 55.0 : 0
      return Row(timestampMilliseconds: time, value: 20 + 15 * wave + random.unit() * 4 + lift)
    }
    return (RecordedSeries(name: name, rows: rows), anomaly)
  }
}

/// Recorded series, and when something is known to be wrong in them.
public struct Recording: Sendable, Hashable {
  /// The series.
  public var series: [RecordedSeries]
  /// Windows of labelled anomalies, in milliseconds since 1970, by the name of the series.
  public var anomalies: [ExactName: [ClosedRange<Int64>]]
  /// How many times as fast as it was recorded it is sent.
  public var speed: Int64

  /// A recording.
  public init(series: [RecordedSeries], anomalies: [ExactName: [ClosedRange<Int64>]], speed: Int64) {
    self.series = series
    self.anomalies = anomalies
    self.speed = max(1, speed)
  }

  /// A stand-in where no series are given: one that the seed makes, with its anomaly labelled; at its own speed.
  public static func synthetic(seed: UInt64) -> Recording {
    let (series, anomaly) = RecordedSeries.synthetic(seed: seed, name: "synthetic")
    return Recording(series: [series], anomalies: [ExactName(series.name): [anomaly]], speed: 1)
  }

  /// The first time of all rows.
  public var start: WallTime { WallTime(milliseconds: series.compactMap { $0.rows.first?.timestampMilliseconds }.min() ?? 0) }
  /// The last time of all rows.
  public var end: WallTime { WallTime(milliseconds: series.compactMap { $0.rows.last?.timestampMilliseconds }.max() ?? 0) }
  /// "from 2014-04-10T00:04:00Z to 2014-04-24T00:09:00Z".
  public var times: String {
    "from \(InstantText.text(nanoseconds: start.nanoseconds)) to \(InstantText.text(nanoseconds: end.nanoseconds))"
  }
  /// How long it takes to send, on a clock that runs at its ordinary speed.
  public var duration: TimeSpan { TimeSpan(nanoseconds: (end - start).nanoseconds / speed) + .seconds(1) }

  /// The longest that a flight may take to send a recording, in virtual time: a week, in which it evaluates rules
  /// 300,000 times or more.
  public static var longestDuration: TimeSpan { .seconds(7 * 86_400) }

  /// How often alerting evaluates while it is sent: for every ten minutes of the recording, at most ten times a second.
  public var evaluationStep: TimeSpan { max(.milliseconds(100), TimeSpan(nanoseconds: 600_000_000_000 / speed)) }

  /// How many minutes of the recording a rule looks back: an hour, or as many as three evaluations are apart, so that
  /// none of it is passed over.
  private var lookBackMinutes: Int64 { max(60, (evaluationStep * (3 * speed)).nanoseconds / 60_000_000_000) }

  /// Rules that an operator would set on the labelled anomalies: where a series leaves, within its windows, the range
  /// of values that it has outside of them, a threshold half-way. The clearest come first.
  public func rules(atMost count: Int) -> [RecordingRule] {
    var rules: [(rule: RecordingRule, margin: Double)] = []
    for series in series {
      guard let windows = anomalies[ExactName(series.name)], !windows.isEmpty else { continue }
      var inside: [Double] = []
      var outside: [Double] = []
      for row in series.rows {
        if windows.contains(where: { $0.contains(row.timestampMilliseconds) }) {
          inside.append(row.value)
        } else {
          outside.append(row.value)
        }
      }
      guard let highest = inside.max(), let lowest = inside.min(), let usualHigh = outside.max(), let usualLow = outside.min() else {
        continue
      }
      let scale = max(usualHigh - usualLow, 1e-9)
      if highest > usualHigh + 0.05 * scale {
        rules.append(
          (
            RecordingRule(
              series: series.name, isAbove: true, threshold: (highest + usualHigh) / 2, windows: windows, lookBackMinutes: lookBackMinutes),
            (highest - usualHigh) / scale
          ))
      } else if lowest < usualLow - 0.05 * scale {
        rules.append(
          (
            RecordingRule(
              series: series.name, isAbove: false, threshold: (lowest + usualLow) / 2, windows: windows, lookBackMinutes: lookBackMinutes),
            (usualLow - lowest) / scale
          ))
      }
    }
    return rules.sorted { ($1.margin, $0.rule.series) < ($0.margin, $1.rule.series) }.prefix(count).map(\.rule)
  }
}

/// A rule on a labelled anomaly.
public struct RecordingRule: Sendable, Hashable {
  /// The series.
  public var series: String
  /// Whether the anomaly lies above the threshold; else below.
  public var isAbove: Bool
  /// The threshold.
  public var threshold: Double
  /// The labelled windows, in milliseconds since 1970.
  public var windows: [ClosedRange<Int64>]
  /// How many minutes a reading looks back.
  public var lookBackMinutes: Int64

  /// A rule.
  public init(series: String, isAbove: Bool, threshold: Double, windows: [ClosedRange<Int64>], lookBackMinutes: Int64) {
    self.series = series
    self.isAbove = isAbove
    self.threshold = threshold
    self.windows = windows
    self.lookBackMinutes = lookBackMinutes
  }

  /// The rule's name.
  public var name: String { "anomaly-\(series)" }
  /// The rule's query.
  public var query: String {
    "\(isAbove ? "max" : "min")(\(printedName(series)) WHERE time > now() - \(lookBackMinutes)m) \(isAbove ? ">" : "<") \(threshold)"
  }
}
