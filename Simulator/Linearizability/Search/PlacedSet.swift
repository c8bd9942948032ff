// Which operations a search has placed, as a set of bits, and that set together with a state as a key that tells configurations apart.
//
// In a long history nearly all required operations before a certain one are placed and none far behind it: the key holds the words
// between, so it stays short however long the history is. Operations that may be left out have words of their own, as some of them stay
// open to the end. Keys are compared exactly.

/// A configuration of a search: what is placed, and the state that it led to.
struct Configuration<State: Hashable>: Hashable {
  var state: State
  /// The first word of required operations that is not full, how many follow, these, and the words of the others.
  var words: [UInt64]
}

/// Placed operations.
struct PlacedSet {
  /// A row of bits, and how much of it is of interest.
  private struct Bits {
    var words: [UInt64]
    /// Every word before is full.
    var firstOpen = 0
    /// Every word from here on is empty.
    var end = 0

    init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    mutating func insert(_ number: Int) {
      let word = number >> 6
      words[word] |= 1 << UInt64(number & 63)
      end = max(end, word + 1)
      while firstOpen < end, words[firstOpen] == .max { firstOpen += 1 }
    }

    mutating func remove(_ number: Int) {
      let word = number >> 6
      words[word] &= ~(1 << UInt64(number & 63))
      firstOpen = min(firstOpen, word)
      while end > 0, words[end - 1] == 0 { end -= 1 }
    }
  }

  private var required: Bits
  private var others: Bits
  private let isRequired: [Bool]
  /// Each operation's number among its kind, in the order of calls.
  private let numbers: [Int]

  /// An empty set of operations, given in the order of their calls.
  init(isRequired: [Bool]) {
    var counts = (required: 0, others: 0)
    var numbers: [Int] = []
    for flag in isRequired {
      numbers.append(flag ? counts.required : counts.others)
      if flag { counts.required += 1 } else { counts.others += 1 }
    }
    self.isRequired = isRequired
    self.numbers = numbers
    required = Bits(count: counts.required)
    others = Bits(count: counts.others)
  }

  mutating func insert(_ operation: Int) {
    if isRequired[operation] { required.insert(numbers[operation]) } else { others.insert(numbers[operation]) }
  }

  mutating func remove(_ operation: Int) {
    if isRequired[operation] { required.remove(numbers[operation]) } else { others.remove(numbers[operation]) }
  }

  /// What tells this set with `state` from every other.
  func configuration<State>(_ state: State) -> Configuration<State> {
    let window = required.firstOpen..<max(required.firstOpen, required.end)
    var words: [UInt64] = []
    words.reserveCapacity(1 + window.count + others.end)
    words.append(UInt64(required.firstOpen) << 32 | UInt64(window.count))
    words += required.words[window]
    words += others.words[0..<others.end]
    return Configuration(state: state, words: words)
  }
}
