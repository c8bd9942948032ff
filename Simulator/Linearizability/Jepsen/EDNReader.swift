// A strict reader of EDN (https://github.com/edn-format/edn): bytes in, one form after the other out, or one exact
// complaint.
//
// nil, booleans, integers (also with N), other numbers (fractions, exponents, with M, ratios, hexadecimal), strings and
// characters with their escapes, keywords, symbols, lists, vectors, maps, sets, tagged literals, comments, `#_`, commas
// as space. Refused: invalid UTF-8 in a token, a map with half a pair or with a key twice, numbers with leading zeros,
// anything that passes the limits. Every read is bounds-checked; the recursion is bounded by the depth.

import Vocabulary
import Wire

/// How much EDN is taken.
enum EDNLimits {
  /// How deep collections and tags may be nested.
  static let maximumDepth = 64
  /// The longest string, in bytes.
  static let maximumStringBytes = HistoryLimits.maximumTextBytes
  /// The longest word or number, in bytes.
  static let maximumTokenBytes = 4_096
  /// The most elements of a collection; a map has two for each pair.
  static let maximumElements = 1_000_000
}

/// Reads forms from a part of a text.
struct EDNReader {
  private let bytes: [UInt8]
  private let end: Int
  /// Where it reads next.
  private(set) var position: Int

  /// A reader of a part of a text; places are those in the whole.
  init(_ bytes: [UInt8], in range: Range<Int>? = nil) {
    self.bytes = bytes
    position = range?.lowerBound ?? 0
    end = range?.upperBound ?? bytes.count
  }

  /// The next byte behind space, comments and what is discarded; nil at the end.
  mutating func nextByte() throws(TextMistake) -> UInt8? {
    try skipSpace(depth: 0)
    return position < end ? bytes[position] : nil
  }

  /// Skips the byte that `nextByte` gave.
  mutating func skipByte() { position = min(position + 1, end) }

  /// The next form.
  mutating func form() throws(TextMistake) -> EDNForm { try form(depth: 0) }

  /// A mistake at a place in the whole text.
  func mistake(_ problem: String, at offset: Int) -> TextMistake { TextMistake(problem, at: offset, in: bytes.span) }

  private func expected(_ what: String, at offset: Int) -> TextMistake {
    let found = offset < end ? foundByte(bytes.span, at: offset) : end < bytes.count ? "the end of the line" : "the end of the text"
    return mistake("expected \(what), found \(found)", at: offset)
  }

  // MARK: space

  private mutating func skipSpace(depth: Int) throws(TextMistake) {
    while position < end {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0C, 0x0D, UInt8(ascii: ","): position += 1
      case UInt8(ascii: ";"):
        while position < end, bytes[position] != 0x0A { position += 1 }
      case UInt8(ascii: "#"):
        guard position + 1 < end, bytes[position + 1] == UInt8(ascii: "_") else { return }
        guard depth < EDNLimits.maximumDepth else { throw tooDeep() }
        position += 2
        _ = try form(depth: depth + 1)
      default: return
      }
    }
  }

  private func tooDeep() -> TextMistake { mistake("nested more than \(EDNLimits.maximumDepth) levels deep", at: position) }

  // MARK: forms

  private mutating func form(depth: Int) throws(TextMistake) -> EDNForm {
    try skipSpace(depth: depth)
    guard position < end else { throw expected("a form", at: position) }
    guard depth < EDNLimits.maximumDepth else { throw tooDeep() }
    let start = position
    let value: EDNValue
    switch bytes[position] {
    case UInt8(ascii: "("):
      position += 1
      value = .list(try elements(closing: UInt8(ascii: ")"), "')' at the end of the list", depth))
    case UInt8(ascii: "["):
      position += 1
      value = .vector(try elements(closing: UInt8(ascii: "]"), "']' at the end of the vector", depth))
    case UInt8(ascii: "{"):
      position += 1
      value = .map(try map(depth))
    case UInt8(ascii: "#"): value = try dispatched(depth)
    case UInt8(ascii: "\""): value = .string(try string())
    case UInt8(ascii: "\\"): value = .character(try character())
    case UInt8(ascii: ":"):
      position += 1
      value = .keyword(try token("a keyword's name behind ':'"))
    case UInt8(ascii: "0")...UInt8(ascii: "9"): value = try number()
    case UInt8(ascii: "+"), UInt8(ascii: "-"):
      let isNumber = position + 1 < end && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position + 1])
      value = isNumber ? try number() : .symbol(try token("a symbol"))
    default:
      let word = try token("a form")
      switch word {
      case "nil": value = .null
      case "true": value = .boolean(true)
      case "false": value = .boolean(false)
      default: value = .symbol(word)
      }
    }
    return EDNForm(value: value, offset: start)
  }

  private mutating func elements(closing: UInt8, _ what: String, _ depth: Int) throws(TextMistake) -> [EDNForm] {
    var elements: [EDNForm] = []
    while true {
      try skipSpace(depth: depth + 1)
      guard position < end else { throw expected(what, at: position) }
      if bytes[position] == closing {
        position += 1
        return elements
      }
      guard elements.count < EDNLimits.maximumElements else {
        throw mistake("a collection of more than \(EDNLimits.maximumElements) elements", at: position)
      }
      elements.append(try form(depth: depth + 1))
    }
  }

  private mutating func map(_ depth: Int) throws(TextMistake) -> [EDNForm] {
    let opening = position - 1
    let elements = try elements(closing: UInt8(ascii: "}"), "'}' at the end of the map", depth)
    guard elements.count.isMultiple(of: 2) else {
      throw mistake("a map with a key that has no value: it has \(elements.count) forms", at: opening)
    }
    // Keys that are scalars are compared; others mean nothing to a history.
    var keys: Set<HistoryValue> = []
    for index in stride(from: 0, to: elements.count, by: 2) {
      guard let key = elements[index].scalarText(), !keys.insert(key).inserted else { continue }
      throw mistake("the key \(key.text) stands twice in one map", at: elements[index].offset)
    }
    return elements
  }

  /// What begins with '#': a set, `##NaN` and the like, or a tagged form.
  private mutating func dispatched(_ depth: Int) throws(TextMistake) -> EDNValue {
    position += 1
    guard position < end else { throw expected("a tag behind '#'", at: position) }
    if bytes[position] == UInt8(ascii: "{") {
      position += 1
      return .set(try elements(closing: UInt8(ascii: "}"), "'}' at the end of the set", depth))
    }
    if bytes[position] == UInt8(ascii: "#") {
      position += 1
      return .number(HistoryValue("##" + (try token("a number's name behind '##'")).text))
    }
    let tag = try token("a tag behind '#'")
    return .tagged(tag, [try form(depth: depth + 1)])
  }

  // MARK: words and numbers

  private static func isDelimiter(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x00...0x20, 0x7F, UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\""), UInt8(ascii: "("), UInt8(ascii: ")"),
      UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "\\"):
      true
    default: false
    }
  }

  /// A word up to a delimiter; at least one byte.
  private mutating func token(_ what: String) throws(TextMistake) -> HistoryValue {
    let start = position
    while position < end, !Self.isDelimiter(bytes[position]) { position += 1 }
    guard position > start else { throw expected(what, at: start) }
    guard position - start <= EDNLimits.maximumTokenBytes else {
      throw mistake("a word of \(position - start) bytes, more than the \(EDNLimits.maximumTokenBytes) allowed", at: start)
    }
    return try text(start..<position)
  }

  private func text(_ range: Range<Int>) throws(TextMistake) -> HistoryValue {
    guard let text = String(validating: bytes[range], as: UTF8.self) else { throw mistake("invalid UTF-8", at: range.lowerBound) }
    return HistoryValue(text)
  }

  private mutating func number() throws(TextMistake) -> EDNValue {
    let start = position
    let word = try token("a number")
    var digits = Array(word.text.utf8)
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative || digits.first == UInt8(ascii: "+") { digits.removeFirst() }
    let rest = digits.drop { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    let whole = digits.count - rest.count
    if rest.isEmpty || rest.elementsEqual([UInt8(ascii: "N")]) {
      guard whole == 1 || digits.first != UInt8(ascii: "0") else {
        throw mistake("expected a number without leading zeros, found \(quoted(word.text))", at: start)
      }
      let plain = String(decoding: digits.prefix(whole), as: UTF8.self)
      return .integer(HistoryValue(isNegative && plain != "0" ? "-" + plain : plain))
    }
    guard Self.isOtherNumber(Array(rest), isHexadecimalAllowed: whole == 1 && digits.first == UInt8(ascii: "0")) else {
      throw mistake("expected a number, found \(quoted(word.text))", at: start)
    }
    return .number(word)
  }

  /// Whether a number may go on so behind its first digits: `.5`, `.`, `e10`, `.5e-3M`, `M`, `/3`, `x1F`.
  private static func isOtherNumber(_ rest: [UInt8], isHexadecimalAllowed: Bool) -> Bool {
    var place = 0
    func skipDigits() -> Int {
      let start = place
      while place < rest.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(rest[place]) { place += 1 }
      return place - start
    }
    if rest[0] == UInt8(ascii: "x") {
      return isHexadecimalAllowed && rest.count > 1 && rest.dropFirst().allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    }
    if rest[0] == UInt8(ascii: "/") {
      place = 1
      return skipDigits() > 0 && place == rest.count
    }
    if rest[place] == UInt8(ascii: ".") {
      place += 1
      _ = skipDigits()
    }
    if place < rest.count, rest[place] | 0x20 == UInt8(ascii: "e") {
      place += 1
      if place < rest.count, rest[place] == UInt8(ascii: "+") || rest[place] == UInt8(ascii: "-") { place += 1 }
      guard skipDigits() > 0 else { return false }
    }
    if place < rest.count, rest[place] == UInt8(ascii: "M") { place += 1 }
    return place == rest.count
  }

  // MARK: strings

  private mutating func string() throws(TextMistake) -> HistoryValue {
    let start = position
    position += 1
    var decoded: [UInt8] = []
    while true {
      guard position < end else { throw mistake("a string without its closing '\"'", at: start) }
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let text = String(validating: decoded, as: UTF8.self) else { throw mistake("invalid UTF-8 in a string", at: start) }
        return HistoryValue(text)
      case UInt8(ascii: "\\"): try escape(onto: &decoded)
      default:
        decoded.append(byte)
        position += 1
      }
      guard decoded.count <= EDNLimits.maximumStringBytes else {
        throw mistake("a string of more than \(EDNLimits.maximumStringBytes) bytes", at: start)
      }
    }
  }

  private mutating func escape(onto decoded: inout [UInt8]) throws(TextMistake) {
    let start = position
    guard start + 1 < end else { throw expected("an escape", at: end) }
    position += 2
    switch bytes[start + 1] {
    case UInt8(ascii: "\""): decoded.append(UInt8(ascii: "\""))
    case UInt8(ascii: "\\"): decoded.append(UInt8(ascii: "\\"))
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "u"):
      var unit = try fourDigits()
      if unit & 0xFC00 == 0xD800, position + 1 < end, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u") {
        position += 2
        let low = try fourDigits()
        guard low & 0xFC00 == 0xDC00 else { throw mistake("a high surrogate without a low surrogate behind it", at: start) }
        unit = 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
      }
      guard let scalar = Unicode.Scalar(unit) else { throw mistake("a lone surrogate", at: start) }
      decoded.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
    default: throw mistake("unknown escape: expected one of \\\" \\\\ \\b \\f \\n \\r \\t \\u", at: start)
    }
  }

  private mutating func fourDigits() throws(TextMistake) -> UInt32 {
    guard position + 4 <= end, let text = String(validating: bytes[position..<(position + 4)], as: UTF8.self),
      text.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }), let value = UInt32(text, radix: 16)
    else { throw mistake("expected four hexadecimal digits after \\u", at: position) }
    position += 4
    return value
  }

  /// A character: a backslash, any scalar, and what follows up to a delimiter (`\newline`, `\u0041`).
  private mutating func character() throws(TextMistake) -> HistoryValue {
    let start = position
    position += 1
    guard position < end, bytes[position] > 0x20 else { throw expected("a character behind '\\'", at: position) }
    position += 1
    while position < end, !Self.isDelimiter(bytes[position]) { position += 1 }
    guard position - start <= EDNLimits.maximumTokenBytes else { throw mistake("a character's name is too long", at: start) }
    return try text(start..<position)
  }
}
