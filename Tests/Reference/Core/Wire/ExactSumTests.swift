// Exact sums against whole numbers of any length that are added up here digit by digit: any order, any division into
// parts, one rounding. MONITORING-19.

import Testing
import Vocabulary
import Wire

/// A whole number of any length as digits in base 2^32 with a sign, and as little arithmetic as the reference needs.
private struct LongInteger {
  /// Least first.
  var digits: [UInt32] = []
  var isNegative = false

  /// A double in steps of 2^-1074, exactly.
  init(steps value: Double) {
    isNegative = value < 0
    let exponent = Int(value.exponentBitPattern)
    let significand = exponent == 0 ? value.significandBitPattern : value.significandBitPattern | 1 << 52
    digits = [UInt32(truncatingIfNeeded: significand), UInt32(truncatingIfNeeded: significand >> 32)]
    for _ in 0..<max(0, exponent - 1) { double() }
    trim()
  }

  private mutating func trim() { while digits.last == 0 { digits.removeLast() } }

  mutating func double() {
    var carry: UInt32 = 0
    for index in digits.indices { (digits[index], carry) = (digits[index] << 1 | carry, digits[index] >> 31) }
    if carry != 0 { digits.append(carry) }
  }

  static func isLess(_ one: [UInt32], _ other: [UInt32]) -> Bool {
    if one.count != other.count { return one.count < other.count }
    for index in one.indices.reversed() where one[index] != other[index] { return one[index] < other[index] }
    return false
  }

  mutating func add(_ other: LongInteger) {
    if isNegative == other.isNegative {
      var carry: UInt64 = 0
      for index in 0..<max(digits.count, other.digits.count) + 1 {
        if index == digits.count { digits.append(0) }
        let sum = UInt64(digits[index]) + (index < other.digits.count ? UInt64(other.digits[index]) : 0) + carry
        digits[index] = UInt32(truncatingIfNeeded: sum)
        carry = sum >> 32
      }
    } else {
      let isLess = Self.isLess(digits, other.digits)
      let (greater, lesser) = isLess ? (other.digits, digits) : (digits, other.digits)
      var result = greater
      var borrow: Int64 = 0
      for index in result.indices {
        let difference = Int64(greater[index]) - (index < lesser.count ? Int64(lesser[index]) : 0) - borrow
        result[index] = UInt32(truncatingIfNeeded: difference)
        borrow = difference < 0 ? 1 : 0
      }
      digits = result
      if isLess { isNegative = other.isNegative }
    }
    trim()
  }

  /// `self · factor`.
  func times(_ factor: UInt32) -> LongInteger {
    var product = self
    var carry: UInt64 = 0
    for index in product.digits.indices {
      let full = UInt64(product.digits[index]) * UInt64(factor) + carry
      product.digits[index] = UInt32(truncatingIfNeeded: full)
      carry = full >> 32
    }
    if carry != 0 { product.digits.append(UInt32(carry)) }
    product.trim()
    return product
  }
}

/// Whether `found` is the double nearest to `sum / count`: no neighbour lies nearer, and of two as near it is the even
/// one.
private func isNearest(_ found: Double, to sum: LongInteger, dividedBy count: UInt32) -> Bool {
  func distance(_ value: Double) -> [UInt32] {
    var difference = LongInteger(steps: value).times(count)
    var negated = sum
    negated.isNegative.toggle()
    difference.add(negated)
    return difference.digits
  }
  let mine = distance(found)
  for neighbour in [found.nextUp, found.nextDown] where neighbour.isFinite {
    let theirs = distance(neighbour)
    if LongInteger.isLess(theirs, mine) { return false }
    if !LongInteger.isLess(mine, theirs), found.significandBitPattern & 1 == 1 { return false }
  }
  return true
}

@Suite struct ExactSumTests {
  /// Doubles of every size, near each other and far apart, with what cancels them.
  private static func values(_ random: inout RandomStream) -> [Double] {
    var values: [Double] = []
    let spread = [3, 60, 2_046][Int(random.below(3))]
    for _ in 0..<(1 + random.below(40)) {
      let exponent = min(2_046, Int(random.below(UInt64(spread))) + (spread < 2_046 ? Int(random.below(2_000)) : 0))
      let value = Double(
        sign: random.below(2) == 0 ? .plus : .minus, exponentBitPattern: UInt(exponent),
        significandBitPattern: random.next() & (1 << 52 - 1) & (random.below(2) == 0 ? .max : ~0xFFFF_FFFF))
      values.append(value)
      if random.below(3) == 0 { values.append(-value) }
      if random.below(6) == 0 { values.append(value.nextUp) }
    }
    return values.filter(\.isFinite)
  }

  @Test(arguments: 1...300 as ClosedRange<UInt64>) func sumsAndMeansAreTheNearestDoubles(seed: UInt64) {
    var random = RandomStream(seed: seed, name: "sums")
    let values = Self.values(&random)
    guard !values.isEmpty else { return }
    var exact = LongInteger(steps: 0)
    for value in values { exact.add(LongInteger(steps: value)) }
    let sum = ExactSum(values)
    if sum.double.isFinite {
      #expect(isNearest(sum.double, to: exact, dividedBy: 1), "seed \(seed): \(sum.double)")
    } else {
      // Beyond the greatest double by half its last step at least.
      var beyond = exact
      beyond.isNegative = false
      var most = LongInteger(steps: .greatestFiniteMagnitude)
      var half = LongInteger(steps: Double.greatestFiniteMagnitude.ulp / 2)
      half.isNegative = false
      most.add(half)
      #expect(!LongInteger.isLess(beyond.digits, most.digits), "seed \(seed)")
      #expect((sum.double < 0) == exact.isNegative, "seed \(seed)")
    }
    #expect(isNearest(sum.mean(count: Int64(values.count)), to: exact, dividedBy: UInt32(values.count)), "seed \(seed)")
    #expect(isNearest(sum.mean(count: 4_000_000_007), to: exact, dividedBy: 4_000_000_007), "seed \(seed)")
  }

  /// The reference is no rubber stamp: it refuses the neighbours of the nearest double, and what adding up in doubles
  /// comes to.
  @Test func whatIsNotNearestIsSeen() {
    var naiveSumsRefused = 0
    for seed in 1...300 as ClosedRange<UInt64> {
      var random = RandomStream(seed: seed, name: "sums")
      let values = Self.values(&random)
      var exact = LongInteger(steps: 0)
      for value in values { exact.add(LongInteger(steps: value)) }
      let sum = ExactSum(values).double
      for neighbour in [sum.nextUp, sum.nextDown] where sum.isFinite && neighbour.isFinite {
        #expect(!isNearest(neighbour, to: exact, dividedBy: 1), "seed \(seed)")
      }
      let naive = values.reduce(0, +)
      if sum.isFinite, !naive.isFinite || !isNearest(naive, to: exact, dividedBy: 1) { naiveSumsRefused += 1 }
    }
    #expect(naiveSumsRefused > 50)
  }

  @Test(arguments: 1...200 as ClosedRange<UInt64>) func orderAndPartsMakeNoDifference(seed: UInt64) {
    var random = RandomStream(seed: seed, name: "parts")
    var values = Self.values(&random)
    let whole = ExactSum(values)
    for place in values.indices.dropFirst().reversed() { values.swapAt(place, Int(random.below(UInt64(place) + 1))) }
    var merged = ExactSum()
    var rest = values[...]
    while !rest.isEmpty {
      let part = rest.prefix(1 + Int(random.below(7)))
      merged.merge(ExactSum(part))
      if random.below(3) == 0 { merged.merge(ExactSum()) }
      rest = rest.dropFirst(part.count)
    }
    #expect(merged.double.bitPattern == whole.double.bitPattern, "seed \(seed)")
    #expect(merged.mean(count: 7).bitPattern == whole.mean(count: 7).bitPattern, "seed \(seed)")
  }

  @Test func knownSums() {
    let least = Double.leastNonzeroMagnitude
    #expect(ExactSum([1e308, 1e308]).mean(count: 2) == 1e308)
    #expect(ExactSum([1e308, 1e308]).double == .infinity)
    #expect(ExactSum([-1e308, -1e308]).double == -.infinity)
    #expect(ExactSum([1.7e308, 1.7e308, -1.7e308]).double == 1.7e308)
    #expect(ExactSum([1e100, 1, -1e100, 0.1]).double == 1.1)
    #expect(ExactSum([0x1p53, 1]).double == 0x1p53)
    #expect(ExactSum([0x1p53, 1, least]).double == 0x1p53 + 2)
    #expect(ExactSum([least, least, -least]).double == least)
    #expect(ExactSum([least]).mean(count: 2) == 0)
    #expect(ExactSum([least, least, least]).mean(count: 2) == 2 * least)
    #expect(ExactSum(repeatElement(0.1, count: 10)).double == 1)
    #expect(ExactSum(repeatElement(.greatestFiniteMagnitude, count: 1_000)).mean(count: 1_000) == .greatestFiniteMagnitude)
  }

  @Test func specialValuesAreAsInIEEE754() {
    #expect(ExactSum([1, .nan]).double.isNaN)
    #expect(ExactSum([.infinity, -.infinity]).double.isNaN)
    #expect(ExactSum([.infinity, -1e308]).double == .infinity)
    #expect(ExactSum([-.infinity, 1]).mean(count: 2) == -.infinity)
    var merged = ExactSum([.infinity])
    merged.merge(ExactSum([-.infinity]))
    #expect(merged.double.isNaN)
    for zeros in [[], [-0.0], [0.0, -0.0], [1, -1], [-1e308, 1e308]] {
      #expect(ExactSum(zeros).double.bitPattern == 0)
    }
  }
}
