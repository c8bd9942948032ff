// The names that a scenario's faults may use, and what a fault between two groups of them can touch: a fault that can
// touch nothing is a mistake of the file, which is told when it is read.
//
// Limits: that two nodes of one system have a link does not say that they use it.

import Vocabulary
import Wire
import YAMLReading

/// The names that faults may use.
struct FaultNames {
  /// A name, as a fault says it, and what it means.
  private struct Known {
    var role: ScenarioRole
    var system: String
  }

  private let all: [String]
  private let known: [String: Known]
  /// Whether there are no other nodes: else a name that is near to none of these may be one.
  private let areAllKnown: Bool

  /// The names of these systems' nodes. Where a part of the file was not understood that says which nodes there are,
  /// not all are known: it would be a consequence of that mistake alone that a name means nothing.
  init(_ flown: [Scenario.Flown], areAllKnown: Bool = true) {
    self.areAllKnown = areAllKnown
    var names: [String] = []
    var known: [String: Known] = [:]
    for one in flown {
      for role in one.part.roles where !role.nodes.isEmpty {
        names.append(one.prefix + role.name)
        known[one.prefix + role.name] = Known(role: role, system: one.system)
      }
    }
    all = names
    self.known = known
  }

  /// One of them, for examples.
  var example: String { all.first ?? "NODE" }

  /// "the name of a node: a, b; or of a group: c; or of who is found when it begins: leader".
  private func words(_ what: String, near text: String?) -> String {
    func list(_ isWanted: (ScenarioRole) -> Bool) -> String {
      all.filter { known[$0].map { isWanted($0.role) } ?? false }.joined(separator: ", ")
    }
    let groups = list(\.isGroup)
    let aims = list(\.isAim)
    var words = "\(what): \(list { !$0.isGroup && !$0.isAim })"
    if !groups.isEmpty { words += "; or of a group: \(groups)" }
    if !aims.isEmpty { words += "; or of whoever it is then: \(aims)" }
    let near = text.map(near) ?? []
    return near.isEmpty ? words : words + " (did you mean \(near.map { "\"\($0)\"" }.joined(separator: " or "))?)"
  }

  /// The names that may be meant by one that is none: the nearest, or those that it is without their systems.
  private func near(_ text: String) -> [String] {
    if let nearest = nearestName(to: text, among: all) { return [nearest] }
    return all.filter { name in
      guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")) else { return false }
      return name.utf8[name.utf8.index(after: slash)...].elementsEqual(text.utf8)
    }
  }

  /// Reads one name.
  func name(_ phrase: inout Phrase) throws(TextMistake) -> String {
    let text = phrase.nextWord
    if let text, text.utf8.contains(UInt8(ascii: ",")) {
      throw phrase.expected(
        "one name: commas join several only in boxes and in faults between nodes (partition, cut, lose, slow link …); write a line for each, or the "
          + "name of a group, all of whose nodes it befalls")
    }
    return try phrase.value(words("the name of a node", near: text)) { mayBe($0) ? $0 : nil }
  }

  /// Reads names that are joined by commas: `a` or `a,b`.
  func names(_ phrase: inout Phrase) throws(TextMistake) -> [String] {
    let parts = phrase.nextWord?.split(separator: ",", omittingEmptySubsequences: false).map { String($0) } ?? []
    let unknown = parts.first { !mayBe($0) }
    return try phrase.value(words("names, joined by commas, each of a node", near: unknown)) { _ in unknown == nil ? parts : nil }
  }

  private func mayBe(_ name: String) -> Bool {
    known[name] != nil || !areAllKnown && !name.isEmpty && nearestName(to: name, among: all) == nil
  }

  /// Why a fault of the name of `name`, or of all names where it is nil, touches nothing; nil where it does.
  func mistake(ofName name: String?) -> String? {
    guard let name else {
      return !areAllKnown || all.contains { isCalledByName($0) } ? nil : "a fault that can touch something: nobody calls another by name"
    }
    return isCalledByName(name) ? nil : "a fault that can touch \(name): nobody calls it by its name"
  }

  private func isCalledByName(_ name: String) -> Bool { known[name]?.role.isCalledByName ?? !areAllKnown }

  /// Those of `names` that mean whoever it is when the fault begins.
  func aims(among names: [String]) -> [String] { names.filter { known[$0]?.role.isAim ?? false } }

  /// All of that kind.
  var allAims: [String] { aims(among: all) }

  /// Why a fault on the links between two groups touches nothing, or not what it names; nil where it does.
  func mistake(_ first: [String], _ second: [String], needsMessages: Bool = false) -> String? {
    guard areAllKnown || (first + second).allSatisfy({ known[$0] != nil }) else { return nil }
    for (own, others) in [(first, second), (second, first)] {
      for name in own {
        guard let one = known[name] else { continue }
        let near = others.filter { known[$0]?.system == one.system }
        guard !near.isEmpty else {
          return "a fault that can touch \(name): nodes of two systems have no link between them"
        }
        let hasLink = near.contains { other in
          guard let other = known[other] else { return false }
          return one.role.nodes.contains { node in other.role.nodes.contains { $0 != node } }
        }
        guard hasLink else { return "a fault that can touch \(name): it has no link to itself, and the other side is nobody else" }
      }
    }
    guard needsMessages, let deaf = (first + second).first(where: { !(known[$0]?.role.sendsMessages ?? false) }) else { return nil }
    return "a fault that can touch \(deaf), which talks over connections: nothing on them is repeated or overtaken"
  }
}
