// A mail as services ask for it (SMTP.md), and as it goes over the wire (RFC 5322, MIME).
//
// What comes from outside never becomes a line of its own: addresses and fields are of printable characters, and a text
// is sent as it is only where it is ASCII in lines that fit (RFC 5321, 4.5.3.1.6), else in base64. Limits: one text, no
// attachments, no HTML; addresses of ASCII (SMTPUTF8 is not offered), without quotes and comments.

import Vocabulary
import Wire

/// A mail to be sent.
struct SMTPMessage: Sendable, Equatable {
  static let maximumRecipients = 100
  static let maximumTextBytes = 1 << 20
  static let maximumSubjectBytes = 1_024

  var from: String
  var to: [String]
  var subject: String
  var text: String
  /// The left half of its Message-ID; what is sent twice with one can be told by who gets it.
  var id: String

  /// Reads the body of a request.
  init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["from", "to", "subject", "text", "id"])
    from = try Self.address(field.member("from"))
    var to: [String] = []
    for element in try field.member("to").elements(maximum: Self.maximumRecipients, minimum: 1) { to.append(try Self.address(element)) }
    self.to = to
    let subjectField = try field.member("subject")
    subject = try subjectField.string(maximumBytes: Self.maximumSubjectBytes)
    guard !subject.unicodeScalars.contains(where: { $0.properties.generalCategory == .control || $0.value == 0x2028 || $0.value == 0x2029 })
    else { throw subjectField.mismatch("a text without control characters") }
    let textField = try field.member("text")
    text = try textField.string(maximumBytes: Self.maximumTextBytes)
    guard !text.utf8.contains(0) else { throw textField.mismatch("a text without the character 0") }
    let idField = try field.member("id")
    id = try idField.string(maximumBytes: 128, minimumBytes: 1)
    guard id.utf8.allSatisfy({ Self.isAtom($0) || $0 == UInt8(ascii: ".") }) else {
      throw idField.mismatch("letters, digits and any of !#$%&'*+-/=?^_`{|}~.")
    }
  }

  /// A mailbox of RFC 5321, 4.1.2, without quotes: atoms joined by dots, `@`, and a domain.
  private static func address(_ field: JSONField) throws(FieldMistake) -> String {
    let text = try field.string(maximumBytes: 254, minimumBytes: 3)
    let bytes = Array(text.utf8)
    guard let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { throw field.mismatch("an address like name@host.example") }
    let (local, domain) = (bytes[..<at], bytes[(at + 1)...])
    let atoms = local.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let isName =
      HostAndPort(String(decoding: domain, as: UTF8.self), defaultPort: 25) != nil
      && !domain.contains { [UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "_")].contains($0) }
      && IPAddress(String(decoding: domain, as: UTF8.self)) == nil
    guard (1...64).contains(local.count), atoms.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isAtom) }), isName else {
      throw field.mismatch("an address like name@host.example, of ASCII and without quotes")
    }
    return text
  }

  private static func isAtom(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
    }
  }

  // MARK: on the wire

  /// The mail as DATA sends it: lines that end in CR LF, a dot before each that begins with one, and the last line `.`.
  func data(now: WallTime) -> [UInt8] {
    var lines: [String] = []
    lines.append("Date: \(DateField.text(secondsSinceEpoch: now.milliseconds / 1_000).dropLast(3))+0000")
    lines.append("From: <\(from)>")
    // As many on a line as fit well.
    var line = "To:"
    for (place, address) in to.enumerated() {
      let part = " <\(address)>\(place == to.count - 1 ? "" : ",")"
      if line.utf8.count + part.utf8.count > 78, line != "To:" {
        lines.append(line)
        line = ""
      }
      line += part
    }
    lines.append(line)
    lines.append("Subject:\(Self.encoded(subject))")
    let domain = from.utf8.lastIndex(of: UInt8(ascii: "@")).map { String(from[from.utf8.index(after: $0)...]) } ?? "localhost"
    lines.append("Message-ID: <\(id)@\(domain)>")
    lines.append("MIME-Version: 1.0")
    lines.append("Content-Type: text/plain; charset=utf-8")
    var bytes: [UInt8] = []
    let plain = Self.plainLines(text)
    lines.append("Content-Transfer-Encoding: \(plain == nil ? "base64" : "7bit")")
    lines.append("")
    for line in lines { bytes += Array(line.utf8) + [13, 10] }
    for line in plain ?? Self.base64Lines(text) {
      // Dot-stuffing (RFC 5321, 4.5.2).
      if line.first == UInt8(ascii: ".") { bytes.append(UInt8(ascii: ".")) }
      bytes += line + [13, 10]
    }
    return bytes + [UInt8(ascii: "."), 13, 10]
  }

  /// The lines of a text that may go as it is; nil where it has other bytes or lines that are too long.
  private static func plainLines(_ text: String) -> [[UInt8]]? {
    var lines: [[UInt8]] = [[]]
    var bytes = text.utf8.makeIterator()
    var next = bytes.next()
    while let byte = next {
      next = bytes.next()
      switch byte {
      case 13:
        // A CR that ends no line may not be sent.
        guard next == 10 else { return nil }
      case 10: lines.append([])
      case 9, 0x20...0x7E: lines[lines.count - 1].append(byte)
      default: return nil
      }
      guard (lines.last?.count ?? 0) <= 900 else { return nil }
    }
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  private static func base64Lines(_ text: String) -> [[UInt8]] {
    let encoded = Array(String(base64: Array(text.utf8)).utf8)
    return stride(from: 0, to: encoded.count, by: 76).map { Array(encoded[$0..<min($0 + 76, encoded.count)]) }
  }

  /// A field's text behind its colon: as it is where it is ASCII and short, else as words of base64 (RFC 2047), of which
  /// each holds whole characters and its line is no longer than 76.
  private static func encoded(_ text: String) -> String {
    if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), text.utf8.count <= 66, !text.contains("=?") { return " \(text)" }
    var words: [String] = []
    var part: [UInt8] = []
    func close() {
      if !part.isEmpty { words.append("=?utf-8?B?\(String(base64: part))?=") }
      part = []
    }
    for scalar in text.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      if part.count + bytes.count > 39 { close() }
      part += bytes
    }
    close()
    return words.map { " \($0)" }.joined(separator: "\r\n")
  }
}
