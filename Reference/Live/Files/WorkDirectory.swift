// The files of a node as a work sees them, on a thread of the compute pool.
//
// Fault model: a file appears under its name only when its bytes are durable; a crash before that leaves a hidden file,
// which the next start removes. Limits: it sees what has been written out, not what turns have buffered (by default a
// work starts only once that is durable).

import Glibc
import Synchronization
import Vocabulary

/// Asks a work on another thread to end.
final class WorkCancellation: Sendable {
  private let flag = Atomic<Bool>(false)
  /// Asks.
  func cancel() { flag.store(true, ordering: .relaxed) }
  /// Whether it was asked.
  var isCancelled: Bool { flag.load(ordering: .relaxed) }
}

/// Where the works of a node find and leave their files.
struct WorkPlace: Sendable {
  var directory: OpenFile
  var space: SpaceAccount
  var witness: (any DiskWitness)?
  /// Distinguishes the hidden files of this work from those of others.
  var number: UInt64
}

/// A file that a work created.
struct CreatedFile: Sendable {
  var name: FileName
  var sizeBytes: Int
}

/// `WorkFiles` over a directory, or over none; used by one thread, during one work.
final class WorkDirectory: WorkFiles {
  private let place: WorkPlace?
  private let cancellation: WorkCancellation
  private var open: [FileName: OpenFile] = [:]
  /// What this work has created.
  private(set) var created: [CreatedFile] = []

  /// The files at `place`; nil stands for a node without a disk.
  init(_ place: WorkPlace?, _ cancellation: WorkCancellation) {
    self.place = place
    self.cancellation = cancellation
  }

  var isCancelled: Bool { cancellation.isCancelled }

  func spend(_ span: TimeSpan) {}

  func size(of file: FileName) -> Int? {
    do { return try opened(file).sizeBytes() } catch { return nil }
  }

  func withBytes<Value>(
    of file: FileName, at offset: Int, count: Int, _ body: (RawSpan) throws(WorkFailure) -> Value
  ) throws(WorkFailure) -> Value {
    guard let size = size(of: file) else { throw .disk(.missing(file)) }
    guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
      throw .disk(.outOfBounds(file, offset: offset, count: count))
    }
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      do { filled = try opened(file).read(into: UnsafeMutableRawBufferPointer(target), at: offset) } catch { failed = true }
    }
    guard !failed, bytes.count == count else { throw .disk(.unreadable(file, offset: offset)) }
    return try body(bytes.span.bytes)
  }

  func create(_ file: FileName, _ bytes: [UInt8]) throws(WorkFailure) {
    if isCancelled { throw .cancelled }
    guard let place, place.space.take(bytes.count) else { throw .disk(.full(neededBytes: bytes.count)) }
    let directory = place.directory
    let hidden = ".work-\(place.number)-\(created.count)"
    do throws(SystemError) {
      let handle = try directory.openChild(hidden, O_RDWR | O_CREAT | O_TRUNC)
      try handle.write(bytes, at: 0)
      try handle.syncData()
      try directory.link(hidden, as: file.text)
      try directory.unlink(hidden)
      try directory.syncAll()
    } catch {
      _ = place.space.take(-bytes.count)
      // Best effort: the next start removes what is left.
      do throws(SystemError) { try directory.unlink(hidden) } catch {}
      if error.isFull { throw .disk(.full(neededBytes: bytes.count)) }
      throw .damaged(file, "could not be created: \(error)")
    }
    created.append(CreatedFile(name: file, sizeBytes: bytes.count))
    place.witness?.created(file, bytes)
  }

  private func opened(_ file: FileName) throws(SystemError) -> OpenFile {
    if let handle = open[file] { return handle }
    guard let place else { throw SystemError("open \(file.text)", ENOENT) }
    let handle = try place.directory.openChild(file.text, O_RDONLY)
    open[file] = handle
    return handle
  }
}
