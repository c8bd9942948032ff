// Record batches: records that travel and are stored together, as bytes. Clients send them to `POST /produce` in bulk,
// the queue keeps them as they came, and consumers are given them back. The byte format is on the page RecordBatch.md.
//
// Limits: those of QueueAPI for keys, values, producers and counts. A batch whose checksum or structure does not fit is
// refused whole. Requirements: MONITORING-6, 11.

import Vocabulary
import Wire

/// Who produced the records of a batch.
public struct BatchIdentity: Sendable, Hashable {
  /// The producer's numbers for its records.
  public enum Sequences: Sendable, Hashable {
    /// They rise by one from the first.
    case consecutive(first: Int64)
    /// One for each record, rising.
    case listed([Int64])
  }

  /// The producer's name.
  public var producer: String
  /// Which incarnation of the producer speaks: a greater one fences the smaller ones off.
  public var epoch: Int64
  /// Its numbers for the records.
  public var sequences: Sequences

  /// An identity.
  public init(producer: String, epoch: Int64 = 0, sequences: Sequences) {
    self.producer = producer
    self.epoch = epoch
    self.sequences = sequences
  }

  /// The sequence of the record at `place`.
  public func sequence(at place: Int) -> Int64 {
    switch sequences {
    case .consecutive(let first): first + Int64(place)
    case .listed(let list): list[place]
    }
  }
}

/// The outline of a batch that lies in a buffer: all but its records.
public struct RecordBatch: Sendable, Hashable {
  /// How consumers and producers name the format.
  public static let contentType = "application/vnd.windtunnel.records"
  static let version: UInt8 = 1
  /// Bytes before the part that the checksum covers.
  static let prefixBytes = 8

  /// Where in the buffer the batch lies, length and checksum included.
  public var range: Range<Int>
  /// Whether all values are JSON texts.
  public var isJSON: Bool
  /// Whether the records have no keys: what stands for them is empty.
  public var isKeyless: Bool
  /// Who produced the records; nil where a repetition is not to be recognised.
  public var identity: BatchIdentity?
  /// How many records there are; at least 1.
  public var count: Int
  /// Where in the buffer the records lie, one behind the other.
  public var records: Range<Int>

  /// One record, as a part of the buffer.
  public struct Record: Sendable, Hashable {
    /// Where the key lies.
    public var key: Range<Int>
    /// Where the value lies.
    public var value: Range<Int>
  }

  // MARK: reading

  /// Reads the outline of the batch that begins at `offset` of `bytes`. `verifying` also checks the checksum, every
  /// record's lengths, that keys are UTF-8 and that values are JSON where they should be; without it the bytes must
  /// have been verified before.
  public init(in bytes: [UInt8], at offset: Int, verifying: Bool) throws(ByteError) {
    var reader = ByteReader(bytes, in: offset..<bytes.count)
    let length = Int(try reader.fixed(UInt32.self))
    let checksum = try reader.fixed(UInt32.self)
    guard length <= reader.remaining else {
      throw ByteError(offset: offset, expected: "a batch of \(length) bytes", found: "the end after \(reader.remaining)")
    }
    let body = reader.position..<(reader.position + length)
    range = offset..<body.upperBound
    if verifying, CRC32C.checksum(bytes[body]) != checksum {
      throw ByteError(offset: offset + 4, expected: "the checksum of the batch", found: "another one")
    }
    reader = ByteReader(bytes, in: body)
    let version = try reader.byte()
    guard version == Self.version else {
      throw ByteError(offset: body.lowerBound, expected: "a batch of version \(Self.version)", found: "version \(version)")
    }
    let flags = try reader.byte()
    guard flags & ~15 == 0 else { throw ByteError(offset: body.lowerBound + 1, expected: "known flags", found: "\(flags)") }
    isJSON = flags & 1 != 0
    isKeyless = flags & 8 != 0
    var producer: (name: String, epoch: Int64, first: Int64)?
    if flags & 2 != 0 {
      let name = try reader.prefixedString(maximumBytes: QueueAPI.maximumProducerBytes)
      guard !name.isEmpty else { throw ByteError(offset: reader.position, expected: "a producer's name", found: "an empty one") }
      producer = (name, try reader.integer(), try reader.integer())
    }
    let countAt = reader.position
    count = try reader.count(minimumBytesEach: 2)
    guard (1...QueueAPI.maximumRecords).contains(count) else {
      throw ByteError(offset: countAt, expected: "1 to \(QueueAPI.maximumRecords) records", found: "\(count)")
    }
    if let producer {
      if flags & 4 != 0 {
        var list = [producer.first]
        list.reserveCapacity(count)
        for _ in 1..<count { list.append(try Self.sum(list[list.count - 1], try reader.varint(), at: reader.position)) }
        identity = BatchIdentity(producer: producer.name, epoch: producer.epoch, sequences: .listed(list))
      } else {
        _ = try Self.sum(producer.first, UInt64(count - 1), at: countAt)
        identity = BatchIdentity(producer: producer.name, epoch: producer.epoch, sequences: .consecutive(first: producer.first))
      }
    } else {
      guard flags & 4 == 0 else {
        throw ByteError(offset: body.lowerBound + 1, expected: "sequences only together with a producer", found: "\(flags)")
      }
    }
    records = reader.position..<body.upperBound
    guard verifying else { return }
    for _ in 0..<count {
      let key = try reader.prefixedExtent(maximumBytes: QueueAPI.maximumKeyBytes)
      let value = try reader.prefixedExtent(maximumBytes: QueueAPI.maximumValueBytes)
      guard Self.isText(bytes, key) else { throw ByteError(offset: key.lowerBound, expected: "a key in UTF-8", found: "other bytes") }
      guard !isKeyless || key.isEmpty else { throw ByteError(offset: key.lowerBound, expected: "no key", found: "one") }
      if isJSON { try Self.checkJSON(bytes, value) }
    }
    try reader.expectEnd()
  }

  private static func isText(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
    bytes[range].allSatisfy { $0 < 0x80 } || String(validating: bytes[range], as: UTF8.self) != nil
  }

  private static func checkJSON(_ bytes: [UInt8], _ range: Range<Int>) throws(ByteError) {
    do throws(TextMistake) { _ = try JSON(parsing: bytes.span.extracting(range)) } catch {
      throw ByteError(offset: range.lowerBound, expected: "a JSON text", found: "another: \(error)")
    }
  }

  private static func sum(_ left: Int64, _ right: UInt64, at offset: Int) throws(ByteError) -> Int64 {
    guard let right = Int64(exactly: right), left <= Int64.max - right else {
      throw ByteError(offset: offset, expected: "a sequence below 2^63", found: "a greater one")
    }
    return left + right
  }

  /// Gives the records in order, from the one at place `first` on, until `body` returns false. The bytes must be those
  /// of the outline.
  public func forEachRecord(in bytes: [UInt8], from first: Int = 0, _ body: (_ place: Int, Record) -> Bool) throws(ByteError) {
    var reader = ByteReader(bytes, in: records)
    for place in 0..<count {
      let key = try reader.prefixedExtent()
      let value = try reader.prefixedExtent()
      if place >= first && !body(place, Record(key: key, value: value)) { return }
    }
  }

  /// All batches of a buffer that holds nothing else, verified.
  public static func all(in bytes: [UInt8]) throws(ByteError) -> [RecordBatch] {
    var batches: [RecordBatch] = []
    var offset = 0
    repeat {
      let batch = try RecordBatch(in: bytes, at: offset, verifying: true)
      batches.append(batch)
      offset = batch.range.upperBound
    } while offset < bytes.count
    return batches
  }
}

/// Writes batches, one behind the other, into one buffer.
public struct RecordBatchWriter: Sendable {
  private var writer: ByteWriter

  /// A writer that appends to `prefix`.
  public init(appendingTo prefix: consuming [UInt8] = []) { writer = ByteWriter(appendingTo: prefix) }

  /// Writes a batch of the records that `next` gives in order: a key and a value each. `count` is how many it gives;
  /// where the batch is keyless their keys are empty.
  public mutating func write(
    count: Int, isJSON: Bool, isKeyless: Bool = false, identity: BatchIdentity? = nil,
    _ next: (_ place: Int, _ writer: inout ByteWriter) -> Void
  ) {
    invariant(count >= 1, "a batch of \(count) records")
    let start = writer.count
    writer.fixed(UInt32(0))
    writer.fixed(UInt32(0))
    writer.byte(RecordBatch.version)
    var flags: UInt8 = (isJSON ? 1 : 0) | (isKeyless ? 8 : 0)
    var gaps: [UInt64]?
    if let identity {
      flags |= 2
      if case .listed(let list) = identity.sequences {
        invariant(list.count == count, "\(list.count) sequences for \(count) records")
        flags |= 4
        gaps = zip(list.dropFirst(), list).map { later, earlier in
          invariant(later >= earlier, "sequence \(later) of a batch behind \(earlier)")
          return UInt64(later - earlier)
        }
      }
    }
    writer.byte(flags)
    if let identity {
      writer.prefixedString(identity.producer)
      writer.varint(UInt64(identity.epoch))
      writer.varint(UInt64(identity.sequence(at: 0)))
    }
    writer.count(count)
    for gap in gaps ?? [] { writer.varint(gap) }
    for place in 0..<count { next(place, &writer) }
    let bodyStart = start + RecordBatch.prefixBytes
    writer.patch(UInt32(writer.count - bodyStart), at: start)
    writer.patch(CRC32C.checksum(writer.bytes[bodyStart...]), at: start + 4)
  }

  /// Appends a batch as it lies in another buffer.
  public mutating func copy(_ batch: RecordBatch, from bytes: [UInt8]) { writer.raw(bytes[batch.range]) }

  /// What is written.
  public consuming func finish() -> [UInt8] { writer.finish() }
}

/// What a consumer is given in bulk: batches with the place of each in its partition.
public struct ConsumedBatch: Sendable, Hashable {
  /// The offset of the batch's first record. Those of the others follow without a gap.
  public var offset: Int64
  /// When the queue took the batch, on its leader's wall clock, in milliseconds since 1970.
  public var timestampMilliseconds: Int64
  /// The batch, in the answer's body.
  public var batch: RecordBatch

  /// Reads an answer's body: for each batch its offset, its time, and the batch.
  public static func all(in body: [UInt8], verifying: Bool = true) throws(ByteError) -> [ConsumedBatch] {
    var found: [ConsumedBatch] = []
    var reader = ByteReader(body)
    while !reader.isAtEnd {
      let offset = try reader.fixed(Int64.self)
      let timestamp = try reader.fixed(Int64.self)
      let batch = try RecordBatch(in: body, at: reader.position, verifying: verifying)
      found.append(ConsumedBatch(offset: offset, timestampMilliseconds: timestamp, batch: batch))
      try reader.skip(batch.range.count)
    }
    return found
  }
}
