// The twin file: one small state, saved whole and in turn into two files, so that one whole copy is always durable. No
// rename, hence no order of names against contents to get wrong. The byte format stands at `encode`.
//
// Fault model: a crash may tear the copy that was being written; the other one is whole. Where neither is whole but one
// exists, the state was durable and is damaged: loading refuses. Limits: 16 MiB; the save and all it replaces cost one
// write.

import Vocabulary
import Wire

/// A small state in two files that are written in turn.
public struct TwinFile: Sendable {
  /// The longest state in bytes: 16 MiB.
  public static let maximumBytes = 16 << 20
  static let magic: UInt32 = 0x3154_5457  // "WTT1", little-endian
  static let headerBytes = 24

  private let names: [FileName]
  private var generation: UInt64 = 0
  /// The file that holds the newest save.
  private var newest = 1
  /// Where the newest save ends on the disk's count of operations.
  private var savedAt = DiskPosition.zero

  private init(stem: StaticString) { names = [FileName(stem, number: 0, suffix: "twin"), FileName(stem, number: 1, suffix: "twin")] }

  /// Loads the newest whole state, or nil where none was ever saved.
  public static func load(stem: StaticString, from disk: any Disk) throws(JournalError) -> (file: TwinFile, state: [UInt8]?) {
    var file = TwinFile(stem: stem)
    var state: [UInt8]?
    var damaged: FileName?
    for (index, name) in file.names.enumerated() {
      guard let size = disk.size(of: name) else { continue }
      let bytes: [UInt8]
      do throws(DiskError) {
        bytes = try disk.readAll(name, limitBytes: maximumBytes + headerBytes)
      } catch {
        throw .disk(error)
      }
      if let (generation, body) = decode(bytes) {
        if generation > file.generation {
          file.generation = generation
          file.newest = index
          state = body
        }
      } else if size > 0 {
        damaged = name
      }
    }
    // The first save ever is torn without a twin only if it was never durable, and then nothing rested on it: its
    // generation is 1 and the other file does not exist. Two files of which none is whole cannot come from a crash.
    if state == nil, let damaged, file.names.allSatisfy({ disk.size(of: $0) != nil }) {
      throw .damaged(damaged, offset: 0, "both copies of a saved state are damaged")
    }
    return (file, state)
  }

  /// Saves `state` whole. Durable once the host has synced.
  public mutating func save(_ state: [UInt8], to disk: any Disk) throws(JournalError) {
    guard state.count <= Self.maximumBytes else { throw .payloadTooLong(state.count) }
    invariant(
      savedAt <= disk.position, "\(names[newest]) was saved at \(savedAt.value), and the disk has written up to \(disk.position.value)")
    // While the newest save is not durable the other copy is the only whole one: the newest is written over again.
    let target = savedAt <= disk.durablePosition ? 1 - newest : newest
    let bytes = Self.encode(state, generation: generation + 1)
    do throws(DiskError) {
      try disk.write(names[target], at: 0, bytes)
      if let size = disk.size(of: names[target]), size > bytes.count { try disk.truncate(names[target], to: bytes.count) }
    } catch {
      throw .disk(error)
    }
    generation += 1
    newest = target
    savedAt = disk.position
  }

  /// magic (4), length (4), generation (8), CRC-32C of the rest and of these (4), reserved (4), state.
  private static func encode(_ state: [UInt8], generation: UInt64) -> [UInt8] {
    var writer = ByteWriter(capacity: headerBytes + state.count)
    writer.fixed(magic)
    writer.fixed(UInt32(state.count))
    writer.fixed(generation)
    writer.fixed(UInt32(0))
    writer.fixed(UInt32(0))
    writer.raw(state)
    writer.patch(CRC32C.checksum(writer.bytes), at: 16)
    return writer.finish()
  }

  private static func decode(_ bytes: [UInt8]) -> (UInt64, [UInt8])? {
    var reader = ByteReader(bytes)
    guard let magic = try? reader.fixed(UInt32.self), magic == Self.magic, let length = try? reader.fixed(UInt32.self),
      let generation = try? reader.fixed(UInt64.self), let checksum = try? reader.fixed(UInt32.self),
      bytes.count >= headerBytes + Int(length)
    else { return nil }
    // A torn save may leave the longer tail of the state before it: only the stated length counts.
    var whole = Array(bytes[..<(headerBytes + Int(length))])
    for index in 16..<20 { whole[index] = 0 }
    guard CRC32C.checksum(whole) == checksum else { return nil }
    return (generation, Array(whole[headerBytes...]))
  }
}
