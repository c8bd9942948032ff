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
    return text.withUTF8 { input in values.withUnsafeBufferPointer { bytes(of: input, $0) } }
  }

  private static func bytes(of input: UnsafeBufferPointer<UInt8>, _ values: UnsafeBufferPointer<UInt32>) -> [UInt8]? {
    guard input.count % 4 == 0, let last = input.last else { return input.isEmpty ? [] : nil }
    let padding = last != UInt8(ascii: "=") ? 0 : input[input.count - 2] == UInt8(ascii: "=") ? 2 : 1
    let count = input.count / 4 * 3 - padding
    var isRight = true
    let bytes = [UInt8](unsafeUninitializedCapacity: count + 2) { output, filled in
      // Whole groups; what is no character of the alphabet has a bit above the six.
      var (place, end, all) = (0, 0, UInt32(0))
      let whole = padding == 0 ? input.count : input.count - 4
      while place < whole {
        let (first, second) = (values[Int(input[place])], values[Int(input[place + 1])])
        let (third, fourth) = (values[Int(input[place + 2])], values[Int(input[place + 3])])
        all |= first | second | third | fourth
        let group = first << 18 | second << 12 | third << 6 | fourth
        output[end] = UInt8(truncatingIfNeeded: group >> 16)
        output[end + 1] = UInt8(truncatingIfNeeded: group >> 8)
        output[end + 2] = UInt8(truncatingIfNeeded: group)
        place += 4
        end += 3
      }
      if padding > 0 {
        let third = padding == 1 ? values[Int(input[place + 2])] : 0
        let (first, second) = (values[Int(input[place])], values[Int(input[place + 1])])
        all |= first | second | third
        let group = first << 18 | second << 12 | third << 6
        if group & (padding == 1 ? 0xFF : 0xFFFF) != 0 { isRight = false }
        output[end] = UInt8(truncatingIfNeeded: group >> 16)
        if padding == 1 { output[end + 1] = UInt8(truncatingIfNeeded: group >> 8) }
      }
      if all > 63 { isRight = false }
      filled = count
    }
    return isRight ? bytes : nil
  }

  /// What each character stands for; 64 for one that stands for nothing.
  private static let values: [UInt32] = (0..<256).map { character -> UInt32 in
    switch UInt8(character) {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character) - 97 + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character) - 48 + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: 64
    }
  }
}
