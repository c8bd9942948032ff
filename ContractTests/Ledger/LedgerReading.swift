// Reads a ledger. All mistakes of the file are told at once, each by line, column and what was expected there.
// Requirements are in the order of their numbers, parts in that of their letters, so that ids stay what they are.

import Vocabulary
import YAMLReading

extension Ledger {
  /// Reads the ledger in `yaml`, which came from `file`; `system` is the one whose folder it stands in.
  public init(yaml: String, file: String, system: String) throws(MistakeList) {
    var list = MistakeList()
    let ledger = list.attempt { () throws(TextMistake) in
      try YAMLField.parse(yaml, file: file, what: "a ledger of requirements")
    }.flatMap { Self.read($0, system, &list) }
    guard let ledger, list.isEmpty else { throw list }
    self = ledger
  }

  private static func read(_ root: YAMLField, _ system: String, _ list: inout MistakeList) -> Ledger? {
    guard let members = root.members(["system", "source", "requirements"], of: "a ledger", &list) else { return nil }
    let name = list.attempt { () throws(TextMistake) in
      try root.required("system", members).value("the system of the folder: \(system)") { $0 == system ? $0 : nil }
    }
    let source = list.attempt { () throws(TextMistake) in try root.required("source", members).text("the title of a document") }
    let fields = list.attempt { () throws(TextMistake) in
      try root.required("requirements", members).elements(of: "requirements")
    }
    var requirements: [Requirement] = []
    var last: (prefix: String, number: Int)?
    for field in fields ?? [] {
      guard let requirement = requirement(field, &list) else { continue }
      let number = RequirementID(requirement.id)
      if let number, let last, number.prefix == last.prefix, number.number <= last.number {
        list.note(field.mistake("expected a requirement behind \(last.prefix)-\(last.number), found \(requirement.id)"))
      } else if let number, let last, number.prefix != last.prefix {
        list.note(field.mistake("expected a requirement whose id begins with \(last.prefix), as those before, found \(requirement.id)"))
      }
      last = number.map { ($0.prefix, $0.number) } ?? last
      requirements.append(requirement)
    }
    guard let name, let source else { return nil }
    return Ledger(system: name, source: source, requirements: requirements, file: root.file)
  }

  private static func requirement(_ field: YAMLField, _ list: inout MistakeList) -> Requirement? {
    guard let members = field.members(["requirement", "says", "source", "parts"], of: "a requirement", &list) else { return nil }
    let id = list.attempt { () throws(TextMistake) in
      try field.required("requirement", members).value("a requirement's id, like MONITORING-7") { RequirementID($0) == nil ? nil : $0 }
    }
    let says = sentence("says", field, members, &list)
    let source = sentence("source", field, members, &list)
    let fields = list.attempt { () throws(TextMistake) in
      let parts = try field.required("parts", members)
      let elements = try parts.elements(of: "parts")
      guard !elements.isEmpty else { throw parts.expected("a part at least") }
      return elements
    }
    guard let id else { return nil }
    var parts: [RequirementPart] = []
    for (index, part) in (fields ?? []).enumerated() {
      if let part = self.part(part, of: id, index, &list) { parts.append(part) }
    }
    guard let says, let source else { return nil }
    return Requirement(id: id, says: says, source: source, parts: parts)
  }

  /// A sentence that must be there and not empty.
  private static func sentence(
    _ key: String, _ field: YAMLField, _ members: [String: YAMLField], _ list: inout MistakeList
  ) -> String? {
    list.attempt { () throws(TextMistake) in
      try field.required(key, members).value("a sentence") { text in
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.isEmpty ? nil : words
      }
    }
  }

  private static func part(
    _ field: YAMLField, of requirement: String, _ index: Int, _ list: inout MistakeList
  ) -> RequirementPart? {
    guard let members = field.members(["part", "says", "source", "state", "missing", "checked"], of: "a part", &list) else { return nil }
    let wanted = "\(requirement).\(letter(index))"
    let id = list.attempt { () throws(TextMistake) in
      try field.required("part", members).value("\(wanted): parts go by letters, in order") { $0 == wanted ? $0 : nil }
    }
    let says = sentence("says", field, members, &list)
    let source = members["source"] == nil ? nil : sentence("source", field, members, &list)
    let word = list.attempt { () throws(TextMistake) in
      try field.required("state", members).value("built or later") { ["built", "later"].contains($0) ? $0 : nil }
    }
    guard let word else { return nil }
    let state: PartState
    if word == "built" {
      if let missing = members["missing"] { list.note(missing.mistake("expected \"missing\" only at a part that is built later")) }
      state = .built(members["checked"].map { checks($0, &list) } ?? PartChecks())
    } else {
      if let checked = members["checked"] { list.note(checked.mistake("expected \"checked\" only at a part that is built")) }
      state = .later(sentence("missing", field, members, &list) ?? "")
    }
    guard let id, let says else { return nil }
    return RequirementPart(
      id: id, says: says, source: source, state: state, place: LedgerPlace(line: field.line, column: field.column))
  }

  /// "a" … "z", then "aa".
  private static func letter(_ index: Int) -> String {
    let letters = (0x61...0x7A).map { Character(Unicode.Scalar($0)) }
    let last = String(letters[index % letters.count])
    return index < letters.count ? last : letter(index / letters.count - 1) + last
  }

  private static func checks(_ field: YAMLField, _ list: inout MistakeList) -> PartChecks {
    guard let members = field.members(["cases", "scenarios", "planted bugs"], of: "what checks a part", &list) else { return PartChecks() }
    var checks = PartChecks()
    checks.cases = references(members["cases"], "ids of contract cases", &list)
    checks.plantedBugs = references(members["planted bugs"], "names of planted bugs", &list)
    guard let scenarios = members["scenarios"] else { return checks }
    guard case .mapping(let pairs) = scenarios.shape else {
      list.note(scenarios.expected("names of checks, each with a list of the scenarios in which it is made"))
      return checks
    }
    for (key, value) in pairs {
      guard let name = list.attempt({ () throws(TextMistake) in try key.text("the name of a check") }) else { continue }
      checks.scenarios.append(
        ScenarioCheck(
          check: LedgerReference(name: name, place: LedgerPlace(line: key.line, column: key.column)),
          scenarios: references(value, "names of scenarios", &list)))
    }
    return checks
  }

  private static func references(_ field: YAMLField?, _ what: String, _ list: inout MistakeList) -> [LedgerReference] {
    guard let field else { return [] }
    let elements = list.attempt { () throws(TextMistake) in try field.elements(of: what) }
    var references: [LedgerReference] = []
    for element in elements ?? [] {
      guard let name = list.attempt({ () throws(TextMistake) in try element.text("one of \(what)") }) else { continue }
      if references.contains(where: { sameBytes($0.name, name) }) {
        list.note(element.mistake("\(name) stands twice in one list"))
      }
      references.append(LedgerReference(name: name, place: LedgerPlace(line: element.line, column: element.column)))
    }
    return references
  }
}

/// The id of a requirement, in its pieces.
public struct RequirementID: Hashable, Sendable, Comparable {
  /// What all ids of a system begin with: MONITORING.
  public var prefix: String
  /// Its number.
  public var number: Int

  /// Reads `MONITORING-7`; nil where the text is none.
  public init?(_ text: String) {
    let pieces = text.split(separator: "-", omittingEmptySubsequences: false)
    guard pieces.count == 2, !pieces[0].isEmpty, pieces[0].utf8.allSatisfy({ (0x41...0x5A).contains($0) }),
      pieces[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(pieces[1]), number > 0
    else { return nil }
    prefix = String(pieces[0])
    self.number = number
  }

  public static func < (left: RequirementID, right: RequirementID) -> Bool {
    (left.prefix, left.number) < (right.prefix, right.number)
  }
}
