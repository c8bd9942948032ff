// The text of figures, held against the grammar of OpenMetrics 1.0 by a reader that knows nothing of the writer.

import Resilience
import Testing
import Vocabulary

/// Reads a text by the grammar's rules, one line at a time, and says where it breaks one; with what was read.
private struct OpenMetricsReader {
  struct Sample: Equatable {
    var name: String
    var labels: [String: String]
    var value: String
  }

  private(set) var samples: [Sample] = []
  private(set) var flaw: String?
  private var family: (name: String, kind: String)?
  private var families: Set<String> = []
  private var seen: Set<String> = []

  init(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      flaw = "no UTF-8"
      return
    }
    var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String(String.UnicodeScalarView($0)) }
    guard lines.popLast() == "", lines.popLast() == "# EOF" else {
      flaw = "no end"
      return
    }
    for line in lines where flaw == nil { read(line) }
  }

  private mutating func read(_ line: String) {
    if line.hasPrefix("# ") {
      let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
      guard words.count == 4, name(words[2]) else { return fail(line) }
      switch words[1] {
      case "TYPE":
        guard ["counter", "gauge", "histogram"].contains(words[3]), families.insert(words[2]).inserted else { return fail(line) }
        family = (words[2], words[3])
      case "UNIT": if family?.name != words[2] || !words[2].hasSuffix("_\(words[3])") { fail(line) }
      case "HELP": if family?.name != words[2] || unescaped(words[3]) == nil { fail(line) }
      default: fail(line)
      }
      return
    }
    guard let family else { return fail(line) }
    var rest = line[...]
    let name = String(rest.prefix { $0 != "{" && $0 != " " })
    rest = rest.dropFirst(name.count)
    let suffixes = ["counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]][family.kind] ?? []
    guard suffixes.contains(where: { name == family.name + $0 }) else { return fail(line) }
    var labels: [String: String] = [:]
    if rest.first == "{" {
      guard let found = Self.labels(&rest) else { return fail(line) }
      labels = found
    }
    guard rest.first == " " else { return fail(line) }
    let value = String(rest.dropFirst())
    guard ["NaN", "+Inf", "-Inf"].contains(value) || Double(value) != nil && value.allSatisfy({ "0123456789.e+-".contains($0) }),
      seen.insert(name + "\(labels.sorted { $0.key < $1.key })").inserted
    else { return fail(line) }
    samples.append(Sample(name: name, labels: labels, value: value))
  }

  private mutating func fail(_ line: String) { flaw = "a line that is none: \(line)" }

  private func name(_ text: String) -> Bool { text.wholeMatch(of: /[a-zA-Z_:][a-zA-Z0-9_:]*/) != nil }

  /// Labels in braces, by scalars: what is escaped is put back.
  private static func labels(_ rest: inout Substring) -> [String: String]? {
    var labels: [String: String] = [:]
    var scalars = Array(rest.unicodeScalars)[...].dropFirst()
    while true {
      var name = ""
      while let next = scalars.first, next != "=" {
        name.unicodeScalars.append(next)
        scalars = scalars.dropFirst()
      }
      guard name.wholeMatch(of: /[a-zA-Z_][a-zA-Z0-9_]*/) != nil, scalars.prefix(2).elementsEqual(["=", "\""]) else { return nil }
      scalars = scalars.dropFirst(2)
      var value = ""
      while let next = scalars.first, next != "\"" {
        scalars = scalars.dropFirst()
        if next == "\\" {
          guard let code = scalars.first, let meant = ["\\": "\\", "n": "\n", "\"": "\""][code] as Unicode.Scalar? else { return nil }
          scalars = scalars.dropFirst()
          value.unicodeScalars.append(meant)
        } else {
          value.unicodeScalars.append(next)
        }
      }
      guard scalars.first == "\"", labels.updateValue(value, forKey: name) == nil else { return nil }
      scalars = scalars.dropFirst()
      let next = scalars.first
      scalars = scalars.dropFirst()
      if next == "}" { break }
      if next != "," { return nil }
    }
    rest = Substring(String(String.UnicodeScalarView(scalars)))
    return labels
  }

  private func unescaped(_ text: String) -> String? { text.contains("\n") ? nil : text }
}

@Suite struct MetricsTextTests {
  @Test func whatIsWrittenIsWhatTheGrammarReads() {
    var text = MetricsText()
    text.family("requests", .counter, help: "Requests that were answered, by \"route\" and \\ status.")
    text.count(12, [("route", "/a"), ("status", "200")])
    text.count(.max, [("route", "/a"), ("status", "500")])
    text.family("memory_bytes", .gauge, unit: "bytes", help: "Memory in use.")
    text.sample(1.5e9)
    text.histograms("request_duration_seconds", unit: "seconds", help: "How long answers take.")
    text.histogram([("model", "a")], buckets: [(0.001, 3), (0.01, 5)], count: 9, sum: 0.25)
    text.family("odd", .gauge, help: "Figures that are none.")
    for (name, value) in [("nan", Double.nan), ("up", .infinity), ("down", -.infinity), ("small", 5e-324), ("zero", -0.0)] {
      text.sample(value, [("what", name)])
    }
    let reader = OpenMetricsReader(text.finish())
    #expect(reader.flaw == nil)
    #expect(reader.samples.count == 2 + 1 + 5 + 5)
    #expect(reader.samples[1] == .init(name: "requests_total", labels: ["route": "/a", "status": "500"], value: "18446744073709551615"))
    #expect(reader.samples[3] == .init(name: "request_duration_seconds_bucket", labels: ["model": "a", "le": "0.001"], value: "3"))
    #expect(reader.samples[5] == .init(name: "request_duration_seconds_bucket", labels: ["model": "a", "le": "+Inf"], value: "9"))
    #expect(reader.samples.suffix(5).map(\.value) == ["NaN", "+Inf", "-Inf", "5e-324", "-0.0"])
    #expect(OpenMetricsReader(MetricsText().finish()).flaw == nil, "no figures are a text too")
  }

  /// Whatever a value of a label holds comes back from the text.
  @Test(arguments: UInt64(1)...20) func valuesOfLabelsMayBeAnything(_ seed: UInt64) {
    var random = RandomStream(seed: seed)
    let pieces: [String] = ["\\", "\n", "\"", "{", "}", ",", "=", " ", "# EOF", "\r\n", "é", "e\u{301}", "\u{0}", "x", "\u{2028}", "🌬"]
    var text = MetricsText()
    text.family("things", .gauge, help: "Things.")
    var values: [String] = []
    for number in 0..<30 {
      let value = (0..<random.below(6)).map { _ in pieces[Int(random.below(UInt64(pieces.count)))] }.joined()
      values.append(value)
      text.count(UInt64(number), [("number", "\(number)"), ("value", value)])
    }
    let reader = OpenMetricsReader(text.finish())
    #expect(reader.flaw == nil)
    #expect(reader.samples.count == values.count)
    for (sample, value) in zip(reader.samples, values) { #expect(sameBytes(sample.labels["value"] ?? "none", value)) }
  }

  /// The reader is no yes-man.
  @Test(arguments: [
    "", "# EOF", "x 1\n# EOF\n", "# TYPE x gauge\nx 1\n", "# TYPE x gauge\nx one\n# EOF\n", "# TYPE x counter\nx 1\n# EOF\n",
    "# TYPE x gauge\nx{a=\"1\"} 1\nx{a=\"1\"} 2\n# EOF\n", "# TYPE x gauge\nx{a=\"\\q\"} 1\n# EOF\n", "# TYPE x gauge\nx{a=1} 1\n# EOF\n",
    "# TYPE x gauge\n# TYPE x gauge\n# EOF\n", "# TYPE x gauge\n# UNIT x seconds\n# EOF\n", "# TYPE x gauge\nx  1\n# EOF\n",
  ]) func whatIsNoneIsRefused(_ text: String) {
    #expect(OpenMetricsReader(Array(text.utf8)).flaw != nil)
  }
}
