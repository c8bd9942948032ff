// Reads a scenario file. The format is on the page Scenarios.md; every mistake is named by file, line, column and what
// was expected.

import Vocabulary
import Wire
import YAMLReading

extension Scenario {
  /// The systems that can be flown, and the names of their nodes.
  public static let systems: [String: [String]] = [
    "monitoring": ["ingestion", "queue", "storage", "query", "alerting", "load", "probe", "webhook", "brokers"],
    "registers": ["servers", "load", "leader", "follower", "elected"],
    "queue": ["servers", "load", "members", "probe"],
  ]

  /// Systems that leave open how many servers there are, and what each server is called before its number.
  static let serverNames = ["registers": "server", "queue": "queue", "monitoring": "queue"]

  static let keys = [
    "scenario", "about", "system", "servers", "brokers", "requirements", "duration", "settle", "load", "rules", "faults", "objectives",
    "suites",
    "tuning", "group retention",
  ]

  /// Reads the scenario in `yaml`, which came from `file`. Throws all its mistakes that can be told apart.
  public init(yaml: String, file: String) throws(MistakeList) {
    var list = MistakeList()
    guard let root = list.attempt({ () throws(TextMistake) in try YAMLField.parse(yaml, file: file, what: "a scenario") }),
      let members = root.members(Self.keys, of: "a scenario", &list)
    else { throw list }
    let name = list.attempt { () throws(TextMistake) in try Self.name(try root.required("scenario", members)) }
    let about = list.attempt { () throws(TextMistake) in try root.required("about", members).text("a sentence") }
    let duration = list.attempt { () throws(TextMistake) in
      try Self.span(try root.required("duration", members), "how long the loads send", positive: true)
    }
    let settle = list.attempt { () throws(TextMistake) in
      try members["settle"].map { field throws(TextMistake) in try Self.span(field, "how long the system has to settle") } ?? .seconds(30)
    }
    let tuning = list.attempt { () throws(TextMistake) in
      try members["tuning"]?.value("drawn or small") { ScenarioTuning(rawValue: $0) } ?? .drawn
    }
    requirements = list.each(Self.elements(members["requirements"], "requirement ids", &list), Self.requirement)
    suites = list.each(Self.elements(members["suites"], "suites", &list)) { field throws(TextMistake) in
      try field.text("the name of a suite")
    }
    rules = list.each(Self.elements(members["rules"], "rules", &list), Self.rule)
    // What may be broken and what may be sent hangs on the system.
    guard let system = list.attempt({ () throws(TextMistake) in try Self.system(try root.required("system", members)) }) else { throw list }
    let servers = list.attempt { () throws(TextMistake) in try Self.servers(root, members, system) }
    groupRetention =
      list.attempt { () throws(TextMistake) in
        try members["group retention"].map { field throws(TextMistake) in
          guard system == "queue" else { throw field.expected("a group retention only of the system queue") }
          return try Self.span(field, "how long a consumer group is remembered", positive: true)
        }
      } ?? nil
    // Another system has nobody who would take them: nothing would watch what they say.
    _ = list.attempt { () throws(TextMistake) in
      if system != "monitoring", let field = members["rules"] { throw field.expected("rules only of the system monitoring") }
    }
    // Where the duration is wrong, no fault and no window is too late.
    let lastMoment = duration ?? .seconds(1 << 30)
    let loadFields = list.attempt { () throws(TextMistake) in try root.required("load", members).elements(of: "loads") }
    loads = list.each(loadFields) { field throws(TextMistake) in try Self.load(field, lastMoment, system) }
    // Where it is wrong how many servers there are, none of their names is.
    let nodes = Self.nodes(system, servers: servers ?? 7)
    faults = list.each(Self.elements(members["faults"], "faults", &list)) { field throws(TextMistake) in
      try Self.fault(field, nodes, lastMoment, system)
    }
    let (rules, loads) = (rules, loads)
    objectives = list.each(Self.elements(members["objectives"], "objectives", &list)) { field throws(TextMistake) in
      let objective = try Self.objective(field)
      if case .alerts = objective, !Self.watchesSignal(rules, loads) {
        throw field.expected("alerts only where a rule's query names the gauge of a signal")
      }
      return objective
    }
    guard list.isEmpty, let name, let about, let duration, let settle, let tuning, let servers else { throw list }
    self.name = name
    self.about = about
    self.system = system
    self.servers = servers
    self.duration = duration
    self.settle = settle
    self.tuning = tuning
  }

  private static func elements(_ field: YAMLField?, _ what: String, _ list: inout MistakeList) -> [YAMLField]? {
    guard let field else { return nil }
    return list.attempt { () throws(TextMistake) in try field.elements(of: what) }
  }

  private static func name(_ field: YAMLField) throws(TextMistake) -> String {
    try field.value("a name of lower-case letters, digits and hyphens") { text in
      !text.isEmpty && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D } ? text : nil
    }
  }

  private static func requirement(_ field: YAMLField) throws(TextMistake) -> String {
    try field.value("a requirement's id, like MONITORING-7") { text in
      let parts = text.split(separator: "-")
      return parts.count == 2 && parts[0].allSatisfy(\.isUppercase) && Int(parts[1]) != nil ? text : nil
    }
  }

  private static func system(_ field: YAMLField) throws(TextMistake) -> String {
    try field.value("a system: \(systems.keys.sorted().joined(separator: ", "))") { systems[$0] == nil ? nil : $0 }
  }

  /// How many servers there are beside those that a system always has: for the platform, how many brokers where that is
  /// said.
  private static func servers(_ root: YAMLField, _ members: [String: YAMLField], _ system: String) throws(TextMistake) -> Int {
    if system == "monitoring" {
      if let field = members["servers"] {
        throw field.expected("servers only of a system that leaves open how many there are: queue, registers")
      }
      return try members["brokers"].map { field throws(TextMistake) in try number(field, "how many brokers", in: 1...5, or: 1) } ?? 0
    }
    if let field = members["brokers"] {
      throw field.expected("brokers only of the monitoring platform; of the queue alone they are its servers")
    }
    return try number(try root.required("servers", members), "how many servers", in: 1...7, or: 3)
  }

  /// The names that faults may use.
  private static func nodes(_ system: String, servers: Int) -> [String] {
    let serverName = serverNames[system] ?? "server"
    // The platform's first broker is its node named queue.
    let firstNumber = system == "monitoring" ? 2 : 1
    return (systems[system] ?? []) + (firstNumber..<max(firstNumber, servers + 1)).map { "\(serverName)-\($0)" }
  }

  private static func fault(
    _ field: YAMLField, _ nodes: [String], _ duration: TimeSpan, _ system: String
  ) throws(TextMistake) -> ScenarioFault {
    var phrase = try field.phrase("a fault, like: crash queue at 10s for 2s")
    let fault = try FaultPhrase.read(&phrase, nodes: nodes)
    guard fault.at.range.lowerBound < duration else {
      throw field.expected("a fault that begins before the loads end, at \(duration.seconds) s")
    }
    let aimed = fault.kind.nodes.filter { aims.contains($0) }
    if Set(aimed).count > 1 { throw field.expected("a fault that aims once: at the leader, a follower or the elected") }
    switch fault.kind {
    case .swarm where !aimed.isEmpty: throw field.expected("a swarm of servers: it draws its nodes itself")
    case .duplicate, .reorder:
      guard systemsWithMessages.contains(system) else {
        throw field.expected(
          "a fault that can touch \(system), whose nodes talk over connections: nothing on them is repeated or overtaken")
      }
    case .crash, .crashRotting, .kill, .pause, .partition, .cut, .lose, .slowLink, .slowWay, .driftClock, .jumpClock, .slowDisk, .fillDisk,
      .failSyncs, .failReads,
      .rot, .swarm:
      break
    }
    return fault
  }

  /// Names that mean whoever it is when the fault begins.
  static let aims: Set<String> = ["leader", "follower", "elected"]

  /// Systems whose nodes send each other messages (consensus, gossip), which alone can be repeated and overtaken.
  static let systemsWithMessages: Set<String> = ["queue", "registers"]

  /// Whether a rule watches a signal.
  private static func watchesSignal(_ rules: [ScenarioRule], _ loads: [ScenarioLoad]) -> Bool {
    loads.contains { load in
      guard case .signal(let signal) = load else { return false }
      return rules.contains { $0.query.contains(signal.name) }
    }
  }

  private static func span(_ field: YAMLField, _ what: String, positive: Bool = false) throws(TextMistake) -> TimeSpan {
    try field.value("\(what), like 10s or 250ms") { text in
      SpanText.span(text).flatMap { $0 > .zero || (!positive && $0 == .zero) ? $0 : nil }
    }
  }

  private static func number(_ field: YAMLField?, _ what: String, in range: ClosedRange<Int>, or fallback: Int) throws(TextMistake) -> Int {
    guard let field else { return fallback }
    return try field.value("\(what), \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  private static func rate(_ field: YAMLField) throws(TextMistake) -> Double {
    try field.value("a rate, like 200/s") { text in
      text.hasSuffix("/s") ? Double(text.dropLast(2)).flatMap { $0 > 0 && $0 <= 1_000_000 ? $0 : nil } : nil
    }
  }

  private static func isPoisson(_ field: YAMLField?) throws(TextMistake) -> Bool {
    guard let field else { return true }
    return try field.value("poisson or even") { ["poisson": true, "even": false][$0] }
  }

  private static func share(_ field: YAMLField?, or fallback: Double) throws(TextMistake) -> Double {
    guard let field else { return fallback }
    return try field.value("a share, like 20%") { SpanText.share($0) }
  }

  private static let operatorKeys = ["operator", "transfers", "groups"]

  private static func operators(_ field: YAMLField, _ rate: YAMLField) throws(TextMistake) -> ScenarioOperatorLoad {
    let members = try field.members(operatorKeys, of: "an operator")
    return ScenarioOperatorLoad(
      perSecond: try Self.rate(rate), transferShare: try share(members["transfers"], or: 0.5),
      groups: try members["groups"].map { field throws(TextMistake) in
        try number(field, "how many replicated logs, from the first on", in: 1...10_000, or: 1)
      })
  }

  private static func load(_ field: YAMLField, _ duration: TimeSpan, _ system: String) throws(TextMistake) -> ScenarioLoad {
    if system == "registers" {
      let registersKeys = ["registers", "keys", "reads", "arrivals", "patience"]
      let members = try field.members(registersKeys + operatorKeys, of: "a load")
      if let rate = members["operator"] { return .operators(try operators(field, rate)) }
      guard members["registers"] != nil else { throw field.expected("a load with the key \"registers\" or \"operator\"") }
      _ = try field.members(registersKeys, of: "a load of registers")
      return .registers(
        ScenarioRegistersLoad(
          perSecond: try rate(try field.required("registers", members)), isPoisson: try isPoisson(members["arrivals"]),
          keys: try number(members["keys"], "how many registers", in: 1...10_000, or: 5), readShare: try share(members["reads"], or: 0.5),
          patience: try members["patience"].map { field throws(TextMistake) in
            try span(field, "how long an operation may take", positive: true)
          } ?? .seconds(1)))
    }
    if system == "queue" {
      let queueKeys = ["queue", "keys", "reads", "arrivals", "members"]
      let members = try field.members(queueKeys + operatorKeys, of: "a load")
      if let rate = members["operator"] { return .operators(try operators(field, rate)) }
      guard members["queue"] != nil else { throw field.expected("a load with the key \"queue\" or \"operator\"") }
      _ = try field.members(queueKeys, of: "a load of the queue")
      return .queue(
        ScenarioQueueLoad(
          perSecond: try rate(try field.required("queue", members)), isPoisson: try isPoisson(members["arrivals"]),
          keys: try number(members["keys"], "how many keys", in: 1...10_000, or: 5), readShare: try share(members["reads"], or: 0.5),
          members: try number(members["members"], "how many members of a consumer group", in: 0...20, or: 0)))
    }
    let metricsKeys = ["metrics", "clients", "arrivals", "metrics per request", "name", "names", "repeated", "stamped"]
    let signalKeys = ["signal", "every", "low", "high", "high during"]
    let replayKeys = ["replay", "speed"]
    let members = try field.members(metricsKeys + signalKeys + replayKeys, of: "a load")
    if let kind = members["replay"] {
      let members = try field.members(replayKeys, of: "a load of a replay")
      _ = try kind.value("recorded (series given with --csv, or a synthetic stand-in)") { $0 == "recorded" ? $0 : nil }
      let speed = try field.required("speed", members).value("a factor, like 300x") { text in
        text.hasSuffix("x") ? Int64(text.dropLast()).flatMap { (1...1_000_000).contains($0) ? $0 : nil } : nil
      }
      return .replay(ScenarioReplayLoad(speed: speed))
    }
    if let rate = members["metrics"] {
      let members = try field.members(metricsKeys, of: "a load of metrics")
      return .metrics(
        ScenarioMetricsLoad(
          perSecond: try Self.rate(rate), isPoisson: try isPoisson(members["arrivals"]),
          clients: try number(members["clients"], "how many clients", in: 1...1_000_000, or: 100),
          metricsPerRequest: try number(members["metrics per request"], "how many metrics", in: 1...1_000, or: 1),
          name: try members["name"].map(Self.metricName) ?? "load",
          names: try number(members["names"], "how many names", in: 1...100_000, or: 1),
          repeatedShare: try share(members["repeated"], or: 0), stampedShare: try share(members["stamped"], or: 0.5)))
    }
    guard let name = members["signal"] else { throw field.expected("a load with the key \"metrics\", \"signal\" or \"replay\"") }
    _ = try field.members(signalKeys, of: "a load of a signal")
    var windows: [Range<TimeSpan>] = []
    for window in try field.required("high during", members).elements(of: "windows, like 20s..40s") {
      windows.append(
        try window.value("a window within the duration, behind the one before, like 20s..40s") { text in
          guard let range = SpanText.drawn(text)?.range, range.lowerBound < range.upperBound, range.upperBound <= duration,
            range.lowerBound >= windows.last?.upperBound ?? .zero
          else { return nil }
          return range.lowerBound..<range.upperBound
        })
    }
    return .signal(
      ScenarioSignalLoad(
        name: try metricName(name),
        every: try span(try field.required("every", members), "time between values", positive: true),
        low: try reading(field.required("low", members)), high: try reading(field.required("high", members)), windows: windows))
  }

  /// A value of a signal: a decimal number that a double holds.
  private static func reading(_ field: YAMLField) throws(TextMistake) -> Double {
    try field.value("a decimal number within the range of a 64-bit double") { ExactDecimal(written: $0)?.representableDouble }
  }

  private static func metricName(_ field: YAMLField) throws(TextMistake) -> String {
    try field.value(NameRule.words) { !$0.isEmpty && NameRule.control(in: $0) == nil ? $0 : nil }
  }

  private static func rule(_ field: YAMLField) throws(TextMistake) -> ScenarioRule {
    let members = try field.members(["name", "query", "duration", "channels", "missing data"], of: "a rule")
    var channels: [String] = []
    for channel in try members["channels"]?.elements(of: "channels") ?? [] { channels.append(try channel.text("a channel's name")) }
    return ScenarioRule(
      name: try field.required("name", members).value(NameRule.segmentWords) {
        !$0.isEmpty && NameRule.flaw(ofSegment: $0) == nil ? $0 : nil
      }, query: try field.required("query", members).text("a query"),
      duration: try field.required("duration", members).value("a duration, like 5s or 1h30m") { Self.isRuleDuration($0) ? $0 : nil },
      channels: channels,
      missingData: try members["missing data"]?.value("keep, fire or resolve") { ["keep", "fire", "resolve"].contains($0) ? $0 : nil })
  }

  /// Whether alerting takes a duration: it takes those of integers alone.
  private static func isRuleDuration(_ text: String) -> Bool {
    SpanText.span(text) != nil && !text.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
  }

  private static func objective(_ field: YAMLField) throws(TextMistake) -> ScenarioObjective {
    var phrase = try field.phrase("an objective, like: p99 below 50ms")
    if phrase.takes("alerts") {
      try phrase.expect("within")
      let bound = try phrase.span("the bound")
      try phrase.expectEnd()
      return .alerts(within: bound)
    }
    if let share = try? phrase.share() {
      try phrase.expect("served")
      try phrase.expectEnd()
      return .served(partsPerMillion: Int((share * 1_000_000).rounded()))
    }
    let percentile = try phrase.value("\"p99 below 50ms\", \"99.9% served\" or \"alerts within 30s\"") { text in
      text.hasPrefix("p") ? Double(text.dropFirst()).flatMap { $0 > 0 && $0 <= 100 ? Int(($0 * 1_000).rounded()) : nil } : nil
    }
    try phrase.expect("below")
    let bound = try phrase.span("the bound")
    try phrase.expectEnd()
    return .latency(percentileThousandths: percentile, below: bound)
  }
}
