// The clocks of the real host: the system's monotonic clock since the host's start, and a wall clock that is the
// system's own or an affine map of the monotonic one (to replay recorded days in minutes).

import Glibc
import NIOCore
import Vocabulary

/// What the wall clocks of the hosted nodes show.
public enum LiveWallClock: Hashable, Sendable {
  /// The system's wall clock, with all its jumps.
  case system
  /// `start` when the host starts, then `speed` nanoseconds for each nanosecond of the monotonic clock.
  case mapped(start: WallTime, speed: Double)
}

/// Reads the clocks.
struct LiveClock: Sendable {
  /// The system's monotonic clock when the host was made, in nanoseconds.
  let origin: NIODeadline
  let wall: LiveWallClock

  init(wall: LiveWallClock) {
    self.wall = wall
    origin = NIODeadline.now()
  }

  /// Monotonic time since the host was made.
  var now: Instant { Instant(nanoseconds: (NIODeadline.now() - origin).nanoseconds) }

  /// The system's deadline for an instant of this clock. Far instants saturate at about a hundred years.
  func deadline(for instant: Instant) -> NIODeadline {
    origin + .nanoseconds(max(0, min(instant.nanoseconds, 3_155_760_000_000_000_000)))
  }

  /// What the wall clock shows when the monotonic one shows `now`.
  func wallTime(at now: Instant) -> WallTime {
    switch wall {
    case .system: LiveClock.systemWallTime()
    case .mapped(let start, let speed):
      start + TimeSpan(nanoseconds: Int64(exactly: (Double(now.nanoseconds) * speed).rounded()) ?? .max)
    }
  }

  /// The system's wall clock.
  static func systemWallTime() -> WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}
