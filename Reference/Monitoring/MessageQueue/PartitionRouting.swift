// Which partition a key goes to. The function is part of the stored format: it never changes between versions, and
// golden vectors in the tests hold it (MONITORING-8).

/// Key routing.
public enum PartitionRouting {
  /// The partition of `key` among `count`: 64-bit FNV-1a over the key's UTF-8 bytes, finished by a multiply-xorshift
  /// mix (FNV alone leaves the upper bits of short keys poor), then the upper half of a multiplication by `count`.
  public static func partition(of key: String, count: Int) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    hash ^= hash >> 32
    hash = hash &* 0x9FB2_1C65_1E98_DF25
    hash ^= hash >> 32
    return Int(hash.multipliedFullWidth(by: UInt64(count)).high)
  }
}
