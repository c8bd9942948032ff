// What stands in a column of a row, and rows as they are read: every value is asked for by its type, and what a database
// holds otherwise than its reader expects is a failure that says so, never a trap.

/// A value of a column, or of a statement's parameter.
public enum RowValue: Hashable, Sendable {
  case null
  /// Signed, of 64 bits.
  case integer(Int64)
  /// An IEEE double; SQLite stores no NaN (it becomes null).
  case real(Double)
  /// UTF-8.
  case text(String)
  /// Bytes.
  case blob([UInt8])

  /// In messages.
  var word: String {
    switch self {
    case .null: "null"
    case .integer: "an integer"
    case .real: "a real number"
    case .text: "a text"
    case .blob: "bytes"
    }
  }
}

/// A row that was read, by the places of its columns from 0.
public struct Row: Hashable, Sendable {
  /// Its values.
  public let values: [RowValue]

  /// A row of these values.
  public init(_ values: [RowValue]) { self.values = values }

  /// The value at a place.
  public func value(_ place: Int) throws(RelationalFailure) -> RowValue {
    guard values.indices.contains(place) else { throw .unexpected("a row of \(values.count) columns has none at place \(place)") }
    return values[place]
  }

  private func wrong(_ place: Int, _ expected: String) -> RelationalFailure {
    .unexpected("column \(place) of a row holds \(values[place].word) in the place of \(expected)")
  }

  /// The integer at a place.
  public func integer(_ place: Int) throws(RelationalFailure) -> Int64 {
    if case .integer(let number) = try value(place) { return number }
    throw wrong(place, "an integer")
  }

  /// The integer at a place; nil where there is none.
  public func optionalInteger(_ place: Int) throws(RelationalFailure) -> Int64? {
    if case .null = try value(place) { return nil }
    return try integer(place)
  }

  /// The real number at a place, or the integer there as one.
  public func real(_ place: Int) throws(RelationalFailure) -> Double {
    switch try value(place) {
    case .real(let number): return number
    case .integer(let number): return Double(number)
    case .null, .text, .blob: throw wrong(place, "a real number")
    }
  }

  /// The text at a place.
  public func text(_ place: Int) throws(RelationalFailure) -> String {
    if case .text(let text) = try value(place) { return text }
    throw wrong(place, "a text")
  }

  /// The text at a place; nil where there is none.
  public func optionalText(_ place: Int) throws(RelationalFailure) -> String? {
    if case .null = try value(place) { return nil }
    return try text(place)
  }

  /// The bytes at a place.
  public func blob(_ place: Int) throws(RelationalFailure) -> [UInt8] {
    if case .blob(let bytes) = try value(place) { return bytes }
    throw wrong(place, "bytes")
  }
}
