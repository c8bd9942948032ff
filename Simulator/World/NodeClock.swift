// A node's two clocks as functions of virtual time: the monotonic clock drifts; the wall clock follows it, with an
// offset, jumps and, for time-lapse runs, a speed.

import Vocabulary

/// The clocks of one simulated node. Spans are exact integers; drift is in parts per billion of the true rate.
public struct NodeClock: Sendable {
  private var anchorTrue: Int64 = 0
  private var anchorLocal: Int64 = 0
  private var wallAnchor: Int64
  private var driftPartsPerBillion: Int64 = 0
  private let wallSpeed: Int64

  /// A clock that is right: its wall clock shows `wallStart` at virtual time 0 and runs `wallSpeed` times as fast as
  /// time passes.
  public init(wallStart: WallTime, wallSpeed: Int64 = 1) {
    wallAnchor = wallStart.nanoseconds
    self.wallSpeed = wallSpeed
  }

  /// What the monotonic clock shows at virtual time `now` (nanoseconds from the run's start).
  @inline(__always) public func instant(at now: Int64) -> Instant {
    let elapsed = now - anchorTrue
    if driftPartsPerBillion == 0 { return Instant(nanoseconds: anchorLocal + elapsed) }
    return Instant(nanoseconds: anchorLocal + elapsed + Self.share(elapsed, driftPartsPerBillion))
  }

  /// What the wall clock shows at virtual time `now`.
  @inline(__always) public func wallTime(at now: Int64) -> WallTime { wallTime(when: instant(at: now)) }

  /// What the wall clock shows when the monotonic one shows `instant`, the present one.
  @inline(__always) func wallTime(when instant: Instant) -> WallTime {
    WallTime(nanoseconds: wallAnchor + (instant.nanoseconds - anchorLocal) * wallSpeed)
  }

  /// The earliest virtual time at which the monotonic clock has reached `instant`, at today's drift.
  @inline(__always) public func trueTime(of instant: Instant) -> Int64 {
    if instant == .never { return .max }
    let local = instant.nanoseconds - anchorLocal
    if driftPartsPerBillion == 0 { return anchorTrue + local }
    let scaled = Int128(local) * 1_000_000_000 / Int128(1_000_000_000 + driftPartsPerBillion)
    return anchorTrue + Int64(scaled) + 1
  }

  /// From `now` on the clocks gain (or lose) `partsPerBillion` of every second.
  public mutating func setDrift(partsPerBillion: Int64, at now: Int64) {
    invariant(
      partsPerBillion > -1_000_000_000 && now >= anchorTrue,
      "a clock that was set at \(anchorTrue) would run by \(partsPerBillion) parts in 10⁹ from \(now) on")
    let local = instant(at: now).nanoseconds
    let wall = wallTime(at: now).nanoseconds
    anchorTrue = now
    anchorLocal = local
    wallAnchor = wall
    driftPartsPerBillion = partsPerBillion
  }

  /// Moves the wall clock by `span`, forwards or backwards.
  public mutating func jump(_ span: TimeSpan) { wallAnchor += span.nanoseconds }

  private static func share(_ elapsed: Int64, _ partsPerBillion: Int64) -> Int64 {
    Int64(Int128(elapsed) * Int128(partsPerBillion) / 1_000_000_000)
  }
}
