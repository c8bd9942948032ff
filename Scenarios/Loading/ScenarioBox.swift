// A box of a scenario: nodes that stand in one machine. A line of `boxes` reads `NODE,NODE on 4 cores`.

import Vocabulary
import YAMLReading

/// Nodes that stand in one box; the others have each one of its own.
public struct ScenarioBox: Sendable, Hashable {
  /// Which nodes, by the names that faults call them by; nil for all that serve.
  public var nodes: [String]?
  /// How many cores it has; nil for the usual number.
  public var cores: Int?

  /// A box.
  public init(_ nodes: [String]?, cores: Int? = nil) {
    self.nodes = nodes
    self.cores = cores
  }

  /// Reads `all`, or names joined by commas of those in `known`; then `on 4 cores`, which may be left out.
  init(_ field: YAMLField, known: FaultNames) throws(TextMistake) {
    var phrase = try field.phrase("a box, like: \(known.example) on 4 cores, or: all")
    if !phrase.takes("all") {
      let names = try known.names(&phrase)
      guard known.aims(among: names).isEmpty else { throw field.expected("a box of nodes that are known from the start") }
      nodes = names
    }
    if phrase.takes("on") {
      cores = try phrase.value("how many cores, 1 to 1024") { text in Int(text).flatMap { (1...1_024).contains($0) ? $0 : nil } }
      _ = try phrase.oneOf(["cores", "core"], "\"cores\"")
    }
    try phrase.expectEnd()
  }
}
