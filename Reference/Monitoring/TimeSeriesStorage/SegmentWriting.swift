// The flush: a frozen memtable becomes a segment, by a work beside the turns. The byte format is on the page
// Segment.md.
//
// The work captures the frozen table, which nobody changes any more, and creates one file, durable before the work
// ends. It becomes part of the state by the manifest of a later turn; a file that no manifest names is deleted at the
// next start. Serves MONITORING-9, 12, 15.

import Vocabulary
import Wire

/// What a flush gives.
struct FlushResult: Sendable {
  let columns: [SegmentColumn]
  let points: Int
  let fileBytes: Int
}

/// Writes a frozen memtable into a segment file.
struct FlushWork: Work {
  let number: UInt64
  /// Settled.
  let table: Memtable
  /// Keys of the series in the table, by their number.
  let keys: [Int: SeriesKey]

  /// Modelled CPU time of one point.
  private static let costOfPoint = TimeSpan.nanoseconds(20)

  func run(_ files: any WorkFiles) throws(WorkFailure) -> FlushResult {
    var builder = SegmentBuilder()
    for column in table.columns where !column.points.isEmpty {
      guard let key = keys[column.series] else {
        breakInvariant("segment \(number) has points of series \(column.series), which has no key")
      }
      if files.isCancelled { throw .cancelled }
      builder.append(column, key: key)
    }
    let points = builder.points
    files.spend(Self.costOfPoint * Int64(points))
    let (bytes, columns) = builder.finish()
    try files.create(Segment.fileName(number), bytes)
    return FlushResult(columns: columns, points: points, fileBytes: bytes.count)
  }
}

/// Puts the bytes of a segment together.
struct SegmentBuilder: Sendable {
  private var writer = ByteWriter(capacity: 1 << 20)
  private(set) var columns: [SegmentColumn] = []
  private var keys: [SeriesKey] = []
  private var placeOfSeries: [Int: Int] = [:]
  /// Points so far.
  private(set) var points = 0

  init() {
    writer.fixed(Segment.magic)
    writer.fixed(UInt32(1))
    writer.fixed(UInt64(0))
  }

  /// Adds a column; its points must be a run.
  mutating func append(_ column: MemtableColumn, key: SeriesKey) {
    if placeOfSeries[column.series] == nil {
      placeOfSeries[column.series] = keys.count
      keys.append(key)
    }
    var blocks: [SegmentBlock] = []
    var start = 0
    while start < column.points.count {
      var encoder = GorillaEncoder(capacityBytes: 16_384)
      var end = start
      // A point takes 19 bytes at most; the encoder counts up to nine bytes too many.
      while end < column.points.count, encoder.count < Segment.maximumBlockPoints,
        encoder.byteCount + 19 <= Segment.maximumBlockBytes
      {
        let point = column.points[end]
        encoder.append(timestampNanoseconds: point.timestampNanoseconds, value: point.value)
        end += 1
      }
      let bytes = encoder.finish()
      blocks.append(
        SegmentBlock(
          offset: writer.count, length: bytes.count, points: end - start, first: column.points[start].timestampNanoseconds,
          last: column.points[end - 1].timestampNanoseconds, checksum: CRC32C.checksum(bytes)))
      writer.raw(bytes)
      points += end - start
      start = end
    }
    columns.append(SegmentColumn(series: column.series, field: column.field, blocks: blocks))
  }

  /// The file's bytes, and its index as it is held in memory.
  consuming func finish() -> (bytes: [UInt8], columns: [SegmentColumn]) {
    let indexOffset = writer.count
    writer.count(keys.count)
    for key in keys { writer.prefixedBytes(key.bytes) }
    writer.count(columns.count)
    for column in columns {
      writer.count(placeOfSeries[column.series] ?? 0)
      writer.prefixedString(column.field)
      writer.count(column.blocks.count)
      for block in column.blocks {
        writer.count(block.offset)
        writer.count(block.length)
        writer.count(block.points)
        writer.zigzag(block.first)
        writer.zigzag(block.last)
        writer.fixed(block.checksum)
      }
    }
    let index = CRC32C.checksum(writer.bytes[indexOffset...])
    var trailer = ByteWriter(capacity: Segment.trailerBytes)
    trailer.fixed(UInt64(indexOffset))
    trailer.fixed(UInt64(writer.count - indexOffset))
    trailer.fixed(index)
    trailer.fixed(UInt32(1))
    trailer.fixed(CRC32C.checksum(trailer.bytes))
    trailer.fixed(Segment.magic)
    writer.raw(trailer.finish())
    return (writer.finish(), columns)
  }
}
