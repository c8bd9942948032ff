// The few calls of the operating system that the file disk makes, each returning its errno instead of trapping.
//
// Fault model: every call may fail; a short write is continued, an interrupted one repeated, a sync never (its failure
// may have thrown the dirty pages away, so that a second one would lie).

import Glibc
import Synchronization
import Vocabulary

/// A call of the operating system that failed.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Which call, and on what.
  public var operation: String
  /// Its errno.
  public var code: Int32

  /// The failure of `operation` with errno `code`.
  public init(_ operation: String, _ code: Int32) {
    self.operation = operation
    self.code = code
  }

  /// "fdatasync: Input/output error".
  public var description: String { "\(operation): \(reason)" }

  /// The errno in words: "Input/output error".
  public var reason: String {
    // The C library keeps this text per thread (glibc 2.32 and later).
    strerror(code).map { String(cString: $0) } ?? "errno \(code)"
  }

  /// Whether the medium had no room.
  var isFull: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}

/// An open file or directory; closed when the last owner lets go. Sendable: the descriptor never changes, and
/// positioned calls share no state.
final class OpenFile: Sendable {
  let descriptor: CInt
  /// Whether its name is gone: then the last close gives its blocks back, which takes tens of milliseconds for a long
  /// file.
  private let isUnlinked = Atomic<Bool>(false)

  private init(descriptor: CInt) { self.descriptor = descriptor }

  deinit {
    let descriptor = descriptor
    guard isUnlinked.load(ordering: .relaxed) else {
      _ = Glibc.close(descriptor)
      return
    }
    // Neither the loop nor the sync thread, whoever lets go last, may wait for that.
    FileDisposal.close(descriptor)
  }

  /// Notes that the file has no name any more.
  func noteUnlinked() { isUnlinked.store(true, ordering: .relaxed) }

  /// Opens a directory.
  static func directory(_ path: String) throws(SystemError) -> OpenFile {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError("open directory \(path)", errno) }
    return OpenFile(descriptor: descriptor)
  }

  /// Opens `name` in this directory.
  func openChild(_ name: String, _ flags: CInt) throws(SystemError) -> OpenFile {
    let descriptor = openat(self.descriptor, name, flags | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw SystemError("open \(name)", errno) }
    return OpenFile(descriptor: descriptor)
  }

  /// Length in bytes.
  func sizeBytes() throws(SystemError) -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemError("fstat", errno) }
    return Int(status.st_size)
  }

  /// Whether this is a regular file.
  func isRegular() -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && (status.st_mode & S_IFMT) == S_IFREG
  }

  /// Fills `target` from `offset`; returns how many bytes there were before the end of the file.
  func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
    var done = 0
    while done < target.count, let start = target.baseAddress {
      let count = pread(descriptor, start + done, target.count - done, off_t(offset + done))
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError("pread", errno)
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
    var done = 0
    var failure: SystemError?
    bytes.withUnsafeBytes { source in
      while done < source.count, let start = source.baseAddress {
        let count = pwrite(descriptor, start + done, source.count - done, off_t(offset + done))
        if count < 0 {
          if errno == EINTR { continue }
          failure = SystemError("pwrite", errno)
          return
        }
        done += count
      }
    }
    if let failure { throw failure }
  }

  func truncate(to size: Int) throws(SystemError) {
    guard ftruncate(descriptor, off_t(size)) == 0 else { throw SystemError("ftruncate", errno) }
  }

  /// Allocates blocks without changing the length. False where the file system cannot do that.
  func allocate(from offset: Int, count: Int) throws(SystemError) -> Bool {
    guard let call = fallocateCall else { return false }
    let keepSize: CInt = 1  // FALLOC_FL_KEEP_SIZE
    while call(descriptor, keepSize, off_t(offset), off_t(count)) != 0 {
      let code = errno
      if code == EINTR { continue }
      if code == EOPNOTSUPP || code == ENOSYS { return false }
      throw SystemError("fallocate", code)
    }
    return true
  }

  /// Makes contents and length durable.
  func syncData() throws(SystemError) {
    guard fdatasync(descriptor) == 0 else { throw SystemError("fdatasync", errno) }
  }

  /// Makes everything durable; for directories.
  func syncAll() throws(SystemError) {
    guard fsync(descriptor) == 0 else { throw SystemError("fsync", errno) }
  }

  /// Drops this file's clean pages from the cache, so that the next read sees the medium.
  func forgetCachedPages() { _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }

  func rename(_ name: String, to newName: String) throws(SystemError) {
    guard renameat(descriptor, name, descriptor, newName) == 0 else { throw SystemError("rename \(name) to \(newName)", errno) }
  }

  /// Gives the file `name` a second name, which must be free.
  func link(_ name: String, as newName: String) throws(SystemError) {
    guard linkat(descriptor, name, descriptor, newName, 0) == 0 else { throw SystemError("link \(name) as \(newName)", errno) }
  }

  func unlink(_ name: String) throws(SystemError) {
    guard unlinkat(descriptor, name, 0) == 0 else { throw SystemError("unlink \(name)", errno) }
  }

  /// Takes the whole-file lock that belongs to this descriptor; fails with EWOULDBLOCK where another holds it.
  func lockExclusively() throws(SystemError) {
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw SystemError("flock", errno) }
  }

  /// Bytes that an ordinary user may still allocate on this file system.
  func availableBytes() -> Int? {
    var status = statvfs()
    guard fstatvfs(descriptor, &status) == 0 else { return nil }
    let (bytes, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(by: Int(clamping: status.f_frsize))
    return overflow ? .max : bytes
  }

  /// Names in this directory, in no particular order.
  func childNames() throws(SystemError) -> [String] {
    // A new open file description: reading entries moves its offset, and this descriptor is shared.
    let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw SystemError("open directory", errno) }
    guard let stream = fdopendir(copy) else {
      let code = errno
      _ = Glibc.close(copy)
      throw SystemError("fdopendir", code)
    }
    defer { closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
        field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw SystemError("readdir", errno) }
    return names
  }
}

/// Makes `path` and the directories above it.
func makeDirectories(_ path: String) throws(SystemError) {
  var partial = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    partial += partial.isEmpty || partial.hasSuffix("/") ? "\(part)" : "/\(part)"
    if mkdir(partial, 0o755) != 0 && errno != EEXIST { throw SystemError("mkdir \(partial)", errno) }
  }
}

/// `fallocate(2)`: the Glibc module does not show it (it stands behind `_GNU_SOURCE`), and `posix_fallocate` changes
/// the length.
private let fallocateCall: (@convention(c) (CInt, CInt, off_t, off_t) -> CInt)? = {
  guard let address = dlsym(nil, "fallocate") else { return nil }
  return unsafeBitCast(address, to: (@convention(c) (CInt, CInt, off_t, off_t) -> CInt).self)
}()
