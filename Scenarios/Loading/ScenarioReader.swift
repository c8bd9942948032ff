// Reads a scenario file. The format is on the page Scenarios.md; every mistake is named by file, line, column and what
// was expected. What a scenario says of a system is read by that system's own words.

import Vocabulary
import Wire
import YAMLReading

extension Scenario {
  /// The keys of a scenario, beside those of its system.
  static let keys = [
    "scenario", "about", "system", "systems", "requirements", "duration", "settle", "boxes", "faults", "objectives", "suites",
  ]

  /// Reads the scenario in `yaml`, which came from `file` and flies some of `systems`. What it checks must be among
  /// `requirements`, where these are given. Throws all its mistakes that can be told apart.
  public init(yaml: String, file: String, systems: [any ScenarioWords], requirements known: [String]? = nil) throws(MistakeList) {
    var list = MistakeList()
    let ownKeys = systems.flatMap(\.keys) + ["load"]
    guard let root = list.attempt({ () throws(TextMistake) in try YAMLField.parse(yaml, file: file, what: "a scenario") }),
      let members = root.members(Self.keys + Self.unique(ownKeys), of: "a scenario", &list)
    else { throw list }
    let name = list.attempt { () throws(TextMistake) in
      let field = try root.required("scenario", members)
      let name = try Self.name(field)
      guard !systems.contains(where: { $0.name == name }) else { throw field.expected("a name that is no system's") }
      return name
    }
    let about = list.attempt { () throws(TextMistake) in try root.required("about", members).text("a sentence") }
    let duration = list.attempt { () throws(TextMistake) in
      try root.required("duration", members).span("how long the loads send", positive: true)
    }
    let settle = list.attempt { () throws(TextMistake) in
      try members.value("settle", or: .seconds(30)) { field throws(TextMistake) in try field.span("how long the system has to settle") }
    }
    requirements = list.each(Self.elements(members["requirements"], "requirement ids", &list)) { field throws(TextMistake) in
      let id = try Self.requirement(field)
      guard let known, !known.contains(where: { sameBytes($0, id) }) else { return id }
      let near = nearestName(to: id, among: known).map { " (did you mean \"\($0)\"?)" } ?? ""
      throw field.expected("a requirement that a ledger has, which `windtunnel coverage` lists\(near)")
    }
    suites = list.each(Self.elements(members["suites"], "suites", &list)) { field throws(TextMistake) in
      // A system's name means all of its scenarios already.
      let name = try Self.name(field)
      guard !systems.contains(where: { $0.name == name }), name != "all" else {
        throw field.expected("the name of a suite, which is no system's (\(systems.map(\.name).joined(separator: ", "))) and not all")
      }
      return name
    }
    // Where the duration is wrong, no fault and no window is too late.
    let lastMoment = duration ?? .seconds(1 << 30)
    // What may be broken and what may be sent hangs on the systems.
    guard let chosen = list.attempt({ () throws(TextMistake) in try Self.chosen(root, members, systems, ownKeys) }) else { throw list }
    // Whether each system's own stands below its name.
    let isDivided = members["systems"] != nil
    if !isDivided { Self.refuseForeign(members, chosen[0].words, systems, &list) }
    let objectiveFields = Self.elements(members["objectives"], "objectives", &list) ?? []
    var flown: [Flown] = []
    var ownObjectives: [[YAMLField]] = []
    var mistakesBefore = list.mistakes.count
    for one in chosen {
      // Objectives of a system stand with it where files are divided.
      var fields = isDivided ? [] : objectiveFields
      if isDivided { fields = Self.elements(one.members["objectives"], "objectives", &list) ?? [] }
      let own = fields.filter { Self.isOwn($0, of: one.words) }
      ownObjectives.append(own)
      var reading = PartReading(root: one.root, members: one.members, duration: lastMoment, mistakes: list, objectives: own)
      let part = one.words.part(&reading)
      list = reading.mistakes
      var next = Flown(system: one.words.name, part: part, prefix: isDivided ? "\(one.words.name)/" : "")
      // Of loads that were not understood nothing can be said.
      let sendsRequests = part.sendsRequests || list.mistakes.count > mistakesBefore
      next.objectives = list.each(isDivided ? fields.filter { !Self.isOwn($0, of: one.words) } : []) { field throws(TextMistake) in
        let objective = try Self.objective(field, own: one.words.ownObjectives.map(\.example))
        guard sendsRequests else {
          throw field.expected("no objective on requests, since no load of \(one.words.name) sends any that are timed")
        }
        return objective
      }
      flown.append(next)
    }
    // Which nodes there are hangs on what was not understood.
    let names = FaultNames(flown, areAllKnown: list.mistakes.count == mistakesBefore)
    mistakesBefore = list.mistakes.count
    boxes = list.each(Self.elements(members["boxes"], "boxes, like: \(names.example) on 4 cores", &list)) { field throws(TextMistake) in
      try ScenarioBox(field, known: names)
    }
    faults = list.each(Self.elements(members["faults"], "faults", &list)) { field throws(TextMistake) in
      try Self.fault(field, names, lastMoment)
    }
    // Of faults that were not understood nothing can be said.
    if list.mistakes.count == mistakesBefore {
      for (index, one) in chosen.enumerated() {
        for field in ownObjectives[index] {
          let kinds = faults.map(\.kind)
          guard let word = Self.ownWord(field, of: one.words),
            let lack = one.words.lack(for: word, kinds, prefix: flown[index].prefix)
          else { continue }
          list.note(field.expected(lack))
        }
      }
    }
    let words = chosen.map(\.words)
    let shared = objectiveFields.filter { field in isDivided || !words.contains { Self.isOwn(field, of: $0) } }
    // Of loads that were not understood nothing can be said.
    let sendsRequests = !list.isEmpty || flown.contains { $0.part.sendsRequests }
    objectives = list.each(shared) { field throws(TextMistake) in
      // Where files are divided, a system's own objectives stand with it.
      if isDivided, let owner = words.first(where: { Self.isOwn(field, of: $0) }) {
        throw field.expected(
          "\(Self.list(Self.sharedForms)) beside `systems`: what is of \(owner.name) alone stands in the objectives below it")
      }
      let objective = try Self.objective(field, own: isDivided ? [] : words.flatMap(\.ownObjectives).map(\.example))
      guard sendsRequests else { throw field.expected("no objective on requests, since no load here sends any that are timed") }
      return objective
    }
    guard list.isEmpty, let name, let about, let duration, let settle else { throw list }
    self.name = name
    self.about = about
    self.flown = flown
    self.duration = duration
    self.settle = settle
  }

  // MARK: systems

  /// A system that is flown, and where the file speaks of it.
  private typealias Chosen = (words: any ScenarioWords, root: YAMLField, members: [String: YAMLField])

  /// The systems that a scenario names: one by `system`, whose keys stand at the top, or several by `systems`.
  private static func chosen(
    _ root: YAMLField, _ members: [String: YAMLField], _ systems: [any ScenarioWords], _ ownKeys: [String]
  ) throws(TextMistake) -> [Chosen] {
    let known = "a system: \(systems.map(\.name).sorted().joined(separator: ", "))"
    func system(named text: String) -> (any ScenarioWords)? { systems.first { $0.name == text } }
    if let several = members["systems"] {
      if let field = members["system"] { throw field.expected("either `system` or `systems`") }
      for key in ownKeys { if let field = members[key] { throw field.expected("the key \"\(key)\" below the system that it is of") } }
      let parts = try several.members(systems.map(\.name), of: "systems")
      var chosen: [Chosen] = []
      // In the order of the file: it is the order in which they are placed.
      for words in systems.filter({ parts[$0.name] != nil }).sorted(by: { Self.place($0, parts) < Self.place($1, parts) }) {
        guard let part = parts[words.name] else { continue }
        chosen.append((words, part, try part.members(words.keys + ["load", "objectives"], of: words.name)))
      }
      guard !chosen.isEmpty else { throw several.expected("at least one system") }
      return chosen
    }
    let words = try root.required("system", members).value(known) { system(named: $0) }
    return [(words, root, members)]
  }

  /// Refuses keys that are another system's: nothing would use what they say.
  private static func refuseForeign(
    _ members: [String: YAMLField], _ words: any ScenarioWords, _ systems: [any ScenarioWords], _ list: inout MistakeList
  ) {
    for key in unique(systems.flatMap(\.keys)) where !words.keys.contains(key) {
      guard let field = members[key] else { continue }
      let owners = systems.filter { $0.keys.contains(key) }.map(\.name).sorted().joined(separator: ", ")
      list.note(field.expected("\(key) only of the system \(owners)"))
    }
  }

  /// Where a file begins to speak of a system.
  private static func place(_ words: any ScenarioWords, _ parts: [String: YAMLField]) -> (line: Int, column: Int) {
    parts[words.name].map { ($0.line, $0.column) } ?? (0, 0)
  }

  private static func unique(_ keys: [String]) -> [String] {
    var known: Set<String> = []
    return keys.filter { known.insert($0).inserted }
  }

  private static func isOwn(_ field: YAMLField, of words: any ScenarioWords) -> Bool { ownWord(field, of: words) != nil }

  /// The word of the system's own that an objective begins with; nil where it begins with none.
  private static func ownWord(_ field: YAMLField, of words: any ScenarioWords) -> String? {
    guard let phrase = try? field.phrase("an objective") else { return nil }
    return words.ownObjectives.map(\.word).first { $0 == phrase.nextWord }
  }

  // MARK: values

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

  private static func fault(_ field: YAMLField, _ names: FaultNames, _ duration: TimeSpan) throws(TextMistake) -> ScenarioFault {
    var phrase = try field.phrase("a fault, like: crash \(names.example) at 10s for 2s")
    let fault = try FaultPhrase.read(&phrase, nodes: names)
    guard fault.at.range.lowerBound < duration else {
      throw field.expected("a fault that begins before the loads end, at \(duration.seconds) s")
    }
    let aimed = names.aims(among: fault.kind.nodes)
    if aimed.count > 1 { throw field.expected("a fault that aims once, at one of \(names.allAims.joined(separator: ", "))") }
    let mistake: String? =
      switch fault.kind {
      case .swarm: aimed.isEmpty ? nil : "a swarm of a node or of a group: it draws its nodes itself"
      case .partition(let first, let second), .cut(let first, let second), .lose(_, let first, let second),
        .slowLink(let first, let second, _), .slowWay(let first, let second, _):
        names.mistake(first, second)
      case .duplicate(_, let first, let second), .reorder(_, let first, let second), .forge(_, let first, let second),
        .replay(_, let first, let second), .reflect(_, let first, let second):
        names.mistake(first, second, needsMessages: true)
      case .crash, .crashRotting, .crashBox, .kill, .pause, .driftClock, .jumpClock, .slowDisk, .fillDisk, .failSyncs, .failReads, .rot: nil
      case .rebindName(let node, let other):
        node == other ? "a fault that can touch \(node): its name leads to itself" : names.mistake(ofName: node)
      case .hideName(let node): names.mistake(ofName: node)
      case .slowNames: names.mistake(ofName: nil)
      }
    if let mistake { throw field.expected(mistake) }
    return fault
  }

  /// The objectives that any system has.
  private static let sharedForms = ["p99 below 50ms", "99.9% served"]

  /// `"a", "b" or "c"`.
  private static func list(_ forms: [String]) -> String {
    let quoted = forms.map { "\"\($0)\"" }
    guard let last = quoted.last, quoted.count > 1 else { return quoted.joined() }
    return quoted.dropLast().joined(separator: ", ") + " or \(last)"
  }

  private static func objective(_ field: YAMLField, own: [String]) throws(TextMistake) -> ScenarioObjective {
    var phrase = try field.phrase("an objective, like: p99 below 50ms")
    if phrase.nextWord?.hasSuffix("%") ?? false {
      let share = try phrase.share()
      try phrase.expect("served")
      try phrase.expectEnd()
      return .served(partsPerMillion: Int((share * 1_000_000).rounded()))
    }
    let isPercentile = phrase.nextWord.map { $0.hasPrefix("p") && Double($0.dropFirst()) != nil } ?? false
    let forms = isPercentile ? "a percentile above p0 and up to p100" : list(sharedForms + own)
    let percentile = try phrase.value(forms) { text in
      text.hasPrefix("p") ? Double(text.dropFirst()).flatMap { $0 > 0 && $0 <= 100 ? Int(($0 * 1_000).rounded()) : nil } : nil
    }
    try phrase.expect("below")
    let bound = try phrase.span("the bound")
    try phrase.expectEnd()
    return .latency(percentileThousandths: percentile, below: bound)
  }
}
