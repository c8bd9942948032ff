// A name that came from outside, compared by its bytes.
//
// Swift's `String` takes texts for equal that differ only in composition (`é` as one scalar or as two), orders them by
// that, and hashes them alike: as a key it would give two names of clients one entry. Whatever a client names is a key
// only as this. Serves MONITORING-7, 12, 23.

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
  public static func == (left: ExactName, right: ExactName) -> Bool { sameBytes(left.text, right.text) }

  public static func < (left: ExactName, right: ExactName) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }

  public func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    // So that names behind each other are not one.
    hasher.combine(0xFF as UInt8)
  }
}

/// Equality of UTF-8 bytes; Swift's `==` would also equate a precomposed letter with its decomposed form.
public func sameBytes(_ one: String, _ other: String) -> Bool {
  // `==` first: it is one comparison of raw bits for most short names, and byte equality implies it.
  guard one == other else { return false }
  let areSame = one.utf8.withContiguousStorageIfAvailable { mine in
    other.utf8.withContiguousStorageIfAvailable { theirs in
      guard mine.count == theirs.count else { return false }
      let (mine, theirs) = (UnsafeRawBufferPointer(mine), UnsafeRawBufferPointer(theirs))
      var place = 0
      while place + 8 <= mine.count {
        if mine.loadUnaligned(fromByteOffset: place, as: UInt64.self) != theirs.loadUnaligned(fromByteOffset: place, as: UInt64.self) {
          return false
        }
        place += 8
      }
      while place < mine.count, mine[place] == theirs[place] { place += 1 }
      return place == mine.count
    }
  }
  return areSame.flatMap { $0 } ?? one.utf8.elementsEqual(other.utf8)
}
