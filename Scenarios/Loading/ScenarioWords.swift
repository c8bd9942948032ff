// What a system adds to scenario files: its own keys, loads and objectives, and how each is read. A system's room says
// it in one value; the reader knows no system.

import Vocabulary
import YAMLReading

/// A name that faults may use: of one node, of a group, or of whoever it is when the fault begins.
public struct ScenarioRole: Sendable, Hashable {
  /// The name.
  public var name: String
  /// The nodes that it may mean; a role without any is none that a fault may name.
  public var nodes: [String]
  /// Whether it means one of them, who is known when the fault begins: the leader.
  public var isAim: Bool
  /// Whether they send each other messages (consensus, gossip), which alone can be repeated and overtaken.
  public var sendsMessages: Bool
  /// Whether somebody calls them by their names, which alone faults of names touch.
  public var isCalledByName = false

  /// A role of some nodes.
  public init(_ name: String, _ nodes: [String], isAim: Bool = false, sendsMessages: Bool = false) {
    self.name = name
    self.nodes = nodes
    self.isAim = isAim
    self.sendsMessages = sendsMessages
  }

  /// The role of one node alone, which has its name.
  public init(node: String, sendsMessages: Bool = false, isCalledByName: Bool = false) {
    self.init(node, [node], sendsMessages: sendsMessages)
    self.isCalledByName = isCalledByName
  }

  /// Whether it is a group's name, and not that of one node.
  public var isGroup: Bool { !isAim && nodes != [name] }
}

/// What a scenario says of one system, as its own reader understood it.
public protocol ScenarioPart: Sendable {
  /// The names that faults may use for its nodes and groups of nodes.
  var roles: [ScenarioRole] { get }
  /// Whether its loads send requests that are timed, by which objectives judge.
  var sendsRequests: Bool { get }
}

/// The words that a system adds to scenario files.
public protocol ScenarioWords: Sendable {
  /// The system's name, as files say it.
  var name: String { get }
  /// Its keys beside `load` and `objectives`.
  var keys: [String] { get }
  /// Its own objectives: the word that each begins with, and an example.
  var ownObjectives: [(word: String, example: String)] { get }
  /// Reads what a scenario says of it. Mistakes go into the reading's list, and then the part only says what faults may
  /// name.
  func part(_ reading: inout PartReading) -> any ScenarioPart
  /// What must stand in a scenario for the own objective that begins with `word` to mean anything, and does not; in
  /// words of what was expected. The names of its own nodes begin with `prefix` in `faults`.
  func lack(for word: String, _ faults: [ScenarioFaultKind], prefix: String) -> String?
}

extension ScenarioWords {
  /// Nothing: most objectives are judged by what loads sent.
  public func lack(for word: String, _ faults: [ScenarioFaultKind], prefix: String) -> String? { nil }
}

/// The part of a scenario file that is about one system, while it is read.
public struct PartReading {
  /// The mapping that the keys stand in.
  public let root: YAMLField
  /// What stands at the keys.
  public let members: [String: YAMLField]
  /// How long the loads send; very long where the file does not say it right, so that nothing is too late.
  public let duration: TimeSpan
  /// The mistakes so far.
  public var mistakes: MistakeList
  /// Objectives that begin with one of the system's own words.
  public let objectives: [YAMLField]

  /// The loads, each read by `read`; what cannot be read is left out.
  public mutating func loads<Load>(_ read: (YAMLField) throws(TextMistake) -> Load) -> [Load] {
    let (root, members) = (root, members)
    let fields = mistakes.attempt { () throws(TextMistake) in try root.required("load", members).elements(of: "loads") }
    return mistakes.each(fields, read)
  }

  /// The elements at a key, each read by `read`; none where the key is left out.
  public mutating func elements<Element>(
    _ key: String, _ read: (YAMLField) throws(TextMistake) -> Element
  ) -> [Element] {
    guard let field = members[key] else { return [] }
    let fields = mistakes.attempt { () throws(TextMistake) in try field.elements(of: key) }
    return mistakes.each(fields, read)
  }

  /// What stands at a key, read by `read`; `fallback` where the key is left out, or that is a mistake.
  public mutating func value<Value>(
    _ key: String, or fallback: Value, _ read: (YAMLField) throws(TextMistake) -> Value
  ) -> Value {
    guard let field = members[key] else { return fallback }
    return mistakes.attempt { () throws(TextMistake) in try read(field) } ?? fallback
  }

  /// What stands at a key that must be there; nil where it is missing, or that is a mistake.
  public mutating func required<Value>(_ key: String, _ read: (YAMLField) throws(TextMistake) -> Value) -> Value? {
    let (root, members) = (root, members)
    return mistakes.attempt { () throws(TextMistake) in try read(try root.required(key, members)) }
  }

  /// The system's own objectives, each read by `read`.
  public mutating func ownObjectives<Objective>(_ read: (YAMLField) throws(TextMistake) -> Objective) -> [Objective] {
    mistakes.each(objectives, read)
  }
}
