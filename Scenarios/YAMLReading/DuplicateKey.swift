// Where a key of a mapping stands for the second time. Yams says only where it stands first.
//
// The second place is looked for in the text: on a later line at the same column, as the keys of one block mapping are;
// else behind the first in the same flow mapping. Each key there is read as YAML, so that one written with escapes is
// found too. Where none is found (keys behind `?`, aliases), the first place is told.

import Vocabulary
import Yams

/// The second place of a key.
struct DuplicateKey {
  /// The line, from 1.
  var line: Int
  /// The column, from 1.
  var column: Int
  /// The key as it reads there: equal to the first as Swift compares texts, but perhaps of other code points.
  var text: String

  /// The second `key` of the mapping whose first `key` stands at `line` and `column` of `text`; nil where it is not
  /// found.
  static func find(_ key: String, in text: String, firstLine line: Int, firstColumn column: Int) -> DuplicateKey? {
    let lines = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }.map(Array.init)
    guard lines.indices.contains(line - 1) else { return nil }
    func found(_ scalars: [Unicode.Scalar], at offset: Int, line: Int, isFlow: Bool) -> DuplicateKey? {
      guard let read = Self.key(in: scalars, at: offset, isFlow: isFlow), read == key else { return nil }
      return DuplicateKey(line: line, column: offset + 1, text: read)
    }
    for (index, scalars) in lines.enumerated().dropFirst(line) {
      let indentation = scalars.prefix { $0 == " " }.count
      guard indentation < scalars.count, scalars[indentation] != "#" else { continue }
      guard indentation >= column - 1 else { break }
      if indentation == column - 1, let second = found(scalars, at: indentation, line: index + 1, isFlow: false) { return second }
    }
    for (index, scalars) in lines.enumerated().dropFirst(line - 1) {
      let start = index == line - 1 ? column : 0
      var before: Unicode.Scalar? = scalars.prefix(start).last { $0 != " " }
      for offset in scalars.indices.dropFirst(start) where scalars[offset] != " " {
        if before == "," || before == "{" || before == nil, let second = found(scalars, at: offset, line: index + 1, isFlow: true) {
          return second
        }
        before = scalars[offset]
      }
    }
    return nil
  }

  /// The key that stands at `offset` of a line, as it reads; nil where none does.
  private static func key(in scalars: [Unicode.Scalar], at offset: Int, isFlow: Bool) -> String? {
    var end = offset
    // A tag or an anchor before it.
    while end < scalars.count, scalars[end] == "&" || scalars[end] == "!" {
      while end < scalars.count, scalars[end] != " " { end += 1 }
      while end < scalars.count, scalars[end] == " " { end += 1 }
    }
    guard end < scalars.count else { return nil }
    let quote = scalars[end] == "\"" || scalars[end] == "'" ? scalars[end] : nil
    if let quote {
      end += 1
      while end < scalars.count, scalars[end] != quote || (quote == "'" && end + 1 < scalars.count && scalars[end + 1] == "'") {
        end += scalars[end] == (quote == "'" ? "'" : "\\") ? 2 : 1
      }
      end += 1
    } else {
      while end < scalars.count, !isColon(scalars, at: end) {
        if isFlow, ",{}[]".unicodeScalars.contains(scalars[end]) { return nil }
        end += 1
      }
    }
    guard end < scalars.count else { return nil }
    let written = scalars[offset..<end]
    let rest = scalars[end...].drop { $0 == " " }
    // Behind a quote the colon may stand without a space.
    guard rest.first == ":", isFlow && quote != nil || isColon(scalars, at: rest.startIndex) else { return nil }
    var text = ""
    text.unicodeScalars.append(contentsOf: written)
    return (try? Yams.compose(yaml: text))?.string
  }

  private static func isColon(_ scalars: [Unicode.Scalar], at offset: Int) -> Bool {
    guard scalars[offset] == ":" else { return false }
    guard offset + 1 < scalars.count else { return true }
    return [" ", "\r", "\t"].contains(scalars[offset + 1])
  }
}
