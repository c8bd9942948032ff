// The spill: metrics that ingestion accepted while the queue was away, durable and in order, until the queue has taken
// them.
//
// The byte format is on the page Spill.md. What waits is held in memory as it lies in the journal, so that its bytes
// are what it takes. The journal is cut as it drains, a segment at a time. Fault model: that of the journal; a damaged
// durable record keeps ingestion from starting, since it would lose what was acknowledged. Limits:
// `recordOverheadBytes`; a piece is bounded by records and by bytes. Requirements: MONITORING-5.

import DequeModule
import Durable
import MonitoringAPI
import Vocabulary
import Wire

/// Accepted batches that wait for the queue.
struct Spill {
  /// A place between two records: so many batches are done, and so many records of the one behind.
  struct Place: Sendable {
    /// The number of the batch in which it lies.
    var batch: UInt64
    /// How many of its records lie before.
    var records: Int
  }

  /// Some records from the front, to be handed over in one request.
  struct Piece {
    var records: [ProduceRecord] = []
    /// Behind the last.
    var end: Place
  }

  /// One accepted request.
  private struct Batch {
    let number: UInt64
    /// As in the journal.
    let payload: [UInt8]
    let count: Int
    let position: JournalPosition
    /// How many of its records are done with, and where in the payload the next one begins.
    var done = 0
    var nextByte: Int
    var heldBytes: Int { payload.count + Spill.batchOverheadBytes }
  }

  /// Bytes of memory that a batch takes beside its payload, about.
  static let batchOverheadBytes = 96
  /// Bytes that a record takes in a request at most beside its value, its key and its producer.
  static let recordOverheadBytes = 96

  private var journal: Journal
  /// Oldest first.
  private var batches = Deque<Batch>()
  /// Bytes of memory that the batches take.
  private(set) var bytes = 0
  private var nextNumber: UInt64 = 1

  /// Whether nothing waits.
  var isEmpty: Bool { batches.isEmpty }
  /// Accepted requests that wait.
  var count: Int { batches.count }
  /// Bytes of the journal's files.
  var journalBytes: Int { journal.fileBytes }

  // MARK: starting

  /// Recovers what waits from the disk.
  init(from disk: any Disk, segmentBytes: Int = 4 << 20) throws(JournalError) {
    var batches = Deque<Batch>()
    var next: UInt64 = 1
    let recovered = try Journal.recover(from: disk, segmentBytes: segmentBytes) { (location, payload) throws(JournalError) in
      do throws(ByteError) {
        var reader = ByteReader(Array(payload))
        switch try reader.byte() {
        case 1:
          let batch = try Self.batch(Array(payload), at: location.position)
          next = batch.number &+ 1
          batches.append(batch)
        case 2:
          let drained = try reader.varint()
          _ = try Self.advance(&batches, to: Place(batch: drained &+ 1, records: 0))
          next = max(next, drained &+ 1)
        case 3:
          let place = Place(batch: try reader.varint(), records: Int(clamping: try reader.varint()))
          _ = try Self.advance(&batches, to: place)
          next = max(next, place.batch &+ 1)
        case let kind: throw ByteError(offset: 0, expected: "a record of kind 1 to 3", found: "kind \(kind)")
        }
      } catch {
        throw .damaged(FileName(fixed: "journal"), offset: Int(location.position.bytes), "not a record of the spill: \(error)")
      }
    }
    journal = recovered.journal
    self.batches = batches
    nextNumber = next
    bytes = batches.reduce(0) { $0 + $1.heldBytes }
  }

  /// Reads all of a batch once, so that nothing in it surprises later.
  private static func batch(_ payload: [UInt8], at position: JournalPosition) throws(ByteError) -> Batch {
    var reader = ByteReader(payload)
    _ = try reader.byte()
    let number = try reader.varint()
    let count = try reader.count(minimumBytesEach: 4)
    let first = reader.position
    for _ in 0..<count { _ = try record(&reader) }
    return Batch(number: number, payload: payload, count: count, position: position, nextByte: first)
  }

  private static func record(_ reader: inout ByteReader) throws(ByteError) -> ProduceRecord {
    let key = try reader.prefixedString(maximumBytes: QueueAPI.maximumKeyBytes)
    let offset = reader.position
    let text = try reader.prefixedBytes()
    guard let value = try? JSON(parsing: text) else { throw ByteError(offset: offset, expected: "JSON text", found: "other bytes") }
    let producer = try reader.prefixedString(maximumBytes: QueueAPI.maximumProducerBytes)
    let sequence = Int64(truncatingIfNeeded: try reader.varint())
    return ProduceRecord(key: key, value: value, identity: ProducerSequence(producer: producer, sequence: sequence))
  }

  /// Lets go of what lies before a place. Returns the bytes of memory that this frees.
  private static func advance(_ batches: inout Deque<Batch>, to place: Place) throws(ByteError) -> Int {
    var freed = 0
    while let first = batches.first, first.number < place.batch || first.number == place.batch && place.records >= first.count {
      freed += first.heldBytes
      batches.removeFirst()
    }
    guard let first = batches.first, first.number == place.batch, place.records > first.done else { return freed }
    var reader = ByteReader(first.payload, in: first.nextByte..<first.payload.count)
    for _ in first.done..<place.records {
      for _ in 0..<3 { try reader.skipPrefixed() }
      _ = try reader.varint()
    }
    batches[batches.startIndex].done = place.records
    batches[batches.startIndex].nextByte = reader.position
    return freed
  }

  // MARK: keeping

  /// What the journal would hold of `records`.
  func encoded(_ records: [ProduceRecord]) -> [UInt8] {
    var writer = ByteWriter(capacity: 64 + 200 * records.count)
    writer.byte(1)
    writer.varint(nextNumber)
    writer.count(records.count)
    for record in records {
      writer.prefixedString(record.key ?? "")
      writer.prefixedBytes((try? record.value.serialized()) ?? [])
      writer.prefixedString(record.identity?.producer ?? "")
      writer.varint(UInt64(bitPattern: record.identity?.sequence ?? 0))
    }
    return writer.finish()
  }

  /// Writes what `encoded` gave down behind all that waits. Nothing is kept where it throws.
  mutating func append(_ payload: [UInt8], to disk: any Disk) throws(JournalError) {
    let batch: Batch
    do throws(ByteError) {
      batch = try Self.batch(payload, at: journal.end)
    } catch {
      throw .damaged(FileName(fixed: "journal"), offset: Int(journal.end.bytes), "not a batch of the spill: \(error)")
    }
    invariant(batch.number == nextNumber, "batch \(batch.number) of the spill where \(nextNumber) comes next")
    _ = try journal.append(payload, to: disk)
    if let last = batches.last {
      invariant(
        last.number < batch.number && last.position < batch.position,
        "batch \(batch.number) at \(batch.position.bytes) behind batch \(last.number) at \(last.position.bytes)")
    }
    batches.append(batch)
    nextNumber += 1
    bytes += batch.heldBytes
  }

  // MARK: draining

  /// Records from the front: at most `maximumRecords`, and at most `maximumBytes` in a request (one always); nil where
  /// nothing waits.
  func piece(maximumRecords: Int, maximumBytes: Int) -> Piece? {
    guard let first = batches.first else { return nil }
    var piece = Piece(end: Place(batch: first.number, records: first.done))
    var left = maximumBytes
    for batch in batches {
      var reader = ByteReader(batch.payload, in: batch.nextByte..<batch.payload.count)
      for index in batch.done..<batch.count {
        let start = reader.position
        // Batches were read once when they came.
        guard let record = try? Self.record(&reader) else { return piece }
        // Keys and producers may grow sixfold where JSON escapes them; values lie there as JSON.
        let names = (record.key?.utf8.count ?? 0) + (record.identity?.producer.utf8.count ?? 0)
        left -= reader.position - start + 5 * names + Self.recordOverheadBytes
        if !piece.records.isEmpty, piece.records.count >= maximumRecords || left < 0 { return piece }
        piece.records.append(record)
        piece.end = Place(batch: batch.number, records: index + 1)
      }
    }
    return piece
  }

  /// Takes note that all before a place is done with. What is written here need not be durable: a batch that is drained
  /// again is recognised by the queue. What is not needed any more goes first, which needs no room and may make some;
  /// on a full disk the note is left out. `notesWholeBatches` plants a bug.
  mutating func settle(upTo place: Place, notesWholeBatches: Bool = false, on disk: any Disk) throws(JournalError) {
    // Batches were read once when they came.
    bytes -= (try? Self.advance(&batches, to: place)) ?? 0
    invariant(bytes >= 0 && (!batches.isEmpty || bytes == 0), "\(batches.count) batches of \(bytes) bytes are in the spill")
    invariant(
      batches.first.map { $0.number >= place.batch && $0.done <= $0.count } ?? true,
      "the spill was drained up to batch \(place.batch), and begins with \(batches.first?.number ?? 0)")
    try journal.discard(before: batches.first?.position ?? journal.end, on: disk)
    var writer = ByteWriter(capacity: 24)
    writer.byte(notesWholeBatches ? 2 : 3)
    writer.varint(place.batch)
    if !notesWholeBatches { writer.varint(UInt64(place.records)) }
    do throws(JournalError) {
      _ = try journal.append(writer.finish(), to: disk)
      guard batches.isEmpty else { return }
      // Nothing of it is needed any more.
      let end = journal.end
      try journal.rotate(on: disk)
      try journal.discard(before: end, on: disk)
    } catch .disk(.full) {}
  }
}
