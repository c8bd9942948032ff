// The file system that SQLite sees: the files of one database on a node's disk (SQLite's VFS, https://sqlite.org/vfs.html).
//
// One file system serves one connection, which locks its files for itself alone, so that no shared memory and no locks are
// needed. Durability is the host's: SQLite's syncs are barriers here, which order what is written, and what a commit wrote
// is durable once the host has synced past it (`Disk.durablePosition`), as with everything that a node writes.
//
// Each page of the database carries a checksum in its last bytes (`DatabasePage.md`): SQLite's own guard only the
// write-ahead log, and that only when it is opened: of what lies in the log this file system keeps checksums in memory.
// Fault model: that of `Disk`. A page that rotted is never handed to SQLite: the read fails and `failure` says which.
// Limit: rot in the log that is there when a life begins cuts off what was committed behind it since the last checkpoint,
// as SQLite takes it for the torn end of a crash; so the log is kept short. Once the disk's lease is revoked every method
// answers that it failed, so that nothing which a connection does when it is closed reaches the files of the next life.

internal import GRDBSQLite
import Vocabulary
import Wire

/// Why a file of a database could not be used.
public enum DatabaseFileFailure: Hashable, Sendable, CustomStringConvertible {
  /// The disk did not do what was asked.
  case disk(DiskError)
  /// What was read is not what was written: the checksum of the page at `offset` of `file` is wrong.
  case damaged(FileName, offset: Int)

  /// In words.
  public var description: String {
    switch self {
    case .disk(let error): "\(error)"
    case .damaged(let file, let offset): "the page at byte \(offset) of \(file) is damaged: its checksum is not that of its bytes"
    }
  }
}

/// The files of one database.
final class DiskFileSystem {
  /// Length of a page in bytes.
  static let pageBytes = 4_096
  /// Bytes at the end of each page that SQLite leaves alone: four zeros, and the checksum.
  static let reservedBytes = 8

  /// What it is registered as; of no meaning but within this process.
  let name: String
  /// What SQLite takes for the present time.
  var wallClock = WallTime(nanoseconds: 0)
  /// Why the last operation failed that did; nil after `forgetFailure`.
  private(set) var failure: DatabaseFileFailure?
  /// Bytes written to the log since it was last carried over.
  private(set) var loggedBytes = 0

  private let disk: any Disk
  private let entry: UnsafeMutablePointer<sqlite3_vfs>
  private let entryName: UnsafeMutablePointer<CChar>
  /// The files that were opened, by their numbers.
  private var opened: [FileName] = []
  /// Checksums of the pages in the write-ahead log, by where they begin.
  private var loggedPages: [Int: UInt32] = [:]

  /// A file system on `disk`, registered with SQLite until it goes.
  init(_ disk: any Disk) {
    self.disk = disk
    entry = .allocate(capacity: 1)
    // Nothing else in this process has the address.
    name = "disk-\(UInt(bitPattern: entry))"
    let bytes = Array(name.utf8CString)
    entryName = .allocate(capacity: bytes.count)
    entryName.initialize(from: bytes, count: bytes.count)
    entry.initialize(to: sqlite3_vfs())
    entry.pointee.iVersion = 2
    entry.pointee.szOsFile = CInt(MemoryLayout<OpenDatabaseFile>.size)
    entry.pointee.mxPathname = 128
    entry.pointee.zName = UnsafePointer(entryName)
    entry.pointee.pAppData = Unmanaged.passUnretained(self).toOpaque()
    entry.pointee.xOpen = { vfs, name, file, flags, outFlags in DiskFileSystem.of(vfs).open(name, file, flags, outFlags) }
    entry.pointee.xDelete = { vfs, name, _ in DiskFileSystem.of(vfs).delete(name) }
    entry.pointee.xAccess = { vfs, name, _, result in
      result?.pointee = DiskFileSystem.of(vfs).exists(name) ? 1 : 0
      return SQLITE_OK
    }
    entry.pointee.xFullPathname = { _, name, capacity, out in
      guard let name, let out else { return SQLITE_CANTOPEN }
      // Names are flat.
      var count = 0
      while name[count] != 0 { count += 1 }
      guard count < Int(capacity) else { return SQLITE_CANTOPEN }
      out.update(from: name, count: count + 1)
      return SQLITE_OK
    }
    entry.pointee.xRandomness = { _, _, _ in 0 }
    entry.pointee.xSleep = { _, microseconds in microseconds }
    entry.pointee.xGetLastError = { _, _, _ in 0 }
    entry.pointee.xCurrentTime = { vfs, result in
      result?.pointee = Double(DiskFileSystem.of(vfs).julianMilliseconds) / 86_400_000
      return SQLITE_OK
    }
    entry.pointee.xCurrentTimeInt64 = { vfs, result in
      result?.pointee = DiskFileSystem.of(vfs).julianMilliseconds
      return SQLITE_OK
    }
    let code = sqlite3_vfs_register(entry, 0)
    invariant(code == SQLITE_OK, "SQLite does not take a file system: \(code)")
  }

  deinit {
    sqlite3_vfs_unregister(entry)
    entry.deinitialize(count: 1)
    entry.deallocate()
    entryName.deallocate()
  }

  /// Forgets why an operation failed.
  func forgetFailure() { failure = nil }

  /// The log was carried over.
  func forgetLogged() { loggedBytes = 0 }

  /// Where the first of a database's pages begins that is not as it was written; nil where all are.
  func firstDamage(in file: FileName, pages: Int) -> Int? {
    let perRead = maximumTurnReadBytes / Self.pageBytes
    var page = 0
    while page < pages {
      let count = min(perRead, pages - page)
      guard let bytes = try? disk.read(file, at: page * Self.pageBytes, count: count * Self.pageBytes) else {
        return page * Self.pageBytes
      }
      let damaged = bytes.withUnsafeBytes { all in
        (0..<count).first { place in
          !Self.isSound(UnsafeRawBufferPointer(rebasing: all[place * Self.pageBytes..<(place + 1) * Self.pageBytes]))
        }
      }
      if let damaged { return (page + damaged) * Self.pageBytes }
      page += count
    }
    return nil
  }

  fileprivate static func of(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> DiskFileSystem {
    guard let context = vfs?.pointee.pAppData else { breakInvariant("SQLite asks a file system that is none") }
    return Unmanaged<DiskFileSystem>.fromOpaque(context).takeUnretainedValue()
  }

  /// Milliseconds since noon of 24 November 4714 BC (SQLite's epoch).
  private var julianMilliseconds: Int64 { 210_866_760_000_000 + wallClock.milliseconds }

  /// The disk did not do what was asked: SQLite hears `code`, or that the disk is full.
  private func note(_ error: DiskError, _ code: CInt) -> CInt {
    failure = .disk(error)
    switch error {
    case .full: return SQLITE_FULL
    case .unreadable, .missing, .outOfBounds, .revoked: return code
    }
  }

  // MARK: names

  private func file(_ name: UnsafePointer<CChar>?) -> FileName? { name.flatMap { FileName(String(cString: $0)) } }

  private func open(
    _ name: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: CInt, _ outFlags: UnsafeMutablePointer<CInt>?
  ) -> CInt {
    // Temporary files have no name: there are none (`temp_store`).
    guard let file, let name = self.file(name) else { return SQLITE_CANTOPEN }
    // A file comes to be when it is first written.
    opened.append(name)
    let kind: OpenDatabaseFile.Kind = flags & SQLITE_OPEN_MAIN_DB != 0 ? .database : flags & SQLITE_OPEN_WAL != 0 ? .log : .other
    UnsafeMutableRawPointer(file).initializeMemory(
      as: OpenDatabaseFile.self,
      to: OpenDatabaseFile(
        base: sqlite3_file(pMethods: databaseFileMethods), system: Unmanaged.passUnretained(self), number: opened.count - 1,
        kind: kind))
    outFlags?.pointee = flags
    return SQLITE_OK
  }

  private func delete(_ name: UnsafePointer<CChar>?) -> CInt {
    guard let name = file(name) else { return FileCode.delete }
    do throws(DiskError) {
      try disk.delete(name)
      return SQLITE_OK
    } catch {
      if case .missing = error { return FileCode.deleteOfNothing }
      return note(error, FileCode.delete)
    }
  }

  private func exists(_ name: UnsafePointer<CChar>?) -> Bool { file(name).flatMap { disk.size(of: $0) } != nil }

  // MARK: contents

  fileprivate func read(_ file: OpenDatabaseFile, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> CInt {
    let name = opened[file.number]
    let there = max(0, min(buffer.count, (disk.size(of: name) ?? 0) - offset))
    do throws(DiskError) {
      if there > 0 { buffer.copyBytes(from: try disk.read(name, at: offset, count: there)) }
    } catch {
      return note(error, FileCode.read)
    }
    if there < buffer.count {
      UnsafeMutableRawBufferPointer(rebasing: buffer[there...]).initializeMemory(as: UInt8.self, repeating: 0)
      return FileCode.shortRead
    }
    guard isSound(UnsafeRawBufferPointer(buffer), of: file, at: offset) else {
      failure = .damaged(name, offset: offset)
      return FileCode.damage
    }
    return SQLITE_OK
  }

  fileprivate func write(_ file: OpenDatabaseFile, _ buffer: UnsafeRawBufferPointer, at offset: Int) -> CInt {
    var bytes = Array(buffer)
    if file.kind == .database, Self.isPage(bytes.count, at: offset) { Self.seal(&bytes) }
    do throws(DiskError) {
      try disk.write(opened[file.number], at: offset, bytes)
      if file.kind == .log { loggedBytes += bytes.count }
      if file.kind == .log, bytes.count == Self.pageBytes { loggedPages[offset] = Self.checksum(buffer) }
      return SQLITE_OK
    } catch {
      return note(error, FileCode.write)
    }
  }

  fileprivate func truncate(_ file: OpenDatabaseFile, to size: Int) -> CInt {
    do throws(DiskError) {
      try disk.truncate(opened[file.number], to: size)
      if file.kind == .log { loggedPages = loggedPages.filter { $0.key < size } }
      return SQLITE_OK
    } catch {
      // What was never written is empty already.
      if case .missing = error, size == 0 { return SQLITE_OK }
      return note(error, FileCode.truncate)
    }
  }

  fileprivate func order() -> CInt {
    disk.barrier()
    return SQLITE_OK
  }

  fileprivate func size(_ file: OpenDatabaseFile) -> Int { disk.size(of: opened[file.number]) ?? 0 }

  // MARK: pages

  private static func isPage(_ count: Int, at offset: Int) -> Bool { count == pageBytes && offset % pageBytes == 0 }

  private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var sum = CRC32C()
    sum.update(bytes)
    return sum.value
  }

  private static func seal(_ page: inout [UInt8]) {
    let end = pageBytes - reservedBytes
    let sum = page.withUnsafeBytes { checksum(UnsafeRawBufferPointer(rebasing: $0[..<end])) }
    for place in 0..<4 {
      page[end + place] = 0
      page[end + 4 + place] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(place)))
    }
  }

  /// Whether what was read is what was written, as far as that can be told.
  private func isSound(_ bytes: UnsafeRawBufferPointer, of file: OpenDatabaseFile, at offset: Int) -> Bool {
    switch file.kind {
    case .database: return !Self.isPage(bytes.count, at: offset) || Self.isSound(bytes)
    case .log:
      // A life that finds a log reads its frames whole, and SQLite looks at their checksums; from then on we do.
      if bytes.count == Self.frameHeadBytes + Self.pageBytes {
        loggedPages[offset + Self.frameHeadBytes] = Self.checksum(UnsafeRawBufferPointer(rebasing: bytes[Self.frameHeadBytes...]))
        return true
      }
      guard bytes.count == Self.pageBytes, let known = loggedPages[offset] else { return true }
      return Self.checksum(bytes) == known
    case .other: return true
    }
  }

  private static let frameHeadBytes = 24

  /// Whether a page is as it was written. One of zeros alone was never written: SQLite leaves pages out that it has freed.
  static func isSound(_ page: UnsafeRawBufferPointer) -> Bool {
    let end = pageBytes - reservedBytes
    var known: UInt32 = 0
    for place in 0..<4 { known |= UInt32(page[end + 4 + place]) << (8 * UInt32(place)) }
    return checksum(UnsafeRawBufferPointer(rebasing: page[..<end])) == known || page.allSatisfy { $0 == 0 }
  }
}

/// SQLite's extended codes of failed operations on files (https://sqlite.org/rescode.html), which the importer of C does not
/// bring.
private enum FileCode {
  static let read = SQLITE_IOERR | 1 << 8
  static let shortRead = SQLITE_IOERR | 2 << 8
  static let write = SQLITE_IOERR | 3 << 8
  static let truncate = SQLITE_IOERR | 6 << 8
  static let delete = SQLITE_IOERR | 10 << 8
  static let deleteOfNothing = SQLITE_IOERR | 23 << 8
  static let damage = SQLITE_IOERR | 32 << 8
}

/// A file that SQLite has open; it lies in SQLite's memory.
struct OpenDatabaseFile {
  var base: sqlite3_file
  var system: Unmanaged<DiskFileSystem>
  var number: Int
  var kind: Kind

  /// What a file holds.
  enum Kind {
    /// The database: its pages carry checksums.
    case database
    /// The write-ahead log.
    case log
    /// A journal, before there is a log.
    case other
  }

  fileprivate static func with<Result>(
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ body: (DiskFileSystem, OpenDatabaseFile) -> Result
  ) -> Result {
    guard let file else { breakInvariant("SQLite uses a file that is none") }
    let known = UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenDatabaseFile.self).pointee
    return known.system._withUnsafeGuaranteedRef { body($0, known) }
  }
}

/// What can be done with an open file. Made once, and kept for as long as the process lives: it never changes.
nonisolated(unsafe) private let databaseFileMethods: UnsafePointer<sqlite3_io_methods> = {
  var methods = sqlite3_io_methods()
  methods.iVersion = 1
  methods.xClose = { _ in SQLITE_OK }
  methods.xRead = { file, buffer, count, offset in
    OpenDatabaseFile.with(file) { $0.read($1, UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)), at: Int(offset)) }
  }
  methods.xWrite = { file, buffer, count, offset in
    OpenDatabaseFile.with(file) { $0.write($1, UnsafeRawBufferPointer(start: buffer, count: Int(count)), at: Int(offset)) }
  }
  methods.xTruncate = { file, size in OpenDatabaseFile.with(file) { $0.truncate($1, to: Int(size)) } }
  methods.xSync = { file, _ in OpenDatabaseFile.with(file) { system, _ in system.order() } }
  methods.xFileSize = { file, size in
    size?.pointee = Int64(OpenDatabaseFile.with(file) { $0.size($1) })
    return SQLITE_OK
  }
  // The connection has its files for itself alone.
  methods.xLock = { _, _ in SQLITE_OK }
  methods.xUnlock = { _, _ in SQLITE_OK }
  methods.xCheckReservedLock = { _, result in
    result?.pointee = 0
    return SQLITE_OK
  }
  methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
  methods.xSectorSize = { _ in 512 }
  methods.xDeviceCharacteristics = { _ in 0 }
  let made = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
  made.initialize(to: methods)
  return UnsafePointer(made)
}()
