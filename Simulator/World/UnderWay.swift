// The faults of one kind that are in force at one place, with what each does there. So one that ends takes nothing away
// but itself. What they do together, the place says that has them: of most kinds the worst counts (two slow disks at
// once are one disk, as slow as the slower), on links shares and latencies add up. The place also tells when one of
// them has changed something, so that a fault which nothing ever came to can be told from one that did harm.

/// What faults in force do, in the order in which they began.
struct UnderWay<Damage> {
  private var faults: [(number: Int, damage: Damage)] = []
  /// Those that have changed something here, whether they are over or not.
  private var acted: Set<Int> = []

  /// What each of them does.
  var damages: [Damage] { faults.map(\.damage) }
  /// Whether there is none.
  var isEmpty: Bool { faults.isEmpty }
  /// Whether one is in force that has changed nothing so far: only then `act` has anything to note.
  private(set) var isOneIdle = false

  /// The fault of this number in the plan begins.
  mutating func begin(_ fault: Int, _ damage: Damage) {
    faults.append((fault, damage))
    look()
  }

  /// It is over.
  mutating func end(_ fault: Int) {
    faults.removeAll { $0.number == fault }
    look()
  }

  /// Something is otherwise than it would be, by those in force that do what `isOfThem` says.
  mutating func act(_ isOfThem: (Damage) -> Bool = { _ in true }) {
    for fault in faults where isOfThem(fault.damage) { acted.insert(fault.number) }
    look()
  }

  /// Whether the fault of this number has changed something here.
  func hasActed(_ fault: Int) -> Bool { acted.contains(fault) }

  private mutating func look() { isOneIdle = faults.contains { !acted.contains($0.number) } }
}

extension UnderWay: Sendable where Damage: Sendable {}
