// Sums of doubles without error: every double is a whole multiple of 2^-1074, so that a sum of them is one whole
// number, which is kept as it is (a superaccumulator, after Kulisch). It is rounded once, where it is read.
//
// The result does not depend on the order of the values, nor on how they were divided into parts that were added up
// apart and merged; nothing overflows on the way. As in IEEE 754: a NaN gives NaN, and so do infinities of both signs;
// an infinity gives itself; a finite sum beyond the range of doubles is rounded to the infinity of its sign; a sum of
// zero is +0, whatever the signs of its zeros. Limits: 2^62 values; the number takes the words of 64 bits that its
// values touch, four mostly and at most 36. Serves MONITORING-19.

import Vocabulary

/// The exact sum of doubles.
public struct ExactSum: Sendable {
  /// Bits of a double's smallest step: 2^-1074.
  private static let smallestExponent = -1_074
  /// A double's significand.
  private static let significandBits = 53

  /// The sum in steps of 2^(64 · firstWord − 1074), as a two's complement number, least word first. The last word holds
  /// the sign alone: 0 or all ones. Empty is 0.
  private var words: [UInt64] = []
  /// Which word of the whole number the first of `words` is.
  private var firstWord = 0
  private var hasNaN = false
  private var hasPositiveInfinity = false
  private var hasNegativeInfinity = false

  /// A sum of nothing: 0.
  public init() {}

  /// The sum of some values.
  public init(_ values: some Sequence<Double>) {
    for value in values { add(value) }
  }

  // MARK: adding

  /// Adds a value.
  public mutating func add(_ value: Double) {
    guard value.isFinite else {
      if value.isNaN { hasNaN = true } else if value > 0 { hasPositiveInfinity = true } else { hasNegativeInfinity = true }
      return
    }
    if value == 0 { return }
    let exponent = Int(value.exponentBitPattern)
    let significand = exponent == 0 ? value.significandBitPattern : value.significandBitPattern | 1 << 52
    // How many steps of 2^-1074 the significand's last bit is.
    let shift = max(0, exponent - 1)
    let bit = UInt64(shift % 64)
    let low = significand << bit
    let high = bit == 0 ? 0 : significand >> (64 - bit)
    let place = open(from: shift / 64, upTo: shift / 64 + 2)
    if value < 0 { subtract(low, high, at: place) } else { add(low, high, at: place) }
    closeSign()
  }

  /// Adds the values of another sum.
  public mutating func merge(_ other: ExactSum) {
    hasNaN = hasNaN || other.hasNaN
    hasPositiveInfinity = hasPositiveInfinity || other.hasPositiveInfinity
    hasNegativeInfinity = hasNegativeInfinity || other.hasNegativeInfinity
    guard let sign = other.words.last else { return }
    // One word more than either has, so that the carry does not reach the sign.
    let place = open(from: other.firstWord, upTo: other.firstWord + other.words.count)
    var carry: UInt64 = 0
    for index in place..<words.count {
      let word = index - place < other.words.count ? other.words[index - place] : sign
      let (sum, overflow) = words[index].addingReportingOverflow(word)
      let (total, second) = sum.addingReportingOverflow(carry)
      words[index] = total
      carry = overflow || second ? 1 : 0
    }
    closeSign()
  }

  private mutating func add(_ low: UInt64, _ high: UInt64, at place: Int) {
    var overflow: Bool
    (words[place], overflow) = words[place].addingReportingOverflow(low)
    var carry: UInt64 = overflow ? 1 : 0
    var word = high
    var index = place + 1
    while index < words.count, word != 0 || carry != 0 {
      let (sum, first) = words[index].addingReportingOverflow(word)
      let (total, second) = sum.addingReportingOverflow(carry)
      words[index] = total
      carry = first || second ? 1 : 0
      word = 0
      index += 1
    }
  }

  private mutating func subtract(_ low: UInt64, _ high: UInt64, at place: Int) {
    var overflow: Bool
    (words[place], overflow) = words[place].subtractingReportingOverflow(low)
    var borrow: UInt64 = overflow ? 1 : 0
    var word = high
    var index = place + 1
    while index < words.count, word != 0 || borrow != 0 {
      let (difference, first) = words[index].subtractingReportingOverflow(word)
      let (total, second) = difference.subtractingReportingOverflow(borrow)
      words[index] = total
      borrow = first || second ? 1 : 0
      word = 0
      index += 1
    }
  }

  /// Makes sure that the words from `first` to `last` are there, and the sign behind them; the place of `first`.
  private mutating func open(from first: Int, upTo last: Int) -> Int {
    if words.isEmpty {
      firstWord = first
      words = [0]
    }
    if first < firstWord {
      words.insert(contentsOf: repeatElement(0, count: firstWord - first), at: 0)
      firstWord = first
    }
    let sign = words[words.count - 1]
    while firstWord + words.count <= last { words.append(sign) }
    return first - firstWord
  }

  /// Gives the sign a word of its own again.
  private mutating func closeSign() {
    let last = words[words.count - 1]
    if last != 0, last != .max { words.append(last >> 63 == 0 ? 0 : .max) }
    // Not more words than it needs.
    while words.count > 1, words[words.count - 1] == words[words.count - 2] { words.removeLast() }
  }

  // MARK: reading

  /// The sum, rounded to the nearest double, to the even one of two.
  public var double: Double {
    if let special { return special }
    let (isNegative, magnitude) = magnitude
    return Self.rounded(magnitude, fractionBits: 0, hasMore: false, isNegative: isNegative)
  }

  /// The sum divided by how many values there are (at least 1), rounded once.
  public func mean(count: Int64) -> Double {
    invariant(count >= 1, "a mean of \(count) values")
    if let special { return special }
    var (isNegative, words) = magnitude
    // Two words of fraction: enough for the last bit of any quotient, however small.
    words.insert(contentsOf: [0, 0], at: 0)
    var remainder: UInt64 = 0
    for index in words.indices.reversed() {
      (words[index], remainder) = UInt64(count).dividingFullWidth((remainder, words[index]))
    }
    return Self.rounded(words, fractionBits: 128, hasMore: remainder != 0, isNegative: isNegative)
  }

  private var special: Double? {
    if hasNaN || hasPositiveInfinity && hasNegativeInfinity { return .nan }
    if hasPositiveInfinity { return .infinity }
    if hasNegativeInfinity { return -.infinity }
    return nil
  }

  /// The sign, and the number without it in steps of 2^-1074, least word first.
  private var magnitude: (isNegative: Bool, words: [UInt64]) {
    var whole = Array(repeating: UInt64(0), count: firstWord) + words
    guard words.last == .max else { return (false, whole) }
    var carry = true
    for index in whole.indices {
      let (word, overflow) = (~whole[index]).addingReportingOverflow(carry ? 1 : 0)
      whole[index] = word
      carry = overflow
    }
    return (true, whole)
  }

  /// The double nearest to a number of steps of 2^(-1074 - fractionBits); `hasMore` tells of something beyond the last
  /// step.
  private static func rounded(_ words: [UInt64], fractionBits: Int, hasMore: Bool, isNegative: Bool) -> Double {
    guard let last = words.lastIndex(where: { $0 != 0 }) else { return 0 }
    let highest = last * 64 + 63 - words[last].leadingZeroBitCount
    // The bit that becomes the significand's last: never below 2^-1074, where subnormal numbers end.
    let lowest = max(fractionBits, highest - (significandBits - 1))
    var significand = bits(of: words, from: lowest, count: highest - lowest + 1)
    if lowest > 0, bits(of: words, from: lowest - 1, count: 1) == 1 {
      let isMoreThanHalf = hasMore || hasBits(words, below: lowest - 1)
      if isMoreThanHalf || significand & 1 == 1 { significand += 1 }
    }
    // Exact: the significand has at most 54 bits of which the last is then 0.
    let exponent = lowest - fractionBits + smallestExponent
    return Double(sign: isNegative ? .minus : .plus, exponent: exponent, significand: Double(significand))
  }

  /// `count` bits (at most 64) from bit `first` on; none where there are none.
  private static func bits(of words: [UInt64], from first: Int, count: Int) -> UInt64 {
    guard count > 0, first / 64 < words.count else { return 0 }
    let bit = UInt64(first % 64)
    var value = words[first / 64] >> bit
    if bit != 0, first / 64 + 1 < words.count { value |= words[first / 64 + 1] << (64 - bit) }
    return count == 64 ? value : value & (1 << UInt64(count) - 1)
  }

  private static func hasBits(_ words: [UInt64], below bit: Int) -> Bool {
    for index in 0..<(bit / 64) where words[index] != 0 { return true }
    return bit % 64 != 0 && words[bit / 64] & (1 << UInt64(bit % 64) - 1) != 0
  }
}
