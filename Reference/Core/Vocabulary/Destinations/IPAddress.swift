// IP addresses as numbers, and blocks of them: what an address policy judges, and what a resolver gives.
//
// One spelling is read for IPv4: four decimal numbers without leading zeros. The others that `inet_aton` takes (one
// number, octal, hexadecimal, fewer parts) are no addresses here. IPv6 is read as RFC 4291, 2.2 has it, without a zone.

/// An address of IPv4 or IPv6.
public enum IPAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// 32 bits.
  case version4(UInt32)
  /// 128 bits.
  case version6(high: UInt64, low: UInt64)

  /// The address that `text` says; nil where it says none.
  public init?(_ text: String) { self.init(bytes: Array(text.utf8)[...]) }

  /// The address that these bytes of ASCII say; nil where they say none.
  init?(bytes: ArraySlice<UInt8>) {
    if bytes.contains(Self.colon) {
      guard let (high, low) = Self.version6(bytes) else { return nil }
      self = .version6(high: high, low: low)
    } else {
      guard let bits = Self.version4(bytes) else { return nil }
      self = .version4(bits)
    }
  }

  /// The address of four numbers.
  public init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
    self = .version4(UInt32(first) << 24 | UInt32(second) << 16 | UInt32(third) << 8 | UInt32(fourth))
  }

  /// Where this is an address of IPv4 as IPv6 writes it (`::ffff:0:0/96`, RFC 4291, 2.5.5.2), the one that it means;
  /// else itself. A socket to either is one to the same host.
  public var unmapped: IPAddress {
    guard case .version6(0, let low) = self, low >> 32 == 0xFFFF else { return self }
    return .version4(UInt32(truncatingIfNeeded: low))
  }

  public static func < (left: IPAddress, right: IPAddress) -> Bool {
    switch (left, right) {
    case (.version4(let one), .version4(let other)): one < other
    case (.version4, .version6): true
    case (.version6, .version4): false
    case (.version6(let high, let low), .version6(let otherHigh, let otherLow)): (high, low) < (otherHigh, otherLow)
    }
  }

  /// As people write it; IPv6 as RFC 5952 asks, but for the dots of addresses of IPv4 in it.
  public var description: String {
    switch self {
    case .version4(let bits): return [24, 16, 8, 0].map { String(bits >> UInt32($0) & 0xFF) }.joined(separator: ".")
    case .version6(let high, let low):
      let groups = (0..<8).map { place in
        let half = place < 4 ? high : low
        return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (place % 4)))
      }
      var longest = 0..<0
      var place = 0
      while place < 8 {
        var end = place
        while end < 8, groups[end] == 0 { end += 1 }
        if end - place > max(1, longest.count) { longest = place..<end }
        place = max(end, place + 1)
      }
      func text(_ part: Range<Int>) -> String { part.map { String(groups[$0], radix: 16) }.joined(separator: ":") }
      if longest.isEmpty { return text(0..<8) }
      return "\(text(0..<longest.lowerBound))::\(text(longest.upperBound..<8))"
    }
  }

  // MARK: reading

  private static let colon = UInt8(ascii: ":")

  private static func version4(_ text: ArraySlice<UInt8>) -> UInt32? {
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bits: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
      var number: UInt32 = 0
      for byte in part {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        number = number * 10 + UInt32(byte - UInt8(ascii: "0"))
      }
      guard number <= 255 else { return nil }
      bits = bits << 8 | number
    }
    return bits
  }

  /// Eight groups of one to four hexadecimal digits, once `::` for one group or more, the last two groups perhaps as an
  /// address of IPv4.
  private static func version6(_ text: ArraySlice<UInt8>) -> (high: UInt64, low: UInt64)? {
    let all: [UInt16]
    // A third colon in a row is a group without digits, which no side may have.
    if let double = text.indices.dropLast().first(where: { text[$0] == colon && text[$0 + 1] == colon }) {
      guard let before = groups(text[..<double], mayEndAsVersion4: false),
        let after = groups(text[(double + 2)...], mayEndAsVersion4: true),
        before.count + after.count <= 7
      else { return nil }
      all = before + Array(repeating: 0, count: 8 - before.count - after.count) + after
    } else {
      guard let groups = groups(text, mayEndAsVersion4: true), groups.count == 8 else { return nil }
      all = groups
    }
    let halves = [all[..<4], all[4...]].map { $0.reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
    return (halves[0], halves[1])
  }

  /// The groups in one side of an address; nil where something else stands there.
  private static func groups(_ side: ArraySlice<UInt8>, mayEndAsVersion4: Bool) -> [UInt16]? {
    guard !side.isEmpty else { return [] }
    var parts = side.split(separator: colon, omittingEmptySubsequences: false)
    var end: [UInt16] = []
    if mayEndAsVersion4, let last = parts.last, last.contains(UInt8(ascii: ".")) {
      guard let bits = version4(last) else { return nil }
      parts.removeLast()
      end = [UInt16(truncatingIfNeeded: bits >> 16), UInt16(truncatingIfNeeded: bits)]
    }
    var groups: [UInt16] = []
    for part in parts {
      guard (1...4).contains(part.count) else { return nil }
      var group: UInt16 = 0
      for byte in part {
        guard let digit = hexadecimalDigit(byte) else { return nil }
        group = group << 4 | digit
      }
      groups.append(group)
    }
    guard groups.count + end.count <= 8 else { return nil }
    return groups + end
  }

  private static func hexadecimalDigit(_ byte: UInt8) -> UInt16? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}

/// A block of addresses: all that begin with the same bits (RFC 4632; `10.0.0.0/8`, `fc00::/7`).
public struct AddressBlock: Hashable, Sendable, CustomStringConvertible {
  /// The first address of the block.
  public let first: IPAddress
  /// How many bits all of them begin with.
  public let prefixBits: Int

  /// What a block is, in words.
  public static let words = "ADDRESS/BITS, like 10.0.0.0/8 or fc00::/7, with no bit set behind the first BITS, or a single ADDRESS"

  /// The block that `text` says: an address, and behind a slash the number of its bits (all of them where there is no
  /// slash). Nil where it says none, or where bits are set behind the first ones: then it is not clear what was meant.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    let slash = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.count
    guard let first = IPAddress(bytes: bytes[..<slash]) else { return nil }
    let width = Self.width(of: first)
    var prefixBits = width
    if slash < bytes.count {
      let digits = bytes[(slash + 1)...]
      guard (1...3).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0"),
        digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
      else { return nil }
      prefixBits = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }
    guard prefixBits <= width, Self.cut(first, prefixBits) == first else { return nil }
    (self.first, self.prefixBits) = (first, prefixBits)
  }

  /// A block written in code.
  init(fixed text: StaticString) {
    guard let block = AddressBlock("\(text)") else { breakInvariant("\(text) is no block of addresses") }
    self = block
  }

  /// Whether `address` is one of the block's. One of IPv4 as IPv6 writes it is not the one that it means.
  public func contains(_ address: IPAddress) -> Bool {
    Self.width(of: address) == Self.width(of: first) && Self.cut(address, prefixBits) == first
  }

  /// "10.0.0.0/8".
  public var description: String { "\(first)/\(prefixBits)" }

  private static func width(of address: IPAddress) -> Int {
    switch address {
    case .version4: 32
    case .version6: 128
    }
  }

  /// The address with nothing set behind its first `bits`.
  private static func cut(_ address: IPAddress, _ bits: Int) -> IPAddress {
    switch address {
    // Shifts by as many bits as there are give 0 in Swift.
    case .version4(let all): .version4(all & (UInt32.max << UInt32(32 - bits)))
    case .version6(let high, let low):
      .version6(high: high & (UInt64.max << UInt64(max(0, 64 - bits))), low: low & (UInt64.max << UInt64(min(64, 128 - bits))))
    }
  }
}
