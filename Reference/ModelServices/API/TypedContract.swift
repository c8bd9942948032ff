// What a service takes and gives, as types of named fields: the contract that tasks and answers are held against, and by
// which two versions of a service are compared.
//
// Two versions are compatible where whoever calls the one may call the other: it wants no more than he sends, and gives
// what he reads. A field that is optional and that a version does not know is left out on the way to it; so both a
// version with new optional fields may follow, and the old one be gone back to.

import Vocabulary
import Wire

/// The contract of a service.
public struct TypedContract: Sendable, Hashable {
  /// What a field holds.
  public enum Kind: String, Sendable, CaseIterable {
    case text, number, integer, boolean
    /// A block of samples (`PCM16`).
    case pcm16
  }

  /// A field.
  public struct Field: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// What it holds.
    public var kind: Kind
    /// Whether it may be missing.
    public var isOptional: Bool

    /// A field.
    public init(_ name: String, _ kind: Kind, isOptional: Bool = false) {
      self.name = name
      self.kind = kind
      self.isOptional = isOptional
    }
  }

  /// Most fields of a side, and the longest name of one in bytes.
  static let maximumFields = 32
  static let maximumNameBytes = 64
  /// Longest text of a field in bytes.
  public static let maximumTextBytes = 64 << 10

  /// What tasks hand in.
  public var input: [Field]
  /// What answers hold.
  public var output: [Field]

  /// A contract.
  public init(input: [Field], output: [Field]) {
    self.input = input
    self.output = output
  }

  // MARK: reading and writing

  /// Reads {"input": {NAME: KIND, …}, "output": {…}}; a kind that ends in ? may be missing.
  public init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["input", "output"])
    input = try Self.fields(try field.member("input"))
    output = try Self.fields(try field.member("output"))
  }

  private static func fields(_ field: JSONField) throws(FieldMistake) -> [Field] {
    var fields: [Field] = []
    for (name, value) in try field.fields(maximum: maximumFields) {
      guard (1...maximumNameBytes).contains(name.utf8.count) else {
        throw value.mismatch("a name of 1 to \(maximumNameBytes) bytes", found: "one of \(name.utf8.count)")
      }
      let word = try value.string(maximumBytes: 16)
      guard let kind = Kind.allCases.first(where: { sameBytes($0.rawValue, word.hasSuffix("?") ? String(word.dropLast()) : word) }) else {
        throw value.mismatch(
          "one of \(Kind.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")), with ? where it may be missing",
          found: quoted(word))
      }
      fields.append(Field(name, kind, isOptional: word.hasSuffix("?")))
    }
    return fields
  }

  /// Writes it as it is read.
  public func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    for (name, fields) in [("input", input), ("output", output)] {
      writer.name(name)
      writer.beginObject()
      for field in fields { writer.member(field.name, field.kind.rawValue + (field.isOptional ? "?" : "")) }
      writer.endObject()
    }
    writer.endObject()
  }

  // MARK: holding values against it

  /// Throws where `value` is not what `fields` say. Names that `others` have beside are passed over.
  public static func check(_ value: JSONField, _ fields: [Field], knownBeside others: [Field] = []) throws(FieldMistake) {
    try value.onlyMembers((fields + others.filter { other in !fields.contains { sameBytes($0.name, other.name) } }).map(\.name))
    for field in fields {
      guard let found = try value.optionalMember(field.name) else {
        if field.isOptional { continue }
        _ = try value.member(field.name)
        throw value.mismatch("a value for \(quoted(field.name))", found: "null")
      }
      try check(found, field.kind)
    }
  }

  private static func check(_ field: JSONField, _ kind: Kind) throws(FieldMistake) {
    switch kind {
    case .text: _ = try field.string(maximumBytes: maximumTextBytes)
    case .number: _ = try field.finiteDouble()
    case .integer: _ = try field.integer()
    case .boolean: _ = try field.bool()
    case .pcm16:
      guard PCM16.samples(try field.string(maximumBytes: 1 << 20)) != nil else {
        throw field.mismatch("16-bit samples in Base64, \(PCM16.maximumSamples) at most", found: "something else")
      }
    }
  }

  /// `value` without the members that no field of `fields` names.
  public static func only(_ fields: [Field], of value: JSON) -> JSON {
    guard case .object(let members) = value else { return value }
    return .object(members.filter { member in fields.contains { sameBytes($0.name, member.name) } })
  }

  // MARK: comparing

  /// Why a service of this contract cannot take the place of one of `former`; nil where it can.
  public func incompatibility(with former: TypedContract) -> String? {
    for field in input {
      guard let before = former.input.first(where: { sameBytes($0.name, field.name) }) else {
        if field.isOptional { continue }
        return "it wants \(quoted(field.name)), which callers do not send"
      }
      if !Self.holds(field.kind, before.kind) {
        return "it takes \(quoted(field.name)) as \(field.kind.rawValue), and callers send \(before.kind.rawValue)"
      }
      if before.isOptional && !field.isOptional { return "it wants \(quoted(field.name)), which callers may leave out" }
    }
    for field in former.output where !field.isOptional {
      guard let now = output.first(where: { sameBytes($0.name, field.name) }) else {
        return "it does not give \(quoted(field.name)), which callers read"
      }
      if now.isOptional { return "it may leave out \(quoted(field.name)), which callers read" }
      if !Self.holds(field.kind, now.kind) {
        return "it gives \(quoted(field.name)) as \(now.kind.rawValue), and callers read \(field.kind.rawValue)"
      }
    }
    return nil
  }

  /// Why a model of the contract `model` cannot serve this one; nil where it can: it gets what it wants, and gives what is
  /// promised.
  public func lack(of model: TypedContract) -> String? {
    for field in model.input where !field.isOptional {
      guard let own = input.first(where: { sameBytes($0.name, field.name) }), !own.isOptional, Self.holds(field.kind, own.kind) else {
        return "the model wants \(quoted(field.name)) as \(field.kind.rawValue)"
      }
    }
    for field in output where !field.isOptional {
      guard let own = model.output.first(where: { sameBytes($0.name, field.name) }), !own.isOptional, Self.holds(field.kind, own.kind)
      else { return "the model does not always give \(quoted(field.name)) as \(field.kind.rawValue)" }
    }
    return nil
  }

  /// Whether a field of kind `wide` holds all values of kind `narrow`.
  private static func holds(_ wide: Kind, _ narrow: Kind) -> Bool { wide == narrow || (wide == .number && narrow == .integer) }
}
