// A strict JSON parser (RFC 8259): bytes in, a tree or one exact complaint out.
//
// Refused, beyond wrong grammar: invalid UTF-8 (overlong forms and surrogates too), lone `\u` surrogates, duplicate
// names, exponents of more than nine digits, a byte order mark, anything behind the value, and whatever passes the
// limits. Every read is bounds-checked by `Span`; the recursion is bounded by the depth limit. Linear time. Serves
// MONITORING-1 and every API.

import Vocabulary

extension JSON {
  /// Parses a whole text. Throws `TextMistake` with the place and the problem.
  public init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(TextMistake) {
    try self.init(parsing: bytes.span, limits: limits)
  }

  /// Parses a whole text out of a larger buffer. Throws `TextMistake` with the place (within the span) and the problem.
  public init(parsing text: Span<UInt8>, limits: JSONLimits = JSONLimits()) throws(TextMistake) {
    var parser = JSONParser(limits: limits)
    self = try parser.document(text)
  }

  /// Parses a whole text. Throws `TextMistake` with the place and the problem.
  public init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(TextMistake) {
    try self.init(parsing: Array(text.utf8), limits: limits)
  }
}

private let quote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")

/// The state of one parse. The text is passed along, since a span cannot be stored.
struct JSONParser {
  private let limits: JSONLimits
  private var position = 0
  private var valueCount = 0

  init(limits: JSONLimits) {
    self.limits = limits
  }

  mutating func document(_ text: Span<UInt8>) throws(TextMistake) -> JSON {
    guard text.count <= limits.maximumBytes else {
      throw complaint("the text has \(text.count) bytes, more than the \(limits.maximumBytes) allowed", at: 0, in: text)
    }
    skipSpace(text)
    let result = try value(text, depth: 0)
    skipSpace(text)
    if position < text.count { throw expected("the end of the text", text) }
    return result
  }

  private mutating func value(_ text: Span<UInt8>, depth: Int) throws(TextMistake) -> JSON {
    guard position < text.count else { throw expected("a value", text) }
    valueCount &+= 1
    guard valueCount <= limits.maximumValues else {
      throw complaint("more than \(limits.maximumValues) values", at: position, in: text)
    }
    switch text[position] {
    case UInt8(ascii: "{"):
      return .object(try object(text, depth: depth))
    case UInt8(ascii: "["):
      return .array(try array(text, depth: depth))
    case quote:
      return .string(try string(text))
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      return try number(text)
    case UInt8(ascii: "t"):
      try word("true", text)
      return .bool(true)
    case UInt8(ascii: "f"):
      try word("false", text)
      return .bool(false)
    case UInt8(ascii: "n"):
      try word("null", text)
      return .null
    default:
      throw expected("a value", text)
    }
  }

  private mutating func array(_ text: Span<UInt8>, depth: Int) throws(TextMistake) -> [JSON] {
    guard depth < limits.maximumDepth else { throw tooDeep(text) }
    position &+= 1
    var elements: [JSON] = []
    skipSpace(text)
    if position < text.count, text[position] == UInt8(ascii: "]") {
      position &+= 1
      return elements
    }
    while true {
      elements.append(try value(text, depth: depth &+ 1))
      skipSpace(text)
      guard position < text.count else { throw expected("',' or ']' after an array element", text) }
      switch text[position] {
      case UInt8(ascii: ","):
        position &+= 1
        skipSpace(text)
        if position < text.count, text[position] == UInt8(ascii: "]") { throw expected("a value after ','", text) }
      case UInt8(ascii: "]"):
        position &+= 1
        return elements
      default:
        throw expected("',' or ']' after an array element", text)
      }
    }
  }

  private mutating func object(_ text: Span<UInt8>, depth: Int) throws(TextMistake) -> [JSON.Member] {
    guard depth < limits.maximumDepth else { throw tooDeep(text) }
    let opening = position
    position &+= 1
    var members: [JSON.Member] = []
    skipSpace(text)
    if position < text.count, text[position] == UInt8(ascii: "}") {
      position &+= 1
      return members
    }
    // Most objects of our APIs have two to four members: one allocation, and none of the growth steps.
    members.reserveCapacity(4)
    while true {
      guard position < text.count, text[position] == quote else {
        throw expected(members.isEmpty ? "a name in double quotes or '}'" : "a name in double quotes after ','", text)
      }
      let nameOffset = position
      let name = try string(text)
      if members.count < 16 {
        for member in members where sameBytes(member.name, name) { throw duplicate(name, at: nameOffset, in: text) }
      }
      skipSpace(text)
      guard position < text.count, text[position] == UInt8(ascii: ":") else {
        throw expected("':' after the name \(quoted(name))", text)
      }
      position &+= 1
      skipSpace(text)
      guard position < text.count else { throw expected("a value for \(quoted(name))", text) }
      members.append(JSON.Member(name, try value(text, depth: depth &+ 1)))
      skipSpace(text)
      guard position < text.count else { throw expected("',' or '}' after the value of \(quoted(name))", text) }
      switch text[position] {
      case UInt8(ascii: ","):
        position &+= 1
        skipSpace(text)
      case UInt8(ascii: "}"):
        position &+= 1
        // The names of a long object are compared once, at its end, by a set.
        if members.count > 16, let index = firstDuplicate(in: members) {
          throw duplicate(members[index].name, at: opening, in: text)
        }
        return members
      default:
        throw expected("',' or '}' after the value of \(quoted(name))", text)
      }
    }
  }

  // MARK: Strings

  private mutating func string(_ text: Span<UInt8>) throws(TextMistake) -> String {
    let start = position &+ 1
    var end = start
    var isASCII = true
    let count = text.count
    let raw = text.bytes
    scan: while true {
      // Eight bytes at a time while none of them is a quote, a backslash, a control character or beyond ASCII.
      while end &+ 8 <= count {
        let word = raw.unsafeLoadUnaligned(fromByteOffset: end, as: UInt64.self)
        if hasSpecialByte(word) { break }
        end &+= 8
      }
      guard end < count else { throw unterminated(start, text) }
      let byte = text[end]
      switch byte {
      case quote:
        break scan
      case backslash:
        return try escapedString(text, from: start, firstEscape: end)
      case 0..<0x20:
        position = end
        throw complaint("control character \(codePoint(UInt32(byte))) in a string: write it as an escape", at: end, in: text)
      default:
        if byte >= 0x80 { isASCII = false }
        end &+= 1
      }
    }
    position = end &+ 1
    if !isASCII { try validate(text, from: start, to: end) }
    return text.extracting(start..<end).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  /// A string with at least one escape: copied piece by piece.
  private mutating func escapedString(_ text: Span<UInt8>, from start: Int, firstEscape: Int) throws(TextMistake) -> String {
    var bytes: [UInt8] = []
    var piece = start
    var end = firstEscape
    while true {
      guard end < text.count else { throw unterminated(start, text) }
      let byte = text[end]
      if byte == quote { break }
      if byte < 0x20 {
        throw complaint("control character \(codePoint(UInt32(byte))) in a string: write it as an escape", at: end, in: text)
      }
      guard byte == backslash else {
        end &+= 1
        continue
      }
      append(text, from: piece, to: end, onto: &bytes)
      end = try escape(text, at: end, onto: &bytes)
      piece = end
    }
    append(text, from: piece, to: end, onto: &bytes)
    // The text between the escapes is checked in place, so that the complaint has the right offset.
    try validate(text, from: start, to: end)
    position = end &+ 1
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Reads the escape at a backslash and returns the offset behind it.
  private func escape(_ text: Span<UInt8>, at offset: Int, onto bytes: inout [UInt8]) throws(TextMistake) -> Int {
    guard offset + 1 < text.count else { throw complaint("the text ends within an escape", at: offset, in: text) }
    switch text[offset + 1] {
    case quote: bytes.append(quote)
    case backslash: bytes.append(backslash)
    case UInt8(ascii: "/"): bytes.append(UInt8(ascii: "/"))
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"): return try unicodeEscape(text, at: offset, onto: &bytes)
    default: throw complaint("unknown escape: expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u", at: offset, in: text)
    }
    return offset + 2
  }

  private func unicodeEscape(_ text: Span<UInt8>, at offset: Int, onto bytes: inout [UInt8]) throws(TextMistake) -> Int {
    let first = try fourHexDigits(text, at: offset)
    guard first >= 0xD800, first <= 0xDFFF else {
      appendScalar(first, onto: &bytes)
      return offset + 6
    }
    guard first < 0xDC00 else {
      throw complaint("low surrogate \(codePoint(first)) without a high surrogate before it", at: offset, in: text)
    }
    guard offset + 7 < text.count, text[offset + 6] == backslash, text[offset + 7] == UInt8(ascii: "u") else {
      throw complaint("high surrogate \(codePoint(first)) without a low surrogate behind it", at: offset, in: text)
    }
    let second = try fourHexDigits(text, at: offset + 6)
    guard second >= 0xDC00, second <= 0xDFFF else {
      throw complaint("high surrogate \(codePoint(first)) followed by \(codePoint(second)), no low surrogate", at: offset, in: text)
    }
    appendScalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00), onto: &bytes)
    return offset + 12
  }

  private func fourHexDigits(_ text: Span<UInt8>, at offset: Int) throws(TextMistake) -> UInt32 {
    var result: UInt32 = 0
    for place in (offset + 2)..<(offset + 6) {
      guard place < text.count, let digit = hexDigitValue(text[place]) else {
        throw complaint("expected four hexadecimal digits after \\u", at: min(place, text.count), in: text)
      }
      result = result << 4 | UInt32(digit)
    }
    return result
  }

  private func append(_ text: Span<UInt8>, from start: Int, to end: Int, onto bytes: inout [UInt8]) {
    text.extracting(start..<end).withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
  }

  private func validate(_ text: Span<UInt8>, from start: Int, to end: Int) throws(TextMistake) {
    do throws(UTF8.ValidationError) {
      _ = try UTF8Span(validating: text.extracting(start..<end))
    } catch {
      throw complaint("invalid UTF-8 in a string", at: start + error.byteOffsets.lowerBound, in: text)
    }
  }

  // MARK: Numbers and words

  private mutating func number(_ text: Span<UInt8>) throws(TextMistake) -> JSON {
    let start = position
    var number = DecimalNumber()
    var end = position
    var isInteger = true
    var hasExponent = false
    if text[end] == UInt8(ascii: "-") {
      number.isNegative = true
      end &+= 1
    }
    let firstDigit = end
    while end < text.count, case let digit = text[end] &- UInt8(ascii: "0"), digit <= 9 {
      number.take(digit: digit)
      end &+= 1
    }
    guard end > firstDigit else { throw expected("a digit", text, at: end) }
    if end &- firstDigit > 1, text[firstDigit] == UInt8(ascii: "0") {
      throw complaint("a number must not have leading zeros", at: firstDigit, in: text)
    }
    if end < text.count, text[end] == UInt8(ascii: ".") {
      isInteger = false
      end &+= 1
      let firstFractionDigit = end
      while end < text.count, case let digit = text[end] &- UInt8(ascii: "0"), digit <= 9 {
        number.take(digit: digit, isFraction: true)
        end &+= 1
      }
      guard end > firstFractionDigit else { throw expected("a digit after '.'", text, at: end) }
    }
    if end < text.count, text[end] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      hasExponent = true
      end = try exponent(text, at: end, of: &number)
    }
    guard end &- start <= limits.maximumNumberBytes else {
      throw complaint("a number of \(end - start) bytes, more than the \(limits.maximumNumberBytes) allowed", at: start, in: text)
    }
    position = end
    if isInteger, let exact = number.exactInteger { return .integer(exact) }
    if !isInteger, !hasExponent, isShortest(number, lastDigit: text[end &- 1]), let quick = number.quickDouble { return .double(quick) }
    let spelling = text.extracting(start..<end).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    if let double = number.quickDouble ?? DecimalNumber.double(spelled: spelling), sameBytes(double.description, spelling) {
      return .double(double)
    }
    return .decimal(ExactDecimal(read: spelling))
  }

  /// Whether a number with a fraction and without an exponent is surely spelled as its double would be. At most 15
  /// digits come back from a double as they were (C's DBL_DIG); the standard library writes an exponent below 0.0001.
  private func isShortest(_ number: DecimalNumber, lastDigit: UInt8) -> Bool {
    number.significantDigits <= 15 && (lastDigit != UInt8(ascii: "0") || number.fractionDigits == 1)
      && (number.significantDigits == 0 || number.fractionDigits &- number.significantDigits < 4)
  }

  private func exponent(_ text: Span<UInt8>, at offset: Int, of number: inout DecimalNumber) throws(TextMistake) -> Int {
    var end = offset &+ 1
    var isNegative = false
    if end < text.count, text[end] == UInt8(ascii: "+") || text[end] == UInt8(ascii: "-") {
      isNegative = text[end] == UInt8(ascii: "-")
      end &+= 1
    }
    let firstDigit = end
    while end < text.count, case let digit = text[end] &- UInt8(ascii: "0"), digit <= 9 {
      number.take(exponentDigit: digit)
      end &+= 1
    }
    guard end > firstDigit else { throw expected("a digit in the exponent", text, at: end) }
    if end &- firstDigit > 9 {
      var leading = firstDigit
      while leading < end, text[leading] == UInt8(ascii: "0") { leading &+= 1 }
      guard end &- leading <= 9 else {
        throw complaint("an exponent beyond \(ExactDecimal.greatestExponent)", at: firstDigit, in: text)
      }
    }
    if isNegative { number.negateExponent() }
    return end
  }

  private mutating func word(_ word: StaticString, _ text: Span<UInt8>) throws(TextMistake) {
    let count = word.utf8CodeUnitCount
    for index in 0..<count {
      guard position &+ index < text.count, text[position &+ index] == word.utf8Start[index] else {
        throw complaint("expected \(word)", at: position, in: text)
      }
    }
    position &+= count
  }

  private func expected(_ what: String, _ text: Span<UInt8>) -> TextMistake { expected(what, text, at: position) }

  private func tooDeep(_ text: Span<UInt8>) -> TextMistake {
    complaint("nested more than \(limits.maximumDepth) levels deep", at: position, in: text)
  }

  @inline(__always)
  private mutating func skipSpace(_ text: Span<UInt8>) {
    while position < text.count {
      switch text[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position &+= 1
      default: return
      }
    }
  }
}
