// Whole numbers as they stand in messages: digits and nothing else. Swift's own readers take a sign too.

extension StringProtocol {
  /// Whether this is a whole number without a sign.
  var isDecimalDigits: Bool { !utf8.isEmpty && utf8.allSatisfy { (0x30...0x39).contains($0) } }
}
