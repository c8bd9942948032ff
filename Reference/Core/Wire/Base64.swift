// Base64 (RFC 4648, section 4), for bytes that have to stand in JSON.

extension String {
  /// The Base64 text of `bytes`, with padding.
  public init(base64 bytes: some Collection<UInt8>) {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var pending: UInt32 = 0
    var count = 0
    for byte in bytes {
      pending = pending << 8 | UInt32(byte)
      count += 1
      guard count == 3 else { continue }
      for shift in [18, 12, 6, 0] as [UInt32] { text.append(alphabet[Int((pending >> shift) & 63)]) }
      (pending, count) = (0, 0)
    }
    if count > 0 {
      pending <<= UInt32(8 * (3 - count))
      for place in 0..<4 {
        let shift = UInt32(18 - 6 * place)
        text.append(place <= count ? alphabet[Int((pending >> shift) & 63)] : UInt8(ascii: "="))
      }
    }
    self = String(decoding: text, as: UTF8.self)
  }
}

/// Reading Base64.
public enum Base64 {
  /// The bytes of a text with padding; nil where it is not the Base64 of any bytes: other characters, a length that is no
  /// multiple of four, or bits behind the last byte that are not zero.
  public static func bytes(of text: String) -> [UInt8]? {
    var text = text
    return text.withUTF8 { input in
      guard input.count % 4 == 0 else { return nil }
      var bytes: [UInt8] = []
      bytes.reserveCapacity(input.count / 4 * 3)
      var place = 0
      while place < input.count {
        let isLast = place + 4 == input.count
        let padding = !isLast || input[place + 3] != UInt8(ascii: "=") ? 0 : input[place + 2] == UInt8(ascii: "=") ? 2 : 1
        var group: UInt32 = 0
        for offset in 0..<(4 - padding) {
          guard let value = value(of: input[place + offset]) else { return nil }
          group = group << 6 | value
        }
        group <<= UInt32(6 * padding)
        let count = 3 - padding
        if padding > 0 && group & (padding == 1 ? 0xFF : 0xFFFF) != 0 { return nil }
        for shift in [16, 8, 0].prefix(count) as ArraySlice<UInt32> { bytes.append(UInt8(truncatingIfNeeded: group >> shift)) }
        place += 4
      }
      return bytes
    }
  }

  private static func value(of character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
