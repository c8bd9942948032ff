// A JSON text as a value: the tree that the parser returns and the writer takes.
//
// Objects keep their members in source order, so that no hash order can reach a reply, a file or a trace. Integers that
// fit 64 bits are kept exact and apart from doubles (offsets and timestamps in nanoseconds would lose digits as
// doubles), and any number that is neither, or is spelled otherwise than we would spell it, keeps its spelling: what is
// read and written again comes out as it came in. Limits: see `JSONLimits`. Serves every API room (MONITORING-1, -6,
// -12, -19, -23 …).

import Vocabulary

/// A JSON value (RFC 8259 §3).
public enum JSON: Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number without fraction and exponent that fits 64 bits, exact. `-0` is not one.
  case integer(Int64)
  /// A double. From the parser only a number whose spelling is the shortest one of its double, such as `75.5` or
  /// `1e-07`: never NaN or infinite.
  case double(Double)
  /// Any other number, as it was spelled: `18446744073709551615`, `3.0e-400`, `1.50`, `1e5`.
  case decimal(ExactDecimal)
  /// Text. Compared by its bytes, not by Unicode's canonical equivalence.
  case string(String)
  /// Values in order.
  case array([JSON])
  /// Members in source order. Names are distinct when it comes from the parser.
  case object([Member])

  /// One name with its value.
  public struct Member: Sendable, Equatable {
    /// The name, unescaped.
    public var name: String
    /// The value.
    public var value: JSON

    /// A member.
    @inlinable
    public init(_ name: String, _ value: JSON) {
      self.name = name
      self.value = value
    }

    /// Same bytes in the name, same value.
    public static func == (left: Member, right: Member) -> Bool {
      sameBytes(left.name, right.name) && left.value == right.value
    }
  }
}

extension JSON: Equatable {
  /// Same tree, bit for bit: strings by their UTF-8 bytes, doubles by their bits (−0 differs from 0), other numbers by
  /// their spelling, members in order. Whether two numbers are the same number is asked by `isSameNumber(as:)`.
  public static func == (left: JSON, right: JSON) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let one), .bool(let other)): one == other
    case (.integer(let one), .integer(let other)): one == other
    case (.double(let one), .double(let other)): one.bitPattern == other.bitPattern
    case (.decimal(let one), .decimal(let other)): sameBytes(one.spelling, other.spelling)
    case (.string(let one), .string(let other)): sameBytes(one, other)
    case (.array(let one), .array(let other)): one == other
    case (.object(let one), .object(let other)): one == other
    case (.null, _), (.bool, _), (.integer, _), (.double, _), (.decimal, _), (.string, _), (.array, _), (.object, _): false
    }
  }
}

extension JSON {
  /// The value of the member with this name; nil when this is no object or has no such member.
  @inlinable
  public subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    for member in members where member.name == name && member.name.utf8.elementsEqual(name.utf8) {
      return member.value
    }
    return nil
  }

  /// What this value is, in the words of an error message: `a string`, `null`, `an object` …
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .double, .decimal: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// Text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An exact integer.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// A double.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// `null`.
  public init(nilLiteral: ()) { self = .null }
  /// Values in order.
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// Members in the order written.
  public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { Member($0.0, $0.1) }) }
}

/// How much of a JSON text is read before it is refused. The defaults suit a request body.
public struct JSONLimits: Sendable, Equatable {
  /// The greatest depth that can be asked for: deeper recursion could overflow the stack of a thread.
  public static let greatestDepth = 512

  /// The longest text, in bytes.
  public var maximumBytes: Int
  /// How many arrays and objects may stand inside each other; values above `greatestDepth` count as that.
  public var maximumDepth: Int
  /// How many values (of any kind, containers too) the text may hold.
  public var maximumValues: Int
  /// The longest number, in bytes.
  public var maximumNumberBytes: Int

  /// Limits: 16 MiB, 64 levels, a million values, numbers of 1,024 bytes, unless said otherwise.
  public init(maximumBytes: Int = 16 << 20, maximumDepth: Int = 64, maximumValues: Int = 1_000_000, maximumNumberBytes: Int = 1024) {
    self.maximumBytes = maximumBytes
    self.maximumDepth = min(maximumDepth, JSONLimits.greatestDepth)
    self.maximumValues = maximumValues
    self.maximumNumberBytes = maximumNumberBytes
  }
}

/// The place of the first name that occurred before, by bytes; nil when all are distinct.
func firstDuplicate(in members: [JSON.Member]) -> Int? {
  if members.count <= 16 {
    for later in members.indices.dropFirst() {
      for earlier in 0..<later where sameBytes(members[earlier].name, members[later].name) { return later }
    }
    return nil
  }
  // A set of byte strings, asked only for membership. Not of `String`s: their hash is by canonical equivalence, so a
  // sender could choose many names with the same hash.
  var seen = Set<[UInt8]>(minimumCapacity: members.count)
  for index in members.indices where !seen.insert(Array(members[index].name.utf8)).inserted { return index }
  return nil
}
