// How many bytes may be kept, and how many are: those of a node's disk, shared by its turns and its works; those of
// request bodies, shared by all connections of a node.

import Synchronization
import Vocabulary

/// A count of bytes against a quota, safe on any thread.
final class SpaceAccount: Sendable {
  let quotaBytes: Int
  private let used = Atomic<Int>(0)

  /// An empty account; `quotaBytes` nil stands for no quota.
  init(quotaBytes: Int?) { self.quotaBytes = quotaBytes ?? .max }

  /// Bytes in use.
  var usedBytes: Int { used.load(ordering: .relaxed) }

  /// Counts `bytes` that are taken already, also where they are more than the quota allows.
  func count(_ bytes: Int) { used.add(bytes, ordering: .relaxed) }

  /// Takes `bytes` more; false, with nothing taken, where the quota does not allow it. Negative `bytes` give back.
  func take(_ bytes: Int) -> Bool {
    let after = used.add(bytes, ordering: .relaxed).newValue
    invariant(after >= 0, "\(-after) bytes more were given back than taken")
    if bytes > 0 && after > quotaBytes {
      used.subtract(bytes, ordering: .relaxed)
      return false
    }
    return true
  }
}
