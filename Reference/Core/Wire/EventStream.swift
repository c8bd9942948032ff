// Server-sent events: the event stream format (HTML Living Standard, section 9.2), written and read.
//
// The reader takes bytes in whatever pieces and gives events as soon as their empty line has come. As the standard has
// it: bytes that are no UTF-8 become U+FFFD, a first byte order mark is dropped, lines end with CR LF, CR or LF, an
// event without data is none, an id with a NUL is ignored. Limits: an event of more than `limitBytes`, in its data and
// the line at hand, ends the stream with an error, so that a peer without line ends cannot fill memory.

/// One event of an event stream.
public struct ServerSentEvent: Hashable, Sendable {
  /// Its type; "message" where none is named.
  public var type: String
  /// Its data; lines are separated by LF.
  public var data: String
  /// The last id that the stream named up to it; empty where there was none. A reconnecting client sends it as
  /// `Last-Event-ID`.
  public var lastEventID: String

  /// An event.
  public init(type: String = "message", data: String, lastEventID: String = "") {
    self.type = type
    self.data = data
    self.lastEventID = lastEventID
  }
}

/// Why an event stream cannot be read any further.
public enum EventStreamMistake: Error, Hashable, Sendable {
  /// An event is longer than the limit.
  case eventTooLong(limitBytes: Int)
}

/// Reads an event stream.
public struct EventStreamReader: Sendable {
  private let limitBytes: Int
  private var line: [UInt8] = []
  private var data: [UInt8] = []
  private var hasData = false
  private var type: [UInt8] = []
  private var lastID: [UInt8] = []
  private var endedWithCarriageReturn = false
  private var isAtStart = true
  private var mistake: EventStreamMistake?
  /// How long a client is to wait before it connects again, in milliseconds, as the stream last said; nil where it did
  /// not.
  public private(set) var retryMilliseconds: Int64?

  /// A reader at the start of a stream.
  public init(limitBytes: Int = 1 << 20) { self.limitBytes = limitBytes }

  /// The last id that the stream named.
  public var lastEventID: String { String(decoding: lastID, as: UTF8.self) }

  /// Takes the next bytes, and returns the events that they complete. Throws the same mistake again after the first.
  public mutating func receive(_ bytes: some Sequence<UInt8>) throws(EventStreamMistake) -> [ServerSentEvent] {
    if let mistake { throw mistake }
    var events: [ServerSentEvent] = []
    for byte in bytes {
      switch byte {
      case 0x0A where endedWithCarriageReturn: endedWithCarriageReturn = false
      case 0x0A, 0x0D:
        endedWithCarriageReturn = byte == 0x0D
        endLine(&events)
      default:
        endedWithCarriageReturn = false
        guard line.count + data.count < limitBytes else {
          let made = EventStreamMistake.eventTooLong(limitBytes: limitBytes)
          mistake = made
          (line, data) = ([], [])
          throw made
        }
        line.append(byte)
      }
    }
    return events
  }

  private mutating func endLine(_ events: inout [ServerSentEvent]) {
    var bytes = line[...]
    line.removeAll(keepingCapacity: line.capacity <= 4_096)
    if isAtStart && bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    isAtStart = false
    guard !bytes.isEmpty else { return dispatch(&events) }
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return take(bytes, []) }
    if colon == bytes.startIndex { return }  // A comment.
    var value = bytes[(colon + 1)...]
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    take(bytes[..<colon], value)
  }

  private mutating func take(_ field: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
    if field.elementsEqual("data".utf8) {
      // Lines are joined when the next one comes, so that the last has no LF behind it.
      if hasData { data.append(0x0A) }
      data += value
      hasData = true
    } else if field.elementsEqual("event".utf8) {
      type = Array(value)
    } else if field.elementsEqual("id".utf8) {
      if !value.contains(0) { lastID = Array(value) }
    } else if field.elementsEqual("retry".utf8), !value.isEmpty, value.allSatisfy({ (0x30...0x39).contains($0) }) {
      retryMilliseconds = Int64(String(decoding: value, as: UTF8.self)) ?? .max
    }
  }

  private mutating func dispatch(_ events: inout [ServerSentEvent]) {
    // A buffer that is empty is no event; "data:" alone leaves an empty line in it, and so is one with empty data.
    if hasData {
      events.append(
        ServerSentEvent(
          type: type.isEmpty ? "message" : String(decoding: type, as: UTF8.self), data: String(decoding: data, as: UTF8.self),
          lastEventID: lastEventID))
    }
    data.removeAll(keepingCapacity: data.capacity <= 4_096)
    hasData = false
    type = []
  }
}

/// Writes an event stream. What would break a line is taken apart or left out, so that no text can forge an event.
public enum EventStreamWriter {
  /// The media type of an event stream.
  public static let contentType = "text/event-stream"

  /// One event. `id` is left out where it is nil or has a line end or a NUL in it; line ends are taken out of `type`;
  /// data of several lines becomes several fields.
  public static func event(type: String? = nil, id: String? = nil, _ data: String) -> [UInt8] {
    var bytes: [UInt8] = []
    if let type { field("event", type.utf8.filter { $0 != 0x0A && $0 != 0x0D }, &bytes) }
    if let id, !id.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D || $0 == 0 }) { field("id", Array(id.utf8), &bytes) }
    var line: [UInt8] = []
    var endedWithCarriageReturn = false
    for byte in data.utf8 {
      switch byte {
      case 0x0A where endedWithCarriageReturn: endedWithCarriageReturn = false
      case 0x0A, 0x0D:
        endedWithCarriageReturn = byte == 0x0D
        field("data", line, &bytes)
        line.removeAll(keepingCapacity: true)
      default:
        endedWithCarriageReturn = false
        line.append(byte)
      }
    }
    field("data", line, &bytes)
    bytes.append(0x0A)
    return bytes
  }

  /// A comment, which keeps a connection from falling silent; no client makes an event of it.
  public static func comment(_ text: String = "") -> [UInt8] {
    [UInt8(ascii: ":")] + text.utf8.filter { $0 != 0x0A && $0 != 0x0D } + [0x0A, 0x0A]
  }

  /// How long a client is to wait before it connects again.
  public static func retry(milliseconds: Int64) -> [UInt8] { Array("retry: \(max(0, milliseconds))\n\n".utf8) }

  private static func field(_ name: StaticString, _ value: [UInt8], _ bytes: inout [UInt8]) {
    name.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes += [UInt8(ascii: ":"), UInt8(ascii: " ")]
    bytes += value
    bytes.append(0x0A)
  }
}
