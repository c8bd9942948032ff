// Holds a JSON value against a schema. The first thing that does not fit is told, with its path in the value.
//
// Numbers are compared as they are spelled: an integer that no 64 bits hold is none of format int64. Of several forms
// (`anyOf`) the mistake of the one that fits furthest is told. Limit: schemas that stand in each other deeper than
// `greatestDepth`, or lead to themselves without going into the value, fit nothing.

import Vocabulary
import Wire

extension JSONSchema {
  /// How deep schemas may stand in each other: more than a value can.
  static let greatestDepth = 600

  /// Where `value` does not fit; nil where it does. `components` are the document's schemas by name, `path` leads to
  /// the value.
  func mistake(in value: JSON, at path: String = "", _ components: [ExactName: JSONSchema], depth: Int = 0) -> FieldMistake? {
    guard depth < Self.greatestDepth else {
      return FieldMistake(path: path, expected: "a schema that ends", found: "one that leads to itself")
    }
    if let reference {
      guard let schema = components[ExactName(reference)] else {
        return FieldMistake(path: path, expected: "the schema \(reference)", found: "none")
      }
      if let mistake = schema.mistake(in: value, at: path, components, depth: depth + 1) { return mistake }
    }
    if !kinds.isEmpty, !kinds.contains(where: { Self.isOf($0, value) }) {
      return FieldMistake(path: path, expected: kinds.map(\.words).joined(separator: " or "), found: Self.words(value))
    }
    if !choices.isEmpty, !choices.contains(where: { Self.isSame($0, value) }) {
      return FieldMistake(path: path, expected: "one of \(choices.map(Self.words).joined(separator: ", "))", found: Self.words(value))
    }
    for schema in allOf {
      if let mistake = schema.mistake(in: value, at: path, components, depth: depth + 1) { return mistake }
    }
    if let mistake = nearest(of: anyOf, to: value, at: path, components, depth) { return mistake }
    switch value {
    case .null, .bool: return nil
    case .integer, .double, .decimal: return numberMistake(value, path)
    case .string(let text): return countMistake(text.unicodeScalars.count, minimumLength, maximumLength, "characters", path)
    case .array(let elements):
      if let mistake = countMistake(elements.count, minimumItems, maximumItems, "elements", path) { return mistake }
      guard let schema = items.first else { return nil }
      for (index, element) in elements.enumerated() {
        if let mistake = schema.mistake(in: element, at: "\(path)[\(index)]", components, depth: depth + 1) { return mistake }
      }
      return nil
    case .object(let members): return membersMistake(members, path, components, depth)
    }
  }

  private func membersMistake(
    _ members: [JSON.Member], _ path: String, _ components: [ExactName: JSONSchema], _ depth: Int
  ) -> FieldMistake? {
    if let mistake = countMistake(members.count, minimumMembers, maximumMembers, "members", path) { return mistake }
    for name in required where !members.contains(where: { sameBytes($0.name, name) }) {
      return FieldMistake(path: Self.path(path, name), expected: "a value", found: "none")
    }
    for member in members {
      let place = Self.path(path, member.name)
      if let known = properties.first(where: { sameBytes($0.name, member.name) }) {
        if let mistake = known.schema.mistake(in: member.value, at: place, components, depth: depth + 1) { return mistake }
        continue
      }
      switch others {
      case .anything: continue
      case .nothing:
        let names = properties.map(\.name)
        let near = nearestName(to: member.name, among: names).map { " (did you mean \"\($0)\"?)" } ?? ""
        return FieldMistake(path: place, expected: "one of the members \(names.joined(separator: ", "))\(near)", found: "this one")
      case .each(let schemas):
        for schema in schemas {
          if let mistake = schema.mistake(in: member.value, at: place, components, depth: depth + 1) { return mistake }
        }
      }
    }
    return nil
  }

  /// The mistake of the form that fits furthest; nil where one fits, or there is none.
  private func nearest(
    of forms: [JSONSchema], to value: JSON, at path: String, _ components: [ExactName: JSONSchema], _ depth: Int
  ) -> FieldMistake? {
    var nearest: FieldMistake?
    for form in forms {
      guard let mistake = form.mistake(in: value, at: path, components, depth: depth + 1) else { return nil }
      if mistake.path.utf8.count > nearest?.path.utf8.count ?? -1 { nearest = mistake }
    }
    guard var mistake = nearest else { return nil }
    if forms.count > 1 { mistake.expected = "one of \(forms.count) forms; of the nearest: \(mistake.expected)" }
    return mistake
  }

  private func numberMistake(_ value: JSON, _ path: String) -> FieldMistake? {
    if fits64Bits, kinds.contains(.integer), Self.integer(value) == nil {
      return FieldMistake(path: path, expected: "an integer of 64 bits", found: Self.words(value))
    }
    func isBelow(_ bound: Int64) -> Bool {
      if let integer = Self.integer(value) { return integer < bound }
      return (try? JSONField(value).finiteDouble()).map { $0 < Double(bound) } ?? false
    }
    func isAbove(_ bound: Int64) -> Bool {
      if let integer = Self.integer(value) { return integer > bound }
      return (try? JSONField(value).finiteDouble()).map { $0 > Double(bound) } ?? true
    }
    if let minimum, isBelow(minimum) { return FieldMistake(path: path, expected: "at least \(minimum)", found: Self.words(value)) }
    if let maximum, isAbove(maximum) { return FieldMistake(path: path, expected: "at most \(maximum)", found: Self.words(value)) }
    return nil
  }

  private func countMistake(_ count: Int, _ minimum: Int?, _ maximum: Int?, _ what: String, _ path: String) -> FieldMistake? {
    if let minimum, count < minimum { return FieldMistake(path: path, expected: "at least \(minimum) \(what)", found: "\(count)") }
    if let maximum, count > maximum { return FieldMistake(path: path, expected: "at most \(maximum) \(what)", found: "\(count)") }
    return nil
  }

  // MARK: kinds

  private static func isOf(_ kind: Kind, _ value: JSON) -> Bool {
    switch (kind, value) {
    case (.null, .null), (.boolean, .bool), (.string, .string), (.array, .array), (.object, .object): true
    case (.number, .integer), (.number, .double), (.number, .decimal), (.integer, .integer): true
    case (.integer, .double): integer(value) != nil
    case (.integer, .decimal(let decimal)): decimal.isInteger
    case (.null, _), (.boolean, _), (.string, _), (.array, _), (.object, _), (.number, _), (.integer, _): false
    }
  }

  private static func integer(_ value: JSON) -> Int64? { try? JSONField(value).integer() }

  private static func isSame(_ choice: Choice, _ value: JSON) -> Bool {
    switch (choice, value) {
    case (.null, .null): true
    case (.boolean(let one), .bool(let other)): one == other
    case (.text(let one), .string(let other)): sameBytes(one, other)
    case (.null, _), (.boolean, _), (.text, _): false
    }
  }

  // MARK: words

  private static func words(_ choice: Choice) -> String {
    switch choice {
    case .null: "null"
    case .boolean(let boolean): "\(boolean)"
    case .text(let text): "\"\(text)\""
    }
  }

  /// The value in a few words: numbers and short texts themselves, of all else its kind.
  static func words(_ value: JSON) -> String {
    switch value {
    case .integer, .double, .decimal, .bool, .null: (try? value.serializedText()) ?? value.kind
    case .string(let text): text.utf8.count <= 60 ? "\"\(text)\"" : value.kind
    case .array, .object: value.kind
    }
  }

  private static func path(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}
