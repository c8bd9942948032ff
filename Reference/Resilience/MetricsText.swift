// Figures of a service in the text that Prometheus and its like read: OpenMetrics 1.0
// (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md). The one writer of it.
//
// Names, units, helps and the names of labels are ours, literals that this writer holds against the grammar; values of labels
// may come from outside and are escaped. A family is written whole before the next begins, and no two samples of it have the
// same labels (both are invariants, since a reader refuses the whole text otherwise). Limits: counters, gauges and histograms;
// no timestamps, no exemplars.

import Vocabulary

/// A text of figures.
public struct MetricsText {
  /// What a family counts.
  public enum Kind: Sendable, Hashable {
    /// It only grows, from the process's start on. Samples are called `NAME_total`.
    case counter
    /// It goes up and down.
    case gauge
  }

  /// What a reader is told this is.
  public static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

  /// A label: its name, a literal of ours, and its value.
  public typealias Label = (name: StaticString, value: String)

  private var text = ""
  private var families: Set<String> = []
  private var family = ""
  private var sampleName = ""
  private var sampled: Set<String> = []

  /// A text without figures.
  public init() {}

  /// Begins a family. `name` ends with the unit where it has one (`request_duration_seconds`), and says nothing of `total`.
  public mutating func family(_ name: StaticString, _ kind: Kind, unit: StaticString? = nil, help: StaticString) {
    begin(name, kind == .counter ? "counter" : "gauge", unit, help)
    sampleName = kind == .counter ? "\(name)_total" : "\(name)"
  }

  /// A sample of the family that was begun last.
  public mutating func sample(_ value: Double, _ labels: [Label] = []) {
    let written = Self.written(labels)
    invariant(sampled.insert(written).inserted, "\(sampleName)\(written) is said twice")
    line(sampleName, written, Self.number(value))
  }

  /// A sample that is a count, of any size.
  public mutating func count(_ value: UInt64, _ labels: [Label] = []) {
    let written = Self.written(labels)
    invariant(sampled.insert(written).inserted, "\(sampleName)\(written) is said twice")
    line(sampleName, written, "\(value)")
  }

  /// Families of counters, each of one sample.
  public mutating func counters(_ rows: [(name: StaticString, help: StaticString, value: UInt64)]) {
    for row in rows {
      family(row.name, .counter, help: row.help)
      count(row.value)
    }
  }

  /// Begins a family of histograms.
  public mutating func histograms(_ name: StaticString, unit: StaticString? = nil, help: StaticString) {
    begin(name, "histogram", unit, help)
    sampleName = "\(name)"
  }

  /// A histogram of the family that was begun last: how many values were at most each bound (bounds rise), how many there
  /// were, and what they sum to.
  public mutating func histogram(_ labels: [Label] = [], buckets: [(bound: Double, count: UInt64)], count: UInt64, sum: Double) {
    let written = Self.written(labels)
    invariant(sampled.insert(written).inserted, "\(sampleName)\(written) is said twice")
    var last: (bound: Double, count: UInt64) = (-.infinity, 0)
    for bucket in buckets {
      invariant(
        bucket.bound > last.bound && bucket.bound < .infinity && bucket.count >= last.count && bucket.count <= count,
        "a bucket up to \(bucket.bound) holds \(bucket.count) of \(count), behind one up to \(last.bound) of \(last.count)")
      last = bucket
      line("\(sampleName)_bucket", Self.written(labels + [("le", Self.number(bucket.bound))]), "\(bucket.count)")
    }
    line("\(sampleName)_bucket", Self.written(labels + [("le", "+Inf")]), "\(count)")
    line("\(sampleName)_count", written, "\(count)")
    line("\(sampleName)_sum", written, Self.number(sum))
  }

  /// The text, with its end.
  public consuming func finish() -> [UInt8] { Array((text + "# EOF\n").utf8) }

  // MARK: writing

  private mutating func begin(_ name: StaticString, _ kind: String, _ unit: StaticString?, _ help: StaticString) {
    family = "\(name)"
    invariant(Self.isName(family, mayHaveColons: true), "no name of a family: \(family)")
    invariant(
      !["_total", "_count", "_sum", "_bucket", "_created", "_info"].contains { family.hasSuffix($0) },
      "\(family) ends as a sample's name does")
    invariant(families.insert(family).inserted, "the family \(family) is begun twice")
    sampled.removeAll()
    text += "# TYPE \(family) \(kind)\n"
    if let unit {
      invariant(family.hasSuffix("_\(unit)"), "\(family) does not end with its unit, \(unit)")
      text += "# UNIT \(family) \(unit)\n"
    }
    text += "# HELP \(family) \(Self.escaped("\(help)"))\n"
  }

  private mutating func line(_ name: String, _ labels: String, _ value: String) {
    invariant(!family.isEmpty, "a sample before any family")
    text += "\(name)\(labels) \(value)\n"
  }

  private static func written(_ labels: [Label]) -> String {
    guard !labels.isEmpty else { return "" }
    for (place, label) in labels.enumerated() {
      let name = "\(label.name)"
      invariant(isName(name, mayHaveColons: false) && !name.hasPrefix("__"), "no name of a label: \(name)")
      invariant(!labels[..<place].contains { "\($0.name)" == name }, "the label \(name) is given twice")
    }
    return "{\(labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ","))}"
  }

  private static func isName(_ name: String, mayHaveColons: Bool) -> Bool {
    guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"):
        true
      case UInt8(ascii: ":"): mayHaveColons
      default: false
      }
    }
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"": result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return "\(value)"
  }
}
