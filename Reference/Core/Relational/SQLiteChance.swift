// SQLite's chance, which is one generator for the whole process: it draws the salts of write-ahead logs and what SQL's
// `random()` gives. A turn that uses SQLite seeds it anew from its node's chance, and until it is through no other node
// uses SQLite: so one seed gives the same files, byte for byte.
//
// SQLite asks for a seed through the file system that it takes by default, and asks again once it was told to forget what
// it had (`sqlite3_randomness` with no bytes). So the one that it found is wrapped, in this alone.

internal import GRDBSQLite
import Synchronization
import Vocabulary

/// The generator of SQLite.
enum SQLiteChance {
  /// Who uses SQLite.
  private static let use = Mutex<Void>(())
  /// What the next seed is drawn from; belongs to whoever holds `use`.
  nonisolated(unsafe) private static var source: UInt64 = 0

  /// Does `body`, in which SQLite's chance is that of `seed`, while nobody else in this process uses SQLite.
  static func with<Result, Failure: Error>(_ seed: UInt64, _ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    _ = wrapping
    nonisolated(unsafe) var outcome: Swift.Result<Result, Failure>?
    use.withLock { _ in
      source = seed
      sqlite3_randomness(0, nil)
      do throws(Failure) { outcome = .success(try body()) } catch { outcome = .failure(error) }
    }
    guard let outcome else { breakInvariant("what uses SQLite came to no end") }
    return try outcome.get()
  }

  /// Wraps the file system that SQLite takes by default, once.
  private static let wrapping: Bool = {
    sqlite3_initialize()
    guard let usual = sqlite3_vfs_find(nil) else { breakInvariant("SQLite has no file system") }
    // Both are kept for as long as the process lives.
    let own = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    own.initialize(to: usual.pointee)
    let name = Array("seeded".utf8CString)
    let kept = UnsafeMutablePointer<CChar>.allocate(capacity: name.count)
    kept.initialize(from: name, count: name.count)
    own.pointee.zName = UnsafePointer(kept)
    own.pointee.pNext = nil
    own.pointee.xRandomness = { _, count, out in
      guard let out else { return 0 }
      var random = RandomStream(seed: SQLiteChance.source)
      for (place, byte) in random.bytes(Int(count)).enumerated() { out[place] = CChar(bitPattern: byte) }
      return count
    }
    return sqlite3_vfs_register(own, 1) == SQLITE_OK
  }()
}
