// Where in a line a value stands that a `FieldMistake` names: the tree that it was found in has no places, and a
// mistake in a file needs its column. Only for paths as history lines have them: a member, or an element of a member's
// array.

import Vocabulary

/// Finds values in the text of a JSON object.
enum FieldPlace {
  /// The offset of the value at `path` (`values[3]`), or of the whole where it is not found. The text must be good
  /// JSON.
  static func offset(of path: String, in text: Span<UInt8>) -> Int {
    var name = Array(path.utf8)
    var element: Int?
    if name.last == UInt8(ascii: "]"), let bracket = name.lastIndex(of: UInt8(ascii: "[")) {
      element = Int(String(decoding: name[(bracket + 1)..<(name.count - 1)], as: UTF8.self))
      name.removeSubrange(bracket...)
    }
    let start = skipSpace(0, text)
    guard !name.isEmpty, var place = member(name, at: start, in: text) else { return start }
    guard let element else { return place }
    guard place < text.count, text[place] == UInt8(ascii: "[") else { return place }
    place = skipSpace(place + 1, text)
    for _ in 0..<element {
      place = skipSpace(end(of: place, text), text)
      guard place < text.count, text[place] == UInt8(ascii: ",") else { return place }
      place = skipSpace(place + 1, text)
    }
    return place
  }

  /// The offset of a member's value in the object at `start`. Names are compared as written: ours have no escapes.
  private static func member(_ name: [UInt8], at start: Int, in text: Span<UInt8>) -> Int? {
    guard start < text.count, text[start] == UInt8(ascii: "{") else { return nil }
    var place = skipSpace(start + 1, text)
    while place < text.count, text[place] == UInt8(ascii: "\"") {
      let nameEnd = end(of: place, text)
      var isSame = nameEnd - place - 2 == name.count
      for (index, byte) in name.enumerated() where isSame { isSame = text[place + 1 + index] == byte }
      place = skipSpace(skipSpace(nameEnd, text) + 1, text)
      if isSame { return place }
      place = skipSpace(end(of: place, text), text)
      guard place < text.count, text[place] == UInt8(ascii: ",") else { return nil }
      place = skipSpace(place + 1, text)
    }
    return nil
  }

  /// The offset behind the value at `start`.
  private static func end(of start: Int, _ text: Span<UInt8>) -> Int {
    var place = start
    var depth = 0
    while place < text.count {
      switch text[place] {
      case UInt8(ascii: "\""):
        place += 1
        while place < text.count, text[place] != UInt8(ascii: "\"") { place += text[place] == UInt8(ascii: "\\") ? 2 : 1 }
        if depth == 0 { return min(place + 1, text.count) }
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        // The end of what holds a number or a word; or of the value itself.
        if depth == 0 { return place }
        depth -= 1
        if depth == 0 { return place + 1 }
      case UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
        if depth == 0 { return place }
      default: break
      }
      place += 1
    }
    return text.count
  }

  private static func skipSpace(_ start: Int, _ text: Span<UInt8>) -> Int {
    var place = start
    while place < text.count, [0x20, 0x09, 0x0D, 0x0A].contains(text[place]) { place += 1 }
    return min(place, text.count)
  }
}
