// What a host tells its operator, as lines on a descriptor: for people, or a JSON object each for programs.
//
// A line is written at once and whole, by one call where the descriptor takes it so; several threads may write at the
// same time. Limits: a line of more than `mostMessageBytes` of message is cut; where nobody reads, lines are lost and
// nothing else is.
//
// A JSON line has `time` (RFC 3339, UTC, microseconds), `level`, `message`, and each further word of metadata as a
// string under its own name. One named as those three is written with `_` before it.

import Glibc
import Logging
import Vocabulary
import Wire

/// Writes log events as lines.
public struct LogLines: LogHandler {
  /// How a line looks.
  public enum Format: String, Sendable, CaseIterable {
    /// "windtunnel: 2026-01-02T03:04:05.678901Z warning shop/storage: it is full".
    case text
    /// A JSON object.
    case json
  }

  /// The longest message that is written whole, in bytes.
  public static let mostMessageBytes = 16_384
  /// The metadata that names a node; written before the message in text.
  public static let nodeKey = "node"

  public var logLevel = Logger.Level.notice
  public var metadata: Logger.Metadata = [:]
  private let format: Format
  private let write: @Sendable ([UInt8]) -> Void

  /// Lines of this form, which `write` is given with their line feeds, one at a time or several threads' at once.
  public init(_ format: Format, write: @escaping @Sendable ([UInt8]) -> Void) {
    self.format = format
    self.write = write
  }

  /// A log that writes to standard error.
  public static func standardError(_ format: Format, _ level: Logger.Level = .notice) -> Logger {
    logger(level, LogLines(format, write: writeToStandardError))
  }

  /// A log by this handler.
  public static func logger(_ level: Logger.Level, _ handler: some LogHandler) -> Logger {
    var log = Logger(label: "windtunnel", factory: { _ in handler })
    log.logLevel = level
    return log
  }

  private static func writeToStandardError(_ line: [UInt8]) {
    var written = 0
    while written < line.count {
      let count = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress?.advanced(by: written), line.count - written) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      written += count
    }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var words = metadata
    if let own = event.metadata { words.merge(own) { $1 } }
    if let error = event.error { words["error"] = "\(error)" }
    let message = Self.cut("\(event.message)")
    let time = Self.time(LiveClock.systemWallTime())
    switch format {
    case .text: write(Self.textLine(time, event.level, message, words))
    case .json: write(Self.jsonLine(time, event.level, message, words))
    }
  }

  // MARK: - The forms

  static func textLine(_ time: String, _ level: Logger.Level, _ message: String, _ words: Logger.Metadata) -> [UInt8] {
    var line = "windtunnel: \(time) \(level)"
    if let node = words[nodeKey] { line += " \(node)" }
    line += ": \(message)"
    for key in words.keys.sorted() where key != nodeKey { line += " \(key)=\(words[key].map { "\($0)" } ?? "")" }
    // What came from outside must not look like a line of its own, nor move the terminal's cursor.
    return Array(shownText(line, isOneLine: true).utf8) + [UInt8(ascii: "\n")]
  }

  static func jsonLine(_ time: String, _ level: Logger.Level, _ message: String, _ words: Logger.Metadata) -> [UInt8] {
    let own = ["time", "level", "message"]
    var members = [JSON.Member("time", .string(time)), .init("level", .string(level.rawValue)), .init("message", .string(message))]
    for key in words.keys.sorted() {
      members.append(JSON.Member(own.contains(key) ? "_\(key)" : key, .string(words[key].map { "\($0)" } ?? "")))
    }
    var writer = JSONWriter(capacity: 256)
    writer.value(.object(members))
    // Texts alone, under names that differ: there is nothing that JSON could not say.
    guard let bytes = try? writer.finish() else { return [] }
    return bytes + [UInt8(ascii: "\n")]
  }

  private static func cut(_ message: String) -> String {
    guard message.utf8.count > mostMessageBytes else { return message }
    return String(decoding: message.utf8.prefix(mostMessageBytes), as: UTF8.self) + "…"
  }

  /// "2026-01-02T03:04:05.678901Z".
  static func time(_ wall: WallTime) -> String {
    let (seconds, rest) = max(0, wall.nanoseconds).quotientAndRemainder(dividingBy: 1_000_000_000)
    let time = CivilTime(secondsSinceEpoch: seconds)
    let micros = String(1_000_000 + rest / 1_000).dropFirst()
    return "\(time.year)-\(CivilTime.two(Int64(time.month)))-\(CivilTime.two(time.day))T\(time.timeOfDay).\(micros)Z"
  }
}
