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
