// When a server says to come again: the header Retry-After (RFC 9110, section 10.2.3), in seconds or as a date in any
// of the three forms that a recipient must read (section 5.6.7). Limit: nobody is made to wait for longer than
// `longest`, whatever is said.

import Vocabulary

/// Reads Retry-After.
public enum RetryAfter {
  /// What no wait exceeds.
  public static let longest = TimeSpan.hours(1)

  /// How long to wait by the header of `response`, where the wall clock shows `now`; nil where it says nothing that can
  /// be read. A date that is over is no wait.
  public static func wait(_ response: Response, now: WallTime) -> TimeSpan? {
    guard let text = response.head.headers["retry-after"] else { return nil }
    let bytes = Array(text.utf8)
    if !bytes.isEmpty, bytes.allSatisfy({ (0x30...0x39).contains($0) }) {
      // More digits than Int64 holds are more than the longest wait.
      return Int64(text).map { min(longest, .seconds(min($0, 1 << 32))) } ?? longest
    }
    guard let second = HTTPDate.secondsSinceEpoch(bytes, now: now) else { return nil }
    return min(longest, max(.zero, WallTime(milliseconds: second * 1_000) - now))
  }
}

/// A date of HTTP.
enum HTTPDate {
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].map { Array($0.utf8) }

  /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37
  /// 1994`; nil for all else. The day of the week is not compared. A year of two digits is taken not more than 50 years
  /// after `now`.
  static func secondsSinceEpoch(_ bytes: [UInt8], now: WallTime) -> Int64? {
    // The month's name cannot stand in the day's: fields are told apart by what they are, and each must be there once,
    // in its form's order.
    let words = bytes.split(whereSeparator: { $0 == 0x20 || $0 == 0x2C }).map(Array.init)
    switch words.count {
    case 6 where words[5] == Array("GMT".utf8):
      return seconds(year: number(words[3], digits: 4), month: words[2], day: number(words[1], digits: 2), clock: words[4])
    case 4 where words[3] == Array("GMT".utf8):
      let date = words[1].split(separator: 0x2D, omittingEmptySubsequences: false).map(Array.init)
      guard date.count == 3, let short = number(date[2], digits: 2) else { return nil }
      let thisYear = 1970 + now.nanoseconds / (365_2425 * 86_400 * 100_000)
      // The latest such year that is not more than 50 years ahead.
      let year = short + (thisYear + 50 - short) / 100 * 100
      return seconds(year: year, month: date[1], day: number(date[0], digits: 2), clock: words[2])
    case 5:
      return seconds(
        year: number(words[4], digits: 4), month: words[1], day: number(words[2], digits: words[2].count == 1 ? 1 : 2), clock: words[3])
    default: return nil
    }
  }

  private static func number(_ bytes: some Collection<UInt8>, digits: Int) -> Int64? {
    guard bytes.count == digits, bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return bytes.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
  }

  private static func seconds(year: Int64?, month: [UInt8], day: Int64?, clock: [UInt8]) -> Int64? {
    let parts = clock.split(separator: 0x3A, omittingEmptySubsequences: false)
    guard let year, let day, let month = months.firstIndex(of: month), (1...31).contains(day), parts.count == 3,
      let hour = number(parts[0], digits: 2), let minute = number(parts[1], digits: 2), let second = number(parts[2], digits: 2), hour < 24,
      minute < 60, second <= 60
    else { return nil }
    // A civil date to days, with years that begin in March (Hinnant's algorithm).
    let shifted = year - (month < 2 ? 1 : 0)
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * Int64((month + 10) % 12) + 2) / 5 + day - 1
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    return days * 86_400 + hour * 3_600 + minute * 60 + second
  }
}
