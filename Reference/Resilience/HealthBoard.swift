// A health board: what a service stands on, each thing checked by itself, all at the same time, each check with a time-out of
// its own. The machine makes the checks (it calls somebody, writes a row, asks a model) and tells the board how they ended.
//
// A board without checks is not healthy: nobody knows that it is. So is one whose checks have not been made yet, and one
// whose last good answer is too old: what hangs without a word answers no check. Fault model: answers may come late, twice or
// never; one of an earlier round counts for nothing.

import Vocabulary

/// A board of checks.
public struct HealthBoard: Sendable {
  /// One thing that is checked.
  public struct Check: Sendable, Hashable {
    /// What it is called in answers.
    public var name: String
    /// How long it may take.
    public var timeout: TimeSpan
    /// How long after the end of one check the next is due.
    public var every: TimeSpan
    /// Whether the service cannot serve without it; else it serves less well.
    public var isEssential: Bool

    /// A check; `timeout` and `every` are longer than nothing.
    public init(_ name: String, timeout: TimeSpan, every: TimeSpan, isEssential: Bool = true) {
      invariant(timeout > .zero && every > .zero, "a check that takes \(timeout.nanoseconds) ns, each \(every.nanoseconds) ns")
      self.name = name
      self.timeout = timeout
      self.every = every
      self.isEssential = isEssential
    }
  }

  /// How a check stands.
  public enum Standing: Sendable, Hashable {
    /// It was never made to an end.
    case unknown
    /// It was good.
    case good(at: Instant)
    /// It was not, and why.
    case bad(at: Instant, reason: String)
  }

  /// A check that is to be made: its place on the board, and which of its rounds.
  public struct Round: Sendable, Hashable {
    /// The place of the check, in the order in which checks were given.
    public let place: Int
    fileprivate let number: UInt64
  }

  /// What the board says of the service.
  public enum Verdict: Sendable, Hashable {
    /// All is good.
    case healthy
    /// It serves, and these checks are not good.
    case degraded([String])
    /// It does not serve: these essential checks are not good, or there is none.
    case unhealthy([String])
  }

  private struct Entry: Sendable {
    var check: Check
    var standing = Standing.unknown
    var round: UInt64 = 0
    /// Until when the round under way may take.
    var deadline: Instant?
    /// When the next is due.
    var due: Instant
  }

  private var entries: [Entry]
  /// How much later than its next round a good check still counts.
  private static let patience: Int64 = 3

  /// A board of these checks, all of which are due at `now`. Names must differ.
  public init(_ checks: [Check], at now: Instant) {
    invariant(Set(checks.map { ExactName($0.name) }).count == checks.count, "two checks of \(checks.count) have one name")
    entries = checks.map { Entry(check: $0, due: now) }
  }

  /// The checks, in order.
  public var checks: [Check] { entries.map(\.check) }

  /// Begins all checks that are due: the machine makes them now, and tells how each ended.
  public mutating func begin(at now: Instant) -> [Round] {
    expire(at: now)
    var rounds: [Round] = []
    for place in entries.indices where entries[place].deadline == nil && entries[place].due <= now {
      entries[place].round += 1
      entries[place].deadline = now + entries[place].check.timeout
      rounds.append(Round(place: place, number: entries[place].round))
    }
    return rounds
  }

  /// A check ended: well where `reason` is nil.
  public mutating func ended(_ round: Round, reason: String?, at now: Instant) {
    guard entries.indices.contains(round.place), entries[round.place].round == round.number, let deadline = entries[round.place].deadline
    else { return }
    // An answer behind its time-out is as good as none, whoever comes first to see it.
    close(round.place, now < deadline ? reason : Self.lateness(entries[round.place].check), at: now)
  }

  /// Ends what took too long.
  public mutating func expire(at now: Instant) {
    for place in entries.indices {
      if let deadline = entries[place].deadline, deadline <= now { close(place, Self.lateness(entries[place].check), at: now) }
    }
  }

  private static func lateness(_ check: Check) -> String { "no answer within \(check.timeout.milliseconds) ms" }

  private mutating func close(_ place: Int, _ reason: String?, at now: Instant) {
    entries[place].deadline = nil
    entries[place].due = now + entries[place].check.every
    entries[place].standing = reason.map { .bad(at: now, reason: $0) } ?? .good(at: now)
  }

  /// When the board wants to be looked at next: a check is due, or has taken too long; nil of a board without checks.
  public var nextWake: Instant? { entries.map { $0.deadline ?? $0.due }.min() }

  /// How a check stands at `now`, by its name; nil where there is none of it. What was good long ago is not known any more.
  public func standing(of name: String, at now: Instant) -> Standing? {
    entries.first { ExactName($0.check.name) == ExactName(name) }.map { Self.standing($0, at: now) }
  }

  private static func standing(_ entry: Entry, at now: Instant) -> Standing {
    guard case .good(let at) = entry.standing else { return entry.standing }
    let fresh = entry.check.every + entry.check.timeout
    return now - at <= TimeSpan(nanoseconds: fresh.nanoseconds * patience) ? entry.standing : .unknown
  }

  /// What the board says at `now`.
  public func verdict(at now: Instant) -> Verdict {
    guard !entries.isEmpty else { return .unhealthy([]) }
    let bad = entries.filter { if case .good = Self.standing($0, at: now) { false } else { true } }
    if bad.isEmpty { return .healthy }
    return bad.contains(where: \.check.isEssential) ? .unhealthy(bad.map(\.check.name)) : .degraded(bad.map(\.check.name))
  }

  /// Every check with how it stands at `now`, in order.
  public func report(at now: Instant) -> [(check: Check, standing: Standing)] { entries.map { ($0.check, Self.standing($0, at: now)) } }
}
