// What the operations on one key still demand: which texts are to be read, and which of them no `put` can bring about any more.
//
// A text that is read begins with what the last `put` before it wrote. So once every `put` that such a text could begin with is placed, the
// text must grow out of what is held now, by appends alone: what is held now must be its beginning. And what is not the beginning of any text
// that is still to be read is never seen again, whatever is appended to it: only the next `put` matters then.
//
// The texts lie in the order of their bytes, so those with a common beginning lie in a row, and "which of them begin like this?" is a range
// that only gets narrower as more is appended.

/// What is known of one key beforehand.
struct KeyValueForesight: Sendable {
  /// An operation as a search sees it.
  typealias Expected = ExpectedOperation<KeyValueInput, KeyValueOutput>

  /// The texts that are read, in the order of their bytes.
  private var texts: [[UInt8]] = []
  // Both are asked only, never gone through.
  private var numbers: [HistoryValue: Int] = [:]
  private var putRanges: [HistoryValue: Range<Int>] = [:]
  /// Of each text, how many reads are not placed yet.
  private var reads: [Int] = []
  /// Of each text, how many puts that it could begin with are not placed yet.
  private var sources: [Int] = []
  /// The texts that are still to be read.
  private var unread = NumberSet(count: 0)
  /// Those of them that no `put` can bring about any more.
  private var rooted = NumberSet(count: 0)
  /// How many reads that found nothing are not placed yet.
  private(set) var absentReads = 0

  /// Nothing is known.
  init() {}

  /// What these operations demand.
  init(_ operations: [Expected]) {
    var found: Set<HistoryValue> = []
    for operation in operations {
      if case .value(let value?)? = operation.output { found.insert(value) }
    }
    let sorted = found.sorted()
    texts = sorted.map { Array($0.text.utf8) }
    for (number, value) in sorted.enumerated() { numbers[value] = number }
    reads = Array(repeating: 0, count: texts.count)
    sources = reads
    unread = NumberSet(count: texts.count)
    rooted = unread
    for operation in operations {
      if case .put(let value) = operation.input, putRanges[value] == nil {
        putRanges[value] = narrowed(all, behind: 0, by: Array(value.text.utf8))
      }
    }
    for operation in operations { change(operation, by: 1) }
  }

  /// The range of all texts.
  var all: Range<Int> { 0..<texts.count }

  /// Whether every read is placed.
  var isAllRead: Bool { absentReads == 0 && unread.first(from: 0) == nil }

  /// One operation more or less that is not placed yet.
  mutating func change(_ operation: Expected, by difference: Int) {
    switch operation.input {
    case .append: break
    case .put(let value):
      for number in begun(by: value) {
        sources[number] += difference
        update(number)
      }
    case .get:
      guard case .value(let value)? = operation.output else { return }
      guard let value else {
        absentReads += difference
        return
      }
      guard let number = numbers[value] else { return }
      reads[number] += difference
      update(number)
    }
  }

  private mutating func update(_ number: Int) {
    unread.set(number, to: reads[number] > 0)
    rooted.set(number, to: reads[number] > 0 && sources[number] == 0)
  }

  /// Whether any text of a range is still to be read.
  func isAnyUnread(in range: Range<Int>) -> Bool { unread.first(from: range.lowerBound).map { $0 < range.upperBound } ?? false }

  /// Whether a text that must grow out of what is held now is outside a range.
  func isAnyRooted(outside range: Range<Int>) -> Bool {
    guard let first = rooted.first(from: 0), let last = rooted.last else { return false }
    return first < range.lowerBound || last >= range.upperBound
  }

  /// The range of texts that a put of this value could begin.
  func begun(by value: HistoryValue) -> Range<Int> { putRanges[value] ?? 0..<0 }

  /// Of a range of texts that begin with the same `offset` bytes, those that go on with `piece`.
  func narrowed(_ range: Range<Int>, behind offset: Int, by piece: [UInt8]) -> Range<Int> {
    /// Negative: the text lies before all that go on with the piece. 0: it does. Positive: it lies behind them.
    func place(_ number: Int) -> Int {
      let text = texts[number]
      for (index, byte) in piece.enumerated() {
        guard offset + index < text.count else { return -1 }
        let other = text[offset + index]
        if other != byte { return other < byte ? -1 : 1 }
      }
      return 0
    }
    func firstNumber(_ isFarEnough: (Int) -> Bool) -> Int {
      var low = range.lowerBound
      var high = range.upperBound
      while low < high {
        let middle = (low + high) / 2
        if isFarEnough(place(middle)) { high = middle } else { low = middle + 1 }
      }
      return low
    }
    return firstNumber { $0 >= 0 }..<firstNumber { $0 > 0 }
  }
}

/// A set of small numbers that knows its least and its greatest.
private struct NumberSet: Sendable {
  private var words: [UInt64]

  init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

  mutating func set(_ number: Int, to isMember: Bool) {
    if isMember { words[number >> 6] |= 1 << UInt64(number & 63) } else { words[number >> 6] &= ~(1 << UInt64(number & 63)) }
  }

  /// The least member that is not below `start`.
  func first(from start: Int) -> Int? {
    var word = start >> 6
    guard word < words.count else { return nil }
    var bits = words[word] & (UInt64.max << UInt64(start & 63))
    while bits == 0 {
      word += 1
      guard word < words.count else { return nil }
      bits = words[word]
    }
    return word << 6 + bits.trailingZeroBitCount
  }

  /// The greatest member.
  var last: Int? {
    guard let word = words.lastIndex(where: { $0 != 0 }) else { return nil }
    return word << 6 + 63 - words[word].leadingZeroBitCount
  }
}
