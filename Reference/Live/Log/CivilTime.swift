// A moment of the system's wall clock as a date and a time of day, UTC.

/// A date and a time of day in the proleptic Gregorian calendar, UTC, without leap seconds.
struct CivilTime: Hashable {
  var year: Int64
  /// 1 to 12.
  var month: Int
  /// 1 to 31.
  var day: Int64
  /// 0 for a Thursday, which the first of January 1970 was.
  var daysSinceThursday: Int
  var hour: Int64
  var minute: Int64
  var second: Int64

  /// The moment that many seconds after the first of January 1970; that day for what lies before it.
  init(secondsSinceEpoch: Int64) {
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
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    daysSinceThursday = Int(days % 7)
    hour = clock / 3_600
    minute = clock / 60 % 60
    second = clock % 60
  }

  /// Two digits.
  static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }

  /// "08:49:37".
  var timeOfDay: String { "\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second))" }
}
