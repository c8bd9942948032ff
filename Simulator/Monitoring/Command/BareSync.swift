// The least that durability can cost on this machine: writers that do nothing but append what came and sync it
// (fdatasync), group by group, at the pace and in the sizes of a cluster's brokers. A queue's latency is compared with
// theirs.

import Foundation
import Load
import Vocabulary

/// Latencies of bare writers.
enum BareSync {
  /// Lets `writers` threads each append `bytes` bytes `perSecond` times a second for `seconds`, all that came since the
  /// last sync at once, each to a file of its own below `folder`; the latencies from each arrival to the end of its
  /// sync.
  static func latencies(writers: Int, bytes: Int, perSecond: Double, seconds: Double, folder: String) -> LatencyHistogram {
    let lock = NSLock()
    nonisolated(unsafe) var all = LatencyHistogram()
    let threads = (0..<writers).map { number in
      let done = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        let own = one(path: "\(folder)/bare-\(number)", bytes: bytes, perSecond: perSecond, seconds: seconds)
        lock.withLock { for latency in own { all.record(.nanoseconds(latency)) } }
        done.signal()
      }
      return done
    }
    for done in threads { done.wait() }
    return lock.withLock { all }
  }

  private static func one(path: String, bytes: Int, perSecond: Double, seconds: Double) -> [Int64] {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { return [] }
    defer {
      close(descriptor)
      unlink(path)
    }
    let block = [UInt8](repeating: 7, count: bytes)
    let gap = Int64(1e9 / perSecond)
    let start = DispatchTime.now().uptimeNanoseconds
    var arrivals: [Int64] = []
    var next: Int64 = 0
    var latencies: [Int64] = []
    while true {
      let now = Int64(DispatchTime.now().uptimeNanoseconds - start)
      if Double(now) > seconds * 1e9 { return latencies }
      while next <= now {
        arrivals.append(next)
        next += gap
      }
      guard !arrivals.isEmpty else {
        usleep(UInt32(max(1, min(200, (next - now) / 1_000))))
        continue
      }
      for _ in arrivals where write(descriptor, block, bytes) != bytes { return latencies }
      guard fdatasync(descriptor) == 0 else { return latencies }
      let end = Int64(DispatchTime.now().uptimeNanoseconds - start)
      latencies += arrivals.map { end - $0 }
      arrivals.removeAll(keepingCapacity: true)
    }
  }
}
