// What the operations on one key still demand: which texts are to be read, and how each of them can still come about.
//
// A text that is read begins with what the last `put` before it wrote, and goes on with what was appended since. So of
// every text it is known beforehand which puts it can begin with, and which appends it can be made of, from each of the
// places where one of them ends. Then:
//
// - Once no `put` is left that the text can be made from, it must grow out of what is held now, by the appends that are
//   left.
// - What is not the beginning of any text that is still to be read is never seen again, whatever is appended to it:
//   only the next `put` matters.
//
// Each operation is taken to be there as often as need be, so these are bounds, never verdicts. Texts of many parts
// (`maximumPlaces`) are not taken apart; without puts there is nothing to gain by it.
//
// The texts lie in the order of their bytes, so those with a common beginning lie in a row, and "which of them begin
// like this?" is a range that only gets narrower as more is appended.

/// What is known of one key beforehand.
struct KeyValueForesight: Sendable {
  /// An operation as a search sees it.
  typealias Expected = ExpectedOperation<KeyValueInput, KeyValueOutput>

  /// A text that is read.
  private struct Text: Sendable {
    var bytes: [UInt8]
    /// How many reads of it are not placed yet.
    var reads = 0
    /// The puts that it can begin with, by their numbers.
    var puts: [Int] = []
    /// Where it can be continued; nil where it was not taken apart.
    var parts: [Part]?
    /// The places from which appends that are left lead to its end.
    var tails: Set<Int> = []
  }

  /// An append that fits into a text.
  private struct Part: Sendable {
    var start: Int
    var end: Int
    var append: Int
  }

  /// A value that is put or appended.
  private struct Source: Sendable {
    var bytes: [UInt8]
    /// How often it is not placed yet.
    var left = 0
    /// The texts that may have it in them.
    var texts: [Int] = []
  }

  private struct Print: Hashable {
    var length: Int
    var hash: UInt64
  }

  /// The most places at which a text is taken apart.
  static var maximumPlaces: Int { 64 }

  private var texts: [Text] = []
  private var puts: [Source] = []
  private var appends: [Source] = []
  // These are asked only, never gone through.
  private var textNumbers: [HistoryValue: Int] = [:]
  private var putNumbers: [HistoryValue: Int] = [:]
  private var appendNumbers: [HistoryValue: Int] = [:]
  /// The texts that are still to be read.
  private var unread = NumberSet(count: 0)
  /// Those of them that no `put` can bring about any more.
  private var rooted = NumberSet(count: 0)
  /// How many of those still to be read were not taken apart.
  private var wholeCount = 0
  /// How many reads that found nothing are not placed yet.
  private(set) var absentReads = 0

  /// Nothing is known.
  init() {}

  /// What these operations demand of a key that holds `start` before them.
  init(_ operations: [Expected], from start: [UInt8]) {
    var found: Set<HistoryValue> = []
    for operation in operations {
      switch operation.input {
      case .put(let value): Self.note(value, &puts, &putNumbers)
      case .append(let value): Self.note(value, &appends, &appendNumbers)
      case .get:
        if case .value(let value?)? = operation.output { found.insert(value) }
      }
    }
    let sorted = found.sorted()
    texts = sorted.map { Text(bytes: Array($0.text.utf8)) }
    for (number, value) in sorted.enumerated() { textNumbers[value] = number }
    unread = NumberSet(count: texts.count)
    rooted = unread
    for put in puts.indices {
      for text in narrowed(all, behind: 0, by: puts[put].bytes) {
        puts[put].texts.append(text)
        texts[text].puts.append(put)
      }
    }
    takeApart(start)
    for operation in operations { count(operation, by: 1) }
    for text in texts.indices {
      findTails(text)
      update(text)
    }
  }

  private static func note(_ value: HistoryValue, _ sources: inout [Source], _ numbers: inout [HistoryValue: Int]) {
    if numbers[value] != nil { return }
    numbers[value] = sources.count
    sources.append(Source(bytes: Array(value.text.utf8)))
  }

  // MARK: parts

  /// Finds the appends that each text can be made of, from the places where a put, or what is held at the start, may
  /// end.
  private mutating func takeApart(_ start: [UInt8]) {
    var byPrint: [Print: [Int]] = [:]
    for (number, source) in appends.enumerated() where !source.bytes.isEmpty {
      byPrint[Print(length: source.bytes.count, hash: Self.hash(source.bytes[...])), default: []].append(number)
    }
    let lengths = Set(byPrint.keys.map(\.length)).sorted()
    for number in texts.indices {
      let bytes = texts[number].bytes
      var known: Set<Int> = bytes.starts(with: start) ? [0, start.count] : [0]
      for put in texts[number].puts { known.insert(puts[put].bytes.count) }
      var places = known.sorted()
      var parts: [Part] = []
      var next = 0
      while next < places.count, places.count <= Self.maximumPlaces {
        let place = places[next]
        next += 1
        for length in lengths where length <= bytes.count - place {
          let slice = bytes[place..<(place + length)]
          for append in byPrint[Print(length: length, hash: Self.hash(slice))] ?? [] where slice.elementsEqual(appends[append].bytes) {
            parts.append(Part(start: place, end: place + length, append: append))
            if known.insert(place + length).inserted { places.append(place + length) }
          }
        }
      }
      guard places.count <= Self.maximumPlaces else { continue }
      texts[number].parts = parts.sorted { ($0.start, $0.append) > ($1.start, $1.append) }
      for append in Set(parts.map(\.append)).sorted() { appends[append].texts.append(number) }
    }
  }

  private static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 &* 0x100_0000_01B3 &+ UInt64($1) &+ 1 }
  }

  /// From which places a text's end is reached, its parts going from the end to the beginning.
  private mutating func findTails(_ text: Int) {
    guard let parts = texts[text].parts else { return }
    var tails: Set<Int> = [texts[text].bytes.count]
    for part in parts where appends[part.append].left > 0 && tails.contains(part.end) { tails.insert(part.start) }
    texts[text].tails = tails
  }

  /// Whether a text can be made out of its first bytes by the appends that are left.
  private func isReachable(_ text: Int, from place: Int) -> Bool { texts[text].parts == nil || texts[text].tails.contains(place) }

  // MARK: counting

  /// One operation more or less that is not placed yet.
  mutating func change(_ operation: Expected, by difference: Int) {
    guard count(operation, by: difference) else { return }
    switch operation.input {
    case .put(let value):
      guard let put = putNumbers[value] else { return }
      for text in puts[put].texts { update(text) }
    case .append(let value):
      guard let append = appendNumbers[value] else { return }
      for text in appends[append].texts {
        findTails(text)
        update(text)
      }
    case .get:
      guard case .value(let value?)? = operation.output, let text = textNumbers[value] else { return }
      update(text)
    }
  }

  /// Counts it; whether that makes a difference to what can come about.
  @discardableResult
  private mutating func count(_ operation: Expected, by difference: Int) -> Bool {
    func isTurn(_ count: Int) -> Bool { count == 0 || count == difference }
    switch operation.input {
    case .put(let value):
      guard let put = putNumbers[value] else { return false }
      puts[put].left += difference
      return isTurn(puts[put].left)
    case .append(let value):
      guard let append = appendNumbers[value] else { return false }
      appends[append].left += difference
      return isTurn(appends[append].left)
    case .get:
      guard case .value(let value)? = operation.output else { return false }
      guard let value else {
        absentReads += difference
        return false
      }
      guard let text = textNumbers[value] else { return false }
      texts[text].reads += difference
      return isTurn(texts[text].reads)
    }
  }

  private mutating func update(_ number: Int) {
    let text = texts[number]
    let isUnread = text.reads > 0
    if text.parts == nil, isUnread != unread.contains(number) { wholeCount += isUnread ? 1 : -1 }
    unread.set(number, to: isUnread)
    rooted.set(number, to: isUnread && !text.puts.contains { puts[$0].left > 0 && isReachable(number, from: puts[$0].bytes.count) })
  }

  // MARK: questions

  /// The range of all texts.
  var all: Range<Int> { 0..<texts.count }

  /// Whether every read is placed.
  var isAllRead: Bool { absentReads == 0 && unread.first(from: 0) == nil }

  /// Whether any text of a range is still to be read.
  func isAnyUnread(in range: Range<Int>) -> Bool { unread.first(from: range.lowerBound).map { $0 < range.upperBound } ?? false }

  /// Whether a text that is still to be read begins with a value.
  func isAnyUnread(begunBy value: HistoryValue) -> Bool {
    putNumbers[value].map { put in puts[put].texts.contains { unread.contains($0) } } ?? true
  }

  /// Whether a text that is still to be read may have a value appended in it.
  func isAnyUnread(with value: HistoryValue) -> Bool {
    guard wholeCount == 0, !value.text.utf8.isEmpty, let append = appendNumbers[value] else { return true }
    return appends[append].texts.contains { unread.contains($0) }
  }

  /// Whether a text must grow out of what is held now, and cannot: what is held is `length` bytes, with which the texts
  /// of `range` begin.
  func isAnyRooted(notIn range: Range<Int>, length: Int) -> Bool {
    guard let first = rooted.first(from: 0), let last = rooted.last else { return false }
    if first < range.lowerBound || last >= range.upperBound { return true }
    var number: Int? = first
    while let text = number {
      if !isReachable(text, from: length) { return true }
      number = rooted.first(from: text + 1)
    }
    return false
  }

  /// Of a range of texts that begin with the same `offset` bytes, those that go on with `piece`.
  func narrowed(_ range: Range<Int>, behind offset: Int, by piece: [UInt8]) -> Range<Int> {
    /// Negative: the text lies before all that go on with the piece. 0: it does. Positive: it lies behind them.
    func place(_ number: Int) -> Int {
      let text = texts[number].bytes
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

  func contains(_ number: Int) -> Bool { words[number >> 6] >> UInt64(number & 63) & 1 == 1 }

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
