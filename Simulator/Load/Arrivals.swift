// Arrivals: when the requests of an open-loop load are meant to start, whatever becomes of those before them.

import Vocabulary

/// A process of arrivals.
public struct Arrivals: Sendable, Hashable {
  /// How the gaps between arrivals are spread.
  public enum Spacing: Sendable, Hashable {
    /// All gaps are equal.
    case even
    /// Gaps are exponential (a Poisson process): bursts and lulls as many independent clients make them.
    case poisson
  }

  /// Arrivals a second, in thousandths.
  public var perThousandSeconds: Int64
  /// How the gaps are spread.
  public var spacing: Spacing

  /// Arrivals; `perSecond` must be positive.
  public init(perSecond: Double, spacing: Spacing) {
    invariant(perSecond > 0 && perSecond <= 1e9, "\(perSecond) arrivals a second")
    perThousandSeconds = max(1, Int64((perSecond * 1_000).rounded()))
    self.spacing = spacing
  }

  /// The mean gap.
  public var meanGap: TimeSpan { TimeSpan(nanoseconds: 1_000_000_000_000 / perThousandSeconds) }

  /// The gap to the next arrival.
  public func nextGap(_ random: inout RandomStream) -> TimeSpan {
    switch spacing {
    case .even: meanGap
    case .poisson: TimeSpan(nanoseconds: Int64(Double(meanGap.nanoseconds) * Self.exponential(&random)))
    }
  }

  /// A number from the exponential distribution of mean 1, by von Neumann's comparisons (1951): no logarithm, whose
  /// last bit could differ between machines.
  static func exponential(_ random: inout RandomStream) -> Double {
    var whole = 0.0
    while true {
      let first = random.unit()
      var previous = first
      var count = 1
      while true {
        let next = random.unit()
        if next >= previous { break }
        previous = next
        count += 1
      }
      if count % 2 == 1 { return whole + first }
      whole += 1
    }
  }
}
