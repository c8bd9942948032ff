// The planted bugs of the cache. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// A value is only as over as it is cleaned away.
  public static let cacheServesWhatIsOver = cache(
    "serves-what-is-over", "a value is given out behind its time, until it is cleaned away", by: "values are given out in their time")
  /// The time to live of a value that is replaced stays what it was.
  public static let cacheKeepsTheFirstEnd = cache(
    "keeps-the-first-end", "a value that replaces another lives as long as that would have", by: "values are given out in their time")
  /// A deletion is acknowledged, and left to the clean-up.
  public static let cacheDeletesLater = cache(
    "deletes-later", "each eighth deletion is acknowledged and not done", by: "values are given out in their time")
  /// Tokens begin anew with each life.
  public static let cacheTokensBeginAnew = cache(
    "tokens-begin-anew", "the tokens of locks begin anew at a restart", by: "locks are fenced")
  /// A lock is given away before its time is over.
  public static let cacheGivesLocksEarly = cache(
    "gives-locks-early", "a lock is given to the next when half of its time is over", by: "locks are fenced")
  /// A renewal is acknowledged, and the lock ends when it would have.
  public static let cacheForgetsRenewals = cache(
    "forgets-renewals", "a lock that is renewed ends when it would have ended without that", by: "locks are fenced")
  /// A counter's step is told and not kept.
  public static let cacheLosesSteps = cache(
    "loses-steps", "each eighth step of a counter is told and not kept", by: "counters count each step")

  private static func cache(_ name: String, _ summary: String, by catcher: String) -> Mutant {
    Mutant("cache/\(name)", summary, breaks: [], caughtBy: [catcher])
  }
}

/// The planted bugs of the cache.
public let cacheMutants: [Mutant] = [
  .cacheServesWhatIsOver, .cacheKeepsTheFirstEnd, .cacheDeletesLater, .cacheTokensBeginAnew, .cacheGivesLocksEarly,
  .cacheForgetsRenewals, .cacheLosesSteps,
]
