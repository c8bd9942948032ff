// A cache of two levels: what this node keeps in memory, in front of a level that others share (a cache node, a store) and
// that the machine asks. A pure table: it says what is to be loaded, and is told what came.
//
// Guarantees. Nothing is given out behind its time to live, which an entry brings from the outer level: what is promoted lives
// no longer here than it has left there. One load is under way for a key, however many want it (single flight). What failed
// is kept as failed for `Policy.failureTime` at most, so that a broken outer level is not asked for each request, and is asked
// again. An invalidation wins over loads that began before it: their values go to those who asked before, and are not
// kept; whoever asks after it has a load of its own. Bounded by entries; which of them goes where there is no room is
// `RankedEntries`, and figures of it are in Reports/Benchmarks.md.

import Vocabulary

/// The memory's side of two levels. `Waiter` names who waits for a load: a case of the room's own.
public struct TieredCache<Value: Sendable, Waiter: Sendable>: Sendable {
  /// What it may keep, and how long.
  public struct Policy: Sendable, Hashable {
    /// Most entries in memory.
    public var entries: Int
    /// Longest time to live in memory, whatever the outer level says.
    public var timeToLive: TimeSpan
    /// How long a failure is kept.
    public var failureTime: TimeSpan

    /// A policy; all are more than nothing.
    public init(entries: Int = 10_000, timeToLive: TimeSpan = .seconds(30), failureTime: TimeSpan = .seconds(1)) {
      invariant(entries > 0 && timeToLive > .zero && failureTime > .zero, "a cache of \(entries) entries that keeps nothing")
      self.entries = entries
      self.timeToLive = timeToLive
      self.failureTime = failureTime
    }
  }

  /// A load that the machine makes.
  public struct Load: Sendable, Hashable {
    fileprivate let number: UInt64
    /// What is loaded.
    public let key: String
  }

  /// What a look finds.
  public enum Look: Sendable {
    /// It is here.
    case hit(Value)
    /// The outer level has none, or failed, a moment ago: in words.
    case failed(String)
    /// The machine has to load it; whoever asked is told with all who wait.
    case load(Load)
    /// A load is under way already; whoever asked is told with it.
    case joined
  }

  private enum Kept: Sendable {
    case value(Value)
    case failure(String)
  }

  private struct Entry: Sendable {
    var kept: Kept
    var expires: Instant
  }

  private struct Flight: Sendable {
    var key: ExactName
    var waiters: [Waiter]
    /// Whether what comes may be kept: nothing was invalidated since it began.
    var isCurrent = true
  }

  private let policy: Policy
  private var entries: RankedEntries<Entry>
  private var flights: [UInt64: Flight] = [:]
  /// The flight that newcomers join, by key.
  private var current: [ExactName: UInt64] = [:]
  private var loads: UInt64 = 0
  /// Looks that found a value, and all looks; for metrics.
  public private(set) var hits: UInt64 = 0
  public private(set) var looks: UInt64 = 0

  /// An empty cache.
  public init(_ policy: Policy = Policy()) {
    self.policy = policy
    entries = RankedEntries(most: policy.entries)
  }

  /// How many entries are in memory, expired ones among them.
  public var count: Int { entries.count }

  /// Looks for a key on behalf of `waiter`, who is kept only where something is under way.
  public mutating func look(_ key: String, for waiter: Waiter, at now: Instant) -> Look {
    looks += 1
    let name = ExactName(key)
    if let entry = entries.use(name) {
      if now < entry.expires {
        switch entry.kept {
        case .value(let value):
          hits += 1
          return .hit(value)
        case .failure(let reason): return .failed(reason)
        }
      }
      entries.remove(name)
    }
    if let number = current[name] {
      flights[number]?.waiters.append(waiter)
      return .joined
    }
    loads += 1
    flights[loads] = Flight(key: name, waiters: [waiter])
    current[name] = loads
    return .load(Load(number: loads, key: key))
  }

  /// A load brought a value, which has `timeLeft` to live in the outer level. Returns who waited for it.
  public mutating func loaded(_ load: Load, _ value: Value, timeLeft: TimeSpan, at now: Instant) -> [Waiter] {
    guard let flight = land(load) else { return [] }
    if flight.isCurrent, timeLeft > .zero { keep(flight.key, .value(value), for: min(timeLeft, policy.timeToLive), at: now) }
    return flight.waiters
  }

  /// A load failed, or found nothing. Returns who waited for it.
  public mutating func failed(_ load: Load, _ reason: String, at now: Instant) -> [Waiter] {
    guard let flight = land(load) else { return [] }
    if flight.isCurrent { keep(flight.key, .failure(reason), for: policy.failureTime, at: now) }
    return flight.waiters
  }

  /// A value was written through: it is kept, and a load under way is not.
  public mutating func put(_ key: String, _ value: Value, timeLeft: TimeSpan, at now: Instant) {
    invalidate(key)
    if timeLeft > .zero { keep(ExactName(key), .value(value), for: min(timeLeft, policy.timeToLive), at: now) }
  }

  /// Forgets a key.
  public mutating func invalidate(_ key: String) { forget(ExactName(key)) }

  /// Forgets all keys that a pattern matches, and has no load of one that is under way be kept.
  public mutating func invalidate(matching pattern: KeyPattern) {
    for name in entries.names + Array(current.keys) where pattern.matches(name.text) { forget(name) }
  }

  private mutating func forget(_ name: ExactName) {
    entries.remove(name)
    if let number = current.removeValue(forKey: name) { flights[number]?.isCurrent = false }
  }

  /// Who waits no more (its client left): nothing is told to whom `isGone` holds.
  public mutating func forgetWaiters(_ isGone: (Waiter) -> Bool) {
    for number in flights.keys { flights[number]?.waiters.removeAll(where: isGone) }
  }

  private mutating func land(_ load: Load) -> Flight? {
    guard let flight = flights.removeValue(forKey: load.number) else { return nil }
    if flight.isCurrent {
      invariant(current[flight.key] == load.number, "load \(load.number) lands, and \(current[flight.key] ?? 0) is under way for its key")
      current[flight.key] = nil
    }
    return flight
  }

  private mutating func keep(_ name: ExactName, _ kept: Kept, for span: TimeSpan, at now: Instant) {
    entries.keep(name, Entry(kept: kept, expires: now + span)) { now >= $0.expires }
  }
}

/// A pattern of keys: `*` stands for any bytes, also none; all else for itself, byte by byte.
public struct KeyPattern: Hashable, Sendable {
  private let pieces: [[UInt8]]

  /// The pattern that a text says.
  public init(_ text: String) {
    pieces = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map { Array($0) }
  }

  /// Whether a key is of this pattern. In the time of both lengths multiplied, at worst.
  public func matches(_ key: String) -> Bool {
    var rest = Array(key.utf8)[...]
    guard let first = pieces.first, let last = pieces.last else { return false }
    if pieces.count == 1 { return rest.elementsEqual(first) }
    guard rest.starts(with: first) else { return false }
    rest = rest.dropFirst(first.count)
    for piece in pieces.dropFirst().dropLast() {
      guard let end = Self.firstEnd(of: piece, in: rest) else { return false }
      rest = rest[end...]
    }
    return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
  }

  /// Where the first place ends at which `piece` stands.
  private static func firstEnd(of piece: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    guard !piece.isEmpty else { return bytes.startIndex }
    var start = bytes.startIndex
    while start + piece.count <= bytes.endIndex {
      if bytes[start..<start + piece.count].elementsEqual(piece) { return start + piece.count }
      start += 1
    }
    return nil
  }
}
