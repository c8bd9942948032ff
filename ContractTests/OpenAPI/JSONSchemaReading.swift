// Reads schemas out of a document. A keyword that is not among those of `JSONSchema.swift` is refused, with the nearest
// one that is known.

import Vocabulary
import Wire
import YAMLReading

/// Reads schemas, and keeps which components they lead to, so that those that are not there can be told of.
struct JSONSchemaReader {
  /// Where each reference stands, and the component that it names.
  private(set) var references: [(field: YAMLField, name: String)] = []

  private static let annotations = ["title", "description", "default", "examples", "deprecated"]
  private static let keywords =
    [
      "$ref", "type", "enum", "format", "minimum", "maximum", "minLength", "maxLength", "items", "minItems", "maxItems", "properties",
      "required", "additionalProperties", "minProperties", "maxProperties", "anyOf", "allOf",
    ] + annotations
  /// How deep schemas may stand in each other in a file.
  private static let greatestDepth = 64

  /// Reads a schema.
  mutating func schema(_ field: YAMLField, depth: Int = 0) throws(TextMistake) -> JSONSchema {
    guard depth < Self.greatestDepth else {
      throw field.mistake("expected at most \(Self.greatestDepth) schemas in each other, found more")
    }
    let members = try field.members(knowing: Self.keywords, of: "a schema")
    var schema = JSONSchema()
    if let reference = members["$ref"] { schema.reference = try component(reference, of: "schemas") }
    if let type = members["type"] { schema.kinds = try kinds(type) }
    if let list = members["enum"] {
      for element in try list.elements(of: "values") { schema.choices.append(try Self.choice(element)) }
    }
    if let format = members["format"] {
      schema.fits64Bits = try format.value("int64, the one format that is known") { $0 == "int64" ? true : nil }
    }
    schema.minimum = try members["minimum"].map { field throws(TextMistake) in try field.value("an integer") { Int64($0) } }
    schema.maximum = try members["maximum"].map { field throws(TextMistake) in try field.value("an integer") { Int64($0) } }
    (schema.minimumLength, schema.maximumLength) = try bounds("Length", members)
    (schema.minimumItems, schema.maximumItems) = try bounds("Items", members)
    (schema.minimumMembers, schema.maximumMembers) = try bounds("Properties", members)
    if let items = members["items"] { schema.items = [try self.schema(items, depth: depth + 1)] }
    if let properties = members["properties"] {
      for (key, value) in try properties.pairs(of: "members and their schemas") {
        schema.properties.append((try key.text("a name"), try self.schema(value, depth: depth + 1)))
      }
    }
    for name in try members["required"]?.elements(of: "names") ?? [] { schema.required.append(try name.text("a name")) }
    if let others = members["additionalProperties"] {
      switch others.shape {
      case .plain("true"): schema.others = .anything
      case .plain("false"): schema.others = .nothing
      case .mapping: schema.others = .each([try self.schema(others, depth: depth + 1)])
      case .plain, .quoted, .list: throw others.expected("true, false, or a schema")
      }
    }
    for form in try members["anyOf"]?.elements(of: "schemas") ?? [] { schema.anyOf.append(try self.schema(form, depth: depth + 1)) }
    for form in try members["allOf"]?.elements(of: "schemas") ?? [] { schema.allOf.append(try self.schema(form, depth: depth + 1)) }
    return schema
  }

  /// The name of the component of a kind that a reference leads to.
  mutating func component(_ field: YAMLField, of kind: String) throws(TextMistake) -> String {
    let start = "#/components/\(kind)/"
    let name = try field.value("a component of this document, like \(start)NAME") { text in
      text.hasPrefix(start) && text.utf8.count > start.utf8.count ? String(text.dropFirst(start.count)) : nil
    }
    if kind == "schemas" { references.append((field, name)) }
    return name
  }

  private func kinds(_ field: YAMLField) throws(TextMistake) -> [JSONSchema.Kind] {
    let words = "a type: \(JSONSchema.Kind.allCases.map(\.rawValue).joined(separator: ", "))"
    guard case .list(let elements) = field.shape else { return [try field.value(words) { JSONSchema.Kind(rawValue: $0) }] }
    var kinds: [JSONSchema.Kind] = []
    for element in elements { kinds.append(try element.value(words) { JSONSchema.Kind(rawValue: $0) }) }
    guard !kinds.isEmpty else { throw field.expected("a list of types that is not empty") }
    return kinds
  }

  private static func choice(_ field: YAMLField) throws(TextMistake) -> JSONSchema.Choice {
    switch field.shape {
    case .plain("null"), .plain("~"), .plain(""): .null
    case .plain("true"): .boolean(true)
    case .plain("false"): .boolean(false)
    case .quoted(let text): .text(text)
    case .plain(let text):
      // A number would be held against texts.
      if Double(text) == nil { .text(text) } else { throw field.expected("a text, a boolean or null") }
    case .list, .mapping: throw field.expected("a text, a boolean or null")
    }
  }

  private func bounds(_ what: String, _ members: [String: YAMLField]) throws(TextMistake) -> (Int?, Int?) {
    func bound(_ key: String) throws(TextMistake) -> Int? {
      guard let field = members[key] else { return nil }
      return try field.value("a number from 0 on") { text in Int(text).flatMap { $0 >= 0 ? $0 : nil } }
    }
    return (try bound("min\(what)"), try bound("max\(what)"))
  }
}

extension YAMLField {
  /// The members of a mapping that may have only these keys; the nearest one is proposed where it has another.
  func members(knowing keys: [String], of what: String) throws(TextMistake) -> [String: YAMLField] {
    guard case .mapping(let pairs) = shape else { throw expected("\(what) (a mapping)") }
    for (key, _) in pairs {
      let name = try key.text("a key")
      guard !keys.contains(where: { sameBytes($0, name) }) else { continue }
      let near = nearestName(to: name, among: keys).map { " (did you mean \"\($0)\"?)" } ?? ""
      throw key.mistake("\"\(name)\" is not known of \(what)\(near): it would hold nothing")
    }
    return try members(keys, of: what)
  }

  /// The pairs of a mapping with any keys.
  func pairs(of what: String) throws(TextMistake) -> [(key: YAMLField, value: YAMLField)] {
    guard case .mapping(let pairs) = shape else { throw expected("\(what) (a mapping)") }
    return pairs
  }
}
