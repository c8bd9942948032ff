// A JSON writer that appends to bytes and cannot hand out wrong JSON.
//
// The calls do not throw; the first mistake (a number that is not finite, a value without a name, an end that fits no
// begin) is remembered, and `finish()` throws it instead of giving the bytes. Doubles are written as the shortest
// digits that read back to the same bits, and always with a point or an exponent, so that they stay doubles. The output
// is a function of the calls alone. Limits: 512 levels; names are checked for repetition only when a whole tree is
// written. Serves every API room (MONITORING-1 …).

/// Why the calls of a `JSONWriter` do not add up to a JSON text.
public enum JSONWriteError: Error, Equatable, CustomStringConvertible {
  /// A NaN or an infinity, which JSON cannot say (RFC 8259 §6). The bytes written before it are counted.
  case numberNotFinite(byteOffset: Int)
  /// A value inside an object came without a name.
  case nameMissing(byteOffset: Int)
  /// A name came outside an object, or right after another name.
  case nameOutOfPlace(String)
  /// An end that fits no begin, or an object that ends after a name.
  case endOutOfPlace(byteOffset: Int)
  /// A second value behind the first at the top.
  case secondRoot(byteOffset: Int)
  /// Arrays and objects are still open.
  case unfinished(openContainers: Int)
  /// Nothing was written.
  case empty
  /// Nested more than 512 levels deep.
  case tooDeep
  /// A tree with the same name twice in one object.
  case duplicateName(String)

  /// The problem in words.
  public var description: String {
    switch self {
    case .numberNotFinite(let offset): "a number that is not finite at byte \(offset) of the JSON text"
    case .nameMissing(let offset): "a value without a name at byte \(offset) of the JSON text"
    case .nameOutOfPlace(let name): "the name \(quoted(name)) where no name may stand"
    case .endOutOfPlace(let offset): "an end without its begin at byte \(offset) of the JSON text"
    case .secondRoot(let offset): "a second value at byte \(offset) of the JSON text"
    case .unfinished(let count): "\(count) arrays or objects are not ended"
    case .empty: "no value was written"
    case .tooDeep: "nested more than \(JSONLimits.greatestDepth) levels deep"
    case .duplicateName(let name): "the name \(quoted(name)) occurs twice in one object"
    }
  }
}

/// Writes one JSON text at the end of a byte buffer.
public struct JSONWriter: Sendable {
  private var bytes: [UInt8]
  /// The first mistake; the rest is written all the same and thrown away.
  private var mistake: JSONWriteError?
  /// One bit per open container: 1 is an object.
  private var objectBits = [8 of UInt64](repeating: 0)
  private var depth = 0
  private var isInObject = false
  private var needsComma = false
  private var hasName = false
  private var hasRoot = false

  /// A writer with its own buffer.
  public init(capacity: Int = 256) {
    bytes = []
    bytes.reserveCapacity(max(0, capacity))
  }

  /// A writer that appends to what is there already: hand the buffer over with `consume`, or it is copied.
  public init(appendingTo buffer: consuming [UInt8]) {
    bytes = buffer
  }

  /// The bytes, with what was in the buffer before. Throws the first mistake of the calls so far.
  public consuming func finish() throws(JSONWriteError) -> [UInt8] {
    if let mistake { throw mistake }
    guard depth == 0 else { throw .unfinished(openContainers: depth) }
    guard hasRoot else { throw .empty }
    return bytes
  }

  // MARK: Containers

  /// `{`.
  public mutating func beginObject() {
    prepareForValue()
    bytes.append(UInt8(ascii: "{"))
    push(isObject: true)
  }

  /// `}`.
  public mutating func endObject() {
    guard depth > 0, isInObject, !hasName else { return fail(.endOutOfPlace(byteOffset: bytes.count)) }
    bytes.append(UInt8(ascii: "}"))
    pop()
  }

  /// `[`.
  public mutating func beginArray() {
    prepareForValue()
    bytes.append(UInt8(ascii: "["))
    push(isObject: false)
  }

  /// `]`.
  public mutating func endArray() {
    guard depth > 0, !isInObject else { return fail(.endOutOfPlace(byteOffset: bytes.count)) }
    bytes.append(UInt8(ascii: "]"))
    pop()
  }

  /// The name of the member whose value comes next.
  public mutating func name(_ name: String) {
    guard isInObject, !hasName else { return fail(.nameOutOfPlace(name)) }
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    appendQuoted(name)
    bytes.append(UInt8(ascii: ":"))
    hasName = true
  }

  // MARK: Values

  /// Text, escaped where it must be (RFC 8259 §7): `"`, `\` and control characters.
  public mutating func value(_ text: String) {
    prepareForValue()
    appendQuoted(text)
  }

  /// An exact integer.
  public mutating func value(_ integer: Int64) {
    prepareForValue()
    appendDigits(of: integer.magnitude, isNegative: integer < 0)
  }

  /// An exact integer.
  public mutating func value(_ integer: Int) {
    value(Int64(integer))
  }

  /// An exact integer. Above `Int64.max` a reader that keeps doubles loses digits.
  public mutating func value(_ integer: UInt64) {
    prepareForValue()
    appendDigits(of: integer, isNegative: false)
  }

  /// A double in its shortest form; a NaN or an infinity is a mistake that `finish()` throws.
  public mutating func value(_ double: Double) {
    prepareForValue()
    guard double.isFinite else { return fail(.numberNotFinite(byteOffset: bytes.count)) }
    append(double.description)
  }

  /// A number as it was spelled.
  public mutating func value(_ decimal: ExactDecimal) {
    prepareForValue()
    append(decimal.spelling)
  }

  /// A double, or `null` where it is not finite: for APIs that say so.
  public mutating func valueOrNull(_ double: Double) {
    if double.isFinite { value(double) } else { null() }
  }

  /// `true` or `false`.
  public mutating func value(_ bool: Bool) {
    prepareForValue()
    append(bool ? "true" : "false")
  }

  /// `null`.
  public mutating func null() {
    prepareForValue()
    append("null")
  }

  /// A whole tree.
  public mutating func value(_ json: JSON) {
    guard depth <= JSONLimits.greatestDepth else { return fail(.tooDeep) }
    switch json {
    case .null: null()
    case .bool(let bool): value(bool)
    case .integer(let integer): value(integer)
    case .double(let double): value(double)
    case .decimal(let decimal): value(decimal)
    case .string(let text): value(text)
    case .array(let elements):
      beginArray()
      for element in elements { value(element) }
      endArray()
    case .object(let members):
      if let index = firstDuplicate(in: members) { fail(.duplicateName(members[index].name)) }
      beginObject()
      for member in members {
        name(member.name)
        value(member.value)
      }
      endObject()
    }
  }

  // MARK: Members in one call

  /// A member with text.
  public mutating func member(_ name: String, _ text: String) {
    self.name(name)
    value(text)
  }

  /// A member with an exact integer.
  public mutating func member(_ name: String, _ integer: Int64) {
    self.name(name)
    value(integer)
  }

  /// A member with an exact integer.
  public mutating func member(_ name: String, _ integer: Int) {
    self.name(name)
    value(Int64(integer))
  }

  /// A member with a double; a NaN or an infinity is a mistake that `finish()` throws.
  public mutating func member(_ name: String, _ double: Double) {
    self.name(name)
    value(double)
  }

  /// A member with a boolean.
  public mutating func member(_ name: String, _ bool: Bool) {
    self.name(name)
    value(bool)
  }

  /// A member with a whole tree.
  public mutating func member(_ name: String, _ json: JSON) {
    self.name(name)
    value(json)
  }

  /// A member with an object of texts, in this order.
  public mutating func member(_ name: String, _ texts: [NamedText]) {
    self.name(name)
    beginObject()
    for text in texts { member(text.name, text.text) }
    endObject()
  }

  // MARK: Inside

  @inline(never)
  private mutating func fail(_ error: JSONWriteError) {
    if mistake == nil { mistake = error }
  }

  @inline(__always)
  private mutating func prepareForValue() {
    if isInObject {
      if !hasName { fail(.nameMissing(byteOffset: bytes.count)) }
      hasName = false
    } else if depth == 0 {
      if hasRoot { fail(.secondRoot(byteOffset: bytes.count)) }
      hasRoot = true
    } else if needsComma {
      bytes.append(UInt8(ascii: ","))
    }
    needsComma = true
  }

  private mutating func push(isObject: Bool) {
    // Beyond the limit the depth goes on counting, so that begins and ends still match; the bits are not touched.
    if depth < JSONLimits.greatestDepth {
      let mask: UInt64 = 1 << UInt64(depth & 63)
      if isObject { objectBits[depth >> 6] |= mask } else { objectBits[depth >> 6] &= ~mask }
    } else {
      fail(.tooDeep)
    }
    depth += 1
    isInObject = isObject
    needsComma = false
  }

  private mutating func pop() {
    depth -= 1
    needsComma = true
    let above = min(depth, JSONLimits.greatestDepth) - 1
    isInObject = above >= 0 && (objectBits[above >> 6] >> UInt64(above & 63)) & 1 == 1
  }

  private mutating func append(_ text: String) {
    let copied: Void? = text.utf8.withContiguousStorageIfAvailable { bytes.append(contentsOf: $0) }
    if copied == nil { bytes.append(contentsOf: text.utf8) }
  }

  private mutating func appendDigits(of magnitude: UInt64, isNegative: Bool) {
    if isNegative { bytes.append(UInt8(ascii: "-")) }
    guard magnitude >= 10 else { return bytes.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: magnitude)) }
    let start = bytes.count
    var rest = magnitude
    while rest > 0 {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      bytes.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit))
      rest = quotient
    }
    bytes[start...].reverse()
  }

  private mutating func appendQuoted(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    let copied: Void? = text.utf8.withContiguousStorageIfAvailable { appendEscaped($0) }
    if copied == nil { Array(text.utf8).withUnsafeBufferPointer { appendEscaped($0) } }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Copies runs of harmless bytes at once; only `"`, `\` and control characters are looked at one by one.
  private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
    var piece = 0
    var position = 0
    while position < text.count {
      let byte = text[position]
      if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        position &+= 1
        continue
      }
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[piece..<position]))
      bytes.append(UInt8(ascii: "\\"))
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
      case 0x08: bytes.append(UInt8(ascii: "b"))
      case 0x09: bytes.append(UInt8(ascii: "t"))
      case 0x0A: bytes.append(UInt8(ascii: "n"))
      case 0x0C: bytes.append(UInt8(ascii: "f"))
      case 0x0D: bytes.append(UInt8(ascii: "r"))
      default:
        append("u00")
        bytes.append(hexadecimalDigit(byte >> 4))
        bytes.append(hexadecimalDigit(byte & 0xF))
      }
      position &+= 1
      piece = position
    }
    bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[piece...]))
  }

  private func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &- 10 &+ value
  }
}

extension JSON {
  /// The tree as a JSON text without spaces. Throws when it holds a number that is not finite, the same name twice in
  /// one object, or more than 512 levels; a tree from the parser never does.
  public func serialized() throws(JSONWriteError) -> [UInt8] {
    var writer = JSONWriter()
    writer.value(self)
    return try writer.finish()
  }

  /// The tree as a JSON text without spaces. Throws as `serialized()` does.
  public func serializedText() throws(JSONWriteError) -> String {
    String(decoding: try serialized(), as: UTF8.self)
  }
}
