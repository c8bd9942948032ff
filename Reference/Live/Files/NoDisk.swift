// The disk of a node that has none: it holds nothing and has room for nothing.

import Vocabulary

/// An empty disk on which every write finds no space.
final class NoDisk: Disk {
  func list() -> [FileName] { [] }
  func size(of file: FileName) -> Int? { nil }
  func read(_ file: FileName, at offset: Int, count: Int) throws(DiskError) -> [UInt8] { throw .missing(file) }
  func write(_ file: FileName, at offset: Int, _ bytes: [UInt8]) throws(DiskError) { throw .full(neededBytes: bytes.count) }
  func truncate(_ file: FileName, to size: Int) throws(DiskError) { throw .missing(file) }
  func rename(_ file: FileName, to newName: FileName) throws(DiskError) { throw .missing(file) }
  func delete(_ file: FileName) throws(DiskError) { throw .missing(file) }
  func barrier() {}
  var position: DiskPosition { .zero }
  var durablePosition: DiskPosition { .zero }
  var availableBytes: Int? { 0 }
  var refusedBytes: Int? { nil }
}
