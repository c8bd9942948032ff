// How storage starts: the manifest, the segments that it names, and the journal from where the segments end.
//
// A file that the manifest does not name is what a crash left of a flush, and is deleted. Refused, loudly: a damaged
// manifest, index or journal; a journal that begins behind the manifest's position or ends before it, since points
// between them would be missing. Serves MONITORING-9, 12.

import Durable
import MonitoringAPI
import Vocabulary
import Wire

extension TimeSeriesStorage {
  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    do throws(JournalError) {
      try loadManifest(turn.disk)
    } catch {
      throw StartRefusal("storage's manifest cannot be read: \(error)")
    }
    try deleteUnnamed(turn.disk)
    for entry in manifest.segments {
      do throws(SegmentError) {
        segments.append(try Segment.load(entry.number, from: turn.disk, &catalogue))
      } catch {
        throw StartRefusal("a segment cannot be opened: \(error)")
      }
    }
    do throws(JournalError) {
      try replay(&turn)
    } catch {
      throw StartRefusal("storage's journal cannot be recovered: \(error)")
    }
    flushIfFull(&turn)
    if configuration.queue != nil {
      for partition in partitions.indices { poll(partition, &turn) }
    }
  }

  private mutating func loadManifest(_ disk: any Disk) throws(JournalError) {
    let loaded = try TwinFile.load(stem: "manifest", from: disk)
    manifestFile = loaded.file
    guard let state = loaded.state else { return }
    do throws(ByteError) {
      manifest = try Manifest(state)
    } catch {
      throw .damaged(FileName(fixed: "manifest"), offset: error.offset, "\(error)")
    }
    guard manifest.nextOffsets.count == partitions.count else {
      throw .damaged(FileName(fixed: "manifest"), offset: 0, "offsets of \(manifest.nextOffsets.count) partitions")
    }
    for (index, offset) in manifest.nextOffsets.enumerated() { partitions[index].nextOffset = offset }
    skippedMessages = manifest.skippedMessages
    lostMessages = manifest.lostMessages
  }

  /// Deletes what a crash left of flushes. Their numbers are not used again in this life.
  private mutating func deleteUnnamed(_ disk: any Disk) throws(StartRefusal) {
    let named = Set(manifest.segments.map(\.number))
    for file in disk.list() {
      guard let number = file.number(stem: "segment", suffix: "seg"), !named.contains(number) else { continue }
      manifest.nextSegment = max(manifest.nextSegment, number + 1)
      do throws(DiskError) {
        try disk.delete(file)
      } catch {
        throw StartRefusal("\(file), left by a crash, cannot be deleted: \(error)")
      }
    }
  }

  private mutating func replay(_ turn: inout Turn) throws(JournalError) {
    let from = manifest.position
    // The visitor must not touch the machine while the journal is read: it works on a copy that is moved back.
    var copy = self
    let recovered = try Journal.recover(from: turn.disk, segmentBytes: configuration.journalSegmentBytes) {
      (location, payload) throws(JournalError) in
      guard location.position >= from else { return }
      do throws(ByteError) {
        try copy.apply(try StorageRecord(payload))
      } catch {
        throw .damaged(FileName(fixed: "journal"), offset: Int(location.position.bytes), "not a record of storage: \(error)")
      }
    }
    self = copy
    journal = recovered.journal
    turn.observe(
      .journalRecovered, subject: UInt64(recovered.recovery.records), value: UInt64(recovered.recovery.tornBytes))
    guard recovered.journal.start <= from else {
      throw .damaged(
        FileName(fixed: "journal"), offset: Int(recovered.journal.start.bytes),
        "the journal begins here, but what lies before it is in segments only up to \(from.bytes)")
    }
    guard recovered.journal.end >= from else {
      throw .damaged(
        FileName(fixed: "journal"), offset: Int(recovered.journal.end.bytes),
        "the journal ends here, but it was durable at least up to \(from.bytes)")
    }
  }

  private mutating func apply(_ record: StorageRecord) throws(ByteError) {
    switch record {
    case .consumed(let partition, let nextOffset, let skipped, let batch):
      try move(partition, to: nextOffset)
      skippedMessages += skipped
      try add(batch)
    case .written(let batch): try add(batch)
    case .jumped(let partition, let nextOffset):
      let before = partitions.indices.contains(partition) ? partitions[partition].nextOffset : 0
      try move(partition, to: nextOffset)
      lostMessages += nextOffset - before
    }
  }

  private mutating func move(_ partition: Int, to nextOffset: Int64) throws(ByteError) {
    guard partitions.indices.contains(partition), nextOffset >= partitions[partition].nextOffset else {
      throw ByteError(offset: 1, expected: "a partition's offset that rises", found: "\(nextOffset) for partition \(partition)")
    }
    partitions[partition].nextOffset = nextOffset
  }
}
