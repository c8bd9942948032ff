// What the sync thread does for one group commit: carries the buffered operations out in order, then makes them
// durable.
//
// Fault model: a failure anywhere ends the batch; nothing of it counts as durable and it is never tried again.
// Operations on names and lengths are carried out strictly in order, and a file's bytes are synced before a rename of
// it, so that a crash never shows a new name on old bytes (more than the contract of `Disk` asks for).

import Glibc
import Vocabulary

/// Bytes that a turn wrote and that are not in the file yet. Sendable by hand-over: its node's loop appends to it while
/// it is open; once it is part of a batch nobody changes it.
final class WriteExtent: @unchecked Sendable {
  let offset: Int
  private(set) var bytes: [UInt8]

  init(offset: Int, bytes: [UInt8]) {
    self.offset = offset
    self.bytes = bytes
  }

  var end: Int { offset + bytes.count }

  /// Takes a write that begins inside this extent or right at its end. False where it does not.
  func absorb(offset newOffset: Int, _ newBytes: [UInt8]) -> Bool {
    guard newOffset >= offset, newOffset <= end else { return false }
    if newOffset == end {
      bytes.append(contentsOf: newBytes)
      return true
    }
    let start = newOffset - offset
    let overlap = min(newBytes.count, bytes.count - start)
    bytes.replaceSubrange(start..<(start + overlap), with: newBytes[0..<overlap])
    bytes.append(contentsOf: newBytes[overlap...])
    return true
  }
}

/// One operation on the real files, in the order of the turns.
enum FileOperation: Sendable {
  /// Gives the file that was made under a hidden name its real one.
  case publish(hiddenName: String, FileName)
  case write(OpenFile, WriteExtent)
  case truncate(OpenFile, size: Int)
  case rename(OpenFile, FileName, to: FileName)
  case delete(OpenFile?, FileName)
}

/// Whether a batch of one opened disk failed: none after it may be carried out, since it would stand on bytes that are
/// not there. Sendable because only the sync thread touches it.
final class SyncCourse: @unchecked Sendable {
  fileprivate(set) var hasFailed = false
}

/// All operations of one group commit, or of one of its phases where barriers divide it.
struct SyncBatch: Sendable {
  /// Shared by all batches of one opened disk.
  let course: SyncCourse
  var operations: [FileOperation]
  var upTo: DiskPosition
  var directory: OpenFile
  var witness: (any DiskWitness)?

  /// Carries the batch out and syncs it; on the sync thread.
  func carryOut() throws(SystemError) {
    guard !course.hasFailed else { throw SystemError("sync after one that failed", 0) }
    course.hasFailed = true
    if let code = witness?.syncBegan(upTo: upTo) {
      forgetCachedPages()
      throw SystemError("sync (failure injected by the witness)", code)
    }
    do throws(SystemError) {
      try writeOutAndSync()
    } catch {
      forgetCachedPages()
      witness?.syncEnded(upTo: upTo, succeeded: false)
      throw error
    }
    course.hasFailed = false
    witness?.syncEnded(upTo: upTo, succeeded: true)
  }

  /// Carries the batch out and syncs it; what failed, if anything did.
  func failureOfCarryingOut() -> SystemError? {
    do throws(SystemError) { try carryOut() } catch { return error }
    return nil
  }

  private func writeOutAndSync() throws(SystemError) {
    var unsynced: [OpenFile] = []
    var namesChanged = false
    func touch(_ file: OpenFile) { if !unsynced.contains(where: { $0 === file }) { unsynced.append(file) } }
    for operation in operations {
      switch operation {
      case .publish(let hiddenName, let name):
        try directory.rename(hiddenName, to: name.text)
        namesChanged = true
      case .write(let file, let extent):
        try file.write(extent.bytes, at: extent.offset)
        touch(file)
      case .truncate(let file, let size):
        try file.truncate(to: size)
        touch(file)
      case .rename(let file, let name, let newName):
        if let index = unsynced.firstIndex(where: { $0 === file }) {
          try file.syncData()
          unsynced.remove(at: index)
        }
        try directory.rename(name.text, to: newName.text)
        namesChanged = true
      case .delete(let file, let name):
        // A file that nobody has open gives its blocks back with its name: open, it does so with its close, on a thread
        // of its own.
        let held: OpenFile = if let file { file } else { try directory.openChild(name.text, O_RDWR) }
        held.noteUnlinked()
        try directory.unlink(name.text)
        namesChanged = true
        if let file { unsynced.removeAll { $0 === file } }
      }
    }
    for file in unsynced { try file.syncData() }
    if namesChanged { try directory.syncAll() }
  }

  /// After a failed sync the cache may hold pages that the medium does not: the restart must read the medium.
  private func forgetCachedPages() {
    for operation in operations {
      switch operation {
      case .write(let file, _), .truncate(let file, _), .rename(let file, _, _): file.forgetCachedPages()
      case .publish, .delete: continue
      }
    }
  }
}
