// The planted bugs of the cache. Each is one line where it lives.

import Vocabulary

extension Mutant {
  /// A value is only as over as it is cleaned away.
  public static let cacheServesWhatIsOver = cache(
    "serves-what-is-over", "a value is given out behind its time, until it is cleaned away",
    breaks: "CACHE-1", by: ["values are given out in their time", "cache/ttl/nothing-is-given-out-behind-its-time"])
  /// The time to live of a value that is replaced stays what it was.
  public static let cacheKeepsTheFirstEnd = cache(
    "keeps-the-first-end", "a value that replaces another lives as long as that would have",
    breaks: "CACHE-1", by: ["values are given out in their time", "cache/ttl/is-that-of-the-last-value"])
  /// A deletion is acknowledged, and left to the clean-up.
  public static let cacheDeletesLater = cache(
    "deletes-later", "each eighth deletion is acknowledged and not done",
    breaks: "CACHE-1", by: ["values are given out in their time", "cache/entries/deletions-are-done"])
  /// Tokens begin anew with each life.
  public static let cacheTokensBeginAnew = cache(
    "tokens-begin-anew", "the tokens of locks begin anew at a restart",
    breaks: "CACHE-5", by: ["locks are fenced"])
  /// A lock is given away before its time is over.
  public static let cacheGivesLocksEarly = cache(
    "gives-locks-early", "a lock is given to the next when half of its time is over",
    breaks: "CACHE-5", by: ["locks are fenced", "cache/locks/not-before-their-time"])
  /// A renewal is acknowledged, and the lock ends when it would have.
  public static let cacheForgetsRenewals = cache(
    "forgets-renewals", "a lock that is renewed ends when it would have ended without that",
    breaks: "CACHE-5", by: ["locks are fenced", "cache/locks/renewed"])
  /// A counter's step is told and not kept.
  public static let cacheLosesSteps = cache(
    "loses-steps", "each eighth step of a counter is told and not kept",
    breaks: "CACHE-4", by: ["counters count each step", "cache/counters/steps-at-once"])

  /// A condition is read and not looked at.
  public static let cacheIgnoresConditions = cache(
    "ignores-conditions", "a value is stored whatever the condition says",
    breaks: "CACHE-2", by: ["cache/condition/absent", "cache/condition/present", "cache/condition/one-of-many-is-first"])
  /// A pattern matches more than it should.
  public static let cacheDeletesTooMuch = cache(
    "deletes-too-much", "a deletion by a pattern takes all values away",
    breaks: "CACHE-3", by: ["cache/pattern/deletes-what-it-matches"])

  private static func cache(_ name: String, _ summary: String, breaks requirement: String, by catchers: [String]) -> Mutant {
    Mutant("cache/\(name)", summary, breaks: [requirement], caughtBy: catchers)
  }
}

/// The planted bugs of the cache.
public let cacheMutants: [Mutant] = [
  .cacheServesWhatIsOver, .cacheKeepsTheFirstEnd, .cacheDeletesLater, .cacheTokensBeginAnew, .cacheGivesLocksEarly,
  .cacheForgetsRenewals, .cacheLosesSteps, .cacheIgnoresConditions, .cacheDeletesTooMuch,
]
