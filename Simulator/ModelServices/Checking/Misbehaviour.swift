// What a host of models does wrong, and when: known to who places it, and to those who judge what became of it.

import Vocabulary

/// One thing that a host does wrong.
public struct Misbehaviour: Sendable, Hashable {
  /// What it does.
  public enum Kind: Sendable, Hashable {
    /// Tasks are never answered; heartbeats and pings are.
    case hang
    /// Tasks are held up so long.
    case slow(TimeSpan)
    /// This share of tasks is answered with what breaks the contract.
    case lie(Double)
    /// Tasks are refused in the first half of each period.
    case flap(TimeSpan)
    /// Nothing can be loaded.
    case refuseLoads
  }

  /// The host's place, from 0.
  public var host: Int
  /// What it does.
  public var kind: Kind
  /// The service whose tasks it concerns; nil for all.
  public var service: String?
  /// When it begins, and when it ends.
  public var beginsAt: TimeSpan
  public var endsAt: TimeSpan

  /// A misbehaviour.
  public init(host: Int, _ kind: Kind, service: String? = nil, from beginsAt: TimeSpan, until endsAt: TimeSpan) {
    self.host = host
    self.kind = kind
    self.service = service
    self.beginsAt = beginsAt
    self.endsAt = endsAt
  }

  /// Whether it goes on at `now`.
  public func isUnderWay(_ now: Instant) -> Bool {
    (beginsAt.nanoseconds..<endsAt.nanoseconds).contains(now.nanoseconds)
  }

  /// The same on the host's clock.
  var began: Instant { Instant(nanoseconds: beginsAt.nanoseconds) }
  var ended: Instant { Instant(nanoseconds: endsAt.nanoseconds) }

  /// Whether no other of these goes on while it does.
  public func failsAlone(among others: [Misbehaviour]) -> Bool {
    others.allSatisfy { $0 == self || $0.endsAt <= beginsAt || $0.beginsAt >= endsAt }
  }

  /// Whether tasks come to nothing by it.
  public var failsTasks: Bool {
    switch kind {
    case .hang, .lie, .flap: true
    case .slow, .refuseLoads: false
    }
  }
}
