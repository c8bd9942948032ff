// A request target ("/consume?partition=3&offset=12847") as path segments and query items, decoded once and safely.
//
// Follows RFC 9112 §3.2.1 (origin form) and RFC 3986. Whatever two programs could read differently is refused instead
// of repaired: dot segments, encoded slashes and backslashes, empty segments, NULs and control characters, broken
// percent escapes, invalid UTF-8, fragments. `+` in a query is a space, as forms send it. Serves MONITORING-7, -28 and
// every route.

import Vocabulary

/// Why a request target is refused.
public enum HTTPTargetError: Error, Equatable, CustomStringConvertible {
  /// Longer than allowed, in bytes.
  case tooLong(maximumBytes: Int)
  /// It does not begin with `/`.
  case notOriginForm
  /// A byte that may not stand in a target: control, space, beyond ASCII, or one of `"<>\^`{|}` and `#`.
  case forbiddenByte(UInt8, offset: Int)
  /// `%` without two hexadecimal digits.
  case brokenEscape(offset: Int)
  /// An escape for a slash, a backslash in the path, or a control character.
  case forbiddenEscape(UInt8, offset: Int)
  /// The escapes of one part make no valid UTF-8.
  case invalidUTF8(offset: Int)
  /// A path segment is `.` or `..`, plain or encoded.
  case dotSegment(offset: Int)
  /// Two slashes in a row.
  case emptySegment(offset: Int)
  /// More path segments than allowed.
  case tooManySegments(maximum: Int)
  /// More query items than allowed.
  case tooManyItems(maximum: Int)
  /// A query item without a name.
  case namelessItem(offset: Int)
  /// An accessor that wants one value found several.
  case duplicateItem(String)
  /// A required query item is missing.
  case missingItem(String)
  /// A query item is not what it should be: its name, and what was expected.
  case invalidItem(String, expected: String)
  /// A query item that the route does not know.
  case unknownItem(String, suggestion: String?)

  /// The query item that is at fault; nil where it is none.
  public var itemName: String? {
    switch self {
    case .duplicateItem(let name), .missingItem(let name), .invalidItem(let name, _), .unknownItem(let name, _): name
    case .tooLong, .notOriginForm, .forbiddenByte, .brokenEscape, .forbiddenEscape, .invalidUTF8, .dotSegment, .emptySegment,
      .tooManySegments, .tooManyItems, .namelessItem:
      nil
    }
  }

  /// The problem in words.
  public var description: String {
    switch self {
    case .tooLong(let maximum): "the request target is longer than \(maximum) bytes"
    case .notOriginForm: "the request target does not begin with '/'"
    case .forbiddenByte(let byte, let offset): "the byte 0x\(hexadecimal(UInt32(byte), digits: 2)) at offset \(offset) of the target"
    case .brokenEscape(let offset): "'%' without two hexadecimal digits at offset \(offset) of the target"
    case .forbiddenEscape(let byte, let offset):
      "the escape %\(hexadecimal(UInt32(byte), digits: 2)) at offset \(offset) of the target is not allowed"
    case .invalidUTF8(let offset): "invalid UTF-8 in the part at offset \(offset) of the target"
    case .dotSegment(let offset): "a '.' or '..' segment at offset \(offset) of the target"
    case .emptySegment(let offset): "an empty path segment at offset \(offset) of the target"
    case .tooManySegments(let maximum): "more than \(maximum) path segments"
    case .tooManyItems(let maximum): "more than \(maximum) query items"
    case .namelessItem(let offset): "a query item without a name at offset \(offset) of the target"
    case .duplicateItem(let name): "the query item \(quoted(name)) occurs more than once"
    case .missingItem(let name): "the query item \(quoted(name)) is missing"
    case .invalidItem(let name, let expected): "the query item \(quoted(name)): expected \(expected)"
    case .unknownItem(let name, nil): "unknown query item \(quoted(name))"
    case .unknownItem(let name, let suggestion?): "unknown query item \(quoted(name)) (did you mean \(quoted(suggestion))?)"
    }
  }
}

/// How much of a target is read before it is refused.
public struct HTTPTargetLimits: Sendable, Equatable {
  /// The longest target, in bytes.
  public var maximumBytes: Int
  /// The most path segments.
  public var maximumSegments: Int
  /// The most query items.
  public var maximumItems: Int

  /// Limits: 8,192 bytes, 32 segments, 64 items, unless said otherwise.
  public init(maximumBytes: Int = 8192, maximumSegments: Int = 32, maximumItems: Int = 64) {
    self.maximumBytes = maximumBytes
    self.maximumSegments = maximumSegments
    self.maximumItems = maximumItems
  }
}

/// A decoded request target.
public struct HTTPTarget: Sendable, Equatable {
  /// The decoded path segments; none for `/`.
  public let segments: [String]
  /// Whether the path ended with a slash (other than the path `/` itself).
  public let endsWithSlash: Bool
  /// The decoded query items in order, repeated names included.
  public let items: [NamedText]

  /// Parses a target in origin form. Throws `HTTPTargetError`.
  public init(_ target: String, limits: HTTPTargetLimits = HTTPTargetLimits()) throws(HTTPTargetError) {
    // The count is known without a copy, so that an overlong target costs nothing.
    guard target.utf8.count <= limits.maximumBytes else { throw .tooLong(maximumBytes: limits.maximumBytes) }
    let bytes = Array(target.utf8)
    guard bytes.first == UInt8(ascii: "/") else { throw .notOriginForm }
    if let offset = bytes.firstIndex(where: { !isTargetByte($0) }) { throw .forbiddenByte(bytes[offset], offset: offset) }
    let pathEnd = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.count
    (segments, endsWithSlash) = try HTTPTarget.path(bytes, end: pathEnd, limits: limits)
    items = try HTTPTarget.query(bytes, start: pathEnd + 1, limits: limits)
  }

  // MARK: Accessors for routes

  /// The only value of this name, nil when it is missing. Throws when it occurs twice.
  public func item(_ name: String) throws(HTTPTargetError) -> String? {
    var found: String?
    for item in items where sameBytes(item.name, name) {
      guard found == nil else { throw .duplicateItem(name) }
      found = item.text
    }
    return found
  }

  /// The only value of this name. Throws when it is missing or occurs twice.
  public func requiredItem(_ name: String) throws(HTTPTargetError) -> String {
    guard let text = try item(name) else { throw .missingItem(name) }
    return text
  }

  /// The only value of this name as a decimal integer within a range, nil when it is missing.
  public func integer(_ name: String, in range: ClosedRange<Int64>) throws(HTTPTargetError) -> Int64? {
    guard let text = try item(name) else { return nil }
    // `Int64(text)` alone would take a leading plus sign, which no API of ours sends.
    guard text.utf8.first != UInt8(ascii: "+"), let integer = Int64(text), range.contains(integer) else {
      throw .invalidItem(name, expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  /// All values of this name, in order.
  public func allItems(_ name: String) -> [String] {
    items.filter { sameBytes($0.name, name) }.map(\.text)
  }

  /// Refuses any query item whose name is not listed.
  public func onlyItems(_ names: [String]) throws(HTTPTargetError) {
    for item in items where !names.contains(where: { sameBytes($0, item.name) }) {
      throw .unknownItem(item.name, suggestion: nearestName(to: item.name, among: names))
    }
  }

  // MARK: Parts

  private static func path(_ bytes: [UInt8], end: Int, limits: HTTPTargetLimits) throws(HTTPTargetError) -> ([String], Bool) {
    var segments: [String] = []
    var start = 1
    guard end > 1 else { return ([], false) }
    while start <= end {
      let stop = bytes[start..<end].firstIndex(of: UInt8(ascii: "/")) ?? end
      if stop == start {
        guard stop == end else { throw .emptySegment(offset: start) }
        return (segments, true)
      }
      let segment = try decoded(bytes, start..<stop, isQuery: false)
      guard segment != ".", segment != ".." else { throw .dotSegment(offset: start) }
      guard segments.count < limits.maximumSegments else { throw .tooManySegments(maximum: limits.maximumSegments) }
      segments.append(segment)
      start = stop + 1
    }
    return (segments, false)
  }

  private static func query(_ bytes: [UInt8], start: Int, limits: HTTPTargetLimits) throws(HTTPTargetError) -> [NamedText] {
    var items: [NamedText] = []
    var first = start
    while first < bytes.count {
      let stop = bytes[first...].firstIndex(of: UInt8(ascii: "&")) ?? bytes.count
      defer { first = stop + 1 }
      if stop == first { continue }
      let equals = bytes[first..<stop].firstIndex(of: UInt8(ascii: "="))
      guard equals != first else { throw .namelessItem(offset: first) }
      guard items.count < limits.maximumItems else { throw .tooManyItems(maximum: limits.maximumItems) }
      let name = try decoded(bytes, first..<(equals ?? stop), isQuery: true)
      let text = try equals.map { (place) throws(HTTPTargetError) in try decoded(bytes, (place + 1)..<stop, isQuery: true) } ?? ""
      items.append(NamedText(name, text))
    }
    return items
  }

  private static func decoded(_ bytes: [UInt8], _ range: Range<Int>, isQuery: Bool) throws(HTTPTargetError) -> String {
    // Nearly every part says what it means as it stands: ASCII, as `isTargetByte` has seen, and nothing to decode.
    if !bytes[range].contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) {
      return String(decoding: bytes[range], as: UTF8.self)
    }
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let byte = bytes[offset]
      guard byte == UInt8(ascii: "%") else {
        result.append(isQuery && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
        offset += 1
        continue
      }
      guard offset + 2 < range.upperBound, let high = hexDigitValue(bytes[offset + 1]), let low = hexDigitValue(bytes[offset + 2])
      else { throw .brokenEscape(offset: offset) }
      let value = high << 4 | low
      let isSeparator = value == UInt8(ascii: "/") || value == UInt8(ascii: "\\")
      // A query may say line feed and tab (a query text over several lines), but never NUL and the other controls.
      let isAllowedControl = isQuery && (value == 0x0A || value == 0x0D || value == 0x09)
      guard value >= 0x20 && value != 0x7F || isAllowedControl, isQuery || !isSeparator else {
        throw .forbiddenEscape(value, offset: offset)
      }
      result.append(value)
      offset += 3
    }
    guard let text = String(validating: result, as: UTF8.self) else { throw .invalidUTF8(offset: range.lowerBound) }
    return text
  }
}

/// Whether a byte may stand in a target as it is (RFC 3986 §3.3, §3.4), and `[` and `]`, which many clients leave bare.
private func isTargetByte(_ byte: UInt8) -> Bool {
  switch byte {
  case 0...0x20, 0x7F...0xFF: false
  case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"), UInt8(ascii: "^"), UInt8(ascii: "`"),
    UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"), UInt8(ascii: "#"):
    false
  default: true
  }
}

extension HTTPTarget {
  /// A text as it can stand in a query or a segment of a path (RFC 3986, sections 2.3 and 3.4): all bytes but the unreserved
  /// ones are escaped.
  public static func escaped(_ text: String) -> String {
    var result: [UInt8] = []
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
        result.append(byte)
      default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
