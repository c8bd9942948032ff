// Values of the protocol that Redis and its like speak (RESP, versions 2 and 3: https://redis.io/docs/reference/protocol-spec),
// and their writing. Pure; the reading is in `RESPReader`.

/// A value of the protocol.
public indirect enum RESPValue: Hashable, Sendable {
  /// A short text: "OK".
  case simple([UInt8])
  /// What went wrong: a word in capitals, and words for people.
  case failure([UInt8])
  /// Signed, of 64 bits.
  case integer(Int64)
  /// Bytes.
  case bytes([UInt8])
  /// Nothing.
  case null
  case boolean(Bool)
  case double(Double)
  /// An integer of any length, in decimal digits.
  case number([UInt8])
  case array([RESPValue])
  /// Keys and their values by turns.
  case map([RESPValue])
  case set([RESPValue])
  /// What the server tells without being asked.
  case push([RESPValue])

  /// A command, which is an array of its words.
  public static func command(_ words: [[UInt8]]) -> RESPValue { .array(words.map { .bytes($0) }) }

  /// Bytes or a short text; nil of anything else.
  public var content: [UInt8]? {
    switch self {
    case .bytes(let bytes), .simple(let bytes): bytes
    case .failure, .integer, .null, .boolean, .double, .number, .array, .map, .set, .push: nil
    }
  }

  /// The integer, also one that is written as bytes; nil of anything else.
  public var wholeNumber: Int64? {
    switch self {
    case .integer(let number): number
    case .bytes(let bytes), .simple(let bytes): RESPReader.integer(bytes[...])
    case .failure, .null, .boolean, .double, .number, .array, .map, .set, .push: nil
    }
  }

  /// The elements of an array, a set or what the server tells; nil of anything else.
  public var elements: [RESPValue]? {
    switch self {
    case .array(let elements), .set(let elements), .push(let elements): elements
    case .simple, .failure, .integer, .bytes, .null, .boolean, .double, .number, .map: nil
    }
  }

  /// Writes the value as version 3 has it. Line ends in short texts become blanks: none may stand there.
  public func write(into bytes: inout [UInt8]) {
    switch self {
    case .simple(let text): Self.line("+", text, &bytes)
    case .failure(let text): Self.line("-", text, &bytes)
    case .integer(let number): Self.line(":", Array("\(number)".utf8), &bytes)
    case .bytes(let content):
      Self.line("$", Array("\(content.count)".utf8), &bytes)
      bytes += content
      bytes += [0x0D, 0x0A]
    case .null: Self.line("_", [], &bytes)
    case .boolean(let isTrue): Self.line("#", [isTrue ? UInt8(ascii: "t") : UInt8(ascii: "f")], &bytes)
    case .double(let number): Self.line(",", Array(Self.text(number).utf8), &bytes)
    case .number(let digits): Self.line("(", digits, &bytes)
    case .array(let elements): Self.list("*", elements.count, elements, &bytes)
    case .map(let elements): Self.list("%", elements.count / 2, elements, &bytes)
    case .set(let elements): Self.list("~", elements.count, elements, &bytes)
    case .push(let elements): Self.list(">", elements.count, elements, &bytes)
    }
  }

  private static func text(_ number: Double) -> String {
    if number.isNaN { return "nan" }
    if number.isInfinite { return number < 0 ? "-inf" : "inf" }
    return "\(number)"
  }

  private static func line(_ sign: Unicode.Scalar, _ text: [UInt8], _ bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: sign))
    for byte in text { bytes.append(byte == 0x0D || byte == 0x0A ? UInt8(ascii: " ") : byte) }
    bytes += [0x0D, 0x0A]
  }

  private static func list(_ sign: Unicode.Scalar, _ count: Int, _ elements: [RESPValue], _ bytes: inout [UInt8]) {
    line(sign, Array("\(count)".utf8), &bytes)
    for element in elements { element.write(into: &bytes) }
  }
}
