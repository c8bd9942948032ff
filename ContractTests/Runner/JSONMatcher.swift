// A small matcher of JSON: exact values, kinds, comparisons, arrays, and objects in which unknown members are allowed.
//
// Numbers are equal when they are the same number, however they are spelled (75 and 75.0) and however long they are,
// but -0.0 is not 0: stored values must come back bit for bit (MONITORING-15). No comparison goes through a double. A
// mismatch names the place, what was expected there, and what was found.

import Vocabulary
import Wire

/// The kinds that a matcher knows.
public enum JSONKind: String, Sendable, CaseIterable {
  /// Whatever is there, null too.
  case any
  /// Text.
  case string
  /// A number.
  case number
  /// A number without a fraction.
  case integer
  /// true or false.
  case boolean
  /// An array.
  case array
  /// An object.
  case object
  /// null.
  case null

  func holds(_ value: JSON) -> Bool {
    switch (self, value) {
    case (.any, _), (.string, .string), (.number, .integer), (.number, .double), (.number, .decimal), (.integer, .integer),
      (.boolean, .bool), (.array, .array), (.object, .object), (.null, .null):
      true
    case (.integer, .double), (.integer, .decimal): value.exactNumber?.isInteger ?? false
    case (.string, _), (.number, _), (.integer, _), (.boolean, _), (.array, _), (.object, _), (.null, _): false
    }
  }
}

/// A comparison of numbers, or of equality of any values.
public struct JSONComparison: Sendable {
  /// How two are compared.
  public enum Operator: String, Sendable, CaseIterable {
    /// Equal.
    case equal = "=="
    /// Not equal.
    case notEqual = "!="
    /// Greater.
    case greater = ">"
    /// Not less.
    case greaterOrEqual = ">="
    /// Less.
    case less = "<"
    /// Not greater.
    case lessOrEqual = "<="
  }

  /// How.
  var comparison: Operator
  /// With what.
  var operand: JSONTemplate

  func holds(_ value: JSON, _ operand: JSON) -> Bool {
    switch comparison {
    case .equal: return JSONMatcher.isSame(operand, value)
    case .notEqual: return !JSONMatcher.isSame(operand, value)
    case .greater, .greaterOrEqual, .less, .lessOrEqual:
      if case .integer(let one) = value, case .integer(let other) = operand { return compare(one, other) }
      guard let one = value.exactNumber, let other = operand.exactNumber else { return false }
      return compare(one, other)
    }
  }

  private func compare<Number: Comparable>(_ one: Number, _ other: Number) -> Bool {
    switch comparison {
    case .equal: one == other
    case .notEqual: one != other
    case .greater: one > other
    case .greaterOrEqual: one >= other
    case .less: one < other
    case .lessOrEqual: one <= other
    }
  }
}

/// What a JSON value must be.
public indirect enum JSONMatcher: Sendable {
  /// This value.
  case value(JSON)
  /// This text, or the value of this variable.
  case text(Template)
  /// Of this kind, and these comparisons hold.
  case kind(JSONKind, [JSONComparison])
  /// Text in which this text stands.
  case contains(Template)
  /// No such member.
  case absent
  /// An array of exactly these.
  case array([JSONMatcher])
  /// An array: each element is so, some element is so (each of the list), and its length is so.
  case elements(each: JSONMatcher?, some: [JSONMatcher], length: JSONMatcher?)
  /// An object with these members; with others too unless `exactly`.
  case object([(name: String, matcher: JSONMatcher)], exactly: Bool)

  /// Where `found` is not what is expected; nil where it is. `found` is nil for a member that is missing.
  public func mismatch(_ found: JSON?, at path: String = "", _ variables: Variables) throws(UnfitVariable) -> FieldMistake? {
    guard let found else {
      if case .absent = self { return nil }
      return FieldMistake(path: path, expected: words, found: "nothing")
    }
    func mismatch(_ expected: String) -> FieldMistake { FieldMistake(path: path, expected: expected, found: found.shown) }
    switch self {
    case .absent: return mismatch("no such member")
    case .value(let value): return Self.isSame(value, found) ? nil : mismatch(value.shown)
    case .text(let template):
      let value = try JSONTemplate.text(template).json(variables)
      return Self.isSame(value, found) ? nil : mismatch(value.shown)
    case .contains(let template):
      let part = try template.text(variables)
      guard case .string(let text) = found, Self.contains(text, part) else { return mismatch("text with \"\(part)\"") }
      return nil
    case .kind(let kind, let comparisons):
      guard kind.holds(found) else { return mismatch(words) }
      for comparison in comparisons {
        let operand = try comparison.operand.json(variables)
        if !comparison.holds(found, operand) { return mismatch("\(kind.rawValue) \(comparison.comparison.rawValue) \(operand.shown)") }
      }
      return nil
    case .array(let matchers):
      guard case .array(let elements) = found else { return mismatch(words) }
      for (index, matcher) in matchers.enumerated() where elements.indices.contains(index) {
        if let inner = try matcher.mismatch(elements[index], at: "\(path)[\(index)]", variables) { return inner }
      }
      return elements.count == matchers.count ? nil : mismatch(words)
    case .elements(let each, let some, let length):
      guard case .array(let elements) = found else { return mismatch(words) }
      if let inner = try length?.mismatch(.integer(Int64(elements.count)), at: "the length of \(path)", variables) { return inner }
      for (index, element) in elements.enumerated() {
        if let inner = try each?.mismatch(element, at: "\(path)[\(index)]", variables) { return inner }
      }
      for matcher in some {
        var isFound = false
        for element in elements where !isFound { isFound = try matcher.mismatch(element, at: path, variables) == nil }
        if !isFound { return mismatch("an array with \(try matcher.words(variables)) in it") }
      }
      return nil
    case .object(let members, let exactly):
      guard case .object(let present) = found else { return mismatch(words) }
      for (name, matcher) in members {
        if let inner = try matcher.mismatch(found[name], at: path.isEmpty ? name : "\(path).\(name)", variables) { return inner }
      }
      if exactly, let other = present.first(where: { member in !members.contains { sameBytes($0.name, member.name) } }) {
        return FieldMistake(
          path: path, expected: "only the members \(members.map(\.name).joined(separator: ", "))", found: "the member \(other.name)")
      }
      return nil
    }
  }

  /// What is expected, with its variables filled in where it is a text.
  private func words(_ variables: Variables) throws(UnfitVariable) -> String {
    switch self {
    case .text(let template): return try JSONTemplate.text(template).json(variables).shown
    case .object(let members, _):
      var parts: [String] = []
      for member in members { parts.append("\(member.name): \(try member.matcher.words(variables))") }
      return "{\(parts.joined(separator: ", "))}"
    case .value, .kind, .contains, .absent, .array, .elements: return words
    }
  }

  /// What is expected, in a few words.
  private var words: String {
    switch self {
    case .value(let value): value.shown
    case .text: "the text"
    case .contains: "text"
    case .absent: "no such member"
    case .kind(let kind, let comparisons):
      ([kind == .any ? "any value" : kind.rawValue] + comparisons.map { "\($0.comparison.rawValue) …" }).joined(separator: " ")
    case .array(let matchers): "an array of \(matchers.count)"
    case .elements: "an array"
    case .object: "an object"
    }
  }

  /// Whether two values are the same: numbers by value, the sign of zero counted where it is expected.
  static func isSame(_ expected: JSON, _ found: JSON) -> Bool {
    switch (expected, found) {
    case (.array(let one), .array(let other)): return one.count == other.count && zip(one, other).allSatisfy { isSame($0, $1) }
    case (.object(let one), .object(let other)):
      return one.count == other.count
        && one.allSatisfy { member in other.contains { sameBytes($0.name, member.name) && isSame(member.value, $0.value) } }
    case (.integer, _), (.double, _), (.decimal, _): return expected.isSameNumber(as: found)
    case (.null, _), (.bool, _), (.string, _), (.array, _), (.object, _): return expected == found
    }
  }

  /// Whether `part` stands in `text`, byte by byte.
  static func contains(_ text: String, _ part: String) -> Bool {
    let (whole, wanted) = (Array(text.utf8), Array(part.utf8))
    guard wanted.count <= whole.count else { return false }
    return (0...(whole.count - wanted.count)).contains { whole[$0..<($0 + wanted.count)].elementsEqual(wanted) }
  }
}
