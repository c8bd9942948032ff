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
    let time = CivilTime(secondsSinceEpoch: secondsSinceEpoch)
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return "\(weekdays[time.daysSinceThursday]), \(CivilTime.two(time.day)) \(months[time.month - 1]) \(time.year) \(time.timeOfDay) GMT"
  }
}
