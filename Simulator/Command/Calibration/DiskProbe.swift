// What the disk of a folder costs: syncs of single blocks, bytes a second, short reads.

import Foundation

/// Measures the disk below a folder.
struct DiskProbe {
  /// Where.
  let folder: String

  /// Durations of `fdatasync` after each of so many appended blocks of 4 KiB, in nanoseconds, ascending; nil where the
  /// folder cannot be written to.
  func syncNanoseconds(count: Int) -> [Int64]? {
    withFile("syncs") { descriptor in
      let block = [UInt8](repeating: 7, count: 4_096)
      var samples: [Int64] = []
      for _ in 0..<count {
        guard write(descriptor, block, block.count) == block.count else { return nil }
        let start = DispatchTime.now().uptimeNanoseconds
        guard fdatasync(descriptor) == 0 else { return nil }
        samples.append(Int64(DispatchTime.now().uptimeNanoseconds - start))
      }
      return samples.sorted()
    }
  }

  /// Bytes a second of the middle of `rounds` writes of 32 MiB, each with its sync, and nanoseconds of a read of 4 KiB
  /// from what was written; nil where the folder cannot be used.
  func transfer(rounds: Int) -> (bytesPerSecond: Double, readNanoseconds: Double)? {
    withFile("transfer") { descriptor in
      let chunk = [UInt8](repeating: 7, count: 1 << 20)
      var rates: [Double] = []
      for _ in 0..<rounds {
        let start = DispatchTime.now().uptimeNanoseconds
        for _ in 0..<32 where write(descriptor, chunk, chunk.count) != chunk.count { return nil }
        guard fdatasync(descriptor) == 0 else { return nil }
        rates.append(Double(32 << 20) * 1e9 / Double(max(1, DispatchTime.now().uptimeNanoseconds - start)))
      }
      var block = [UInt8](repeating: 0, count: 4_096)
      let reads = 20_000
      let start = DispatchTime.now().uptimeNanoseconds
      for index in 0..<reads {
        // A step that comes to all places in turn, and to none soon again.
        let offset = index * 7_919 % (rounds * 32 * 256) * 4_096
        guard pread(descriptor, &block, block.count, off_t(offset)) == block.count else { return nil }
      }
      let read = Double(DispatchTime.now().uptimeNanoseconds - start) / Double(reads)
      return (rates.sorted()[rounds / 2], read)
    }
  }

  private func withFile<Value>(_ name: String, _ body: (Int32) -> Value?) -> Value? {
    let path = "\(folder)/\(name)"
    let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0 else { return nil }
    defer {
      close(descriptor)
      unlink(path)
    }
    return body(descriptor)
  }
}
