// Closing files that have no name any more. The last close of such a file gives its blocks back, which takes tens of
// milliseconds for a long one and holds up whoever writes to the same file system; here it happens piece by piece, on a
// thread of low priority.
//
// Limit: what waits when the process ends is closed by the system.

import Glibc
import NIOPosix

/// Closes files without names, one after the other.
enum FileDisposal {
  private static let thread: NIOThreadPool = {
    let pool = NIOThreadPool(numberOfThreads: 1)
    pool.start()
    // Of this thread alone; where it may not be set it is only a matter of speed.
    pool.submit { _ in _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19) }
    return pool
  }()

  private static let pieceBytes = 4 << 20

  /// Closes `descriptor`, sooner or later.
  static func close(_ descriptor: CInt) {
    thread.submit { _ in
      var status = stat()
      if fstat(descriptor, &status) == 0 {
        var size = Int(status.st_size)
        while size > pieceBytes {
          size -= pieceBytes
          guard ftruncate(descriptor, size) == 0 else { break }
          usleep(1_000)
        }
      }
      _ = Glibc.close(descriptor)
    }
  }
}
