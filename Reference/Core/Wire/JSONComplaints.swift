// The words of the JSON parser's complaints, and the arithmetic of its scanners.
//
// Apart from the grammar, so that the parser reads in one go. Complaints quote at most 40 characters of the sender's
// text.

import Vocabulary

extension JSONParser {
  /// An error at a byte offset; line and column are counted only now.
  @inline(never)
  func complaint(_ problem: String, at offset: Int, in text: Span<UInt8>) -> TextMistake {
    TextMistake(problem, at: offset, in: text)
  }

  @inline(never)
  func expected(_ what: String, _ text: Span<UInt8>, at offset: Int) -> TextMistake {
    complaint("expected \(what), found \(foundByte(text, at: offset))", at: offset, in: text)
  }

  func unterminated(_ start: Int, _ text: Span<UInt8>) -> TextMistake {
    complaint("a string without its closing '\"'", at: max(0, start - 1), in: text)
  }

  func duplicate(_ name: String, at offset: Int, in text: Span<UInt8>) -> TextMistake {
    complaint("the name \(quoted(name)) occurs twice in one object", at: offset, in: text)
  }
}

/// What stands at an offset, in the words of an error message.
public func foundByte(_ text: Span<UInt8>, at offset: Int) -> String {
  guard offset >= 0, offset < text.count else { return "the end of the text" }
  let byte = text[offset]
  if byte > 0x20, byte < 0x7F { return "'\(Character(Unicode.Scalar(byte)))'" }
  if byte == 0x20 { return "a space" }
  if byte == 0x0A || byte == 0x0D { return "the end of the line" }
  if byte < 0x80 { return "the control character \(codePoint(UInt32(byte)))" }
  // It is not to be seen.
  if offset + 3 <= text.count, byte == 0xEF, text[offset + 1] == 0xBB, text[offset + 2] == 0xBF { return "a byte order mark (U+FEFF)" }
  // The longest prefix that is one scalar; anything else is named by its byte.
  for length in 2...4 where offset + length <= text.count {
    if let span = try? UTF8Span(validating: text.extracting(offset..<(offset + length))) { return "'\(String(copying: span))'" }
  }
  return "the byte 0x\(hexadecimal(UInt32(byte), digits: 2))"
}

/// `U+000A`.
func codePoint(_ value: UInt32) -> String { "U+" + hexadecimal(value, digits: 4) }

/// Upper-case hexadecimal digits, filled up with zeros on the left.
func hexadecimal(_ value: UInt32, digits: Int) -> String {
  let text = String(value, radix: 16, uppercase: true)
  return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}

/// A name from outside as it is shown in an error message: in quotes, cut at 40 characters, without control characters.
public func quoted(_ name: String) -> String {
  var shown = "\""
  var count = 0
  for scalar in name.unicodeScalars {
    if count == 40 {
      shown += "…"
      break
    }
    count += 1
    if isUnseen(scalar) {
      shown += "\\u{" + hexadecimal(scalar.value, digits: 2) + "}"
    } else {
      shown.unicodeScalars.append(scalar)
    }
  }
  return shown + "\""
}

/// The value of a hexadecimal digit; nil for any other byte.
@inlinable
func hexDigitValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte &- UInt8(ascii: "a") &+ 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte &- UInt8(ascii: "A") &+ 10
  default: nil
  }
}

/// Appends a Unicode scalar value (not a surrogate, at most 0x10FFFF) as UTF-8 (RFC 3629 §3).
func appendScalar(_ value: UInt32, onto bytes: inout [UInt8]) {
  switch value {
  case 0..<0x80:
    bytes.append(UInt8(truncatingIfNeeded: value))
  case 0x80..<0x800:
    bytes.append(UInt8(truncatingIfNeeded: 0xC0 | value >> 6))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
  case 0x800..<0x10000:
    bytes.append(UInt8(truncatingIfNeeded: 0xE0 | value >> 12))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | (value >> 6) & 0x3F))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
  default:
    bytes.append(UInt8(truncatingIfNeeded: 0xF0 | value >> 18))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | (value >> 12) & 0x3F))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | (value >> 6) & 0x3F))
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | value & 0x3F))
  }
}

/// Whether any of eight bytes is `"`, `\`, a control character or beyond ASCII. May say yes wrongly (a borrow can reach
/// the byte above a special one), never no.
@inline(__always)
func hasSpecialByte(_ word: UInt64) -> Bool {
  let ones: UInt64 = 0x0101_0101_0101_0101
  let quotes = word ^ (ones &* 0x22)
  let backslashes = word ^ (ones &* 0x5C)
  let found = word | (word &- ones &* 0x20) | (quotes &- ones) | (backslashes &- ones)
  return found & (ones &* 0x80) != 0
}
