// A phrase: the words of one line of a file, read from left to right, with the place of each, so that a mistake is
// named by its column and by what was expected there.

import Vocabulary

/// The words of one line and a cursor among them.
public struct Phrase {
  private struct Word {
    var text: String
    var column: Int
  }

  private let file: String
  private let line: Int
  private let words: [Word]
  private let endColumn: Int
  private var next = 0

  /// The words of `text`, which begins at `line` and `column` of `file`.
  public init(_ text: String, file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    var words: [Word] = []
    var current = ""
    var start = 0
    for (offset, character) in text.enumerated() {
      if character == " " || character == "\n" || character == "\t" {
        if !current.isEmpty { words.append(Word(text: current, column: column + start)) }
        current = ""
      } else {
        if current.isEmpty { start = offset }
        current.append(character)
      }
    }
    if !current.isEmpty { words.append(Word(text: current, column: column + start)) }
    self.words = words
    endColumn = column + text.count
  }

  /// Whether all words were read.
  public var isAtEnd: Bool { next == words.count }

  /// The mistake at the next word.
  public func expected(_ what: String) -> TextMistake {
    let found = next < words.count ? "found \"\(words[next].text)\"" : "found the end of the line"
    let column = next < words.count ? words[next].column : endColumn
    return TextMistake(file: file, line: line, column: column, problem: "expected \(what), \(found)")
  }

  /// Reads `text` if it is next.
  public mutating func takes(_ text: String) -> Bool {
    guard next < words.count, words[next].text == text else { return false }
    next += 1
    return true
  }

  /// Reads the words of `text`, or says that they were expected.
  public mutating func expect(_ text: String) throws(TextMistake) {
    for word in text.split(separator: " ") where !takes(String(word)) { throw expected("\"\(word)\"") }
  }

  /// Reads one of `options`, or says which were expected.
  public mutating func oneOf(_ options: [String], _ what: String) throws(TextMistake) -> String {
    for option in options where takes(option) { return option }
    throw expected("\(what): \(options.joined(separator: ", "))")
  }

  /// The next word, which is not read; nil at the end.
  public var nextWord: String? { next < words.count ? words[next].text : nil }

  /// Reads one word.
  public mutating func word(_ what: String) throws(TextMistake) -> String {
    guard next < words.count else { throw expected(what) }
    next += 1
    return words[next - 1].text
  }

  /// Reads a word through `convert`, or says that `what` was expected at its place.
  public mutating func value<Value>(_ what: String, _ convert: (String) -> Value?) throws(TextMistake) -> Value {
    guard next < words.count, let value = convert(words[next].text) else { throw expected(what) }
    next += 1
    return value
  }

  /// Reads a span: `10s`, `250ms`.
  public mutating func span(_ what: String) throws(TextMistake) -> TimeSpan {
    try value(SpanText.words(what, like: "10s or 250ms", nextWord)) { SpanText.span($0) }
  }

  /// Reads a share: `20%`.
  public mutating func share() throws(TextMistake) -> Double {
    try value(SpanText.shareWords) { SpanText.share($0) }
  }

  /// Says that nothing more was expected, where something is left.
  public func expectEnd() throws(TextMistake) {
    if !isAtEnd { throw expected("the end of the line") }
  }
}

/// Spans and shares as people write them.
public enum SpanText {
  /// `10s`, `-30s`, `250ms`, `1h30m`, `1.5h`; nil for anything else: integers, each with a unit, the greater units
  /// first, as in queries, or one number with a fraction. At most 9·10¹⁷ ns (28 years).
  public static func span(_ text: String) -> TimeSpan? {
    var rest = text.utf8[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative { rest = rest.dropFirst() }
    guard let nanoseconds = rest.contains(UInt8(ascii: ".")) ? fractional(rest) : sum(rest), nanoseconds < 900_000_000_000_000_000 else {
      return nil
    }
    return TimeSpan(nanoseconds: isNegative ? -nanoseconds : nanoseconds)
  }

  /// What is expected where `text` stands: `what`, with examples; where it reads as a span, and is none that is taken,
  /// the bounds that it lies beyond: `bounds`, else those of every span.
  public static func words(_ what: String, like examples: String, _ text: String?, bounds: String? = nil) -> String {
    guard let text else { return "\(what), like \(examples)" }
    if span(text) != nil { return bounds.map { "\(what), \($0)" } ?? "\(what), like \(examples)" }
    return isTooLong(text) ? "\(what), at most 250000h" : "\(what), like \(examples)"
  }

  /// Whether a text is refused only because it is longer than a span may be: each of its parts is a number and a unit.
  private static func isTooLong(_ text: String) -> Bool {
    var rest = text.utf8[...]
    if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
    guard !rest.isEmpty else { return false }
    // A number with a fraction stands alone.
    let isFractional = rest.contains(UInt8(ascii: "."))
    var sum = DurationSum()
    while !rest.isEmpty {
      let digits = rest.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
      let name = rest.dropFirst(digits.count).prefix { !isDigit($0) }
      guard let unit = unit(name), digits.contains(where: isDigit), digits.count(where: { !isDigit($0) }) <= 1 else { return false }
      do throws(DurationSum.Mistake) {
        try sum.add(UInt64(Substring(digits.prefix { isDigit($0) })), unit)
      } catch {
        return error == .tooLong
      }
      rest = rest.dropFirst(digits.count + name.count)
      if isFractional, !rest.isEmpty { return false }
    }
    return true
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// The unit that is all of a text.
  private static func unit(_ text: Substring.UTF8View) -> DurationUnit? {
    DurationUnit.allCases.first { $0.rawValue.utf8.elementsEqual(text) }
  }

  /// Integers, each with a unit.
  private static func sum(_ text: Substring.UTF8View) -> Int64? {
    var rest = text
    var sum = DurationSum()
    repeat {
      let digits = rest.prefix { isDigit($0) }
      let name = rest.dropFirst(digits.count).prefix { !isDigit($0) }
      guard !digits.isEmpty, let unit = unit(name), (try? sum.add(UInt64(Substring(digits)), unit)) != nil else { return nil }
      rest = rest.dropFirst(digits.count + name.count)
    } while !rest.isEmpty
    return sum.nanoseconds
  }

  /// A number with a fraction and a unit, to the nearest nanosecond.
  private static func fractional(_ text: Substring.UTF8View) -> Int64? {
    let digits = text.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
    guard let unit = unit(text.dropFirst(digits.count)), let number = Double(Substring(digits)) else { return nil }
    return Int64(exactly: (number * Double(unit.nanoseconds)).rounded())
  }

  /// What a share is, for a mistake.
  public static let shareWords = "a share from 0% to 100%, like 20%"

  /// `20%` as 0.2.
  public static func share(_ text: String) -> Double? {
    guard text.hasSuffix("%"), let number = Double(text.dropLast()), (0...100).contains(number) else { return nil }
    return number / 100
  }
}
