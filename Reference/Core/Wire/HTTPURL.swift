// An absolute URL of a service, `http://host:port/path?query`, taken as it was given: not a byte of the target is
// decoded, dropped or written otherwise (RFC 3986; RFC 9112 §3.2.1). One reader for every option and message that takes
// a URL.
//
// Refused in words: other schemes (TLS is not spoken), credentials (they would be sent in the clear, or be dropped),
// fragments, ports that are none, bytes that may not stand in a URL, broken percent escapes. The scheme and the host
// are read without regard to case (RFC 3986 §6.2.2.1).

import Vocabulary

/// Why a text is no URL of a service.
public struct HTTPURLMistake: Error, Equatable, CustomStringConvertible {
  /// What is wrong with it and what was expected, in words.
  public var description: String
}

/// An absolute `http` URL.
public struct HTTPURL: Sendable, Hashable {
  /// Who is asked; port 80 where the URL names none.
  public var address: HostAndPort
  /// Path and query, byte by byte as they were given; `/` where there is no path.
  public var target: String

  /// The longest URL, in bytes.
  public static let maximumBytes = 8_192

  /// Reads `text`. Throws what is wrong with it.
  public init(_ text: String) throws(HTTPURLMistake) {
    func mistake(_ what: String) -> HTTPURLMistake { HTTPURLMistake(description: what) }
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.maximumBytes else { throw mistake("expected a URL of at most \(Self.maximumBytes) bytes") }
    if let offset = bytes.firstIndex(where: { $0 <= 0x20 || $0 >= 0x7F || Self.forbidden.contains($0) }) {
      throw mistake(
        "the byte 0x\(hexadecimal(UInt32(bytes[offset]), digits: 2)) at offset \(offset) may not stand in a URL (escape it with %)")
    }
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
      throw mistake("expected http://HOST:PORT/PATH, found \(quoted(text))")
    }
    let scheme = String(decoding: bytes[..<colon], as: UTF8.self).lowercased()
    guard scheme == "http" else { throw mistake("expected http://, found \(quoted(scheme + "://")): no other scheme is spoken") }
    let start = colon + 3
    let end = bytes[start...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? bytes.count
    let authority = bytes[start..<end]
    guard !authority.contains(UInt8(ascii: "@")) else {
      throw mistake("credentials in a URL are not sent; take them out (the part up to @)")
    }
    guard let address = HostAndPort(String(decoding: authority, as: UTF8.self), defaultPort: 80) else {
      let found = quoted(String(decoding: authority, as: UTF8.self))
      throw mistake("found \(found) behind http://, expected HOST or \(HostAndPort.words)")
    }
    guard !bytes[end...].contains(UInt8(ascii: "#")) else { throw mistake("a fragment (#…) is not sent; take it out") }
    for (offset, byte) in bytes.enumerated() where offset >= end && byte == UInt8(ascii: "%") {
      guard offset + 2 < bytes.count, hexDigitValue(bytes[offset + 1]) != nil, hexDigitValue(bytes[offset + 2]) != nil else {
        throw mistake("'%' without two hexadecimal digits at offset \(offset)")
      }
    }
    self.address = address
    let given = String(decoding: bytes[end...], as: UTF8.self)
    target = given.utf8.first == UInt8(ascii: "/") ? given : "/" + given
  }

  /// Bytes that RFC 3986 leaves no place for, whatever they mean to a shell or a browser.
  private static let forbidden: [UInt8] = Array("\"<>\\^`{|}".utf8)
}
