// The Date field of answers (RFC 9110, section 6.6.1), made once a second.

import Vocabulary

/// Keeps the field line for the current second; confined to a loop.
final class DateField {
  private var second = Int64.min
  private var line: [UInt8] = []

  /// The whole line, CR LF included, for the system's wall clock.
  func bytes() -> [UInt8] {
    let now = LiveClock.systemWallTime().nanoseconds / 1_000_000_000
    if now != second {
      second = now
      line = Array("date: \(DateField.text(secondsSinceEpoch: now))\r\n".utf8)
    }
    return line
  }

  /// "Sun, 06 Nov 1994 08:49:37 GMT".
  static func text(secondsSinceEpoch: Int64) -> String {
    let seconds = max(0, secondsSinceEpoch)
    let days = seconds / 86_400
    let clock = seconds % 86_400
    // Days to a civil date, with years that begin in March (Hinnant's algorithm).
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let name = weekdays[Int(days % 7)]
    return "\(name), \(two(day)) \(months[Int(month) - 1]) \(year) \(two(clock / 3_600)):\(two(clock / 60 % 60)):\(two(clock % 60)) GMT"
  }
}
