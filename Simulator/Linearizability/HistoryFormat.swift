// Which of the three forms a history file has (History.md), told by its first bytes, and where they do not tell, by its name.

import Vocabulary

/// The form of a history file.
public enum HistoryFormat: String, CaseIterable, Sendable {
  /// Ours: one JSON object a line.
  case jsonl
  /// Jepsen's `history.edn`.
  case edn
  /// Jepsen's log, or `history.txt`.
  case log

  /// The form of a file with this content and name.
  public init(of bytes: [UInt8], file: String) {
    self = Self.told(by: bytes) ?? Self.named(file) ?? .jsonl
  }

  private static func named(_ file: String) -> HistoryFormat? {
    let ending = file.utf8.split(separator: UInt8(ascii: ".")).last.map { Array($0) }
    switch ending.map({ String(decoding: $0, as: UTF8.self) }) {
    case "edn": return .edn
    case "log", "txt": return .log
    default: return nil
    }
  }

  /// An object of JSON begins with '{' and a name in quotes, or ends at once; a map of EDN that is an operation with '{' and a keyword; a log
  /// with a word or a process.
  private static func told(by bytes: [UInt8]) -> HistoryFormat? {
    var place = 0
    func skipSpace() {
      while place < bytes.count, bytes[place] <= 0x20 || bytes[place] == UInt8(ascii: ",") { place += 1 }
    }
    skipSpace()
    while place < bytes.count, bytes[place] == UInt8(ascii: ";") {
      // Only EDN has comments.
      while place < bytes.count, bytes[place] != 0x0A { place += 1 }
      skipSpace()
      if place == bytes.count { return .edn }
    }
    guard place < bytes.count else { return nil }
    switch bytes[place] {
    case UInt8(ascii: "["), UInt8(ascii: "("), UInt8(ascii: "#"): return .edn
    case UInt8(ascii: "{"):
      place += 1
      skipSpace()
      guard place < bytes.count else { return nil }
      return bytes[place] == UInt8(ascii: ":") ? .edn : bytes[place] == UInt8(ascii: "\"") ? .jsonl : nil
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: ":"):
      return .log
    default: return nil
    }
  }
}

extension AnyHistory {
  /// Reads a history of any form; `failedSwaps` says what is made of a compare-and-swap that failed in a Jepsen history.
  public init(
    parsing bytes: [UInt8], _ format: HistoryFormat, file: String, failedSwaps: FailedSwaps = .noEffect
  ) throws(TextMistake) {
    switch format {
    case .jsonl: try self.init(parsing: bytes, file: file)
    case .edn: try self.init(jepsen: bytes, .edn, file: file, failedSwaps: failedSwaps)
    case .log: try self.init(jepsen: bytes, .log, file: file, failedSwaps: failedSwaps)
    }
  }
}
