// Which of the three forms a history file has (History.md), told by its first bytes, and where they do not tell, by its
// name.

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

  /// An object of JSON begins with '{' and a name in quotes, or ends at once; a map of EDN that is an operation with
  /// '{' and a keyword; a log with a word or a process.
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

/// A history as it was read from a file.
public struct HistoryFile: Sendable {
  /// The history.
  public var history: AnyHistory
  /// What was passed over; nil of forms in which nothing may be.
  public var skipped: SkippedLines?

  /// Reads a history; without a `format` the file tells its own. `failedSwaps` says what is made of a compare-and-swap
  /// that failed in a Jepsen history. A byte order mark at the beginning is passed over. Throws the place of what is
  /// wrong.
  public init(
    parsing bytes: [UInt8], _ format: HistoryFormat? = nil, file: String, failedSwaps: FailedSwaps = .noEffect
  ) throws(TextMistake) {
    let bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    switch format ?? HistoryFormat(of: bytes, file: file) {
    case .jsonl: history = try AnyHistory(parsing: bytes, file: file)
    case .edn: (history, skipped) = try AnyHistory.jepsen(bytes, .edn, file: file, failedSwaps: failedSwaps)
    case .log: (history, skipped) = try AnyHistory.jepsen(bytes, .log, file: file, failedSwaps: failedSwaps)
    }
  }
}

/// Lines of a log that hold no operation.
public struct SkippedLines: Hashable, Sendable {
  /// How many there are.
  public var count: Int
  /// Of how many lines that are not empty.
  public var lineCount: Int

  /// Some lines of a log.
  public init(count: Int, lineCount: Int) {
    self.count = count
    self.lineCount = lineCount
  }

  /// "3 of 20 lines hold no operation and were skipped".
  public var sentence: String {
    "\(count) of \(lineCount) lines \(count == 1 ? "holds no operation and was" : "hold no operation and were") skipped"
  }
}
