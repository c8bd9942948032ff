// What a load needs whose process may be crashed. It forgets all that it held, as any client's process does; its next life
// goes on where the plan is by then, and names nothing as an earlier life named something: else what two lives sent could
// not be told apart, and judges would take a load's own repetition for a service's.

import Vocabulary

extension Turn {
  /// The instant from which a load counts on its node's clock: the start of its first life, which is the flight's, when
  /// that clock shows 0.
  public var loadOrigin: Instant { incarnation == 0 ? now : Instant(nanoseconds: 0) }

  /// The number before the first one that a load gives in this life.
  public var numbersBefore: Int { Int(incarnation) * 1_000_000_000 }

  /// What this life calls what is `name` in the first: that, or "NAME-life-2" and so on.
  public func nameInLife(_ name: String) -> String { incarnation == 0 ? name : "\(name)-life-\(incarnation + 1)" }
}
