// Reads values of the protocol that Redis and its like speak out of bytes that come in pieces. Both versions are read
// together: no value means different things in them.
//
// Fault model: any bytes may come. What is no value throws, and from then on there is nothing more to be read, since
// nobody knows where the next value would begin. Every value is bounded, in its bytes, its elements and its depth, before
// anything is kept for it; the time is that of the bytes, in whatever pieces they come. Attributes, which a server may put
// before a value, are read and left out. Streamed values (`$?`), which no server sends, are refused.

/// Bounds of one value that is read.
public struct RESPLimits: Sendable, Hashable {
  /// Bytes of it as it is written.
  public var maximumBytes: Int
  /// Elements in it, those within others included.
  public var maximumElements: Int
  /// How deep values may stand in each other.
  public var maximumDepth: Int

  /// Bounds: 16 MiB, 100,000 elements, 16 deep, unless said otherwise.
  public init(maximumBytes: Int = 16 << 20, maximumElements: Int = 100_000, maximumDepth: Int = 16) {
    self.maximumBytes = maximumBytes
    self.maximumElements = maximumElements
    self.maximumDepth = maximumDepth
  }
}

/// Why bytes are no values.
public struct RESPMistake: Error, Hashable, Sendable, CustomStringConvertible {
  /// In words.
  public let description: String

  /// A mistake, in words.
  public init(_ description: String) { self.description = description }
}

/// Reads values.
public struct RESPReader: Sendable {
  private enum Kind {
    case array, map, set, push
    /// What is read and left out.
    case attribute
  }

  /// A value whose elements are being read.
  private struct Frame {
    var kind: Kind
    /// Elements that are still to come.
    var left: Int
    var elements: [RESPValue] = []
  }

  private let limits: RESPLimits
  private var buffer: [UInt8] = []
  private var start = 0
  /// Up to here no end of a line was found.
  private var searched = 0
  private var frames: [Frame] = []
  private var mistake: RESPMistake?
  /// Bytes and elements of the value that is being read.
  private var usedBytes = 0
  private var usedElements = 0

  /// The longest line: a length, a number, a text of a failure.
  private static let maximumLineBytes = 65_536

  /// A reader at the beginning.
  public init(_ limits: RESPLimits = RESPLimits()) { self.limits = limits }

  /// Bytes that came and of which no value was made yet.
  public var waitingBytes: Int { buffer.count - start }

  /// Whether a value has begun and is not whole.
  public var isWithinValue: Bool { !frames.isEmpty || waitingBytes > 0 }

  /// Takes what came.
  public mutating func feed(_ bytes: some Collection<UInt8>) {
    guard mistake == nil else { return }
    if start > 0, start == buffer.count || start > 65_536 {
      buffer.removeFirst(start)
      searched = max(0, searched - start)
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next whole value; nil where more has to come first.
  public mutating func next() throws(RESPMistake) -> RESPValue? {
    if let mistake { throw mistake }
    do throws(RESPMistake) { return try value() } catch {
      mistake = error
      buffer = []
      (start, searched, frames) = (0, 0, [])
      throw error
    }
  }

  private mutating func value() throws(RESPMistake) -> RESPValue? {
    while true {
      guard var whole = try element() else { return nil }
      // What is whole may be the last element of what it stands in.
      while let value = whole {
        guard var frame = frames.popLast() else {
          (usedBytes, usedElements) = (0, 0)
          return value
        }
        frame.elements.append(value)
        frame.left -= 1
        guard frame.left == 0 else {
          frames.append(frame)
          break
        }
        whole = Self.whole(frame)
      }
    }
  }

  /// What a frame becomes whose elements are all there; nil where nothing is kept of it.
  private static func whole(_ frame: Frame) -> RESPValue? {
    switch frame.kind {
    case .array: .array(frame.elements)
    case .map: .map(frame.elements)
    case .set: .set(frame.elements)
    case .push: .push(frame.elements)
    case .attribute: nil
    }
  }

  /// Reads what stands next: a value; the head of one with elements (an inner nil); nil where more has to come.
  private mutating func element() throws(RESPMistake) -> RESPValue?? {
    guard let line = try line() else { return nil }
    guard let sign = line.first else { throw RESPMistake("an empty line stands where a value begins") }
    let text = line.dropFirst()
    switch sign {
    case UInt8(ascii: "+"): return try taken(line, .simple(Array(text)))
    case UInt8(ascii: "-"): return try taken(line, .failure(Array(text)))
    case UInt8(ascii: ":"):
      guard let number = Self.integer(text) else { throw Self.unread("an integer of 64 bits", line) }
      return try taken(line, .integer(number))
    case UInt8(ascii: "_"):
      guard text.isEmpty else { throw Self.unread("nothing behind _", line) }
      return try taken(line, .null)
    case UInt8(ascii: "#"):
      switch Array(text) {
      case [UInt8(ascii: "t")]: return try taken(line, .boolean(true))
      case [UInt8(ascii: "f")]: return try taken(line, .boolean(false))
      case _: throw Self.unread("#t or #f", line)
      }
    case UInt8(ascii: ","):
      guard let number = Self.double(text) else { throw Self.unread("a number", line) }
      return try taken(line, .double(number))
    case UInt8(ascii: "("):
      guard Self.isDecimal(text) else { throw Self.unread("decimal digits", line) }
      return try taken(line, .number(Array(text)))
    case UInt8(ascii: "$"), UInt8(ascii: "!"), UInt8(ascii: "="): return try block(sign, line)
    case UInt8(ascii: "*"): return try list(.array, line, perElement: 1)
    case UInt8(ascii: "~"): return try list(.set, line, perElement: 1)
    case UInt8(ascii: ">"): return try list(.push, line, perElement: 1)
    case UInt8(ascii: "%"): return try list(.map, line, perElement: 2)
    case UInt8(ascii: "|"): return try list(.attribute, line, perElement: 2)
    case _: throw RESPMistake("the byte \(sign) begins no value")
    }
  }

  /// The line at the start, without its end; it stays until it is taken. Nil where its end has not come.
  private mutating func line() throws(RESPMistake) -> ArraySlice<UInt8>? {
    let from = max(start, searched)
    guard let end = buffer[from...].firstIndex(of: 0x0D) else {
      searched = buffer.count
      guard buffer.count - start <= Self.maximumLineBytes else { throw RESPMistake("a line has more than \(Self.maximumLineBytes) bytes") }
      return nil
    }
    guard end - start <= Self.maximumLineBytes else { throw RESPMistake("a line has more than \(Self.maximumLineBytes) bytes") }
    guard end + 1 < buffer.count else {
      searched = end
      return nil
    }
    guard buffer[end + 1] == 0x0A else { throw RESPMistake("a carriage return stands without a line feed") }
    return buffer[start..<end]
  }

  /// The value that a line was; takes its bytes.
  private mutating func taken(_ line: ArraySlice<UInt8>, _ value: RESPValue) throws(RESPMistake) -> RESPValue?? {
    try take(line.count + 2)
    return .some(.some(value))
  }

  private mutating func take(_ bytes: Int) throws(RESPMistake) {
    usedBytes += bytes
    guard usedBytes <= limits.maximumBytes else { throw RESPMistake("a value has more than \(limits.maximumBytes) bytes") }
    start += bytes
    searched = start
  }

  /// Bytes of a length that is told before them.
  private mutating func block(_ sign: UInt8, _ line: ArraySlice<UInt8>) throws(RESPMistake) -> RESPValue?? {
    if sign == UInt8(ascii: "$"), Array(line) == Array("$-1".utf8) { return try taken(line, .null) }
    guard let length = Self.integer(line.dropFirst()), length >= 0 else { throw Self.unread("a length", line) }
    guard length <= Int64(limits.maximumBytes - usedBytes - line.count) else {
      throw RESPMistake("a value has more than \(limits.maximumBytes) bytes")
    }
    let first = start + line.count + 2
    let end = first + Int(length)
    guard end + 2 <= buffer.count else {
      // The head is looked at again with each piece, the bytes are not.
      searched = start
      return nil
    }
    guard buffer[end] == 0x0D, buffer[end + 1] == 0x0A else { throw RESPMistake("bytes do not end where their length says") }
    var content = buffer[first..<end]
    if sign == UInt8(ascii: "=") {
      // Its form, of three letters, and a colon.
      guard content.count >= 4, content[first + 3] == UInt8(ascii: ":") else { throw RESPMistake("a text does not say its form") }
      content = content.dropFirst(4)
    }
    let value = sign == UInt8(ascii: "!") ? RESPValue.failure(Array(content)) : .bytes(Array(content))
    try take(line.count + 2 + Int(length) + 2)
    return .some(.some(value))
  }

  /// The head of a value with elements.
  private mutating func list(_ kind: Kind, _ line: ArraySlice<UInt8>, perElement: Int) throws(RESPMistake) -> RESPValue?? {
    if Array(line) == Array("*-1".utf8) { return try taken(line, .null) }
    guard let count = Self.integer(line.dropFirst()), count >= 0 else { throw Self.unread("a number of elements", line) }
    guard count <= Int64((limits.maximumElements - usedElements) / perElement) else {
      throw RESPMistake("a value has more than \(limits.maximumElements) elements")
    }
    guard frames.count < limits.maximumDepth else { throw RESPMistake("values stand in each other more than \(limits.maximumDepth) deep") }
    try take(line.count + 2)
    usedElements += Int(count) * perElement
    let frame = Frame(kind: kind, left: Int(count) * perElement)
    if frame.left == 0 { return .some(Self.whole(frame)) }
    frames.append(frame)
    return .some(nil)
  }

  private static func unread(_ expected: String, _ line: ArraySlice<UInt8>) -> RESPMistake {
    let shown = line.prefix(40).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
    return RESPMistake("expected \(expected), found \"\(String(decoding: shown, as: UTF8.self))\"")
  }

  // MARK: numbers

  private static func isDecimal(_ text: ArraySlice<UInt8>) -> Bool {
    let digits = text.first == UInt8(ascii: "-") || text.first == UInt8(ascii: "+") ? text.dropFirst() : text
    return !digits.isEmpty && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// An integer of 64 bits in decimal digits; nil where the text is none.
  static func integer(_ text: ArraySlice<UInt8>) -> Int64? {
    isDecimal(text) ? Int64(String(decoding: text, as: UTF8.self)) : nil
  }

  private static func double(_ text: ArraySlice<UInt8>) -> Double? {
    let word = String(decoding: text, as: UTF8.self)
    switch word {
    case "inf": return .infinity
    case "-inf": return -.infinity
    case "nan", "-nan": return .nan
    case _:
      // Nothing else that a reader of numbers may know, like hexadecimal digits.
      let isPlain = text.allSatisfy { byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
      }
      return isPlain ? Double(word) : nil
    }
  }
}
