// Whether a Host field, or the authority of an absolute target, is what it must be: uri-host [ ":" port ] (RFC 9110,
// section 7.2; RFC 3986, section 3.2.2). What two readers could take for different hosts (`a/b@c`) is refused.
//
// Limits: of the addresses in brackets IPv6 alone, without a zone; a port is digits, whatever number they are.

import Vocabulary

/// The grammar of a Host field.
enum HostField {
  /// Whether `text` names a host, perhaps with a port. An empty one names none, which a Host field may (RFC 9110, 7.2).
  static func isWellFormed(_ text: some StringProtocol) -> Bool {
    let bytes = text.utf8
    let behindHost: String.Index
    if bytes.first == UInt8(ascii: "[") {
      let address = bytes.dropFirst().prefix { $0 != UInt8(ascii: "]") }
      guard address.endIndex < bytes.endIndex, case .version6 = IPAddress(String(decoding: address, as: UTF8.self)) else { return false }
      behindHost = bytes.index(after: address.endIndex)
    } else {
      behindHost = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
      guard isRegisteredName(bytes[..<behindHost]) else { return false }
    }
    guard behindHost < bytes.endIndex else { return true }
    return bytes[behindHost] == UInt8(ascii: ":") && bytes[behindHost...].dropFirst().allSatisfy { isDigit($0) }
  }

  /// Names and IPv4 addresses: unreserved characters, those that delimit nothing here, and escapes.
  private static func isRegisteredName(_ bytes: some Collection<UInt8>) -> Bool {
    var escaped = 0
    for byte in bytes {
      if escaped > 0 {
        guard isHexadecimal(byte) else { return false }
        escaped -= 1
        continue
      }
      switch byte {
      case UInt8(ascii: "%"): escaped = 2
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): continue
      default: guard "-._~!$&'()*+,;=".utf8.contains(byte) else { return false }
      }
    }
    return escaped == 0
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
  }
}
