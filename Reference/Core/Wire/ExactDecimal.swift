// A number in decimal notation that is compared digit by digit, of any length, without ever becoming a binary number.
//
// For numbers that are neither 64-bit integers nor doubles in their shortest spelling: what a client sent comes back as
// it was spelled, and a judge tells 18446744073709551615 from 18446744073709551614. Limits: the spelling is JSON's (RFC
// 8259 §6), or one that people write, and the written exponent has at most nine digits (longer ones are refused).
// Serves MONITORING-6 and every contract case.

/// A decimal number as it was spelled.
public struct ExactDecimal: Sendable {
  /// The greatest written exponent, and its negative is the least: 999,999,999.
  public static let greatestExponent = 999_999_999

  /// The number as JSON spells it.
  public let spelling: String

  /// A number that the parser has read: of JSON's grammar, with a bounded exponent.
  init(read spelling: String) {
    self.spelling = spelling
  }

  /// A number as people and spreadsheets write it: a sign or none, digits with a point or none, an exponent of at most
  /// nine digits or none (`+1.5e3`, `-.5`). Nil for anything else: hexadecimal numbers, `inf`, `nan`, spaces.
  public init?(written text: String) {
    var rest = text.utf8[...]
    func takeDigits() -> Int {
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
      rest = rest.dropFirst(digits)
      return digits
    }
    func takes(_ bytes: UInt8...) -> Bool {
      guard let first = rest.first, bytes.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    _ = takes(UInt8(ascii: "-"), UInt8(ascii: "+"))
    var digits = takeDigits()
    if takes(UInt8(ascii: ".")) { digits += takeDigits() }
    guard digits > 0 else { return nil }
    if takes(UInt8(ascii: "e"), UInt8(ascii: "E")) {
      _ = takes(UInt8(ascii: "-"), UInt8(ascii: "+"))
      guard (1...9).contains(takeDigits()) else { return nil }
    }
    guard rest.isEmpty else { return nil }
    spelling = text
  }

  /// An integer.
  public init(_ integer: Int64) {
    spelling = String(integer)
  }

  /// A double in its shortest spelling; nil where it is not finite.
  public init?(_ double: Double) {
    guard double.isFinite else { return nil }
    spelling = double.description
  }

  /// The nearest double; infinite where the number is too large for one, zero where it is too small.
  public var nearestDouble: Double { DecimalNumber.double(spelled: spelling) ?? .nan }

  /// The nearest double, where it is finite, and zero only for zero; nil else.
  public var representableDouble: Double? {
    let double = nearestDouble
    guard double.isFinite, double != 0 || parts.digits.isEmpty else { return nil }
    return double
  }

  /// Whether it has no fraction, however it is spelled: 5, 5.0 and 5e1 have none.
  public var isInteger: Bool {
    let parts = parts
    return parts.digits.isEmpty || parts.pointPosition >= parts.digits.count
  }

  /// Whether it is written without a point and an exponent.
  public var isSpelledAsInteger: Bool {
    spelling.utf8.allSatisfy { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// Whether `double`, the nearest one, is this very integer. Up to 38 digits by the whole of the double's value; of
  /// longer integers only those that are the double's shortest digits with zeros behind them count.
  public func isInteger(exactly double: Double) -> Bool {
    let parts = parts
    guard double.isFinite, isInteger else { return false }
    guard parts.pointPosition <= 38, let whole = Int128(exactly: double) else { return ExactDecimal(double) == self }
    var magnitude: Int128 = 0
    for place in 0..<parts.pointPosition {
      magnitude = magnitude &* 10 &+ Int128(place < parts.digits.count ? parts.digits[place] : 0)
    }
    return (parts.isNegative ? -magnitude : magnitude) == whole
  }

  /// How many digits there are from the first that is not zero to the last; none for zero.
  public var significantDigits: Int { parts.digits.count }

  /// Whether it is zero with a minus sign.
  public var isNegativeZero: Bool {
    let parts = parts
    return parts.digits.isEmpty && parts.isNegative
  }

  /// The number as a 64-bit integer, where it is one exactly.
  public var exactInteger: Int64? {
    let parts = parts
    guard parts.digits.isEmpty || (parts.pointPosition >= parts.digits.count && parts.pointPosition <= 19) else { return nil }
    var magnitude: UInt64 = 0
    for place in 0..<(parts.digits.isEmpty ? 0 : parts.pointPosition) {
      let digit = place < parts.digits.count ? parts.digits[place] : 0
      // 19 digits fit 64 bits without a sign.
      magnitude = magnitude &* 10 &+ UInt64(digit)
    }
    if parts.isNegative { return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
    return Int64(exactly: magnitude)
  }

  /// A number taken apart: the value is 0.DIGITS × 10^pointPosition, with the sign.
  private struct Parts {
    var isNegative: Bool
    /// From the first digit that is not zero to the last; none for zero.
    var digits: [UInt8]
    /// Where the point stands, counted from before the first digit; 0 for zero.
    var pointPosition: Int
  }

  private var parts: Parts {
    var digits: [UInt8] = []
    var isNegative = false
    var isFraction = false
    var pointPosition = 0
    var exponent = 0
    var isExponent = false
    var isExponentNegative = false
    for byte in spelling.utf8 {
      switch byte {
      case UInt8(ascii: "-"): if isExponent { isExponentNegative = true } else { isNegative = true }
      case UInt8(ascii: "+"): break
      case UInt8(ascii: "."): isFraction = true
      case UInt8(ascii: "e"), UInt8(ascii: "E"): isExponent = true
      default:
        let digit = byte &- UInt8(ascii: "0")
        if isExponent {
          // Bounded by the parser; the cap keeps the arithmetic far from overflow for any spelling.
          exponent = min(exponent * 10 + Int(digit), Self.greatestExponent + 1)
        } else if !digits.isEmpty || digit != 0 {
          digits.append(digit)
          if !isFraction { pointPosition += 1 }
        } else if isFraction {
          pointPosition -= 1
        }
      }
    }
    while digits.last == 0 { digits.removeLast() }
    guard !digits.isEmpty else { return Parts(isNegative: isNegative, digits: [], pointPosition: 0) }
    return Parts(isNegative: isNegative, digits: digits, pointPosition: pointPosition + (isExponentNegative ? -exponent : exponent))
  }
}

extension ExactDecimal: Comparable {
  /// The same number, however it is spelled; -0 equals 0.
  public static func == (left: ExactDecimal, right: ExactDecimal) -> Bool {
    let (one, other) = (left.parts, right.parts)
    if one.digits.isEmpty || other.digits.isEmpty { return one.digits.isEmpty && other.digits.isEmpty }
    return one.isNegative == other.isNegative && one.pointPosition == other.pointPosition && one.digits == other.digits
  }

  /// The smaller number, exactly.
  public static func < (left: ExactDecimal, right: ExactDecimal) -> Bool {
    let (one, other) = (left.parts, right.parts)
    if one.digits.isEmpty { return !other.digits.isEmpty && !other.isNegative }
    if other.digits.isEmpty { return one.isNegative }
    if one.isNegative != other.isNegative { return one.isNegative }
    let (smaller, greater) = one.isNegative ? (other, one) : (one, other)
    return smaller.pointPosition == greater.pointPosition
      ? smaller.digits.lexicographicallyPrecedes(greater.digits) : smaller.pointPosition < greater.pointPosition
  }
}

extension JSON {
  /// The value as an exact number; nil where it is none.
  public var exactNumber: ExactDecimal? {
    switch self {
    case .integer(let integer): ExactDecimal(integer)
    case .double(let double): ExactDecimal(double)
    case .decimal(let decimal): decimal
    case .null, .bool, .string, .array, .object: nil
    }
  }

  /// Whether `found` is the same number as this one; false where either is none. Numbers are equal by value, however
  /// they are spelled, but -0.0 is not 0. A number with a fraction and at most 17 significant digits, which is all that
  /// a double needs, is also met by every other spelling that reads as the same double: 0.1 is met by
  /// 0.10000000000000001, as a service prints that keeps doubles. All other numbers are compared digit by digit.
  public func isSameNumber(as found: JSON) -> Bool {
    if case .integer(let one) = self, case .integer(let other) = found { return one == other }
    guard let one = exactNumber, let other = found.exactNumber, one.isNegativeZero == other.isNegativeZero else { return false }
    if one == other { return true }
    guard !one.isInteger, !other.isInteger, one.significantDigits <= 17, let double = one.representableDouble else { return false }
    return other.nearestDouble == double
  }
}
