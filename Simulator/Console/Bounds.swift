// What options take: whole numbers within bounds, seeds, paths. Each says its bounds where it refuses something;
// nothing that a command line can say overflows or traps.

import ArgumentParser
import Foundation

/// The bounds of a whole number on the command line, both ends included.
package struct Bounds: Sendable {
  /// The smallest.
  package let least: Int
  /// The greatest.
  package let most: Int
  /// Numbers beside those from `least` to `most`.
  package let others: [Int]

  package init(_ range: ClosedRange<Int>, or others: [Int] = []) {
    least = range.lowerBound
    most = range.upperBound
    self.others = others
  }

  /// Threads, flights at once.
  package static let jobs = Bounds(1...1_024)
  /// Event loops of a host.
  package static let loops = Bounds(1...256)
  /// A TCP port.
  package static let port = Bounds(1...65_535)
  /// The first of up to 16 ports in a row; 0 lets the system choose.
  package static let servedPort = Bounds(1...65_520, or: [0])
  /// Requests a second.
  package static let rate = Bounds(1...1_000_000)
  /// Seconds without a sign of life.
  package static let silenceSeconds = Bounds(1...86_400)
  /// Longest time for a whole, in seconds: up to a week.
  package static let limitSeconds = Bounds(1...604_800)
  /// How many times as fast as recorded.
  package static let speed = Bounds(1...1_000_000)
  /// Seconds since 1970: up to the year 2200. A clock that runs a million times as fast from there on comes to its end,
  /// in 2262, within half an hour; it stands still then, and what is stamped by it has one stamp.
  package static let clockStartSeconds = Bounds(0...7_258_118_400)
  /// Placements of a search.
  package static let states = Bounds(1...1_000_000_000_000)

  /// "a whole number from 1 to 65535".
  package var words: String {
    if least == most { return (([least] + others).map(String.init)).joined(separator: ", ") }
    return others.map { "\($0), or " }.joined() + "a whole number from \(least) to \(most)"
  }

  /// The number that `text` says in decimal digits. Throws what was expected.
  package func read(_ text: String) throws -> Int {
    let isSpelledSo = text.utf8.enumerated().allSatisfy { offset, byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (offset == 0 && byte == UInt8(ascii: "-"))
    }
    guard isSpelledSo, let number = Int(text), (least...most).contains(number) || others.contains(number) else {
      throw ValidationError("expected \(words)")
    }
    return number
  }
}

/// Seeds on the command line.
package enum SeedText {
  /// The most seeds of one campaign.
  package static let most: UInt64 = 1_000_000

  /// One seed. Throws what was expected.
  package static func seed(_ text: String) throws -> UInt64 {
    guard let seed = number(text) else { throw ValidationError("expected a whole number from 0 to \(UInt64.max)") }
    return seed
  }

  /// `7` or `1..100`. Throws what was expected.
  package static func range(_ text: String) throws -> SeedRange {
    let expected = "expected a seed or two with .. between, like 1..100, each a whole number from 0 to \(UInt64.max)"
    guard let dots = text.range(of: "..") else {
      guard let seed = number(text) else { throw ValidationError(expected) }
      return SeedRange(seed...seed)
    }
    guard let low = number(String(text[..<dots.lowerBound])), let high = number(String(text[dots.upperBound...])) else {
      throw ValidationError(expected)
    }
    guard low <= high else { throw ValidationError("\(expected), the smaller one first") }
    guard high - low < most else { throw ValidationError("expected at most \(most) seeds") }
    return SeedRange(low...high)
  }

  private static func number(_ text: String) -> UInt64? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? UInt64(text) : nil
  }
}

/// A range of seeds.
package struct SeedRange: Sendable, CustomStringConvertible {
  /// The seeds, both ends included.
  package var range: ClosedRange<UInt64>

  package init(_ range: ClosedRange<UInt64>) { self.range = range }

  /// How many.
  package var count: Int { Int(range.upperBound - range.lowerBound) + 1 }

  /// "1..5", as it is given.
  package var description: String { "\(range.lowerBound)..\(range.upperBound)" }
}

/// Paths and names on the command line.
package enum PathText {
  /// A path. An empty one would mean the root folder or nothing at all, depending on what is done with it, so it is
  /// refused.
  package static func read(_ text: String) throws -> String {
    guard !text.isEmpty, !text.utf8.contains(0) else { throw ValidationError("expected a path, found nothing") }
    return text
  }

  /// A name. Throws where it is empty.
  package static func name(_ text: String) throws -> String {
    guard !text.isEmpty else { throw ValidationError("expected a name, found nothing") }
    return text
  }
}
