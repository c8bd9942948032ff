// Where something listens, as people write it: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`. One reader for every
// address that comes from outside: options of the command, brokers' addresses, URLs.
//
// What is read: a name or an IPv4 address of ASCII letters, digits, `.`, `-` and `_`, at most 253 bytes; an IPv6
// address in brackets (RFC 3986 §3.2.2; with a zone behind `%` where the system has several links). A port is 1 to
// 65535 in decimal digits. Whether the name exists is found out by who calls it.

/// A host and a port.
public struct HostAndPort: Hashable, Sendable {
  /// A name, an IPv4 address, or an IPv6 address without its brackets.
  public var host: String
  /// The port, from 1 to 65,535.
  public var port: Int

  /// What an address is, in words.
  public static let words = "HOST:PORT, like 127.0.0.1:8080 or [::1]:8080, with a port from 1 to 65535; \(hostWords)"

  /// What a host is, in words.
  public static let hostWords =
    "HOST is an IPv4 address, an IPv6 address in brackets, or a name: letters, digits, - and _ in parts with single dots between, of which none "
    + "begins or ends with - and the last is no number"

  /// A host and a port.
  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// What `text` says; `defaultPort` where it names none, nil where it must. Nil where it is no address.
  public init?(_ text: String, defaultPort: Int? = nil) {
    let bytes = Array(text.utf8)
    let hostEnd: Int
    if bytes.first == UInt8(ascii: "[") {
      guard let close = bytes.firstIndex(of: UInt8(ascii: "]")), Self.isIPv6(bytes[1..<close]) else { return nil }
      host = String(decoding: bytes[1..<close], as: UTF8.self)
      hostEnd = close + 1
    } else {
      hostEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
      guard Self.isIPv4(bytes[..<hostEnd]) || Self.isName(bytes[..<hostEnd]) else { return nil }
      host = String(decoding: bytes[..<hostEnd], as: UTF8.self)
    }
    guard hostEnd < bytes.count else {
      guard let defaultPort else { return nil }
      port = defaultPort
      return
    }
    guard bytes[hostEnd] == UInt8(ascii: ":"), let port = Self.port(bytes[(hostEnd + 1)...]) else { return nil }
    self.port = port
  }

  /// As it is written: with brackets where the host has colons.
  public var text: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// As a request says whom it is for: without a zone, which means something on this machine alone (RFC 6874, section 4).
  public var hostField: String { HostAndPort(host: String(host.prefix { $0 != "%" }), port: port).text }

  private static func port(_ digits: ArraySlice<UInt8>) -> Int? {
    guard (1...5).contains(digits.count), digits.allSatisfy(isDigit) else { return nil }
    let port = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    return (1...65_535).contains(port) ? port : nil
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// Whether there can be a host of this name (RFC 1123 §2.1, and the underscore that local names have). One that ends
  /// in a number is taken for an IPv4 address by whoever resolves it, each in its own way, so it must be one.
  private static func isName(_ text: ArraySlice<UInt8>) -> Bool {
    var parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    // The dot of the root.
    if parts.count > 1, parts.last?.isEmpty == true { parts.removeLast() }
    guard (1...253).contains(text.count), let last = parts.last, !isNumber(last) else { return false }
    let hyphen = UInt8(ascii: "-")
    return parts.allSatisfy { part in
      (1...63).contains(part.count) && part.allSatisfy(isNameByte) && part.first != hyphen && part.last != hyphen
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// Whether this is an IPv6 address, perhaps with a zone.
  private static func isIPv6(_ text: ArraySlice<UInt8>) -> Bool {
    var address = text
    if let percent = address.firstIndex(of: UInt8(ascii: "%")) {
      let zone = address[(percent + 1)...]
      guard !zone.isEmpty, zone.allSatisfy(isNameByte) else { return false }
      address = address[..<percent]
    }
    guard case .version6 = IPAddress(bytes: address) else { return false }
    return true
  }

  private static func isIPv4(_ text: ArraySlice<UInt8>) -> Bool {
    guard case .version4 = IPAddress(bytes: text) else { return false }
    return true
  }

  /// Whether the last part of a name has it taken for an IPv4 address: digits, or `0x` and hexadecimal digits.
  private static func isNumber(_ part: ArraySlice<UInt8>) -> Bool {
    if part.allSatisfy(isDigit) { return true }
    guard part.first == UInt8(ascii: "0"), part.dropFirst().first.map({ $0 | 0x20 }) == UInt8(ascii: "x") else { return false }
    return part.dropFirst(2).allSatisfy(isHexadecimal)
  }

  static func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): true
    default: isDigit(byte)
    }
  }
}
