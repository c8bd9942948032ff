// What stands for a name where chance is split and hashes are taken: chance hangs on names, never on places in a list,
// so that to take one fault, load or node away leaves all others as they were.

/// Names as numbers.
public enum NameDigest {
  /// FNV-1a of a name's UTF-8 bytes: the same on every machine and in every process.
  public static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash
  }

  /// The same of a text.
  public static func of(_ name: String) -> UInt64 { of(name.utf8) }
}
