// The planted bugs of the registers themselves: machines that end their process, or never end their turn. They prove
// that a campaign outlives them.

import Vocabulary

extension Mutant {
  /// An invariant that does not hold.
  public static let registersBreakInvariant = registers("breaks-an-invariant", "a swap breaks an invariant")
  /// A turn without an end.
  public static let registersNeverEnd = registers("never-ends-a-turn", "a swap computes for ever")
  /// Memory without an end.
  public static let registersHoard = registers("takes-all-memory", "a swap takes memory without an end")

  private static func registers(_ name: String, _ summary: String) -> Mutant {
    Mutant("registers/\(name)", summary, breaks: [], caughtBy: ["machines end their turns"])
  }
}

/// All of them.
public let registerMutants: [Mutant] = [.registersBreakInvariant, .registersNeverEnd, .registersHoard]

/// What a planted bug makes of a swap.
enum RegisterBugs {
  /// Ends the process, or never ends, where one of them is switched on. `number` is of the machine's state: a loop that
  /// nothing hangs on would not be compiled.
  static func strike(_ planted: PlantedBugs, _ number: inout UInt64) {
    invariant(!planted.contains(.registersBreakInvariant), "a swap was asked for")
    if planted.contains(.registersNeverEnd) {
      repeat { number = (number &* 2_862_933_555_777_941_757 &+ 3_037_000_493) | 1 } while number != 0
    }
    if planted.contains(.registersHoard) {
      var hoard: [[UInt8]] = []
      // Bounded, should nobody watch: twice of what a process may have.
      while hoard.count < 8_192 { hoard.append([UInt8](repeating: UInt8(truncatingIfNeeded: hoard.count), count: 1 << 20)) }
      invariant(hoard.isEmpty, "memory was taken without an end")
    }
  }
}
