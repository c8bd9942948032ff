// Words of a shell command, for lines that people paste: what a command prints as "repeat it" must mean what was meant.
//
// POSIX quoting (Shell Command Language, 2.2.2): within single quotes every byte but the single quote stands for
// itself.

/// A word of a POSIX shell that means `text`: as it is where it holds only letters, digits and `%+,-./:=@_`, else in
/// single quotes. Also where `always` is true: for arguments that a reader expects in quotes.
public func shellWord(_ text: String, always: Bool = false) -> String {
  if !always, !text.isEmpty, text.utf8.allSatisfy({ isPlainInShell($0) }) { return text }
  return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}

private func isPlainInShell(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
  case UInt8(ascii: "%"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"): true
  case UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "@"), UInt8(ascii: "_"): true
  default: false
  }
}
