// Where a key of a mapping stands for the second time. Yams says only where it stands first.
//
// The second place is looked for in the text: on a later line at the same column, as the keys of one block mapping are; else behind the first in the
// same flow mapping. Where neither is found (a key that is written in two ways, by escapes or anchors), the first place is told.

import Vocabulary

/// Finds the second place of a key.
enum DuplicateKey {
  /// Line and column, from 1, of the second `key` of the mapping whose first `key` stands at `line` and `column` of `text`.
  static func place(of key: String, in text: String, firstLine line: Int, firstColumn column: Int) -> (line: Int, column: Int) {
    let lines = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }.map(Array.init)
    guard lines.indices.contains(line - 1) else { return (line, column) }
    let spellings = [key, "\"\(key)\"", "'\(key)'"].map { Array($0.unicodeScalars) }
    func isKey(_ scalars: [Unicode.Scalar], at offset: Int) -> Bool {
      spellings.contains { spelling in
        guard scalars.dropFirst(offset).starts(with: spelling) else { return false }
        let rest = scalars.dropFirst(offset + spelling.count).drop { $0 == " " }
        return rest.first == ":" && (rest.dropFirst().first.map { $0 == " " || $0 == "\r" || $0 == "\t" } ?? true)
      }
    }
    for (index, scalars) in lines.enumerated().dropFirst(line) {
      let indentation = scalars.prefix { $0 == " " }.count
      guard indentation < scalars.count, scalars[indentation] != "#" else { continue }
      guard indentation >= column - 1 else { break }
      if indentation == column - 1, isKey(scalars, at: indentation) { return (index + 1, column) }
    }
    for (index, scalars) in lines.enumerated().dropFirst(line - 1) {
      let start = index == line - 1 ? column : 0
      for offset in scalars.indices.dropFirst(start) {
        let before = scalars[..<offset].last { $0 != " " }
        if before == "," || before == "{" || before == nil, isKey(scalars, at: offset) { return (index + 1, offset + 1) }
      }
    }
    return (line, column)
  }
}
