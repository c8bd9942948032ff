// The segment: an immutable file of compressed blocks with an index behind them. The byte format is on the page
// Segment.md.
//
// Fault model: a segment is written by a work and counts only once a durable manifest names it. The index and each
// block have a checksum; a damaged index keeps the node from starting, a damaged block makes the queries that need it
// fail, by file and byte. Wrong points are never given. Limits: the index of every segment is held in memory (about 40
// bytes a block). Serves MONITORING-9, 13, 15.

import Vocabulary
import Wire

/// Where one block lies and what it holds.
struct SegmentBlock: Sendable, Equatable {
  /// Bytes from the start of the file.
  var offset: Int
  var length: Int
  var points: Int
  /// Time of the first and of the last point, in nanoseconds since 1970.
  var first: Int64
  var last: Int64
  var checksum: UInt32
}

/// The blocks of one column, in the order of time.
struct SegmentColumn: Sendable {
  /// Number in the catalogue.
  var series: Int
  var field: String
  var blocks: [SegmentBlock]
}

/// Why a segment cannot be read.
enum SegmentError: Error, Hashable, CustomStringConvertible {
  case disk(DiskError)
  case damaged(FileName, offset: Int, String)

  var description: String {
    switch self {
    case .disk(.unreadable(let file, let offset)): "\(file), byte \(offset): the disk cannot read it"
    case .disk(let error): "\(error)"
    case .damaged(let file, let offset, let what): "\(file), byte \(offset): \(what)"
    }
  }
}

/// One segment with its index in memory.
struct Segment: Sendable {
  /// The most points in a block.
  static let maximumBlockPoints = 4_096
  /// The most bytes in a block, so that it is read in one turn's read.
  static let maximumBlockBytes = maximumTurnReadBytes
  static let magic: UInt32 = 0x3153_5457  // "WTS1", little-endian
  static let headerBytes = 16
  static let trailerBytes = 32

  let number: UInt64
  let columns: [SegmentColumn]
  private let columnsOfSeries: [Int: [Int]]

  init(number: UInt64, columns: [SegmentColumn]) {
    self.number = number
    self.columns = columns
    var columnsOfSeries: [Int: [Int]] = [:]
    for (place, column) in columns.enumerated() { columnsOfSeries[column.series, default: []].append(place) }
    self.columnsOfSeries = columnsOfSeries
  }

  static func fileName(_ number: UInt64) -> FileName { FileName("segment", number: number, suffix: "seg") }
  var file: FileName { Self.fileName(number) }

  /// The columns of a series.
  func columns(of series: Int) -> [SegmentColumn] { (columnsOfSeries[series] ?? []).map { columns[$0] } }

  // MARK: reading blocks

  /// The points of a block, all of them, checked.
  func read(_ block: SegmentBlock, from disk: any Disk) throws(SegmentError) -> [GorillaPoint] {
    let bytes: [UInt8]
    do throws(DiskError) {
      bytes = try disk.read(file, at: block.offset, count: block.length)
    } catch {
      throw .disk(error)
    }
    guard CRC32C.checksum(bytes) == block.checksum else {
      throw .damaged(file, offset: block.offset, "the block's checksum does not fit its bytes")
    }
    let points: [GorillaPoint]
    do throws(GorillaError) {
      points = try GorillaBlock.decoded(bytes)
    } catch {
      throw .damaged(file, offset: block.offset, error.description)
    }
    guard points.count == block.points, points.first?.timestampNanoseconds == block.first,
      points.last?.timestampNanoseconds == block.last
    else { throw .damaged(file, offset: block.offset, "the block holds other points than the index says") }
    return points
  }

  // MARK: loading

  /// Reads the index of a segment, entering its series into the catalogue.
  static func load(_ number: UInt64, from disk: any Disk, _ catalogue: inout SeriesCatalogue) throws(SegmentError) -> Segment {
    let file = fileName(number)
    guard let size = disk.size(of: file) else { throw .damaged(file, offset: 0, "the manifest names this file, and it is not there") }
    guard size >= headerBytes + trailerBytes else { throw .damaged(file, offset: 0, "a segment of \(size) bytes") }
    let trailer = try read(file, at: size - trailerBytes, count: trailerBytes, from: disk)
    let index = try indexBytes(file, size, trailer, disk)
    do throws(ByteError) {
      return Segment(number: number, columns: try parse(index.bytes, end: index.offset, &catalogue))
    } catch {
      throw .damaged(file, offset: index.offset + error.offset, "the index, \(error)")
    }
  }

  private static func indexBytes(
    _ file: FileName, _ size: Int, _ trailer: [UInt8], _ disk: any Disk
  ) throws(SegmentError) -> (bytes: [UInt8], offset: Int) {
    let trailerOffset = size - trailerBytes
    var reader = ByteReader(trailer)
    guard let offset = try? reader.fixed(UInt64.self), let length = try? reader.fixed(UInt64.self),
      let checksum = try? reader.fixed(UInt32.self), let version = try? reader.fixed(UInt32.self),
      let ownChecksum = try? reader.fixed(UInt32.self), let magic = try? reader.fixed(UInt32.self)
    else { throw .damaged(file, offset: trailerOffset, "no trailer") }
    guard magic == Self.magic, version == 1, CRC32C.checksum(trailer[..<24]) == ownChecksum,
      offset >= UInt64(headerBytes), offset <= UInt64(trailerOffset), length == UInt64(trailerOffset) - offset
    else { throw .damaged(file, offset: trailerOffset, "the trailer is damaged") }
    let bytes = try read(file, at: Int(offset), count: Int(length), from: disk)
    guard CRC32C.checksum(bytes) == checksum else {
      throw .damaged(file, offset: Int(offset), "the index's checksum does not fit its bytes")
    }
    return (bytes, Int(offset))
  }

  private static func read(_ file: FileName, at offset: Int, count: Int, from disk: any Disk) throws(SegmentError) -> [UInt8] {
    do throws(DiskError) {
      return try disk.readLong(file, at: offset, count: count)
    } catch {
      throw .disk(error)
    }
  }

  private static func parse(_ index: [UInt8], end: Int, _ catalogue: inout SeriesCatalogue) throws(ByteError) -> [SegmentColumn] {
    var reader = ByteReader(index)
    var numbers: [Int] = []
    for _ in 0..<(try reader.count(minimumBytesEach: 2)) { numbers.append(try catalogue.enter(SeriesKey(try reader.prefixedBytes()))) }
    var columns: [SegmentColumn] = []
    for _ in 0..<(try reader.count(minimumBytesEach: 3)) {
      let place = reader.position
      let series = try reader.varint()
      guard series < UInt64(numbers.count) else { throw ByteError(offset: place, expected: "a series", found: "number \(series)") }
      var column = SegmentColumn(series: numbers[Int(series)], field: try reader.prefixedString(), blocks: [])
      for _ in 0..<(try reader.count(minimumBytesEach: 9)) { column.blocks.append(try block(&reader, end: end)) }
      columns.append(column)
    }
    try reader.expectEnd()
    return columns
  }

  private static func block(_ reader: inout ByteReader, end: Int) throws(ByteError) -> SegmentBlock {
    let place = reader.position
    let offset = try reader.varint()
    let length = try reader.varint()
    let points = try reader.varint()
    let first = try reader.zigzag()
    let last = try reader.zigzag()
    let checksum = try reader.fixed(UInt32.self)
    guard offset <= UInt64(end), length <= UInt64(end) - offset, length <= UInt64(maximumBlockBytes),
      (1...UInt64(maximumBlockPoints)).contains(points), first <= last
    else { throw ByteError(offset: place, expected: "a block within the file", found: "one of \(length) bytes at \(offset)") }
    return SegmentBlock(
      offset: Int(offset), length: Int(length), points: Int(points), first: first, last: last, checksum: checksum)
  }
}
