// Runs: points of one column in the order of time, each time once. Of two points at one time the later written one
// stays.
//
// Serves MONITORING-12 (last write wins; late points are merged in where they belong) and MONITORING-13 (answers by
// time).

import Vocabulary

/// Sorting and merging of points.
enum PointRuns {
  /// The points in the order of time; of several at one time the last in the given order.
  static func sortedKeepingLast(_ points: ArraySlice<GorillaPoint>) -> [GorillaPoint] {
    // The place decides between equal times: the library does not promise a stable sort.
    let order = points.indices.sorted { one, other in
      points[one].timestampNanoseconds != points[other].timestampNanoseconds
        ? points[one].timestampNanoseconds < points[other].timestampNanoseconds : one < other
    }
    var run: [GorillaPoint] = []
    run.reserveCapacity(points.count)
    for index in order {
      if let last = run.last, last.timestampNanoseconds == points[index].timestampNanoseconds { run.removeLast() }
      run.append(points[index])
    }
    return run
  }

  /// Two runs as one; at equal times the newer run's point stays.
  static func merged(_ older: [GorillaPoint], _ newer: [GorillaPoint]) -> [GorillaPoint] {
    guard let lastOfOlder = older.last, let firstOfNewer = newer.first else { return older.isEmpty ? newer : older }
    if lastOfOlder.timestampNanoseconds < firstOfNewer.timestampNanoseconds { return older + newer }
    var run: [GorillaPoint] = []
    run.reserveCapacity(older.count + newer.count)
    var first = 0
    var second = 0
    while first < older.count, second < newer.count {
      let old = older[first]
      let new = newer[second]
      if old.timestampNanoseconds < new.timestampNanoseconds {
        run.append(old)
        first += 1
      } else {
        if old.timestampNanoseconds == new.timestampNanoseconds { first += 1 }
        run.append(new)
        second += 1
      }
    }
    run += older[first...]
    run += newer[second...]
    invariant(
      run.count <= older.count + newer.count && run.count >= max(older.count, newer.count),
      "runs of \(older.count) and \(newer.count) points became one of \(run.count)")
    return run
  }

  /// The places of a run's points from `start` to `last`, both within.
  static func places(in run: [GorillaPoint], start: Int64, last: Int64) -> Range<Int> {
    let first = firstPlace(in: run, notBefore: start)
    return first..<max(first, last == .max ? run.count : firstPlace(in: run, notBefore: last + 1))
  }

  private static func firstPlace(in run: [GorillaPoint], notBefore time: Int64) -> Int {
    var low = 0
    var high = run.count
    while low < high {
      let middle = (low + high) / 2
      if run[middle].timestampNanoseconds < time { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
