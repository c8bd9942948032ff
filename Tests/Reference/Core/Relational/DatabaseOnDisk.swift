// A database on a simulated disk, for tests: lives that begin, use it and are cut off.

import Kernel
import Relational
import Vocabulary
import World

let databaseName = FileName(fixed: "rows.db")

/// The schema that the tests use.
let itemSchema = [
  Migration("CREATE TABLE items (name TEXT PRIMARY KEY, value INTEGER NOT NULL, body BLOB) WITHOUT ROWID")
]

/// A turn on `disk` whose chance is of `seed`, late in 2023.
func databaseTurn(_ disk: any Disk, seed: UInt64 = 1) -> Turn {
  Turn(
    node: NodeID(0), incarnation: 0, disk: disk, random: RandomStream(seed: seed), wallClock: WallTime(milliseconds: 1_700_000_000_000))
}

extension RelationalDatabase {
  /// All items, by name.
  func items(_ turn: inout Turn) throws(RelationalFailure) -> [String: Int64] {
    try read(&turn) { (transaction) throws(RelationalFailure) in
      var items: [String: Int64] = [:]
      for row in try transaction.rows("SELECT name, value FROM items") { items[try row.text(0)] = try row.integer(1) }
      return items
    }
  }

  /// Stores one item.
  func put(_ name: String, _ value: Int64, body: [UInt8] = [], _ turn: inout Turn) throws(RelationalFailure) {
    _ = try write(&turn) { (transaction) throws(RelationalFailure) in
      try transaction.run("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", [.text(name), .integer(value), .blob(body)])
    }
  }
}

/// The disk as it would be without order: barriers do nothing.
final class DisorderedDisk: Disk {
  private let medium: SimulatedDisk

  init(_ medium: SimulatedDisk) { self.medium = medium }

  func list() -> [FileName] { medium.list() }
  func size(of file: FileName) -> Int? { medium.size(of: file) }
  func read(_ file: FileName, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    try medium.read(file, at: offset, count: count)
  }
  func write(_ file: FileName, at offset: Int, _ bytes: [UInt8]) throws(DiskError) { try medium.write(file, at: offset, bytes) }
  func truncate(_ file: FileName, to size: Int) throws(DiskError) { try medium.truncate(file, to: size) }
  func rename(_ file: FileName, to newName: FileName) throws(DiskError) { try medium.rename(file, to: newName) }
  func delete(_ file: FileName) throws(DiskError) { try medium.delete(file) }
  func barrier() {}
  var position: DiskPosition { medium.position }
  var durablePosition: DiskPosition { medium.durablePosition }
  var availableBytes: Int? { medium.availableBytes }
  var refusedBytes: Int? { medium.refusedBytes }
}
