// One partition as a broker has it: its state with all entries applied, its base, and where the records that the log
// holds lie.
//
// Giving up a part of the log goes in steps of a bounded number of bytes: the base takes the entries one after the
// other, and once it has reached the place the log is cut there. Limit: 40 bytes of memory for each batch that is
// retained. Requirements: MONITORING-6, 7.

import DequeModule
import MonitoringAPI
import Raft
import Vocabulary
import Wire

/// One partition of a topic.
struct PartitionLog {
  /// With all entries applied.
  private(set) var state = PartitionState()
  /// As the log's start found it.
  private(set) var base = PartitionState()
  /// Where the records lie that the log holds and that are retained, by offset.
  private(set) var stretches = Deque<Stretch>()
  /// Bytes that the journal holds for these records: their batches, and what frames their entries.
  private(set) var byteCount = 0
  /// Bytes that were dropped since the log was last cut.
  private var droppedBytes = 0
  /// Up to where the log is being given up.
  private(set) var givingUpTo = LogIndex.zero

  /// Whether the newest records of all keys are more than may be held: the base takes no more, and the log grows.
  private var isStuck = false

  /// The offset that the next record gets.
  var nextOffset: Int64 { state.nextOffset }
  /// The last entry that was applied.
  var applied: LogIndex { state.applied }

  /// The first offset that a consumer can be given. Of a compacted topic all offsets can be asked for.
  var firstOffset: Int64 { state.firstOffset }

  /// The first offset of a record that the log itself holds.
  var firstLoggedOffset: Int64 { stretches.first?.offset ?? state.nextOffset }

  /// Begins anew with a base.
  mutating func install(_ base: PartitionState) {
    self = PartitionLog()
    self.base = base
    state = base
    state.kept = KeptRecords()
    givingUpTo = base.applied
  }

  /// Applies an entry; what became of its batches.
  mutating func apply(_ entry: LogEntry, at index: LogIndex, isCompacted: Bool, forgetsProducers: Bool) throws(ByteError) -> [BatchFate] {
    var new: [Stretch] = []
    let fates = try state.apply(entry, at: index, forgetsProducers: forgetsProducers) { new.append($0) }
    // The first bears what its entry takes beside the batches.
    if !new.isEmpty { new[0].byteCount += UInt32(PartitionEntry.batchesPrefixBytes + RaftServer.entryFramingBytes) }
    for stretch in new {
      invariant(
        stretches.last.map { $0.end <= stretch.offset } ?? true && stretch.end <= state.nextOffset && stretch.count > 0,
        "records at \(stretch.offset) to \(stretch.end) behind \(stretches.last?.end ?? 0), of a partition that ends at \(state.nextOffset)"
      )
      stretches.append(stretch)
      byteCount += Int(stretch.byteCount)
    }
    if !isCompacted {
      while let first = stretches.first, first.end <= state.firstOffset { drop(first) }
    }
    return fates
  }

  private mutating func drop(_ first: Stretch) {
    droppedBytes += Int(first.byteCount)
    byteCount -= Int(first.byteCount)
    stretches.removeFirst()
    invariant(
      byteCount >= 0 && (!stretches.isEmpty || byteCount == 0), "\(byteCount) bytes of \(stretches.count) stretches are retained")
  }

  /// Leaves a gap of one offset behind the last record; only a planted bug does.
  mutating func skipOffset() { state.skipOffset() }

  /// The place of the stretch that holds `offset`, or of the first behind it; the count where there is none.
  func place(of offset: Int64) -> Int {
    var low = 0
    var high = stretches.count
    while low < high {
      let middle = (low + high) / 2
      if stretches[middle].end <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The first offset that stays where at most `bytes` bytes are retained, and nothing taken before `timestamp`; nil
  /// where all stays. It is always the first of a stretch, and the newest stretch stays for its bytes.
  func trimOffset(bytes: Int64, takenBefore timestamp: Int64?) -> Int64? {
    var left = Int64(byteCount)
    var offset: Int64?
    for stretch in stretches {
      let isTooMany = left > bytes && stretch.end < state.nextOffset
      let isTooOld = timestamp.map { stretch.timestampMilliseconds < $0 } ?? false
      guard isTooMany || isTooOld else { break }
      left -= Int64(stretch.byteCount)
      offset = stretch.end
    }
    return offset.flatMap { $0 > state.firstOffset ? $0 : nil }
  }

  // MARK: giving up the log's oldest part

  /// Up to where nothing of the log is needed for what is retained.
  var unneededUpTo: LogIndex { stretches.first.map { $0.index.previous } ?? state.applied }

  /// From now on the log is given up to `index`.
  mutating func giveUp(to index: LogIndex) {
    givingUpTo = max(givingUpTo, min(index, state.applied))
    invariant(
      base.applied <= state.applied && givingUpTo <= state.applied,
      "a log applied up to \(state.applied) has its base at \(base.applied) and is given up to \(givingUpTo)")
  }

  /// Where no producer was ever named, the base goes all the way without reading an entry, if it is known which offset
  /// the next entry begins with. True where it did. `endsAtTheEnd` and `forgetsProducers` are planted bugs.
  mutating func passEntries(isCompacted: Bool, endsAtTheEnd: Bool = false, forgetsProducers: Bool = false) -> Bool {
    guard isGivingUp, !isCompacted, state.producers.isEmpty || forgetsProducers else { return false }
    // More may have been dropped since it was decided how far to go: it goes to the entry before the first that is
    // retained, or to the last one.
    guard let next = endsAtTheEnd ? nil : stretches.first else {
      if !endsAtTheEnd { givingUpTo = state.applied }
      base.pass(to: givingUpTo, nextOffset: state.nextOffset, firstOffset: state.firstOffset)
      return true
    }
    // Of an entry of several batches the first ones may be retained no longer: then this stretch is not the beginning
    // of its entry.
    guard next.batchAt == UInt32(PartitionEntry.batchesPrefixBytes), next.first == 0 else { return false }
    givingUpTo = next.index.previous
    invariant(givingUpTo < state.applied.next, "given up to \(givingUpTo), and applied up to \(state.applied)")
    base.pass(to: givingUpTo, nextOffset: next.offset, firstOffset: state.firstOffset)
    return true
  }

  /// Of a compacted topic: whether so much is kept that its log is not cut, or hardly.
  var isFull: Bool { isStuck || base.kept.isNearlyFull }

  /// Whether the base can be written as a snapshot, so that the log can be cut behind it.
  var isBaseWritable: Bool { base.kept.byteCount <= KeptRecords.maximumBytes }

  /// Whether the base has entries to take.
  var isGivingUp: Bool { base.applied < givingUpTo }

  /// Lets the base take an entry that the log gives up. For a compacted topic its records are kept, the newest of each
  /// key: more than a snapshot can hold for a time, since later records may remove keys; where even that is too much,
  /// the entry stays, and so does all behind it.
  mutating func takeIntoBase(_ entry: LogEntry, at index: LogIndex, isCompacted: Bool) throws(ByteError) {
    guard isGivingUp else { return }
    invariant(index == base.applied.next, "a base at \(base.applied) takes the entry of \(index)")
    guard isCompacted else {
      _ = try base.apply(entry, at: index) { _ in }
      return base.giveUpRecords()
    }
    guard try fits(entry) else {
      isStuck = true
      givingUpTo = base.applied
      return
    }
    var gone: [Stretch] = []
    _ = try base.apply(entry, at: index) { gone.append($0) }
    for stretch in gone {
      let batch = try RecordBatch(in: entry.bytes, at: Int(stretch.batchAt), verifying: false)
      base.kept.take(
        try Self.records(
          of: batch, in: entry, from: Int(stretch.first), count: Int(stretch.count), offset: stretch.offset, stretch.timestampMilliseconds))
    }
    while let first = stretches.first, first.index <= index { drop(first) }
  }

  /// Whether what an entry brings may be held beside what is kept. Records that were stored before may be counted.
  private func fits(_ entry: LogEntry) throws(ByteError) -> Bool {
    guard entry.kind == .command, case .batches(let timestamp, let firstBatch) = try PartitionEntry(entry.bytes) else { return true }
    let batches = try PartitionEntry.batches(in: entry.bytes, from: firstBatch)
    let most = batches.reduce(entry.bytes.count) { $0 + $1.count * KeptRecords.framingBytes }
    if base.kept.byteCount + most <= KeptRecords.limitBytes { return true }
    var records: [(key: [UInt8], record: KeptRecords.Record)] = []
    for batch in batches { records += try Self.records(of: batch, in: entry, from: 0, count: batch.count, offset: 0, timestamp) }
    return base.kept.byteCount(with: records) <= KeptRecords.limitBytes
  }

  private static func records(
    of batch: RecordBatch, in entry: LogEntry, from first: Int, count: Int, offset: Int64, _ timestamp: Int64
  ) throws(ByteError) -> [(key: [UInt8], record: KeptRecords.Record)] {
    var records: [(key: [UInt8], record: KeptRecords.Record)] = []
    records.reserveCapacity(count)
    try batch.forEachRecord(in: entry.bytes, from: first) { place, record in
      guard place < first + count else { return false }
      let kept = KeptRecords.Record(
        offset: offset + Int64(place - first), timestampMilliseconds: timestamp, isJSON: batch.isJSON,
        value: Array(entry.bytes[record.value]))
      records.append((Array(entry.bytes[record.key]), kept))
      return true
    }
    return records
  }
}

extension PartitionLog {
  /// Decides whether enough can be given up to pay for a snapshot. Of a compacted topic all but the newest stretch can,
  /// once it is more than what is kept already.
  mutating func decide(cutBytes: Int, cutEntries: Int, isCompacted: Bool) {
    guard !isGivingUp else { return }
    if isCompacted {
      guard byteCount > max(cutBytes, 2 * base.kept.byteCount), !isStuck, let last = stretches.last else { return }
      return giveUp(to: last.index.previous)
    }
    let index = unneededUpTo
    if droppedBytes >= cutBytes || index - base.applied >= cutEntries {
      droppedBytes = 0
      giveUp(to: index)
    }
  }
}
