// One file as a node's turns see it: what is in the file system, with the edits laid over it that are not there yet.
//
// Limits: a read looks at every edit that is not written out; appends are one edit, so only scattered writes make many.

import Vocabulary

/// A file of a `FileDisk`; confined to its node's loop.
final class BufferedFile {
  /// An edit that may or may not have reached the file yet. Laying all of them over the file in order gives the same
  /// bytes whichever of them the sync thread has carried out already, since each sets absolute bytes or an absolute
  /// length.
  private enum Edit {
    case write(WriteExtent)
    case truncate(size: Int)
  }

  var name: FileName
  /// Length in bytes with all edits.
  private(set) var size: Int
  /// Bytes up to here have blocks on the medium.
  var reservedEnd: Int
  /// Opened at the first use, and always before a change of name is queued.
  var handle: OpenFile?
  /// Position of the last queued change of its name: until that is durable the handle must be kept.
  var lastNamed = DiskPosition.zero
  private var edits: [Edit] = []
  /// How many of the first edits belong to phases that no later write may join.
  private var sealedEdits = 0
  private var tail: WriteExtent?

  init(name: FileName, size: Int, handle: OpenFile?) {
    self.name = name
    self.size = size
    self.handle = handle
    reservedEnd = size
  }

  /// Whether all edits are in the file.
  var isClean: Bool { edits.isEmpty }

  /// Takes a write; returns a new extent that must be queued, or nil where an open one took it.
  func write(_ bytes: [UInt8], at offset: Int) -> WriteExtent? {
    size = max(size, offset + bytes.count)
    if let tail, tail.absorb(offset: offset, bytes) { return nil }
    let extent = WriteExtent(offset: offset, bytes: bytes)
    edits.append(.write(extent))
    tail = extent
    return extent
  }

  func truncate(to newSize: Int) {
    size = newSize
    reservedEnd = min(reservedEnd, newSize)
    edits.append(.truncate(size: newSize))
    tail = nil
  }

  /// The edits since the last time are a phase of their own, which no later write may join; returns how many they are.
  func seal() -> Int {
    let count = edits.count - sealedEdits
    invariant(count >= 0, "phases have \(sealedEdits) of the \(edits.count) edits of \(name)")
    sealedEdits = edits.count
    tail = nil
    return count
  }

  /// The first `count` edits, which are sealed, are in the file.
  func landed(_ count: Int) {
    invariant(
      count >= 0 && count <= sealedEdits && sealedEdits <= edits.count,
      "\(count) edits of \(name) landed, of \(sealedEdits) that phases have and \(edits.count) in all")
    edits.removeFirst(count)
    sealedEdits -= count
  }

  /// `count` bytes from `offset`, which must lie within `size`. `file` is nil where nothing was ever written out.
  func read(at offset: Int, count: Int, from file: OpenFile) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      let raw = UnsafeMutableRawBufferPointer(target)
      var present = 0
      do throws(SystemError) { present = try file.read(into: raw, at: offset) } catch { failure = error }
      raw[min(present, count)...].initializeMemory(as: UInt8.self, repeating: 0)
      for edit in edits { lay(edit, over: raw, at: offset) }
      filled = count
    }
    if let failure { throw failure }
    return bytes
  }

  private func lay(_ edit: Edit, over target: UnsafeMutableRawBufferPointer, at offset: Int) {
    switch edit {
    case .truncate(let newSize):
      if newSize < offset + target.count { target[max(0, newSize - offset)...].initializeMemory(as: UInt8.self, repeating: 0) }
    case .write(let extent):
      let start = max(extent.offset, offset)
      let end = min(extent.end, offset + target.count)
      guard start < end else { return }
      extent.bytes.withUnsafeBytes { source in
        UnsafeMutableRawBufferPointer(rebasing: target[(start - offset)..<(end - offset)])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[(start - extent.offset)..<(end - extent.offset)]))
      }
    }
  }
}
