// The part of JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it) that our documents need, as values. A keyword that is
// not known is refused when it is read: passed over, it would be a promise that nothing holds.
//
// Known: $ref (to the document's own components), type (one or several), enum (texts, booleans, null), minimum and
// maximum (integers), format int64, minLength and maxLength (in code points), minItems and maxItems, items,
// minProperties and maxProperties, properties, required, additionalProperties (a boolean or a schema), anyOf, allOf;
// title, description, default and examples, which say nothing of a value. Holding a value against one:
// `JSONSchema+Holding.swift`; reading: `JSONSchemaReading.swift`.

import Wire

/// What a JSON value must be.
public struct JSONSchema: Sendable {
  /// A kind of values.
  enum Kind: String, Sendable, CaseIterable {
    case null, boolean, integer, number, string, array, object

    /// "an array".
    var words: String {
      switch self {
      case .null: "null"
      case .array: "an array"
      case .integer: "an integer"
      case .object: "an object"
      case .boolean, .number, .string: "a \(rawValue)"
      }
    }
  }

  /// A value of a list of those that there may be.
  enum Choice: Hashable, Sendable {
    case text(String)
    case boolean(Bool)
    case null
  }

  /// What members that are not listed must be.
  enum Others: Sendable {
    case anything
    case nothing
    /// In a list, as a value cannot hold itself: always of one.
    case each([JSONSchema])
  }

  /// The name of the component that it stands for.
  var reference: String?
  /// The kinds that there may be; all where it is empty.
  var kinds: [Kind] = []
  /// The values that there may be; all where it is empty.
  var choices: [Choice] = []
  /// Whether an integer must fit 64 bits.
  var fits64Bits = false
  /// Bounds of a number.
  var minimum: Int64?
  var maximum: Int64?
  /// Bounds of a text, in code points.
  var minimumLength: Int?
  var maximumLength: Int?
  /// What each element must be, if anything; of one schema at most.
  var items: [JSONSchema] = []
  /// Bounds of the number of elements.
  var minimumItems: Int?
  var maximumItems: Int?
  /// What the members of these names must be.
  var properties: [(name: String, schema: JSONSchema)] = []
  /// Names of members that must be there.
  var required: [String] = []
  var others = Others.anything
  /// Bounds of the number of members.
  var minimumMembers: Int?
  var maximumMembers: Int?
  /// Of each list one must hold.
  var anyOf: [JSONSchema] = []
  /// All must hold.
  var allOf: [JSONSchema] = []

  /// One that everything fits.
  init() {}
}
