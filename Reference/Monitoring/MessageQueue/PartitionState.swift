// One partition of a topic as the state machine that its log makes: next offset, what is retained, what is remembered
// of producers. Every replica applies the same entries and comes to the same state, by the entries alone.
//
// A partition is kept twice: as it is with all entries applied, and as it was at the start of the log (its base), which
// is what a snapshot holds. The base takes the entries that the log gives up, and for a compacted topic keeps the
// newest record of each key. Requirements: MONITORING-6, 7, 10.

import DequeModule
import MonitoringAPI
import Raft
import Vocabulary
import Wire

/// Where consecutive records lie: a whole batch, or a part of one whose other records were there already.
struct Stretch: Sendable, Equatable {
  /// The offset of the first.
  var offset: Int64
  /// The entry.
  var index: LogIndex
  /// When the leader took it, in milliseconds since 1970.
  var timestampMilliseconds: Int64
  /// Where in the entry its batch begins.
  var batchAt: UInt32
  /// Which record of the batch is the first, and how many follow it without a gap.
  var first: UInt32
  var count: UInt32
  /// How many bytes of its entry they are, about: their share of the batch and, for the first of an entry, what frames
  /// the entry in the journal.
  var byteCount: UInt32

  /// Behind the last.
  var end: Int64 { offset + Int64(count) }
}

/// What became of the records of a batch.
enum BatchFate: Equatable {
  /// They lie here, in the order of the records: new ones, and those that were there already.
  case stored([OffsetStretch])
  /// Nothing of it was stored: a sequence is older than what is remembered.
  case tooOld
  /// Nothing of it was stored: a newer incarnation of the producer was heard.
  case fenced(epoch: Int64)
}

/// A partition's state.
struct PartitionState: Equatable {
  /// The last entry that was applied.
  private(set) var applied = LogIndex.zero
  /// The offset that the next record gets.
  private(set) var nextOffset: Int64 = 0
  /// The first offset that is retained.
  private(set) var firstOffset: Int64 = 0
  private(set) var producers = ProducerMemory()
  /// For the base of a compacted topic: the newest record of each key that the log no longer holds.
  var kept = KeptRecords()

  /// Applies an entry's batches in order. `place` is told of the stretches that were stored.
  mutating func apply(
    _ entry: LogEntry, at index: LogIndex, forgetsProducers: Bool = false, place: (Stretch) -> Void
  ) throws(ByteError) -> [BatchFate] {
    invariant(index > applied, "the entry of \(index) is applied behind that of \(applied)")
    guard entry.kind == .command else {
      applied = index
      return []
    }
    switch try PartitionEntry(entry.bytes) {
    case .trim(let offset):
      applied = index
      firstOffset = max(firstOffset, min(offset, nextOffset))
      invariant(firstOffset <= nextOffset, "a partition retains offsets from \(firstOffset) on and ends at \(nextOffset)")
      return []
    case .batches(let timestamp, let firstBatch):
      // Nothing of an entry that does not read is applied.
      let batches = try PartitionEntry.batches(in: entry.bytes, from: firstBatch)
      applied = index
      return batches.map { take($0, at: index, timestamp, forgetsProducers: forgetsProducers, place) }
    }
  }

  private mutating func take(
    _ batch: RecordBatch, at index: LogIndex, _ timestamp: Int64, forgetsProducers: Bool, _ place: (Stretch) -> Void
  ) -> BatchFate {
    func stretch(_ first: Int, _ count: Int, _ offset: Int64) -> Stretch {
      Stretch(
        offset: offset, index: index, timestampMilliseconds: timestamp, batchAt: UInt32(batch.range.lowerBound), first: UInt32(first),
        count: UInt32(count), byteCount: UInt32(batch.range.count * count / batch.count))
    }
    guard let identity = batch.identity, !forgetsProducers else {
      place(stretch(0, batch.count, nextOffset))
      nextOffset += Int64(batch.count)
      return .stored([OffsetStretch(offset: nextOffset - Int64(batch.count), count: batch.count)])
    }
    if let known = producers.epoch(of: identity.producer), known > identity.epoch { return .fenced(epoch: known) }
    if producers.areNew(identity), case .consecutive(let first) = identity.sequences {
      place(stretch(0, batch.count, nextOffset))
      producers.remember(first, count: Int64(batch.count), identity, at: nextOffset)
      nextOffset += Int64(batch.count)
      return .stored([OffsetStretch(offset: nextOffset - Int64(batch.count), count: batch.count)])
    }
    let before = (producers.entry(of: identity.producer), nextOffset)
    var stored: [OffsetStretch] = []
    var fresh: [Stretch] = []
    for record in 0..<batch.count {
      let sequence = identity.sequence(at: record)
      let offset: Int64
      switch producers.knowledge(of: sequence, identity) {
      case .new:
        offset = nextOffset
        producers.remember(sequence, count: 1, identity, at: offset)
        nextOffset += 1
        if let last = fresh.last, Int(last.first + last.count) == record, last.end == offset {
          fresh[fresh.count - 1].count += 1
        } else {
          fresh.append(stretch(record, 1, offset))
        }
      case .stored(let found): offset = found
      case .tooOld:
        producers.restore(before.0, of: identity.producer)
        nextOffset = before.1
        return .tooOld
      }
      if let last = stored.last, last.offset + Int64(last.count) == offset {
        stored[stored.count - 1].count += 1
      } else {
        stored.append(OffsetStretch(offset: offset, count: 1))
      }
    }
    for var stretch in fresh {
      stretch.byteCount = UInt32(batch.range.count * Int(stretch.count) / batch.count)
      place(stretch)
    }
    return .stored(stored)
  }

  /// Goes to where entries up to `index` lead, none of which named a producer: what they came to is known without
  /// reading them.
  mutating func pass(to index: LogIndex, nextOffset: Int64, firstOffset: Int64) {
    invariant(index >= applied, "a partition at \(applied) passes to \(index)")
    applied = index
    self.nextOffset = nextOffset
    self.firstOffset = max(self.firstOffset, min(firstOffset, nextOffset))
  }

  /// For the base: none of the records that it took is held any more.
  mutating func giveUpRecords() { firstOffset = nextOffset }

  /// Leaves a gap of one offset; only a planted bug does.
  mutating func skipOffset() { nextOffset += 1 }

  // MARK: bytes

  /// What a snapshot holds. The format is on the page PartitionEntry.md.
  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 256)
    writer.byte(1)
    writer.varint(applied.value)
    writer.varint(UInt64(nextOffset))
    writer.varint(UInt64(firstOffset))
    producers.write(to: &writer)
    kept.write(to: &writer)
    return writer.finish()
  }

  /// A partition without records.
  init() {}

  /// Reads what `encoded` wrote; no bytes are a partition without records.
  init(_ bytes: [UInt8]) throws(ByteError) {
    guard !bytes.isEmpty else { return }
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == 1 else { throw ByteError(offset: 0, expected: "a partition of version 1", found: "version \(version)") }
    applied = LogIndex(try reader.varint())
    nextOffset = try reader.integer()
    firstOffset = try reader.integer()
    guard firstOffset <= nextOffset else {
      throw ByteError(offset: reader.position, expected: "a first offset up to \(nextOffset)", found: "\(firstOffset)")
    }
    producers = try ProducerMemory(from: &reader)
    let place = reader.position
    kept = try KeptRecords(from: &reader)
    guard kept.lastOffset.map({ $0 < nextOffset }) ?? true else {
      throw ByteError(offset: place, expected: "records before \(nextOffset)", found: "one at \(kept.lastOffset ?? 0)")
    }
    try reader.expectEnd()
  }
}
