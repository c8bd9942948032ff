// A batch: points that are stored together, with what they share said once. It is what the journal holds and what the
// memtable takes, so that a series is looked up once for each batch and not for each point.
//
// Serves MONITORING-9, 12.

import MonitoringAPI
import Vocabulary
import Wire

/// Points that are stored together or not at all.
struct PointBatch: Sendable {
  /// One field of one series of the batch.
  struct Column: Sendable {
    /// Place in `series`.
    var series: Int
    var field: String
  }

  /// One value.
  struct Row: Sendable {
    /// Place in `columns`.
    var column: Int
    var point: GorillaPoint
  }

  /// Distinct series, by first use.
  private(set) var series: [SeriesKey] = []
  /// Distinct columns, by first use.
  private(set) var columns: [Column] = []
  /// The values, in the order in which they were given.
  private(set) var rows: [Row] = []
  private var placeOfKey: [SeriesKey: Int] = [:]
  private var columnsOfSeries: [[Int]] = []

  /// An empty batch.
  init() {}

  /// Adds a point behind all others.
  mutating func append(_ point: PointMessage) {
    let key = SeriesKey(measurement: point.measurement, tags: point.tags)
    let place: Int
    if let known = placeOfKey[key] {
      place = known
    } else {
      place = series.count
      placeOfKey[key] = place
      series.append(key)
      columnsOfSeries.append([])
    }
    for field in point.fields {
      let column: Int
      if let known = columnsOfSeries[place].first(where: { sameBytes(columns[$0].field, field.name) }) {
        column = known
      } else {
        column = columns.count
        columns.append(Column(series: place, field: field.name))
        columnsOfSeries[place].append(column)
      }
      rows.append(Row(column: column, point: GorillaPoint(timestampNanoseconds: point.timestampNanoseconds, value: field.value)))
    }
  }

  // MARK: bytes; the form stands on the page StorageRecord.md

  func write(to writer: inout ByteWriter) {
    writer.count(series.count)
    for key in series { writer.prefixedBytes(key.bytes) }
    writer.count(columns.count)
    for column in columns {
      writer.count(column.series)
      writer.prefixedString(column.field)
    }
    writer.count(rows.count)
    for row in rows {
      writer.count(row.column)
      writer.fixed(row.point.timestampNanoseconds)
      writer.double(row.point.value)
    }
  }

  /// Reads a batch for storing; it is not for appending to.
  init(_ reader: inout ByteReader) throws(ByteError) {
    for _ in 0..<(try reader.count(minimumBytesEach: 2)) { series.append(SeriesKey(try reader.prefixedBytes())) }
    for _ in 0..<(try reader.count(minimumBytesEach: 2)) {
      let place = try Self.place(&reader, below: series.count, "a series of the batch")
      columns.append(Column(series: place, field: try reader.prefixedString()))
    }
    let count = try reader.count(minimumBytesEach: 17)
    rows.reserveCapacity(count)
    for _ in 0..<count {
      let column = try Self.place(&reader, below: columns.count, "a column of the batch")
      let timestamp = try reader.fixed(Int64.self)
      rows.append(Row(column: column, point: GorillaPoint(timestampNanoseconds: timestamp, value: try reader.double())))
    }
  }

  private static func place(_ reader: inout ByteReader, below bound: Int, _ what: String) throws(ByteError) -> Int {
    let offset = reader.position
    let place = try reader.varint()
    guard place < UInt64(bound) else { throw ByteError(offset: offset, expected: what, found: "number \(place)") }
    return Int(place)
  }
}
