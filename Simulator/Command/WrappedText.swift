// Text for people in lines that fit: a terminal's width where standard output is one, else 80 columns, as in the help
// texts.

import Foundation

/// Breaks text into lines between words.
enum WrappedText {
  /// The columns of what standard output is shown on.
  static var columns: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// The text in lines of at most `columns` characters, those after the first indented by `indentation`; a word that is
  /// longer has a line of its own.
  static func wrap(_ text: String, indentation: Int, columns: Int = Self.columns) -> String {
    var lines: [String] = []
    var line = ""
    var count = 0
    for (index, word) in text.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
      if index > 0, count + 1 + word.count > columns, line.contains(where: { $0 != " " }) {
        lines.append(line)
        line = String(repeating: " ", count: indentation) + word
        count = indentation + word.count
      } else {
        line += (index > 0 ? " " : "") + word
        count += (index > 0 ? 1 : 0) + word.count
      }
    }
    lines.append(line)
    return lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
  }
}
