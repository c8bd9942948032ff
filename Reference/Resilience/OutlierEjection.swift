// Outlier ejection: who of a group that does the same work fails again and again gets none for a while, and longer each
// time, until a probe shows that he is well. No more are ejected than a share of the group, and whoever is about to be
// ejected counts in it: of two at a cap of a half one may go, of one none. As Envoy has it (its documentation, "Outlier
// detection"), but for that its cap never keeps the first from going.
//
// Pure: it is told of successes and failures, and asked. Fault model: a slow answer that came is a success; what came too
// late is a failure, which the caller has to say, and should say only where it gave enough time.

import Vocabulary

/// The standing of the members of one group.
public struct OutlierEjection<Member: Hashable & Sendable>: Sendable {
  /// When a member goes, and for how long.
  public struct Policy: Sendable, Hashable {
    /// Failures in a row after which a member goes; at least 1.
    public var failuresInARow: Int
    /// How long it stays away the first time; twice as long with each time in a row, up to `longest`.
    public var shortest: TimeSpan
    public var longest: TimeSpan
    /// The most of the group that may be away, in percent.
    public var mostPercent: Int
    /// How long a member is well before earlier ejections are forgotten.
    public var forgottenAfter: TimeSpan

    /// A policy.
    public init(
      failuresInARow: Int = 3, shortest: TimeSpan = .seconds(1), longest: TimeSpan = .seconds(30), mostPercent: Int = 50,
      forgottenAfter: TimeSpan = .seconds(10)
    ) {
      invariant(
        failuresInARow >= 1 && shortest > .zero && longest >= shortest && (0...100).contains(mostPercent),
        "ejection after \(failuresInARow) failures, from \(shortest) to \(longest), of \(mostPercent) percent")
      self.failuresInARow = failuresInARow
      self.shortest = shortest
      self.longest = longest
      self.mostPercent = mostPercent
      self.forgottenAfter = forgottenAfter
    }
  }

  private struct Standing: Sendable {
    var failuresInARow = 0
    /// Until when it is away at least; nil where it is not.
    var awayUntil: Instant?
    /// Ejections in a row.
    var times = 0
    var returnedAt: Instant?
  }

  private let policy: Policy
  private var standings: [Member: Standing] = [:]

  /// A group without members.
  public init(_ policy: Policy = Policy()) { self.policy = policy }

  /// Takes a member in, as one that is well; one that is in already stays as it is.
  public mutating func add(_ member: Member) {
    if standings[member] == nil { standings[member] = Standing() }
  }

  /// Forgets a member.
  public mutating func remove(_ member: Member) { standings[member] = nil }

  /// How many there are, and how many of them are away.
  public var count: Int { standings.count }
  public var awayCount: Int { standings.values.count { $0.awayUntil != nil } }

  /// Whether a member is away.
  public func isAway(_ member: Member) -> Bool { standings[member]?.awayUntil != nil }

  /// Whether a member has failed often enough to go, and stays since too many are away.
  public func isFailing(_ member: Member) -> Bool {
    guard let standing = standings[member] else { return false }
    return standing.awayUntil == nil && standing.failuresInARow >= policy.failuresInARow
  }

  /// A member did its work. One that is away comes back only by a probe: `readmit`.
  public mutating func succeeded(_ member: Member, at now: Instant) {
    guard var standing = standings[member] else { return }
    standing.failuresInARow = 0
    if standing.awayUntil == nil, let returned = standing.returnedAt, now - returned >= policy.forgottenAfter {
      (standing.times, standing.returnedAt) = (0, nil)
    }
    standings[member] = standing
  }

  /// A member failed. Returns whether it goes with that. `countsItself` is true but for a planted bug.
  public mutating func failed(_ member: Member, at now: Instant, countsItself: Bool = true) -> Bool {
    guard var standing = standings[member] else { return false }
    standing.failuresInARow += 1
    defer { standings[member] = standing }
    guard standing.awayUntil == nil, standing.failuresInARow >= policy.failuresInARow else { return false }
    let away = awayCount + (countsItself ? 1 : 0)
    guard away * 100 <= policy.mostPercent * standings.count else { return false }
    standing.times += 1
    standing.awayUntil = now + span(standing.times)
    return true
  }

  private func span(_ times: Int) -> TimeSpan {
    let (product, overflow) = policy.shortest.nanoseconds.multipliedReportingOverflow(by: 1 << Int64(min(times - 1, 30)))
    return overflow ? policy.longest : min(policy.longest, TimeSpan(nanoseconds: product))
  }

  /// A probe of a member that is away went well: it comes back where it has been away for long enough. Returns whether it
  /// does.
  public mutating func readmit(_ member: Member, at now: Instant) -> Bool {
    guard var standing = standings[member], let until = standing.awayUntil, until <= now else { return false }
    standing.awayUntil = nil
    standing.failuresInARow = 0
    standing.returnedAt = now
    standings[member] = standing
    return true
  }
}
