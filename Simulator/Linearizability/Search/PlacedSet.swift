// Which operations a search has placed, as a set of bits, and which configurations it has visited: what is placed of
// the required operations, the state, and what is placed of the others.
//
// In a long history nearly all required operations before a certain one are placed and none far behind it: the key
// holds the words between, so it stays short however long the history is. Operations that may be left out have words of
// their own, as some of them stay open to the end. All are compared exactly.

/// What is placed of the required operations, and the state that all that is placed led to.
struct Configuration<State: Hashable>: Hashable {
  var state: State
  /// The first word of required operations that is not full, how many follow, and these.
  var words: [UInt64]
}

/// The configurations that a search has visited; of each, the least sets of other operations that were placed with it.
struct VisitedConfigurations<State: Hashable> {
  // Asked only, never gone through.
  private var sets: [Configuration<State>: [[UInt64]]] = [:]

  /// Whether a configuration is worth a visit: it was not visited with these other operations, nor with some of them.
  /// It is visited now.
  mutating func enter(_ configuration: Configuration<State>, _ others: [UInt64]) -> Bool {
    guard let place = sets.index(forKey: configuration) else {
      sets[configuration] = [others]
      return true
    }
    if sets.values[place].contains(where: { Self.isSubset($0, of: others) }) { return false }
    sets.values[place].removeAll { Self.isSubset(others, of: $0) }
    sets.values[place].append(others)
    return true
  }

  /// Sets have no empty words at their ends.
  private static func isSubset(_ one: [UInt64], of other: [UInt64]) -> Bool {
    if one.count > other.count { return false }
    for index in one.indices where one[index] & ~other[index] != 0 { return false }
    return true
  }
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
  private var otherBits: Bits
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
    otherBits = Bits(count: counts.others)
  }

  mutating func insert(_ operation: Int) {
    if isRequired[operation] { required.insert(numbers[operation]) } else { otherBits.insert(numbers[operation]) }
  }

  mutating func remove(_ operation: Int) {
    if isRequired[operation] { required.remove(numbers[operation]) } else { otherBits.remove(numbers[operation]) }
  }

  /// The words of the operations that are not required, up to the last that is not empty.
  var others: [UInt64] { Array(otherBits.words[0..<otherBits.end]) }

  /// What tells the required operations of this set, with `state`, from every other.
  func configuration<State>(_ state: State) -> Configuration<State> {
    let window = required.firstOpen..<max(required.firstOpen, required.end)
    var words: [UInt64] = []
    words.reserveCapacity(1 + window.count)
    words.append(UInt64(required.firstOpen) << 32 | UInt64(window.count))
    words += required.words[window]
    return Configuration(state: state, words: words)
  }
}
