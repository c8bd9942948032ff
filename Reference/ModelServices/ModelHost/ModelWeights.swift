// The weights of a model: bytes that take memory while it is loaded, and time to load. They are made, not read: each eight
// bytes are the next of a generator that begins with the model's name.

import Vocabulary

/// Bytes that a model holds.
final class ModelWeights: Sendable {
  /// The bytes.
  let words: [UInt64]

  init(words: [UInt64]) { self.words = words }

  /// How many bytes they are.
  var byteCount: Int { words.count * 8 }
}

/// Loads a model's weights, beside the turns: a model that loads disturbs none that serves.
struct LoadWeights: Work {
  /// Where the generator begins.
  let seed: UInt64
  /// How many bytes.
  let byteCount: Int

  /// CPU time for a byte in the simulator's cost model, in nanoseconds a KiB: making 8 bytes takes about 2 ns, and the
  /// first touch of a page about 250 ns.
  static let nanosecondsPerKiB: Int64 = 320
  private static let wordsAtOnce = 128 << 10

  func run(_ files: any WorkFiles) throws(WorkFailure) -> ModelWeights {
    let count = (byteCount + 7) / 8
    var words: [UInt64] = []
    words.reserveCapacity(count)
    var state = seed
    while words.count < count {
      if files.isCancelled { throw .cancelled }
      let end = min(count, words.count + Self.wordsAtOnce)
      let before = words.count
      while words.count < end {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        words.append(word ^ (word >> 31))
      }
      files.spend(.nanoseconds(Int64(end - before) * 8 * Self.nanosecondsPerKiB / 1_024))
    }
    return ModelWeights(words: words)
  }
}
