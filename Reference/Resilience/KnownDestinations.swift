// What a table keeps for each destination that it calls (a breaker, a bulkhead) must not grow with what users name: the
// destinations that were called last are known, and those before them forgotten.
//
// Limits: one that is forgotten begins anew, with a closed breaker. One that is in use is never forgotten: of these there
// are as many as there are calls.

import Vocabulary

/// The destinations that a table called last.
struct KnownDestinations {
  /// How many are known at most, beside those that are in use.
  static let limit = 1_024

  /// When each was last called, in calls.
  private var calledAt: [Destination: UInt64] = [:]
  private var calls: UInt64 = 0

  /// A destination is called. Returns those that may be forgotten, often none: a quarter of them once there are too many,
  /// so that they are not looked through with each call.
  mutating func note(_ destination: Destination) -> [Destination] {
    calls += 1
    calledAt[destination] = calls
    guard calledAt.count > Self.limit, calls.isMultiple(of: UInt64(Self.limit / 4)) || calledAt.count == Self.limit + 1 else { return [] }
    // No two were called at once, so their order is that of the calls.
    let oldest = calledAt.sorted { $0.value < $1.value }.prefix(calledAt.count - Self.limit * 3 / 4)
    return oldest.map(\.key).filter { $0 != destination }
  }

  /// The table has forgotten a destination.
  mutating func forget(_ destination: Destination) { calledAt[destination] = nil }
}
