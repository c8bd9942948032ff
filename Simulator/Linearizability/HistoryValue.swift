// A text in a history: a key, a value that was written, a producer's name.
//
// Compared, hashed and sorted by its UTF-8 bytes: Swift's own equality would take a precomposed letter for its decomposed form, and a
// service that turns one into the other has lost what a client wrote.

import Wire

/// A text of a history, by its bytes.
public struct HistoryValue: Hashable, Comparable, Sendable, ExpressibleByStringLiteral {
  /// The text as it was recorded.
  public var text: String

  /// A value.
  public init(_ text: String) { self.text = text }

  /// A value written in code.
  public init(stringLiteral value: String) { text = value }

  /// Same bytes.
  public static func == (left: HistoryValue, right: HistoryValue) -> Bool { sameBytes(left.text, right.text) }

  /// By bytes.
  public static func < (left: HistoryValue, right: HistoryValue) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }

  /// By bytes, as equality is.
  public func hash(into hasher: inout Hasher) {
    var copy = text
    copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
