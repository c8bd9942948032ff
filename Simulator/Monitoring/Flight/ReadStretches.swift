// Which stretch of a flight's time its reader counts with which call: every stretch while it is written and just after,
// and all those before it again and again. A step reads one stretch, so the cost of reading does not grow with the
// flight.

import Vocabulary

/// The stretches of a flight's time, and the order in which they are read.
public struct ReadStretches: Sendable {
  /// How long a stretch is.
  public static let length = TimeSpan.seconds(2)
  /// The time between two steps of the reader.
  public static let step = TimeSpan.milliseconds(150)

  /// How many there are: as many as it takes until the loads end.
  public let count: Int64

  /// The stretches of a flight whose loads send for `duration`.
  public init(duration: TimeSpan) { count = max(1, (duration.nanoseconds - 1) / Self.length.nanoseconds + 1) }

  /// The stretch, from 0, that the call of a number reads at a step, both from 1. Of two calls one reads what was
  /// written half a stretch ago, the other an earlier stretch, each in its turn: by calls, since a read that takes
  /// longer than a step would meet only every other step.
  public func stretch(at step: Int64, call: Int64) -> Int64 {
    let written = ((Self.step * step).nanoseconds - Self.length.nanoseconds / 2) / Self.length.nanoseconds
    let newest = min(max(0, written), count - 1)
    return call % 2 == 0 || newest == 0 ? newest : (call / 2) % newest
  }

  /// Its times, from and before, in milliseconds from the flight's start.
  public func milliseconds(of stretch: Int64) -> Range<Int64> {
    let length = Self.length.nanoseconds / 1_000_000
    return stretch * length..<(stretch + 1) * length
  }
}
