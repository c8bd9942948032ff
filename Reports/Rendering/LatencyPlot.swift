// The plot of latency over virtual time, as SVG: median and p99 of each slice of time, the slowest request, failures as
// marks at the top, faults that happened as shaded bands, the first of them with a lane each. The figures are modelled
// and the plot says so.

import Checking
import Flight
import Load
import Vocabulary

/// Draws latency over time.
struct LatencyPlot {
  static let width = 920.0
  static let left = 64.0
  static let right = 16.0
  static let top = 34.0
  static let plotHeight = 210.0
  static let laneHeight = 15.0

  private let run: FlightResult
  private let seconds: Double
  private let slices: [Slice]
  private let low: Double
  private let high: Double
  /// Faults that happened, by their beginnings.
  private let faults: [FaultSpan]
  /// How many of them have a lane with their label; the rest are bands.
  private let lanes: Int

  /// The most lanes: more would be higher than the plot is wide.
  static let maximumLanes = 40

  private struct Slice {
    var at: Double
    var median: Double?
    var p99: Double?
    var longest: Double?
    var failed: Int
  }

  /// A plot of `run`.
  init(_ run: FlightResult) {
    self.run = run
    let lastRequest = run.requests.last?.intendedAt.nanoseconds ?? 0
    faults = run.faults.filter(\.happened).sorted { $0.beganAt < $1.beganAt }
    lanes = min(faults.count, Self.maximumLanes)
    let lastFault = faults.map(\.endedAt.nanoseconds).max() ?? 0
    seconds = max(1, Double(max(lastRequest, lastFault)) / 1e9)
    let count = 120
    var buckets = Array(repeating: (served: [TimeSpan](), failed: 0), count: count)
    for request in run.requests {
      let index = min(count - 1, max(0, Int(Double(request.intendedAt.nanoseconds) / 1e9 / seconds * Double(count))))
      switch request.outcome {
      case .served: buckets[index].served.append(request.latency)
      case .failed: buckets[index].failed += 1
      case .limited: break
      }
    }
    let width = seconds / Double(count)
    slices = buckets.enumerated().map { index, bucket in
      let sorted = bucket.served.sorted()
      func milliseconds(_ thousandths: Int) -> Double? {
        Percentile.value(thousandths, of: sorted).map { max(0.01, Double($0.nanoseconds) / 1e6) }
      }
      return Slice(
        at: (Double(index) + 0.5) * width, median: milliseconds(50_000), p99: milliseconds(99_000), longest: milliseconds(100_000),
        failed: bucket.failed)
    }
    let values = slices.flatMap { [$0.median, $0.longest].compactMap { $0 } }
    low = Self.decade(below: values.min() ?? 0.1)
    high = max(low * 100, Self.decade(below: (values.max() ?? 10)) * 10)
  }

  private static func decade(below value: Double) -> Double {
    var decade = 1e-3
    while decade * 10 <= value && decade < 1e9 { decade *= 10 }
    return decade
  }

  private func x(_ seconds: Double) -> Double { Self.left + seconds / self.seconds * (Self.width - Self.left - Self.right) }

  /// Logarithmic: the position of a value by its decades, without a logarithm of the C library's.
  private func y(_ milliseconds: Double) -> Double {
    let share = (Self.decades(milliseconds) - Self.decades(low)) / (Self.decades(high) - Self.decades(low))
    return Self.top + (1 - min(1, max(0, share))) * Self.plotHeight
  }

  /// The decimal logarithm, to two places.
  private static func decades(_ value: Double) -> Double {
    var rest = max(value, 1e-6)
    var result = 0.0
    while rest >= 10 {
      rest /= 10
      result += 1
    }
    while rest < 1 {
      rest *= 10
      result -= 1
    }
    var step = 0.5
    var root = 3.162277660168379
    for _ in 0..<10 {
      if rest >= root {
        rest /= root
        result += step
      }
      step /= 2
      root = root.squareRoot()
    }
    return result
  }

  private static func number(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths % 10))"
  }

  /// The plot.
  func svg() -> String {
    let title =
      switch run.timing {
      case .modelled: "Latency of served requests over virtual time, modelled"
      case .measured: "Latency of served requests over time, measured"
      }
    let bottom = Self.top + Self.plotHeight
    let unlabelled = faults.count - lanes
    let height = bottom + 30 + Double(lanes + (unlabelled > 0 ? 1 : 0)) * Self.laneHeight + 6
    var out = "<svg class=\"plot\" viewBox=\"0 0 \(Int(Self.width)) \(Int(height))\" role=\"img\" "
    out += "aria-label=\"Latency over virtual time with faults as shaded bands\">\n"
    out += "<text class=\"title\" x=\"\(Self.left)\" y=\"16\">\(title)</text>\n"
    out += legend()
    for (lane, fault) in faults.enumerated() {
      let from = x(Double(fault.beganAt.nanoseconds) / 1e9)
      let to = max(from + 1.5, x(Double(fault.endedAt.nanoseconds) / 1e9))
      let title = HTMLText.escaped("\(fault.label), \(fault.beganAt.label) to \(fault.endedAt.label)")
      out += "<g class=\"fault\"><title>\(title)</title>"
      out += "<rect x=\"\(Self.number(from))\" y=\"\(Self.top)\" width=\"\(Self.number(to - from))\" height=\"\(Self.plotHeight)\"/>"
      guard lane < lanes else {
        out += "</g>\n"
        continue
      }
      let laneTop = bottom + 26 + Double(lane) * Self.laneHeight
      out += "<rect class=\"bar\" x=\"\(Self.number(from))\" y=\"\(Self.number(laneTop))\" "
      out += "width=\"\(Self.number(to - from))\" height=\"\(Self.laneHeight - 4)\"/>"
      let isLate = from > Self.width * 0.6
      out += "<text x=\"\(Self.number(isLate ? from - 5 : to + 5))\" y=\"\(Self.number(laneTop + 9))\""
      out += " text-anchor=\"\(isLate ? "end" : "start")\">\(HTMLText.escaped(fault.label))</text></g>\n"
    }
    if unlabelled > 0 {
      let at = bottom + 26 + Double(lanes) * Self.laneHeight + 9
      out += "<text x=\"\(Self.left)\" y=\"\(Self.number(at))\">and \(CountText.of(unlabelled, "more fault")), in report.json</text>\n"
    }
    var decade = low
    while decade <= high * 1.001 {
      let at = Self.number(y(decade))
      out += "<line class=\"grid\" x1=\"\(Self.left)\" x2=\"\(Self.width - Self.right)\" y1=\"\(at)\" y2=\"\(at)\"/>"
      let label = TimeSpan(nanoseconds: Int64((decade * 1e6).rounded())).label
      out += "<text class=\"axis\" x=\"\(Self.left - 6)\" y=\"\(Self.number(y(decade) + 4))\" text-anchor=\"end\">\(label)</text>\n"
      decade *= 10
    }
    let step = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600].first { seconds / Double($0) <= 12 } ?? 7_200
    for second in stride(from: 0, through: Int(seconds), by: step) {
      let at = Self.number(x(Double(second)))
      out += "<text class=\"axis\" x=\"\(at)\" y=\"\(bottom + 16)\" text-anchor=\"middle\">\(second) s</text>\n"
    }
    out += "<line class=\"frame\" x1=\"\(Self.left)\" x2=\"\(Self.width - Self.right)\" y1=\"\(bottom)\" y2=\"\(bottom)\"/>\n"
    for slice in slices {
      if let longest = slice.longest {
        out += "<circle class=\"longest\" cx=\"\(Self.number(x(slice.at)))\" cy=\"\(Self.number(y(longest)))\" r=\"1.8\"/>"
      }
      if slice.failed > 0 {
        let at = Self.number(x(slice.at))
        out += "<path class=\"failed\" d=\"M\(at) \(Self.top - 6)v8\"><title>\(slice.failed) failed</title></path>"
      }
    }
    out += "\n" + line("p99") { $0.p99 } + line("median") { $0.median } + "</svg>\n"
    return out
  }

  private func legend() -> String {
    let items = [("median", "median"), ("p99", "p99"), ("longest", "slowest"), ("failed", "failed"), ("fault", "fault")]
    var out = ""
    var at = Self.width - Self.right - 330
    for (name, label) in items {
      out += "<g class=\"key \(name)\"><rect class=\"swatch\" x=\"\(at)\" y=\"8\" width=\"10\" height=\"10\" rx=\"2\"/>"
      out += "<text x=\"\(at + 14)\" y=\"17\">\(label)</text></g>"
      at += 66
    }
    return out + "\n"
  }

  /// A line through the slices that have the value; it breaks where one has none.
  private func line(_ name: String, _ value: (Slice) -> Double?) -> String {
    var path = ""
    var isDown = false
    for slice in slices {
      guard let value = value(slice) else {
        isDown = false
        continue
      }
      path += "\(isDown ? "L" : "M")\(Self.number(x(slice.at))) \(Self.number(y(value)))"
      isDown = true
    }
    return path.isEmpty ? "" : "<path class=\"\(name)\" d=\"\(path)\"/>\n"
  }
}
