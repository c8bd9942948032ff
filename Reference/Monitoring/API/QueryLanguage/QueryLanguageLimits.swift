// How long and how wide a query may be. Beyond a limit a text is refused with a `TextMistake`. MONITORING-19.

/// How much of a text is read before it is refused.
public enum QueryLanguageLimits {
  /// The longest text, in bytes of UTF-8.
  public static let maximumBytes = 16_384
  /// The most conditions.
  public static let maximumConditions = 64
  /// The most aggregates in one query.
  public static let maximumSelections = 32
  /// The most tags in `GROUP BY`.
  public static let maximumGroupTags = 16
  /// The longest name or quoted value, in bytes of UTF-8.
  public static let maximumNameBytes = 1024
}
