// The memtable: points that are in the journal and in no segment yet, by column, in memory.
//
// Points mostly come in the order of time and are appended; late ones are put in their place when the column is next
// read ("settled"), so that a flood of late points costs one sort and not a shift for each. Of two points at one time
// the last written one stays. Serves MONITORING-12, 13.

import Vocabulary
import Wire

/// One column's points in memory.
struct MemtableColumn: Sendable {
  /// Number in the catalogue.
  let series: Int
  let field: String
  /// The first `settledCount` are a run; those behind are as they came.
  private(set) var points: [GorillaPoint] = []
  private var settledCount = 0

  init(series: Int, field: String) {
    self.series = series
    self.field = field
  }

  /// Adds a point. True where the column has one point more than before, as far as can be told without sorting.
  mutating func append(_ point: GorillaPoint, keepsFirst: Bool) -> Bool {
    if settledCount == points.count {
      if let last = points.last, point.timestampNanoseconds <= last.timestampNanoseconds {
        if point.timestampNanoseconds == last.timestampNanoseconds {
          if !keepsFirst { points[points.count - 1] = point }
          return false
        }
      } else {
        settledCount += 1
      }
    }
    points.append(point)
    invariant(
      settledCount <= points.count, "column \(field) of series \(series) has \(points.count) points, of which \(settledCount) are a run")
    return true
  }

  /// Makes all points one run.
  mutating func settle() {
    guard settledCount < points.count else { return }
    let late = PointRuns.sortedKeepingLast(points[settledCount...])
    points.removeLast(points.count - settledCount)
    points = PointRuns.merged(points, late)
    settledCount = points.count
    invariant(
      settledCount >= late.count && settledCount > 0,
      "column \(field) of series \(series) has \(settledCount) points, \(late.count) of them late")
  }
}

/// Points in memory.
struct Memtable: Sendable {
  /// By first use.
  private(set) var columns: [MemtableColumn] = []
  private var columnsOfSeries: [Int: [Int]] = [:]
  /// Values in memory; those that others replace may be counted until their column is settled.
  private(set) var rows = 0

  /// Adds a batch. `numbers` are the catalogue's numbers of the batch's series.
  mutating func add(_ batch: PointBatch, numbers: [Int], keepsFirst: Bool = false) {
    invariant(numbers.count == batch.series.count, "\(numbers.count) numbers for \(batch.series.count) series")
    let places = batch.columns.map { place(series: numbers[$0.series], field: $0.field) }
    for row in batch.rows where columns[places[row.column]].append(row.point, keepsFirst: keepsFirst) { rows += 1 }
  }

  private mutating func place(series: Int, field: String) -> Int {
    if let known = columnsOfSeries[series]?.first(where: { sameBytes(columns[$0].field, field) }) { return known }
    columns.append(MemtableColumn(series: series, field: field))
    columnsOfSeries[series, default: []].append(columns.count - 1)
    return columns.count - 1
  }

  /// Makes every column a run, so that the table can be read without being changed.
  mutating func settle() {
    for index in columns.indices { columns[index].settle() }
  }

  /// Makes the columns of one series runs.
  mutating func settle(series: Int) {
    for place in columnsOfSeries[series] ?? [] { columns[place].settle() }
  }

  /// The places of a series' columns in `columns`.
  func places(of series: Int) -> [Int] { columnsOfSeries[series] ?? [] }
}
