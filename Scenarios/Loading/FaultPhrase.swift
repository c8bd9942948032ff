// A fault's line, as it reads in a scenario: `crash NODE at 10s for 2s`, `partition NODE from NODE at 20s..40s for 5s,
// 2 times`.

import Vocabulary
import YAMLReading

/// Reads fault lines.
enum FaultPhrase {
  static let verbs = [
    "crash", "kill", "pause", "partition", "cut", "lose", "duplicate", "reorder", "forge", "replay", "reflect", "slow", "drift", "jump",
    "fill",
    "fail", "rot", "rebind", "hide", "swarm",
  ]

  /// Reads the whole of `phrase`. `nodes` are the names it may use.
  static func read(_ phrase: inout Phrase, nodes: FaultNames) throws(TextMistake) -> ScenarioFault {
    let kind = try kind(&phrase, nodes)
    try phrase.expect("at")
    let at = try phrase.drawnSpan("when it begins")
    var duration: DrawnSpan?
    if phrase.takes("for") { duration = try phrase.drawnSpan("how long it lasts") }
    if duration == nil, needsDuration(kind) { throw phrase.expected("\"for\" and how long it lasts") }
    var times = 1
    if !phrase.isAtEnd {
      times = try phrase.value("how often, 1 to 1000 times") { text in Int(text).flatMap { (1...1_000).contains($0) ? $0 : nil } }
      try phrase.expect("times")
    }
    try phrase.expectEnd()
    return ScenarioFault(kind, at: at, for: duration, times: times)
  }

  private static func kind(_ phrase: inout Phrase, _ nodes: FaultNames) throws(TextMistake) -> ScenarioFaultKind {
    switch try phrase.oneOf(verbs, "what breaks") {
    case "crash":
      if phrase.takes("box") {
        try phrase.expect("of")
        return .crashBox(node: try nodes.name(&phrase))
      }
      let node = try nodes.name(&phrase)
      if phrase.takes("rotting") {
        let bits = try bits(&phrase)
        let files = try phrase.value("the beginning of files' names, like journal") { text in
          text.allSatisfy { ("a"..."z").contains($0) || $0 == "-" } ? text : nil
        }
        return .crashRotting(node: node, bits: bits, files: files)
      }
      guard phrase.takes("during") else { return .crash(node: node, .atOnce) }
      return .crash(node: node, try phrase.oneOf(["sync", "work"], "in the middle of what") == "sync" ? .duringSync : .duringWork)
    case "kill": return .kill(node: try nodes.name(&phrase))
    case "pause": return .pause(node: try nodes.name(&phrase))
    case "partition":
      let first = try nodes.names(&phrase)
      try phrase.expect("from")
      return .partition(first, from: try nodes.names(&phrase))
    case "cut":
      let first = try nodes.names(&phrase)
      try phrase.expect("to")
      return .cut(first, to: try nodes.names(&phrase))
    case "lose":
      let share = try share(&phrase)
      let (first, second) = try pair(&phrase, nodes)
      return .lose(share, between: first, and: second)
    case "duplicate":
      let share = try share(&phrase)
      let (first, second) = try pair(&phrase, nodes)
      return .duplicate(share, between: first, and: second)
    case "reorder":
      let share = try share(&phrase)
      let (first, second) = try pair(&phrase, nodes)
      return .reorder(share, between: first, and: second)
    case "forge":
      let share = try share(&phrase)
      let (first, second) = try pair(&phrase, nodes)
      return .forge(share, between: first, and: second)
    case "replay":
      let share = try share(&phrase)
      let (first, second) = try pair(&phrase, nodes)
      return .replay(share, between: first, and: second)
    case "reflect":
      let share = try share(&phrase)
      let (first, second) = try pair(&phrase, nodes)
      return .reflect(share, between: first, and: second)
    case "slow":
      let what = try phrase.oneOf(["link", "disk", "names"], "what is slow")
      if what == "names" {
        try phrase.expect("by")
        return .slowNames(by: try latency(&phrase))
      }
      if what == "link" {
        if phrase.takes("from") {
          let first = try nodes.names(&phrase)
          try phrase.expect("to")
          let second = try nodes.names(&phrase)
          try phrase.expect("by")
          return .slowWay(from: first, to: second, by: try latency(&phrase))
        }
        let (first, second) = try pair(&phrase, nodes)
        try phrase.expect("by")
        return .slowLink(between: first, and: second, by: try latency(&phrase))
      }
      try phrase.expect("of")
      let node = try nodes.name(&phrase)
      let factor = try phrase.value("a factor from 2x to 1000000x") { text in
        text.hasSuffix("x") ? Int64(text.dropLast()).flatMap { (2...1_000_000).contains($0) ? $0 : nil } : nil
      }
      return .slowDisk(node: node, factor: factor)
    case "drift":
      try phrase.expect("clock of")
      let node = try nodes.name(&phrase)
      try phrase.expect("by")
      let drift = try phrase.value("a drift, like 200ppm or -200ppm, of 500000ppm at most and not 0ppm") { text in
        text.hasSuffix("ppm") ? Int64(text.dropLast(3)).flatMap { $0 != 0 && (-500_000...500_000).contains($0) ? $0 : nil } : nil
      }
      return .driftClock(node: node, partsPerMillion: drift)
    case "jump":
      try phrase.expect("clock of")
      let node = try nodes.name(&phrase)
      try phrase.expect("by")
      return .jumpClock(
        node: node,
        by: try phrase.value(SpanText.words("how far", like: "10s or -250ms", phrase.nextWord, bounds: "not 0s")) {
          SpanText.span($0).flatMap { $0 == .zero ? nil : $0 }
        })
    case "fill":
      try phrase.expect("disk of")
      let node = try nodes.name(&phrase)
      guard phrase.takes("leaving") else { return .fillDisk(node: node, bytesLeft: 0) }
      let bytes = try phrase.value("how many bytes are left, 0 or more") { text in Int(text).flatMap { $0 >= 0 ? $0 : nil } }
      try phrase.expect("bytes")
      return .fillDisk(node: node, bytesLeft: bytes)
    case "fail":
      let share = try share(&phrase)
      try phrase.expect("of")
      let what = try phrase.oneOf(["syncs", "reads"], "what fails")
      try phrase.expect("of")
      let node = try nodes.name(&phrase)
      return what == "syncs" ? .failSyncs(share, node: node) : .failReads(share, node: node)
    case "rot":
      let bits = try bits(&phrase)
      return .rot(bits: bits, node: try nodes.name(&phrase))
    case "rebind":
      try phrase.expect("name of")
      let node = try nodes.name(&phrase)
      try phrase.expect("to")
      return .rebindName(node: node, to: try nodes.name(&phrase))
    case "hide":
      try phrase.expect("name of")
      return .hideName(node: try nodes.name(&phrase))
    case "swarm":
      try phrase.expect("of")
      return .swarm(node: try nodes.name(&phrase))
    default: throw phrase.expected("what breaks: \(verbs.joined(separator: ", "))")
    }
  }

  /// Reads a share of which something is left: none of it would be touched by 0%.
  private static func share(_ phrase: inout Phrase) throws(TextMistake) -> Double {
    try phrase.value("a share above 0% and up to 100%, like 20%") { SpanText.share($0).flatMap { $0 > 0 ? $0 : nil } }
  }

  /// Reads an added latency.
  private static func latency(_ phrase: inout Phrase) throws(TextMistake) -> TimeSpan {
    let words = SpanText.words("the added latency", like: "10s or 250ms", phrase.nextWord, bounds: "more than 0s")
    return try phrase.value(words) { SpanText.span($0).flatMap { $0 > .zero ? $0 : nil } }
  }

  /// Reads "3 bits of".
  private static func bits(_ phrase: inout Phrase) throws(TextMistake) -> Int {
    let bits = try phrase.value("how many bits, 1 to 1000000") { text in Int(text).flatMap { (1...1_000_000).contains($0) ? $0 : nil } }
    _ = try phrase.oneOf(["bits", "bit"], "\"bits\"")
    try phrase.expect("of")
    return bits
  }

  private static func pair(_ phrase: inout Phrase, _ nodes: FaultNames) throws(TextMistake) -> ([String], [String]) {
    try phrase.expect("between")
    let first = try nodes.names(&phrase)
    try phrase.expect("and")
    return (first, try nodes.names(&phrase))
  }

  /// Whether a fault of this kind must end for the run to be judged.
  private static func needsDuration(_ kind: ScenarioFaultKind) -> Bool {
    switch kind {
    case .crash, .crashRotting, .crashBox, .kill, .pause, .partition, .cut, .lose, .duplicate, .reorder, .forge, .replay, .reflect,
      .slowLink, .slowWay, .slowDisk,
      .fillDisk,
      .failSyncs,
      .failReads, .rebindName, .hideName, .slowNames:
      true
    case .driftClock, .jumpClock, .rot, .swarm: false
    }
  }
}
