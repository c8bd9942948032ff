// The two primitives that all of it stands on, by their names in the standards, so that their vectors can be held against
// them. Where a MAC is compared it is the library that compares, in constant time.

import Crypto

/// HMAC and HKDF with SHA-256.
package enum Primitives {
  /// HMAC-SHA-256 (RFC 2104).
  package static func hmac(_ key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: key)))
  }

  /// HKDF-SHA-256 (RFC 5869).
  package static func hkdf(_ input: [UInt8], salt: [UInt8], info: [UInt8], byteCount: Int) -> [UInt8] {
    derived(SymmetricKey(data: input), salt, info, byteCount).withUnsafeBytes { Array($0) }
  }

  static func derived(_ input: SymmetricKey, _ salt: [UInt8], _ info: [UInt8], _ byteCount: Int) -> SymmetricKey {
    HKDF<SHA256>.deriveKey(inputKeyMaterial: input, salt: salt, info: info, outputByteCount: byteCount)
  }
}
