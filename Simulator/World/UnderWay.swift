// The faults of one kind that are in force at one place, with what each does there. So one that ends takes nothing away
// but itself. What they do together, the place says that has them: of most kinds the worst counts (two slow disks at
// once are one disk, as slow as the slower), on links shares and latencies add up.

/// What faults in force do, in the order in which they began.
struct UnderWay<Damage> {
  private var faults: [(number: Int, damage: Damage)] = []

  /// What each of them does.
  var damages: [Damage] { faults.map(\.damage) }

  /// The fault of this number in the plan begins. One that touches a place twice does there what it does twice.
  mutating func begin(_ fault: Int, _ damage: Damage) { faults.append((fault, damage)) }

  /// It is over.
  mutating func end(_ fault: Int) { faults.removeAll { $0.number == fault } }
}

extension UnderWay: Sendable where Damage: Sendable {}
