// Effects that wait for the disk (output commit): released in the order in which they were asked, each once everything
// up to its position is durable.

import NIOCore
import Vocabulary

/// The effects of one life that wait for the disk.
struct HeldEffects {
  /// One waiting effect.
  struct Item {
    var needed: DiskPosition
    var order: UInt64
    var effect: Effect
  }

  /// Positions here never decrease: what waits for all that was written before it.
  private var inOrder = CircularBuffer<Item>()
  /// What waits for an earlier position than the last of `inOrder`; few.
  private var early: [Item] = []
  private var nextOrder: UInt64 = 0

  var count: Int { inOrder.count + early.count }
  var isEmpty: Bool { inOrder.isEmpty && early.isEmpty }

  mutating func hold(_ effect: Effect, needed: DiskPosition) {
    let item = Item(needed: needed, order: nextOrder, effect: effect)
    nextOrder += 1
    if let last = inOrder.last, needed < last.needed { early.append(item) } else { inOrder.append(item) }
    invariant(
      inOrder.last.map { needed <= $0.needed } ?? false, "an effect for \(needed.value) behind those for \(inOrder.last?.needed.value ?? 0)"
    )
  }

  /// The first effect, in order of asking, that may leave once everything up to `durable` is durable.
  mutating func next(durable: DiskPosition) -> Item? {
    let earlyIndex = early.firstIndex { $0.needed <= durable }
    guard let first = inOrder.first, first.needed <= durable else { return earlyIndex.map { early.remove(at: $0) } }
    if let earlyIndex, early[earlyIndex].order < first.order { return early.remove(at: earlyIndex) }
    return inOrder.popFirst()
  }
}
