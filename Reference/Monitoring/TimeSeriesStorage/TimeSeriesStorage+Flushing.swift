// How the memtable becomes a segment: frozen, written by a work, named by the manifest, and only then gone from the
// journal.
//
// A crash at any step leaves the step before it: without a manifest that names the file the journal still has the
// points, and the file is deleted at the next start. The journal is cut only once the manifest is durable. What fails
// (a full disk) is tried again with backoff; queries see the frozen table all the while. Serves MONITORING-9, 12, 13.

import Durable
import Vocabulary
import Wire

extension TimeSeriesStorage {
  /// Freezes a full memtable, unless the one before it is still on its way.
  mutating func flushIfFull(_ turn: inout Turn) {
    guard frozen == nil, memtable.rows >= configuration.flushRows, let position = journal?.end else { return }
    guard case .idle = flushPhase else { breakInvariant("a memtable is frozen while a flush is in \(flushPhase)") }
    invariant(
      position >= manifest.position, "a memtable is frozen at \(position.bytes), before the manifest's \(manifest.position.bytes)")
    memtable.settle()
    frozen = Frozen(
      table: memtable, number: 0, position: position, nextOffsets: partitions.map(\.nextOffset), skippedMessages: skippedMessages,
      lostMessages: lostMessages)
    memtable = Memtable()
    // Where this fails (a full disk) the journal is cut a little later than it could be.
    try? journal?.rotate(on: turn.disk)
    beginFlush(&turn)
  }

  private mutating func beginFlush(_ turn: inout Turn) {
    guard let frozen else { return }
    let number = manifest.nextSegment
    invariant(
      number > frozen.number && number > manifest.segments.last?.number ?? 0,
      "segment \(number) comes behind \(frozen.number) and \(manifest.segments.last?.number ?? 0)")
    // A number is used for one attempt only: what a failed one left must never be taken for a later one's file.
    manifest.nextSegment += 1
    self.frozen?.number = number
    var keys: [Int: SeriesKey] = [:]
    for column in frozen.table.columns { keys[column.series] = catalogue.keys[column.series] }
    flushPhase = .writing(turn.compute(FlushWork(number: number, table: frozen.table, keys: keys)))
  }

  mutating func flushed(_ work: WorkID, _ outcome: WorkOutcome, _ turn: inout Turn) {
    guard case .writing(let ticket) = flushPhase, let result = ticket.result(of: outcome, work), let frozen else { return }
    switch result {
    case .success(let written):
      flushPhase = .waitingToName(written)
      name(&turn)
    case .failure:
      // What it may have left of its file takes space; where it cannot be deleted now the next start does it.
      if turn.disk.size(of: Segment.fileName(frozen.number)) != nil { try? turn.disk.delete(Segment.fileName(frozen.number)) }
      flushLater(.waitingToWrite, &turn)
    }
  }

  mutating func retryFlush(_ turn: inout Turn) {
    switch flushPhase {
    case .idle, .writing: return
    case .waitingToWrite: beginFlush(&turn)
    case .waitingToName: name(&turn)
    }
  }

  private mutating func flushLater(_ phase: FlushPhase, _ turn: inout Turn) {
    flushPhase = phase
    flushFailures += 1
    let ceiling = configuration.backoff.ceiling(beforeAttempt: flushFailures)
    wakes[turn.wake(after: turn.random.span(in: .milliseconds(1)...max(.milliseconds(1), ceiling)))] = .flush
  }

  /// Makes the written file part of the state.
  private mutating func name(_ turn: inout Turn) {
    guard let frozen, case .waitingToName(let result) = flushPhase else { return }
    var next = manifest
    next.position = frozen.position
    next.nextOffsets = frozen.nextOffsets
    next.skippedMessages = frozen.skippedMessages
    next.lostMessages = frozen.lostMessages
    invariant(
      next.position >= manifest.position && next.skippedMessages >= manifest.skippedMessages && next.lostMessages >= manifest.lostMessages
        && zip(next.nextOffsets, manifest.nextOffsets).allSatisfy { $0 >= $1 },
      "a manifest at \(next.position.bytes) with offsets \(next.nextOffsets) behind one at \(manifest.position.bytes) with \(manifest.nextOffsets)"
    )
    next.segments.append(Manifest.Entry(number: frozen.number, points: result.points, fileBytes: result.fileBytes))
    do throws(JournalError) {
      try manifestFile?.save(next.encoded(), to: turn.disk)
    } catch {
      return flushLater(.waitingToName(result), &turn)
    }
    manifest = next
    segments.append(Segment(number: frozen.number, columns: result.columns))
    turn.observe(.segmentAdded, subject: frozen.number, value: UInt64(result.points))
    invariant(segments.count == manifest.segments.count, "\(segments.count) segments, and the manifest names \(manifest.segments.count)")
    self.frozen = nil
    flushPhase = .idle
    flushFailures = 0
    discarding = (next.position, turn.notifyWhenDurable())
    if turn.planted.contains(.storageDiscardsEarly) { try? journal?.discard(before: next.position, on: turn.disk) }
    flushIfFull(&turn)
  }

  /// Cuts the journal where a durable manifest no longer needs it.
  mutating func discardJournal(_ turn: inout Turn) {
    guard let pending = discarding, pending.durable <= turn.disk.durablePosition else { return }
    invariant(
      pending.position <= manifest.position,
      "the journal goes before \(pending.position.bytes), and the manifest needs it from \(manifest.position.bytes) on")
    discarding = nil
    // What cannot be deleted now is deleted with the next flush.
    try? journal?.discard(before: pending.position, on: turn.disk)
  }
}
