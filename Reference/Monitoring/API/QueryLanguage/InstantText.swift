// Moments as text: RFC 3339 and `YYYY-MM-DD HH:MM:SS` in UTC, to and from nanoseconds since 1970.
//
// Whatever Int64 nanoseconds can hold (1677-09-21 to 2262-04-11) is read and printed exactly; all else is refused. The
// calendar is the proleptic Gregorian one; leap seconds (:60) are refused, since nanoseconds since 1970 do not count
// them. MONITORING-19.

/// A moment as text.
public enum InstantText {
  /// The nanoseconds since 1970 UTC of `YYYY-MM-DD`, `YYYY-MM-DD HH:MM:SS` (UTC) or RFC 3339, each with up to nine
  /// digits of a second's fraction; nil when the text is anything else, names no real date, or lies outside 64 bits of
  /// nanoseconds.
  public static func nanoseconds(of text: String) -> Int64? { try? read(text) }

  /// Why a text is no moment that is read.
  public enum Mistake: Error, Hashable, Sendable {
    /// It is none of the forms, or names no real date.
    case noMoment
    /// It is a moment, but outside 64 bits of nanoseconds.
    case beyondRange
  }

  /// What can be read, in words.
  public static let range = "from 1677-09-21 to 2262-04-11 (64 bits of nanoseconds)"

  /// The nanoseconds since 1970 UTC of a text of the forms that `nanoseconds(of:)` takes; throws what it is instead.
  public static func read(_ text: String) throws(Mistake) -> Int64 {
    var scanner = InstantScanner(bytes: Array(text.utf8))
    guard let total = scanner.instant() else { throw .noMoment }
    guard let nanoseconds = Int64(exactly: total) else { throw .beyondRange }
    return nanoseconds
  }

  /// RFC 3339 in UTC, with as many digits of the fraction as are needed in groups of three.
  public static func text(nanoseconds: Int64) -> String {
    let (days, nanosecondsOfDay) = dividedDown(nanoseconds, by: 86_400_000_000_000)
    let date = CalendarDate(daysSince1970: days)
    let (second, fraction) = nanosecondsOfDay.quotientAndRemainder(dividingBy: 1_000_000_000)
    var result = "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
    result += "T\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
    if fraction % 1_000_000 == 0 {
      if fraction != 0 { result += ".\(padded(fraction / 1_000_000, 3))" }
    } else if fraction % 1000 == 0 {
      result += ".\(padded(fraction / 1000, 6))"
    } else {
      result += ".\(padded(fraction, 9))"
    }
    return result + "Z"
  }

  private static func padded(_ number: Int64, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: Swift.max(0, digits - text.utf8.count)) + text
  }
}

/// Quotient and remainder, rounded down: the remainder is never negative.
private func dividedDown(_ number: Int64, by divisor: Int64) -> (Int64, Int64) {
  let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
  return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

/// A day of the proleptic Gregorian calendar. The arithmetic counts years from March, so that the leap day comes last
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
private struct CalendarDate {
  var year: Int64
  var month: Int64
  var day: Int64

  init(daysSince1970: Int64) {
    let (era, dayOfEra) = dividedDown(daysSince1970 + 719_468, by: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// Nil when there is no such day. The year has at most four digits here.
  init?(year: Int64, month: Int64, day: Int64) {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard month >= 1, month <= 12, day >= 1, day <= lengths[Int(month) - 1] else { return nil }
    self.year = year
    self.month = month
    self.day = day
  }

  var daysSince1970: Int64 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = dividedDown(shiftedYear, by: 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}

/// Reads one moment.
private struct InstantScanner {
  let bytes: [UInt8]
  var position = 0

  mutating func instant() -> Int128? {
    guard let year = digits(4), take("-"), let month = digits(2), take("-"), let day = digits(2),
      let date = CalendarDate(year: year, month: month, day: day)
    else { return nil }
    let isDateOnly = position == bytes.count
    var second: Int64 = 0
    var fraction: Int64 = 0
    if !isDateOnly {
      let isRFC3339 = take("T") || take("t")
      guard isRFC3339 || take(" "), let hours = digits(2), take(":"), let minutes = digits(2), take(":"), let seconds = digits(2),
        hours <= 23, minutes <= 59, seconds <= 59, let nanoseconds = fractionNanoseconds(), let zoneSeconds = zone(isRequired: isRFC3339),
        position == bytes.count
      else { return nil }
      second = hours * 3600 + minutes * 60 + seconds - zoneSeconds
      fraction = nanoseconds
    }
    // 128 bits: near the ends of the range the whole seconds alone can lie outside 64 bits of nanoseconds.
    return Int128(date.daysSince1970 * 86_400 + second) * 1_000_000_000 + Int128(fraction)
  }

  private mutating func zone(isRequired: Bool) -> Int64? {
    if take("Z") || take("z") { return 0 }
    let isEast = take("+")
    guard isEast || take("-") else { return isRequired ? nil : 0 }
    guard let hours = digits(2), take(":"), let minutes = digits(2), hours <= 23, minutes <= 59 else { return nil }
    return (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
  }

  private mutating func fractionNanoseconds() -> Int64? {
    guard take(".") else { return 0 }
    var value: Int64 = 0
    var count = 0
    while count < 9, let digit = digits(1) {
      value = value * 10 + digit
      count += 1
    }
    guard count > 0 else { return nil }
    while count < 9 {
      value *= 10
      count += 1
    }
    return value
  }

  private mutating func digits(_ count: Int) -> Int64? {
    guard position + count <= bytes.count else { return nil }
    var value: Int64 = 0
    for byte in bytes[position..<(position + count)] {
      let digit = byte &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      value = value * 10 + Int64(digit)
    }
    position += count
    return value
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
    position += 1
    return true
  }
}
