// The manifest: which segments are the state, and from where on the journal is. Saved whole in a twin file; the byte
// format is on the page Segment.md. Serves MONITORING-9, 12.

import Durable
import Wire

/// What storage's state rests on.
struct Manifest: Sendable {
  /// One segment.
  struct Entry: Sendable {
    var number: UInt64
    var points: Int
    var fileBytes: Int
  }

  /// Up to here all that the journal holds is in segments.
  var position = JournalPosition(0)
  var nextSegment: UInt64 = 1
  /// For each partition, the offset from which to go on behind `position`.
  var nextOffsets: [Int64]
  /// Messages that were no points.
  var skippedMessages = 0
  /// Messages that the queue had discarded before they were fetched.
  var lostMessages: Int64 = 0
  /// Oldest first.
  var segments: [Entry] = []

  /// The manifest of an empty storage.
  init(partitions: Int) { nextOffsets = Array(repeating: 0, count: partitions) }

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 256 + 16 * segments.count)
    writer.byte(1)
    writer.varint(position.bytes)
    writer.varint(nextSegment)
    writer.count(nextOffsets.count)
    for offset in nextOffsets { writer.varint(UInt64(max(0, offset))) }
    writer.count(skippedMessages)
    writer.varint(UInt64(max(0, lostMessages)))
    writer.count(segments.count)
    for entry in segments {
      writer.varint(entry.number)
      writer.count(entry.points)
      writer.count(entry.fileBytes)
    }
    return writer.finish()
  }

  init(_ bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == 1 else { throw ByteError(offset: 0, expected: "version 1", found: "version \(version)") }
    position = JournalPosition(try reader.varint())
    nextSegment = try reader.varint()
    nextOffsets = []
    for _ in 0..<(try reader.count()) { nextOffsets.append(Int64(try Self.number(&reader))) }
    skippedMessages = try Self.number(&reader)
    lostMessages = Int64(try Self.number(&reader))
    for _ in 0..<(try reader.count(minimumBytesEach: 3)) {
      segments.append(
        Entry(number: try reader.varint(), points: try Self.number(&reader), fileBytes: try Self.number(&reader)))
    }
    try reader.expectEnd()
    // Numbers rise and are never given again; the greatest have none behind them.
    let numbers = segments.map(\.number) + [nextSegment]
    guard zip(numbers, numbers.dropFirst()).allSatisfy({ $0 < $1 }), nextSegment < 1 << 62 else {
      throw ByteError(offset: reader.position, expected: "numbers of segments that rise", found: "\(numbers)")
    }
  }

  private static func number(_ reader: inout ByteReader) throws(ByteError) -> Int {
    let offset = reader.position
    guard let number = Int(exactly: try reader.varint()) else {
      throw ByteError(offset: offset, expected: "a number of at most 63 bits", found: "a larger one")
    }
    return number
  }
}
