// One line of a Jepsen history: a client asked, or learnt how it ended; and how such events are read out of the two
// forms in which Jepsen leaves them, `history.edn` and its log (History.md).
//
// What is no client's (the nemesis) is skipped, as are lines of a log that hold no operation, which are counted; a log
// of nothing but such lines is none. All else is read strictly.

import Vocabulary
import Wire

/// What an event says.
enum JepsenType: String, CaseIterable {
  case invoke
  case ok
  case fail
  case info
}

/// What clients ask.
enum JepsenFunction: String, CaseIterable {
  case read
  case write
  case cas
  case get
  case put
  case append

  /// Whether a register is asked; else a key-value store.
  var isOnRegister: Bool {
    switch self {
    case .read, .write, .cas: true
    case .get, .put, .append: false
    }
  }

  /// Whether the value comes with the answer.
  var isQuestion: Bool {
    switch self {
    case .read, .get: true
    case .write, .cas, .put, .append: false
    }
  }
}

/// An event of a client.
struct JepsenEvent {
  var process: Int64
  var type: JepsenType
  var function: JepsenFunction
  /// Nil where none stands there.
  var value: EDNForm?
  /// The member `:key`.
  var key: EDNForm?
  /// The member `:time`.
  var time: Int64?
  /// Whether an `:error` tells why it ended so.
  var hasError: Bool
  /// Where it begins, in bytes from the beginning of the file.
  var offset: Int
}

/// Reads the events of a file in its order.
struct JepsenEvents {
  private let bytes: [UInt8]
  private(set) var events: [JepsenEvent] = []
  /// Lines of a log that hold no operation; nil of EDN.
  private(set) var skipped: SkippedLines?

  /// The events of a `history.edn`: one map after the other, or all in one vector or list.
  init(edn bytes: [UInt8]) throws(TextMistake) {
    self.bytes = bytes
    var reader = EDNReader(bytes)
    var closing: UInt8?
    while let byte = try reader.nextByte() {
      switch byte {
      case UInt8(ascii: "["), UInt8(ascii: "("):
        guard closing == nil else { throw reader.mistake("expected an operation, which is a map, found a collection", at: reader.position) }
        closing = byte == UInt8(ascii: "[") ? UInt8(ascii: "]") : UInt8(ascii: ")")
        reader.skipByte()
      case closing:
        closing = nil
        reader.skipByte()
      default: try take(reader.form(), reader)
      }
    }
    if closing != nil { throw reader.mistake("expected the end of the vector of operations, found the end of the text", at: bytes.count) }
  }

  /// The events in a log of Jepsen: `INFO  jepsen.util - 4	:invoke	:cas	[2 1]`, with or without what stands before the
  /// process.
  init(log bytes: [UInt8]) throws(TextMistake) {
    self.bytes = bytes
    var skipped = SkippedLines(count: 0, lineCount: 0)
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
      if bytes[start..<end].contains(where: { $0 > 0x20 }) {
        skipped.lineCount += 1
        if !(try takeLine(start..<end)) { skipped.count += 1 }
      }
      start = end + 1
    }
    guard skipped.count == 0 || skipped.count < skipped.lineCount else {
      throw TextMistake(
        "expected a log of Jepsen, with lines that hold a process and :invoke, :ok, :fail or :info, found none in "
          + (skipped.lineCount == 1 ? "its one line" : "\(skipped.lineCount) lines"), at: 0, in: bytes.span)
    }
    self.skipped = skipped
  }

  // MARK: EDN

  private mutating func take(_ form: EDNForm, _ reader: EDNReader) throws(TextMistake) {
    guard case .map(let elements) = form.untagged.value else {
      throw reader.mistake("expected an operation, which is a map, found \(form.kind)", at: form.offset)
    }
    var members: [HistoryValue: EDNForm] = [:]
    for index in stride(from: 0, to: elements.count - 1, by: 2) {
      if case .keyword(let name) = elements[index].value { members[name] = elements[index + 1] }
    }
    func member(_ name: HistoryValue) throws(TextMistake) -> EDNForm {
      if let member = members[name] { return member }
      throw reader.mistake("expected an operation with :\(name.text), found none", at: form.offset)
    }
    guard let process = try Self.process(member("process"), reader) else { return }
    var time: Int64?
    if let form = members["time"], !form.isNull {
      guard case .integer(let text) = form.value, let nanoseconds = Int64(text.text), abs(nanoseconds / 2) <= Int64.max >> 2 else {
        throw reader.mistake("expected :time in nanoseconds, from -2^62 to 2^62, found \(form.kind)", at: form.offset)
      }
      time = nanoseconds
    }
    events.append(
      JepsenEvent(
        process: process, type: try Self.word(member("type"), "type", reader), function: try Self.word(member("f"), "f", reader),
        value: members["value"], key: members["key"], time: time, hasError: members["error"].map { !$0.isNull } ?? false,
        offset: form.offset))
  }

  /// A client's number; nil of the nemesis.
  private static func process(_ form: EDNForm, _ reader: EDNReader) throws(TextMistake) -> Int64? {
    if form.value == .keyword("nemesis") { return nil }
    guard case .integer(let text) = form.value, let number = Int64(text.text) else {
      throw reader.mistake("expected a process, which is an integer or :nemesis, found \(form.kind)", at: form.offset)
    }
    return number
  }

  /// One of the known keywords.
  private static func word<Word: RawRepresentable & CaseIterable>(
    _ form: EDNForm, _ member: String, _ reader: EDNReader
  ) throws(TextMistake) -> Word where Word.RawValue == String {
    if case .keyword(let name) = form.value, let word = Word.allCases.first(where: { sameBytes($0.rawValue, name.text) }) { return word }
    let known = Word.allCases.map { ":" + $0.rawValue }
    var found = form.kind
    if let near = nearestName(to: found, among: known) { found += " (did you mean \(near)?)" }
    throw reader.mistake("expected :\(member) to be one of \(known.joined(separator: ", ")), found \(found)", at: form.offset)
  }

  // MARK: logs

  /// Takes the operation of a line; false where it holds none.
  private mutating func takeLine(_ line: Range<Int>) throws(TextMistake) -> Bool {
    guard let start = operationStart(line) else { return false }
    var reader = EDNReader(bytes, in: start..<line.upperBound)
    let processForm = try reader.form()
    guard let process = try Self.process(processForm, reader) else { return true }
    let type: JepsenType = try Self.word(reader.form(), "type", reader)
    let function: JepsenFunction = try Self.word(reader.form(), "f", reader)
    var value: EDNForm?
    switch type {
    case .invoke, .ok: value = try reader.nextByte() == nil ? nil : try reader.form()
    // What stands there may be a reason in any form (`:timed-out`, a Java exception), and says nothing about the
    // operation.
    case .fail, .info: value = try? reader.form()
    }
    events.append(
      JepsenEvent(
        process: process, type: type, function: function, value: value, key: nil, time: nil, hasError: false, offset: processForm.offset))
    return true
  }

  /// Where in a line of a log an operation begins: behind the logger's name, or at the beginning of the line; nil where
  /// it holds none.
  private func operationStart(_ line: Range<Int>) -> Int? {
    let logger = Array("jepsen.util".utf8)
    var start = line.lowerBound
    var place = line.lowerBound
    while place + logger.count <= line.upperBound {
      if bytes[place..<(place + logger.count)].elementsEqual(logger) {
        start = place + logger.count
        // `jepsen.util - 4` in older logs, `jepsen.util: 4` in newer ones.
        while start < line.upperBound, [0x20, 0x09, UInt8(ascii: "-"), UInt8(ascii: ":")].contains(bytes[start]) {
          if bytes[start] == UInt8(ascii: ":"), start + 1 < line.upperBound, bytes[start + 1] > 0x20 { break }
          start += 1
        }
        break
      }
      place += 1
    }
    // A process, space, and a keyword.
    place = start
    if bytes[start..<line.upperBound].starts(with: Array(":nemesis".utf8)) {
      place += 8
    } else {
      while place < line.upperBound, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) { place += 1 }
    }
    guard place > start, place < line.upperBound, bytes[place] == 0x20 || bytes[place] == 0x09 else { return nil }
    while place < line.upperBound, bytes[place] == 0x20 || bytes[place] == 0x09 { place += 1 }
    return place < line.upperBound && bytes[place] == UInt8(ascii: ":") ? start : nil
  }
}
