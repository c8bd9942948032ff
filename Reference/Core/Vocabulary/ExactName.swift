// A name that came from outside, compared by its bytes.
//
// Swift's `String` takes texts for equal that differ only in composition (`é` as one scalar or as two), orders them by that, and hashes them alike:
// as a key it would give two names of clients one entry. Whatever a client names is a key only as this. Serves MONITORING-7, 12, 23.

/// A text whose UTF-8 bytes decide about equality, hash and order.
@frozen public struct ExactName: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
  /// The text as it came.
  public let text: String

  /// A name.
  @inlinable public init(_ text: String) { self.text = text }

  /// A name written in code.
  @inlinable public init(stringLiteral value: String) { text = value }

  /// The text.
  public var description: String { text }

  /// Whether two texts have the same bytes.
  public static func == (left: ExactName, right: ExactName) -> Bool {
    // Unequal texts never have the same bytes, and for short ones this compares raw bits.
    left.text == right.text && left.text.utf8.elementsEqual(right.text.utf8)
  }

  public static func < (left: ExactName, right: ExactName) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }

  public func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    // So that names behind each other are not one.
    hasher.combine(0xFF as UInt8)
  }
}
