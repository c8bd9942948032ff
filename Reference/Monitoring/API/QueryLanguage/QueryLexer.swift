// From text to tokens, one at a time and without look-behind.
//
// Words are ASCII (letters, digits, `_`, `.`, `:`) and begin with a letter or `_`; any other name stands in double
// quotes. Text stands in single quotes. The closing quote is doubled to stand for itself, as in SQL; there is no
// backslash escape. A number with a unit right behind it is a duration, which further numbers with smaller units may go
// on. Linear; every index is checked. MONITORING-19.

import Vocabulary
import Wire

/// What a token is.
enum QueryTokenKind: Equatable {
  /// A bare word, as written.
  case word(String)
  /// A name in double quotes, unescaped.
  case quotedName(String)
  /// Text in single quotes, unescaped.
  case text(String)
  /// Digits only.
  case integer(UInt64)
  /// Digits only, of more than 64 bits.
  case hugeInteger
  /// A number with a point or an exponent.
  case decimal(Double)
  /// Integers with a unit each.
  case duration(nanoseconds: Int64)
  /// One of `( ) , = == != < <= > >= + - *`.
  case symbol(String)
  /// Behind the last token.
  case end
}

/// A token and where it stands.
struct QueryToken: Equatable {
  var kind: QueryTokenKind
  var range: Range<Int>
}

/// Cuts a text into tokens.
struct QueryLexer {
  let bytes: [UInt8]
  private var position = 0

  init(_ text: String) throws(TextMistake) {
    let count = text.utf8.count
    guard count <= QueryLanguageLimits.maximumBytes else {
      throw TextMistake(
        line: 1, column: 1,
        problem: "the query has \(count) bytes, more than the \(QueryLanguageLimits.maximumBytes) allowed")
    }
    bytes = Array(text.utf8)
  }

  func error(_ problem: String, at offset: Int) -> TextMistake {
    TextMistake(problem, at: offset, in: bytes.span)
  }

  /// The source of a token, as an error message shows it.
  func shown(_ token: QueryToken) -> String {
    if case .end = token.kind { return "the end of the query" }
    let source = String(decoding: bytes[token.range], as: UTF8.self)
    // `quoted` cuts and cleans; its quotes are exchanged, so that names and values keep theirs.
    return "'" + quoted(source).dropFirst().dropLast() + "'"
  }

  mutating func next() throws(TextMistake) -> QueryToken {
    while position < bytes.count, isSpace(bytes[position]) { position += 1 }
    let start = position
    guard start < bytes.count else { return QueryToken(kind: .end, range: start..<start) }
    let kind: QueryTokenKind
    switch bytes[start] {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
      while position < bytes.count, isWordByte(bytes[position]) { position += 1 }
      guard position - start <= QueryLanguageLimits.maximumNameBytes else { throw tooLong(start) }
      kind = .word(String(decoding: bytes[start..<position], as: UTF8.self))
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      kind = try number()
    case UInt8(ascii: "'"):
      kind = .text(try quotedText(closing: UInt8(ascii: "'"), what: "text"))
    case UInt8(ascii: "\""):
      let name = try quotedText(closing: UInt8(ascii: "\""), what: "name")
      guard !name.isEmpty else { throw error("a name must not be empty", at: start) }
      kind = .quotedName(name)
    default:
      kind = .symbol(try symbol())
    }
    return QueryToken(kind: kind, range: start..<position)
  }

  private mutating func symbol() throws(TextMistake) -> String {
    let start = position
    let second = start + 1 < bytes.count && bytes[start + 1] == UInt8(ascii: "=")
    let symbol: String
    switch bytes[start] {
    case UInt8(ascii: "("): symbol = "("
    case UInt8(ascii: ")"): symbol = ")"
    case UInt8(ascii: ","): symbol = ","
    case UInt8(ascii: "+"): symbol = "+"
    case UInt8(ascii: "-"): symbol = "-"
    case UInt8(ascii: "*"): symbol = "*"
    case UInt8(ascii: "="): symbol = second ? "==" : "="
    case UInt8(ascii: "<"): symbol = second ? "<=" : "<"
    case UInt8(ascii: ">"): symbol = second ? ">=" : ">"
    case UInt8(ascii: "!") where second: symbol = "!="
    default:
      var end = start + 1
      while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
      throw error("\(shown(QueryToken(kind: .symbol(""), range: start..<end))) is not part of the query language", at: start)
    }
    position += symbol.utf8.count
    return symbol
  }

  private mutating func quotedText(closing: UInt8, what: String) throws(TextMistake) -> String {
    let start = position
    var content: [UInt8] = []
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == closing {
        guard position < bytes.count, bytes[position] == closing else {
          guard content.count <= QueryLanguageLimits.maximumNameBytes else { throw tooLong(start) }
          return String(decoding: content, as: UTF8.self)
        }
        position += 1
      }
      content.append(byte)
    }
    throw error("this \(what) has no closing \(Character(Unicode.Scalar(closing)))", at: start)
  }

  private mutating func number() throws(TextMistake) -> QueryTokenKind {
    let start = position
    var number = DecimalNumber()
    var isInteger = true
    var integer: UInt64? = 0
    takeDigits { digit in
      number.take(digit: digit)
      integer = integer.flatMap { appending(digit, to: $0) }
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      let first = position
      takeDigits { number.take(digit: $0, isFraction: true) }
      guard position > first else { throw error("expected a digit after '.'", at: position) }
    }
    if let firstDigit = exponentDigits() {
      isInteger = false
      let isNegative = bytes[firstDigit - 1] == UInt8(ascii: "-")
      position = firstDigit
      takeDigits { number.take(exponentDigit: $0) }
      if isNegative { number.negateExponent() }
    } else if position < bytes.count, isUnitByte(bytes[position]) {
      return try duration(start, isInteger ? integer : nil, isInteger: isInteger)
    }
    if isInteger { return integer.map { .integer($0) } ?? .hugeInteger }
    let spelling = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let double = number.quickDouble ?? DecimalNumber.double(spelled: spelling), double.isFinite else {
      throw error("the number is too large for a 64-bit double", at: start)
    }
    guard double != 0 || number.isZero else {
      throw error("the number is too small for a 64-bit double: it would become zero", at: start)
    }
    return .decimal(double)
  }

  private mutating func duration(_ start: Int, _ count: UInt64?, isInteger: Bool) throws(TextMistake) -> QueryTokenKind {
    var (sum, count) = (DurationSum(), count)
    while true {
      let unitStart = position
      while position < bytes.count, isLetter(bytes[position]) { position += 1 }
      let next = position < bytes.count ? bytes[position] : 0
      if isUnitByte(next), !isDigit(next) {
        while position < bytes.count, isUnitByte(bytes[position]) { position += 1 }
      }
      let name = String(decoding: bytes[unitStart..<position], as: UTF8.self)
      guard let unit = DurationUnit(rawValue: name) else {
        throw error("expected one of the units \(DurationUnit.list) after the number, found \(quoted(name))", at: unitStart)
      }
      guard isInteger else { throw error("a duration is an integer with a unit, such as 90s instead of 1.5m", at: start) }
      do throws(DurationSum.Mistake) {
        try sum.add(count, unit)
      } catch {
        switch error {
        case .unitDoesNotFall(let last):
          throw self.error(
            "the units of a duration fall, as in 1h30m: \(quoted(name)) cannot follow \(quoted(last.rawValue))", at: unitStart)
        case .tooLong: throw self.error("the duration is longer than 64 bits of nanoseconds (292 years)", at: start)
        }
      }
      guard isDigit(next) else { return .duration(nanoseconds: sum.nanoseconds) }
      count = 0
      takeDigits { digit in count = count.flatMap { appending(digit, to: $0) } }
    }
  }

  private mutating func takeDigits(_ take: (UInt8) -> Void) {
    while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit <= 9 {
      take(digit)
      position += 1
    }
  }

  /// The offset of the first digit of an exponent that begins here; nil when none does.
  private func exponentDigits() -> Int? {
    guard position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") else { return nil }
    var offset = position + 1
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") { offset += 1 }
    guard offset < bytes.count, bytes[offset] &- UInt8(ascii: "0") <= 9 else { return nil }
    return offset
  }

  private func tooLong(_ start: Int) -> TextMistake {
    error("a name or text of more than \(QueryLanguageLimits.maximumNameBytes) bytes", at: start)
  }
}

/// The number with one more digit; nil when it exceeds 64 bits.
private func appending(_ digit: UInt8, to number: UInt64) -> UInt64? {
  let (tenfold, overflow) = number.multipliedReportingOverflow(by: 10)
  let (sum, carry) = tenfold.addingReportingOverflow(UInt64(digit))
  return overflow || carry ? nil : sum
}

private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }

private func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

/// Whether a byte behind a number is taken for a part of its unit: also one of a letter beyond ASCII, as of `µs`, which
/// is then said to be none.
private func isUnitByte(_ byte: UInt8) -> Bool { isWordByte(byte) || byte >= 0x80 }

/// Whether a byte may stand within a bare word.
func isWordByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
    UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"):
    true
  default: false
  }
}
