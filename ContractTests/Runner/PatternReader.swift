// Reads JSON with variables, to be sent, and JSON to be matched, out of YAML. JSON is YAML, so that an answer can be
// copied into a case as it is; what stands without quotes and is a number, true, false or null in JSON means that, and
// anything else is text.

import Vocabulary
import Wire
import YAMLReading

/// Reads documents of a case.
struct PatternReader {
  /// The variables that have a value.
  var known = Set(Variables.builtin)

  /// Text with variables.
  func template(_ text: String, at field: YAMLField) throws(TextMistake) -> Template {
    do throws(TemplateMistake) {
      return try Template(text, known: known)
    } catch {
      throw field.expected(error.expected)
    }
  }

  /// A document to be sent.
  func template(_ field: YAMLField) throws(TextMistake) -> JSONTemplate {
    switch field.shape {
    case .plain(let text):
      if let value = Self.scalar(text) { return .value(value) }
      return .text(try template(text, at: field))
    case .quoted(let text): return .text(try template(text, at: field))
    case .list(let fields):
      var elements: [JSONTemplate] = []
      for element in fields { elements.append(try template(element)) }
      return .array(elements)
    case .mapping(let fields):
      var members: [(name: String, value: JSONTemplate)] = []
      for (key, value) in fields { members.append((try key.text("a member's name"), try template(value))) }
      return .object(members)
    }
  }

  /// A number, boolean or null as JSON writes it; nil for anything else.
  private static func scalar(_ text: String) -> JSON? {
    guard let value = try? JSON(parsing: text) else { return nil }
    switch value {
    case .null, .bool, .integer, .double, .decimal: return value
    case .string, .array, .object: return nil
    }
  }

  // MARK: matchers

  /// A document to be matched.
  func matcher(_ field: YAMLField) throws(TextMistake) -> JSONMatcher {
    switch field.shape {
    case .plain(let text):
      if let value = Self.scalar(text) { return .value(value) }
      return try textMatcher(text, at: field)
    case .quoted(let text): return try textMatcher(text, at: field)
    case .list(let fields):
      var matchers: [JSONMatcher] = []
      for element in fields { matchers.append(try matcher(element)) }
      return .array(matchers)
    case .mapping(let fields):
      let first = fields.first.flatMap { try? $0.key.text("") } ?? ""
      return ["$each", "$some", "$length"].contains(first) ? try elements(field) : try object(fields)
    }
  }

  private func object(_ fields: [(key: YAMLField, value: YAMLField)]) throws(TextMistake) -> JSONMatcher {
    var members: [(name: String, matcher: JSONMatcher)] = []
    var exactly = false
    for (key, value) in fields {
      let name = try key.text("a member's name")
      if name == "$exactly" {
        exactly = try value.value("true or false") { ["true": true, "false": false][$0] }
      } else {
        members.append((name, try matcher(value)))
      }
    }
    return .object(members, exactly: exactly)
  }

  private func elements(_ field: YAMLField) throws(TextMistake) -> JSONMatcher {
    let members = try field.members(["$each", "$some", "$length"], of: "what the elements of an array must be")
    var some: [JSONMatcher] = []
    if let field = members["$some"] {
      if case .list(let fields) = field.shape {
        for element in fields { some.append(try matcher(element)) }
      } else {
        some = [try matcher(field)]
      }
    }
    return .elements(
      each: try members["$each"].map { field throws(TextMistake) in try matcher(field) }, some: some,
      length: try members["$length"].map { field throws(TextMistake) in try matcher(field) })
  }

  /// Text, or one of the words that begin with $.
  private func textMatcher(_ text: String, at field: YAMLField) throws(TextMistake) -> JSONMatcher {
    let words = Self.words(text)
    guard let first = words.first, first.hasPrefix("$") else { return .text(try template(text, at: field)) }
    if first == "$absent", words.count == 1 { return .absent }
    guard let kind = JSONKind(rawValue: String(first.dropFirst())) else { return .text(try template(text, at: field)) }
    if kind == .string, words.count > 2, words[1] == "contains" {
      return .contains(try template(words[2...].joined(separator: " "), at: field))
    }
    var comparisons: [JSONComparison] = []
    var rest = words.dropFirst()
    while let word = rest.popFirst() {
      guard let comparison = JSONComparison.Operator(rawValue: word), let operand = rest.popFirst() else {
        throw field.expected("$\(kind.rawValue) with comparisons, like $\(kind.rawValue) > 0 <= 11")
      }
      if let value = Self.scalar(operand) {
        comparisons.append(JSONComparison(comparison: comparison, operand: .value(value)))
      } else {
        comparisons.append(JSONComparison(comparison: comparison, operand: .text(try template(operand, at: field))))
      }
    }
    return .kind(kind, comparisons)
  }

  /// The words of a text; `${a + 1}` is one.
  private static func words(_ text: String) -> [String] {
    var words: [String] = []
    for part in text.split(separator: " ") {
      if let last = words.last, last.contains("${"), !last.contains("}") {
        words[words.count - 1] = last + " " + part
      } else {
        words.append(String(part))
      }
    }
    return words
  }
}
