// The plot of latency over virtual time, as SVG: median and p99 of each slice of time, the slowest request, failures as
// marks at the top, faults that happened as shaded bands, the first of them with a lane each. The figures are modelled
// and the plot says so.
//
// A drawing that is scaled to a narrow page has text that nobody reads. So there are two of each plot, drawn for a broad
// and for a narrow page; the page shows one.

import Checking
import Flight
import Load
import Vocabulary

/// Draws latency over time.
struct LatencyPlot {
  /// What a plot is drawn for.
  enum Form {
    /// A page as wide as a desk's screen.
    case broad
    /// A page as wide as a telephone.
    case narrow

    var name: String {
      switch self {
      case .broad: "broad"
      case .narrow: "narrow"
      }
    }

    var width: Double {
      switch self {
      case .broad: 1_100
      case .narrow: 336
      }
    }

    var left: Double {
      switch self {
      case .broad: 64
      case .narrow: 52
      }
    }

    /// Room for the title and the legend.
    var top: Double {
      switch self {
      case .broad: 34
      case .narrow: 52
      }
    }

    var slices: Int {
      switch self {
      case .broad: 120
      case .narrow: 60
      }
    }

    /// The most marks on the axis of time.
    var timeMarks: Int {
      switch self {
      case .broad: 12
      case .narrow: 5
      }
    }

    /// The most lanes: more would be higher than the plot is wide.
    var maximumLanes: Int {
      switch self {
      case .broad: 40
      case .narrow: 15
      }
    }

    /// A lane has its label beside its bar, or on a line of its own below.
    var laneHeight: Double {
      switch self {
      case .broad: 15
      case .narrow: 27
      }
    }
  }

  static let right = 16.0
  static let plotHeight = 210.0
  /// About how wide a character of a label is.
  private static let characterWidth = 6.0

  private let form: Form
  private let run: FlightResult
  private let requests: [TimedRequest]
  /// Whose requests these are, where they are not all.
  private let system: String?
  private let seconds: Double
  private let slices: [Slice]
  private let low: Double
  private let high: Double
  /// Faults that happened, by their beginnings.
  private let faults: [FaultSpan]
  /// How many of them have a lane with their label; the rest are bands.
  private let lanes: Int

  private struct Slice {
    var at: Double
    var median: Double?
    var p99: Double?
    var longest: Double?
    var failed: Int
  }

  /// A plot of `run`, or of one system's share in it.
  init(_ run: FlightResult, share: FlightResult.SystemShare? = nil, for form: Form) {
    self.form = form
    self.run = run
    system = share?.system
    requests = share?.requests ?? run.requests
    faults = (share?.faults ?? run.faults).filter(\.happened).sorted { $0.beganAt < $1.beganAt }
    lanes = min(faults.count, form.maximumLanes)
    // All plots of a flight have one axis of time.
    let lastRequest = run.requests.last?.intendedAt.nanoseconds ?? 0
    let lastFault = run.faults.filter(\.happened).map(\.endedAt.nanoseconds).max() ?? 0
    seconds = max(1, Double(max(lastRequest, lastFault)) / 1e9)
    let count = form.slices
    var buckets = Array(repeating: (served: [TimeSpan](), failed: 0), count: count)
    for request in requests {
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

  private func x(_ seconds: Double) -> Double { form.left + seconds / self.seconds * (form.width - form.left - Self.right) }

  /// Logarithmic: the position of a value by its decades, without a logarithm of the C library's.
  private func y(_ milliseconds: Double) -> Double {
    let share = (Self.decades(milliseconds) - Self.decades(low)) / (Self.decades(high) - Self.decades(low))
    return form.top + (1 - min(1, max(0, share))) * Self.plotHeight
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

  /// The title: whose requests, and where their times come from.
  private var title: String {
    let (what, whose) = ("Latency of served requests", system.map { " of \($0)" } ?? "")
    return switch (run.timing, form) {
    case (.modelled, .broad): "\(what)\(whose) over virtual time, modelled"
    case (.measured, .broad): "\(what)\(whose) over time, measured"
    case (.modelled, .narrow): "\(whose.isEmpty ? what : "Latency\(whose)"), modelled"
    case (.measured, .narrow): "\(whose.isEmpty ? what : "Latency\(whose)"), measured"
    }
  }

  /// The plot.
  func svg() -> String {
    let bottom = form.top + Self.plotHeight
    let right = form.width - Self.right
    let unlabelled = faults.count - lanes
    let height = bottom + 30 + Double(lanes) * form.laneHeight + (unlabelled > 0 ? 15 : 0) + 6
    var out = "<svg class=\"plot \(form.name)\" viewBox=\"0 0 \(Int(form.width)) \(Int(height))\" role=\"img\" "
    out += "aria-label=\"\(HTMLText.escaped(title)), with faults as shaded bands\">\n"
    out += "<text class=\"title\" x=\"\(form == .broad ? form.left : 4)\" y=\"16\">\(HTMLText.escaped(title))</text>\n"
    out += legend()
    for (lane, fault) in faults.enumerated() { out += drawn(fault, lane: lane, bottom: bottom) }
    if unlabelled > 0 {
      let at = bottom + 26 + Double(lanes) * form.laneHeight + 9
      out += "<text x=\"\(form.left)\" y=\"\(Self.number(at))\">and \(CountText.of(unlabelled, "more fault")), in report.json</text>\n"
    }
    var decade = low
    while decade <= high * 1.001 {
      let at = Self.number(y(decade))
      out += "<line class=\"grid\" x1=\"\(form.left)\" x2=\"\(right)\" y1=\"\(at)\" y2=\"\(at)\"/>"
      let label = TimeSpan(nanoseconds: Int64((decade * 1e6).rounded())).label
      out += "<text class=\"axis\" x=\"\(form.left - 6)\" y=\"\(Self.number(y(decade) + 4))\" text-anchor=\"end\">\(label)</text>\n"
      decade *= 10
    }
    let steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600]
    let step = steps.first { seconds / Double($0) <= Double(form.timeMarks) } ?? 7_200
    for second in stride(from: 0, through: Int(seconds), by: step) {
      let at = Self.number(x(Double(second)))
      out += "<text class=\"axis\" x=\"\(at)\" y=\"\(bottom + 16)\" text-anchor=\"middle\">\(second) s</text>\n"
    }
    out += "<line class=\"frame\" x1=\"\(form.left)\" x2=\"\(right)\" y1=\"\(bottom)\" y2=\"\(bottom)\"/>\n"
    for slice in slices {
      if let longest = slice.longest {
        out += "<circle class=\"longest\" cx=\"\(Self.number(x(slice.at)))\" cy=\"\(Self.number(y(longest)))\" r=\"1.8\"/>"
      }
      if slice.failed > 0 {
        let at = Self.number(x(slice.at))
        out += "<path class=\"failed\" d=\"M\(at) \(form.top - 6)v8\"><title>\(slice.failed) failed</title></path>"
      }
    }
    out += "\n" + line("p99") { $0.p99 } + line("median") { $0.median } + "</svg>\n"
    return out
  }

  /// One fault: its band, and where it has a lane, its bar and label there.
  private func drawn(_ fault: FaultSpan, lane: Int, bottom: Double) -> String {
    let from = x(Double(fault.beganAt.nanoseconds) / 1e9)
    let to = max(from + 1.5, x(Double(fault.endedAt.nanoseconds) / 1e9))
    let title = HTMLText.escaped("\(fault.label), \(fault.beganAt.label) to \(fault.endedAt.label)")
    var out = "<g class=\"fault\"><title>\(title)</title>"
    out += "<rect x=\"\(Self.number(from))\" y=\"\(form.top)\" width=\"\(Self.number(to - from))\" height=\"\(Self.plotHeight)\"/>"
    guard lane < lanes else { return out + "</g>\n" }
    let laneTop = bottom + 26 + Double(lane) * form.laneHeight
    out += "<rect class=\"bar\" x=\"\(Self.number(from))\" y=\"\(Self.number(laneTop))\" "
    out += "width=\"\(Self.number(to - from))\" height=\"11\"/>"
    let needed = Double(fault.label.count) * Self.characterWidth
    // Behind the bar, else before it, else over it; on a narrow page below it.
    let fits = form.width - to - 10 >= needed
    let isBefore = form == .broad ? !fits && from - 5 >= needed : from > form.width * 0.6
    let (at, room, line): (Double, Double, Double) =
      switch form {
      case .broad where isBefore: (from - 5, from - 5, laneTop + 9)
      case .broad: (fits ? to + 5 : form.left, fits ? form.width - to - 10 : form.width - form.left - 5, laneTop + 9)
      case .narrow: (isBefore ? form.width - 4 : 4, form.width - 8, laneTop + 21)
      }
    out += "<text x=\"\(Self.number(at))\" y=\"\(Self.number(line))\" text-anchor=\"\(isBefore ? "end" : "start")\">"
    return out + "\(HTMLText.escaped(Self.cut(fault.label, to: Int(room / Self.characterWidth))))</text></g>\n"
  }

  /// A text of so many characters at most; the whole of it is in the title of what it labels.
  private static func cut(_ text: String, to most: Int) -> String { text.count <= most ? text : text.prefix(max(0, most - 1)) + "…" }

  private func legend() -> String {
    let items = [("median", "median"), ("p99", "p99"), ("slowest", "slowest"), ("failed", "failed"), ("fault", "fault")]
    var out = ""
    let line = form == .broad ? 8.0 : 26.0
    var at = form == .broad ? form.width - Self.right - 330 : 4
    for (name, label) in items {
      out +=
        "<g class=\"key \(name)\"><rect class=\"swatch\" x=\"\(at)\" y=\"\(line)\" width=\"10\" height=\"10\" rx=\"\(name == "slowest" ? 5 : 2)\"/>"
      out += "<text x=\"\(at + 14)\" y=\"\(line + 9)\">\(label)</text></g>"
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
