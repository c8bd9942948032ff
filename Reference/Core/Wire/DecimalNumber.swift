// From decimal digits to the nearest double.
//
// The short way is Clinger's (PLDI 1990): when the digits fit 53 bits and the power of ten is one that a double holds
// exactly, one multiplication or division rounds correctly. All else goes to the standard library's conversion, which
// is correctly rounded too. Serves the JSON parser and the query language.

/// A number in decimal notation, digit by digit.
@frozen
public struct DecimalNumber: Sendable {
  /// The first 19 significant digits, as an integer.
  @usableFromInline var significand: UInt64 = 0
  /// How many digits were taken from the first nonzero one on.
  @usableFromInline var significantDigits = 0
  /// How many digits stood behind the point.
  @usableFromInline var fractionDigits = 0
  /// The written exponent; far beyond any double it stays where it is.
  @usableFromInline var writtenExponent = 0
  /// Whether a minus sign stood in front.
  public var isNegative = false

  /// Zero, before its first digit.
  @inlinable
  public init() {}

  /// Whether all of its digits are zeros.
  @inlinable public var isZero: Bool { significantDigits == 0 }

  /// Takes one digit (0 … 9) of the integer part or, when `isFraction`, of the fraction.
  @inlinable
  public mutating func take(digit: UInt8, isFraction: Bool = false) {
    if significantDigits > 0 || digit != 0 {
      significantDigits &+= 1
      if significantDigits <= 19 { significand = significand &* 10 &+ UInt64(digit) }
    }
    if isFraction { fractionDigits &+= 1 }
  }

  /// Takes one digit (0 … 9) of the exponent.
  @inlinable
  public mutating func take(exponentDigit: UInt8) {
    if writtenExponent < 100_000_000 { writtenExponent = writtenExponent &* 10 &+ Int(exponentDigit) }
  }

  /// Says that the exponent's digits, all taken by now, stood behind a minus sign.
  @inlinable
  public mutating func negateExponent() {
    writtenExponent = -writtenExponent
  }

  /// The value as an exact 64-bit integer, when it had no fraction, is in range and is not −0. An exponent is not
  /// looked at.
  @inlinable public var exactInteger: Int64? {
    guard fractionDigits == 0, significantDigits <= 19 else { return nil }
    if isNegative {
      guard significand != 0, significand <= 1 << 63 else { return nil }
      return Int64(truncatingIfNeeded: 0 &- significand)
    }
    guard significand <= UInt64(Int64.max) else { return nil }
    return Int64(truncatingIfNeeded: significand)
  }

  /// The double nearest to the value when the short way can tell it; nil asks for `double(spelled:)`.
  @inlinable public var quickDouble: Double? {
    if significand == 0 { return isNegative ? -0.0 : 0.0 }
    let exponent = writtenExponent &- fractionDigits
    guard significantDigits <= 19, significand <= 1 << 53, exponent >= -22, exponent <= 22 else { return nil }
    var magnitude = Double(significand)
    if exponent < 0 {
      magnitude /= exactPowersOfTen[-exponent]
    } else {
      magnitude *= exactPowersOfTen[exponent]
    }
    return isNegative ? -magnitude : magnitude
  }

  /// The double nearest to a number spelled as in JSON, by the standard library; infinite when it is too large, nil
  /// when it is not spelled so.
  public static func double(spelled text: String) -> Double? {
    guard text.utf8.allSatisfy({ isSpellingByte($0) }) else { return nil }
    return Double(text)
  }

  private static func isSpellingByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."): true
    case UInt8(ascii: "e"), UInt8(ascii: "E"): true
    default: false
    }
  }
}

/// The powers of ten that a double holds exactly.
@usableFromInline let exactPowersOfTen: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]
