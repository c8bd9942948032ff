// The `Disk` of the real host: a directory of files. Writes are buffered in memory, read back at once, and go to the
// file system with the next group commit (`SyncBatch`), which alone makes them durable.
//
// Fault model: that of `Disk`. Space is reserved in the turn (quota, then blocks); a failure of the medium in the turn
// other than a full one marks the disk as failed, and the host restarts the node as after a failed sync. A lock file
// keeps a second process out. Limits: bytes that a cut (`truncate`) frees and that are written again before the next
// sync are not reserved again; where the file system cannot reserve blocks, only the quota is. Works' files count once
// they are adopted.

import Glibc
import Vocabulary

/// A directory of files as a node's disk; confined to its node's loop.
final class FileDisk: Disk {
  private(set) var position = DiskPosition.zero
  private(set) var durablePosition = DiskPosition.zero
  /// What the medium did to a turn, if it did; the host must then restart the node.
  private(set) var failure: SystemError?
  /// Why the system could not read, the last time that it could not; the turn was told (`DiskError.unreadable`).
  private(set) var readFailure: SystemError?
  /// Bytes and operations that are not handed over yet.
  private(set) var bufferedBytes = 0
  let directory: OpenFile
  let space: SpaceAccount
  let witness: (any DiskWitness)?
  /// Which life of the node this is, counted over processes too.
  let incarnation: UInt32
  private var refused = RefusedWrite()
  private let lock: OpenFile
  private let course = SyncCourse()
  private var files: [FileName: BufferedFile] = [:]
  private var queued: [FileOperation] = []
  private var changed: [BufferedFile] = []
  /// What may go to the medium together.
  private struct Phase {
    var operations: [FileOperation]
    var upTo: DiskPosition
    var bytes: Int
    /// How many edits of which files it has.
    var edits: [(file: BufferedFile, count: Int)]
  }
  /// Phases that a barrier ended and that are not handed over yet, oldest first.
  private var sealed: [Phase] = []
  private var sealedBytes = 0
  private var inFlight: [(file: BufferedFile, count: Int)] = []
  private var hiddenNumber: UInt64 = 0

  private static let largestFileBytes = 1 << 40
  private static let smallestReservationBytes = 65_536
  private static let largestReservationBytes = 4_194_304
  private let mostOpenHandles: Int

  /// Opens `path`, making it where it is missing; of its files, about `mostOpenHandles` stay open. Throws where another
  /// process holds it or it cannot be read.
  init(path: String, quotaBytes: Int?, mostOpenHandles: Int, witness: (any DiskWitness)?) throws(SystemError) {
    self.mostOpenHandles = mostOpenHandles
    try makeDirectories(path)
    directory = try OpenFile.directory(path)
    lock = try directory.openChild(".lock", O_RDWR | O_CREAT)
    try lock.lockExclusively()
    space = SpaceAccount(quotaBytes: quotaBytes)
    self.witness = witness
    incarnation = try FileDisk.countLife(directory)
    for text in try directory.childNames() {
      if text.hasPrefix(".new-") || text.hasPrefix(".work-") {
        // Files that were never given their real name: nobody knows them.
        try directory.unlink(text)
      } else if let name = FileName(text) {
        let handle: OpenFile
        do throws(SystemError) {
          handle = try directory.openChild(text, O_RDWR)
        } catch {
          // A folder or a link is nobody's file.
          if error.code == EISDIR || error.code == ELOOP { continue }
          throw error
        }
        guard handle.isRegular() else { continue }
        // What a killed process had written out may stand in the page cache only. It is about to be read, believed and
        // answered for: it must be on the medium first.
        try handle.syncData()
        let size = try handle.sizeBytes()
        // What is there counts, whatever the quota is now.
        space.count(size)
        files[name] = BufferedFile(name: name, size: size, handle: files.count < mostOpenHandles ? handle : nil)
      }
    }
    try directory.syncAll()
    witness?.opened()
  }

  // MARK: - What turns see

  func list() -> [FileName] { files.keys.sorted() }

  func size(of file: FileName) -> Int? { files[file]?.size }

  var availableBytes: Int? {
    let free = directory.availableBytes()
    guard space.quotaBytes != .max else { return free }
    return max(0, min(space.quotaBytes - space.usedBytes, free ?? .max))
  }

  var refusedBytes: Int? { refused.bytes(available: availableBytes) }

  func read(_ file: FileName, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    guard let found = files[file] else { throw .missing(file) }
    guard offset >= 0, count >= 0, count <= maximumTurnReadBytes, offset <= found.size, count <= found.size - offset else {
      throw .outOfBounds(file, offset: offset, count: count)
    }
    guard count > 0 else { return [] }
    do throws(SystemError) {
      return try found.read(at: offset, count: count, from: try handle(of: found))
    } catch {
      readFailure = error
      throw .unreadable(file, offset: offset)
    }
  }

  func write(_ file: FileName, at offset: Int, _ bytes: [UInt8]) throws(DiskError) {
    guard offset >= 0, offset <= Self.largestFileBytes, bytes.count <= Self.largestFileBytes - offset else {
      throw .outOfBounds(file, offset: offset, count: bytes.count)
    }
    let end = offset + bytes.count
    let growth = max(0, end - (files[file]?.size ?? 0))
    guard space.take(growth) else {
      refused.note(growth)
      throw .full(neededBytes: growth)
    }
    let target: BufferedFile
    let isNew = files[file] == nil
    do throws(SystemError) {
      if let found = files[file] { target = found } else { target = try made(file) }
      try reserve(target, upTo: end)
    } catch {
      _ = space.take(-growth)
      if isNew { unmake(file) }
      // A medium that fails in another way than being full is not the turn's affair: the host restarts the node.
      if error.isFull { refused.note(max(growth, bytes.count)) } else { failure = error }
      throw .full(neededBytes: max(growth, bytes.count))
    }
    if let extent = target.write(bytes, at: offset), let handle = target.handle {
      queued.append(.write(handle, extent))
      noteChange(target)
    }
    bufferedBytes += bytes.count
    advance(.write(file, offset: offset, bytes))
  }

  func truncate(_ file: FileName, to size: Int) throws(DiskError) {
    guard let found = files[file] else { throw .missing(file) }
    guard size >= 0, size <= Self.largestFileBytes else { throw .outOfBounds(file, offset: size, count: 0) }
    guard space.take(size - found.size) else {
      refused.note(size - found.size)
      throw .full(neededBytes: size - found.size)
    }
    let opened = try handleOrFailure(of: found)
    found.truncate(to: size)
    queued.append(.truncate(opened, size: size))
    noteChange(found)
    advance(.truncate(file, size: size))
  }

  func rename(_ file: FileName, to newName: FileName) throws(DiskError) {
    guard let found = files[file] else { throw .missing(file) }
    let opened = try handleOrFailure(of: found)
    if file != newName {
      if let replaced = files[newName] { _ = space.take(-replaced.size) }
      files[file] = nil
      files[newName] = found
      found.name = newName
      queued.append(.rename(opened, file, to: newName))
    }
    advance(.rename(file, to: newName))
    found.lastNamed = position
  }

  func delete(_ file: FileName) throws(DiskError) {
    guard let found = files.removeValue(forKey: file) else { throw .missing(file) }
    _ = space.take(-found.size)
    queued.append(.delete(found.handle, file))
    advance(.delete(file))
  }

  func barrier() {
    guard !queued.isEmpty else { return }
    sealed.append(seal())
  }

  // MARK: - What the host sees

  /// Whether anything was asked since the last hand-over.
  var isDirty: Bool { !queued.isEmpty || !sealed.isEmpty || position > handedOver }
  private var handedOver = DiskPosition.zero

  /// Takes what was asked so far, up to the first barrier, for the sync thread. One batch at a time: `landed` must
  /// follow, or the end of this disk's life (whose last batches are carried out behind the one under way, each if the
  /// one before succeeds).
  func handOver() -> SyncBatch {
    let phase = sealed.isEmpty ? seal() : sealed.removeFirst()
    inFlight = phase.edits
    bufferedBytes -= phase.bytes
    sealedBytes -= phase.bytes
    invariant(
      bufferedBytes >= 0 && sealedBytes >= 0 && sealedBytes <= bufferedBytes,
      "\(bufferedBytes) bytes are buffered, \(sealedBytes) of them in phases that ended")
    invariant(
      phase.upTo >= handedOver && phase.upTo <= position,
      "a batch up to \(phase.upTo.value) behind one up to \(handedOver.value), of \(position.value) operations")
    handedOver = phase.upTo
    return SyncBatch(course: course, operations: phase.operations, upTo: phase.upTo, directory: directory, witness: witness)
  }

  /// Ends the present phase.
  private func seal() -> Phase {
    let bytes = bufferedBytes - sealedBytes
    sealedBytes += bytes
    let edits = changed.map { (file: $0, count: $0.seal()) }
    defer {
      queued.removeAll(keepingCapacity: true)
      changed.removeAll(keepingCapacity: true)
    }
    return Phase(operations: queued, upTo: position, bytes: bytes, edits: edits)
  }

  /// The batch that reached up to `position` is durable.
  func landed(_ position: DiskPosition) {
    invariant(
      position >= durablePosition && position <= handedOver,
      "durable up to \(position.value), before that up to \(durablePosition.value), and handed over up to \(handedOver.value)")
    for (file, count) in inFlight { file.landed(count) }
    inFlight.removeAll(keepingCapacity: true)
    durablePosition = position
  }

  /// A work created `file` of `size` bytes, durable and under its name.
  func adopt(_ file: FileName, size: Int) {
    guard files[file] == nil else { return }
    files[file] = BufferedFile(name: file, size: size, handle: nil)
  }

  // MARK: - Inside

  /// Counts this life in the file `.life`, durably, so that no id of an earlier life is drawn again.
  private static func countLife(_ directory: OpenFile) throws(SystemError) -> UInt32 {
    let file = try directory.openChild(".life", O_RDWR | O_CREAT)
    var field = [UInt8](repeating: 0, count: 4)
    var count = 0
    var failure: SystemError?
    field.withUnsafeMutableBytes { target in
      do throws(SystemError) { count = try file.read(into: target, at: 0) } catch { failure = error }
    }
    if let failure { throw failure }
    let before = field.prefix(count).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let next = before &+ 1
    try file.write((0..<4).map { UInt8(truncatingIfNeeded: next >> (8 * $0)) }, at: 0)
    try file.syncData()
    try directory.syncAll()
    return before
  }

  private func advance(_ operation: @autoclosure () -> WitnessedOperation) {
    position.value += 1
    if let witness { witness.operated(operation(), position: position) }
  }

  private func noteChange(_ file: BufferedFile) {
    // A file stands here once or a few times at most: only its last run of appends is merged before it gets here.
    if changed.last !== file && !changed.contains(where: { $0 === file }) { changed.append(file) }
  }

  private func handle(of file: BufferedFile) throws(SystemError) -> OpenFile {
    if let open = file.handle { return open }
    closeSomeHandles()
    let opened = try directory.openChild(file.name.text, O_RDWR)
    file.handle = opened
    return opened
  }

  private func handleOrFailure(of file: BufferedFile) throws(DiskError) -> OpenFile {
    do throws(SystemError) {
      return try handle(of: file)
    } catch {
      failure = error
      throw .unreadable(file.name, offset: 0)
    }
  }

  /// A new file under a hidden name, so that its blocks can be reserved now although its name must wait for its turn in
  /// the order.
  private func made(_ name: FileName) throws(SystemError) -> BufferedFile {
    closeSomeHandles()
    hiddenNumber += 1
    let hidden = ".new-\(hiddenNumber)"
    let handle = try directory.openChild(hidden, O_RDWR | O_CREAT | O_EXCL)
    let file = BufferedFile(name: name, size: 0, handle: handle)
    files[name] = file
    queued.append(.publish(hiddenName: hidden, name))
    file.lastNamed = DiskPosition(position.value + 1)
    return file
  }

  /// Takes a file back that was made for a write for which there is no room.
  private func unmake(_ name: FileName) {
    guard files.removeValue(forKey: name) != nil, case .publish(let hidden, name)? = queued.last else { return }
    queued.removeLast()
    // Should it stay, the next life takes it away: nobody knows it.
    try? directory.unlink(hidden)
  }

  private func reserve(_ file: BufferedFile, upTo end: Int) throws(SystemError) {
    guard end > file.reservedEnd else { return }
    let handle = try handle(of: file)
    let chunk = min(Self.largestReservationBytes, max(Self.smallestReservationBytes, file.size))
    let needed = end - file.reservedEnd
    do throws(SystemError) {
      _ = try handle.allocate(from: file.reservedEnd, count: max(needed, chunk))
      file.reservedEnd += max(needed, chunk)
    } catch {
      // No room for the whole chunk may still be room for what is needed.
      guard error.isFull, chunk > needed else { throw error }
      _ = try handle.allocate(from: file.reservedEnd, count: needed)
      file.reservedEnd = end
    }
  }

  private func closeSomeHandles() {
    guard files.count >= mostOpenHandles else { return }
    let open = files.values.filter { $0.handle != nil }
    guard open.count >= mostOpenHandles else { return }
    for file in open where file.isClean && file.lastNamed <= durablePosition { file.handle = nil }
  }
}
