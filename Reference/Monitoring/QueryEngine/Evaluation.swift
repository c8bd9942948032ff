// From points to rows: conditions on tags, groups, time buckets, aggregates, fill, order, limit. Pure, and a function
// of the query, its range and the points alone.
//
// Buckets are multiples of their length since 1970, also before it. An empty bucket has no row unless the query fills
// it; a group of tags without any point is not known and has none. Without time buckets a group is one row at the
// range's start (1970 where the range has none). Rows come by time, then by the bytes of the tags' values. Aggregates
// read the field `value`. Limits: rows (with those that are only filled) are bounded; beyond that the query is refused.
// Serves MONITORING-19.

import MonitoringAPI
import Vocabulary
import Wire

/// Evaluates one query over its points.
struct Evaluation {
  /// The field that aggregates read.
  static let field = "value"

  let query: Query
  let range: TimeRange
  /// Rows that a query may have before LIMIT.
  let maximumRows: Int
  let planted: PlantedBugs

  fileprivate struct Bucket {
    var start: Int64
    var accumulator: Accumulator
  }

  fileprivate struct Group {
    var tags: [NamedText]
    /// By rising start.
    var buckets: [Bucket] = []
  }

  /// What is known of the points so far: they come page by page.
  struct Gathering {
    fileprivate var groups: [Group] = []
    fileprivate var groupOfTags: [[UInt8]: Int] = [:]
    fileprivate var bucketCount = 0

    /// Nothing so far.
    init() {}
  }

  /// What is asked of storage: the measurement, the range from `start` on, and those conditions that storage can filter
  /// by. Conditions on the empty value (no tag) are met here.
  func storageQuery(from start: Int64, isPaged: Bool) -> StorageQueryRequest {
    var filters: [NamedText] = []
    for case .tag(let name, .equal, let value) in query.conditions
    where !value.isEmpty && !filters.contains(where: { sameBytes($0.name, name) }) {
      filters.append(NamedText(name, value))
    }
    let rest = TimeRange(start: Int128(start), last: Int128(range.lastNanoseconds))
    return StorageQueryRequest(measurement: query.measurement, range: rest, filters: filters, isPaged: isPaged)
  }

  /// Throws where the query cannot have an answer whatever the points are.
  func check() throws(RequestProblem) {
    guard query.grouping.intervalNanoseconds != nil, isFilled else { return }
    guard query.hasLowerTimeBound else {
      throw RequestProblem(
        400, code: "INVALID_QUERY", message: "fill needs a condition that bounds the time from below, such as time > now() - 1h",
        field: "query")
    }
    try checkRows(filledBuckets)
  }

  /// The rows of all points that were gathered.
  func rows(of gathering: Gathering) throws(RequestProblem) -> [EngineRow] {
    var groups = gathering.groups
    if query.grouping.tags.isEmpty, groups.isEmpty { groups.append(Group(tags: [])) }
    if planted.contains(.queryMiscountsLast), let last = groups.indices.last, !groups[last].buckets.isEmpty {
      groups[last].buckets[groups[last].buckets.count - 1].accumulator.miscount()
    }
    var rows: [EngineRow] = []
    for group in groups.sorted(by: Self.precedes) {
      // What has no points at all is not filled: a mistyped name is no quiet series.
      let fills = isFilled && query.grouping.intervalNanoseconds != nil && !group.buckets.isEmpty
      rows += fills ? try filledRows(group) : group.buckets.map { row(group, $0) }
    }
    try checkRows(rows.count)
    return limited(ordered(rows))
  }

  // MARK: groups and buckets

  /// Takes further points in, which come by time and then by series, behind all before.
  func gather(_ points: [DataPoint], into gathering: inout Gathering) throws(RequestProblem) {
    var (groups, groupOfTags, bucketCount) = (gathering.groups, gathering.groupOfTags, gathering.bucketCount)
    gathering = Gathering()  // So that nothing is copied.
    defer { (gathering.groups, gathering.groupOfTags, gathering.bucketCount) = (groups, groupOfTags, bucketCount) }
    if query.grouping.tags.isEmpty, groups.isEmpty { groups.append(Group(tags: [])) }
    let averagesAverages = planted.contains(.queryAveragesAverages)
    for point in points {
      guard let field = point.fields.first(where: { sameBytes($0.name, Self.field) }), meetsConditions(point) else { continue }
      let place: Int
      if query.grouping.tags.isEmpty {
        place = 0
      } else {
        let tags = query.grouping.tags.map { name in NamedText(name, Self.value(of: name, point)) }
        let key = Self.key(tags)
        place = groupOfTags[key] ?? groups.count
        if place == groups.count {
          groupOfTags[key] = place
          groups.append(Group(tags: tags))
        }
      }
      let start = bucketStart(point.timestampNanoseconds)
      if groups[place].buckets.last?.start != start {
        invariant(
          groups[place].buckets.last.map { $0.start < start } ?? true,
          "the bucket at \(start) comes behind that at \(groups[place].buckets.last?.start ?? 0)")
        invariant(
          query.grouping.intervalNanoseconds.map {
            start <= point.timestampNanoseconds && Int128(point.timestampNanoseconds) < Int128(start) + Int128($0)
          }
            ?? true,
          "a point at \(point.timestampNanoseconds) goes into the bucket at \(start)")
        groups[place].buckets.append(Bucket(start: start, accumulator: Accumulator(averagesAverages: averagesAverages)))
        bucketCount += 1
        try checkRows(bucketCount)
      }
      groups[place].buckets[groups[place].buckets.count - 1].accumulator.add(field.value)
    }
  }

  private func meetsConditions(_ point: DataPoint) -> Bool {
    for case .tag(let name, let comparison, let value) in query.conditions {
      let isEqual = sameBytes(Self.value(of: name, point), value)
      switch comparison {
      case .equal: if !isEqual { return false }
      case .notEqual: if isEqual, !planted.contains(.queryIgnoresNotEqual) { return false }
      }
    }
    return true
  }

  /// A tag's value; a point without the tag has the empty one.
  private static func value(of tag: String, _ point: DataPoint) -> String {
    point.tags.first { sameBytes($0.name, tag) }?.text ?? ""
  }

  /// The start of the bucket in which a time lies.
  private func bucketStart(_ time: Int64) -> Int64 {
    guard let interval = query.grouping.intervalNanoseconds else { return query.hasLowerTimeBound ? range.startNanoseconds : 0 }
    // Near the least time the bucket's own start lies beyond 64 bits; the least time stands for it.
    return Int64(clamping: exactStart(time, interval))
  }

  private func exactStart(_ time: Int64, _ interval: Int64) -> Int128 {
    if planted.contains(.queryAlignsToStart), query.hasLowerTimeBound {
      let start = Int128(range.startNanoseconds)
      return start + (Int128(time) - start) / Int128(interval) * Int128(interval)
    }
    let remainder = time % interval
    return Int128(time) - Int128(remainder < 0 ? remainder + interval : remainder)
  }

  /// The tags' values as bytes, each behind its length, so that different values never give one key.
  private static func key(_ tags: [NamedText]) -> [UInt8] {
    var writer = ByteWriter(capacity: 64)
    for tag in tags { writer.prefixedString(tag.text) }
    return writer.finish()
  }

  private static func precedes(_ one: Group, _ other: Group) -> Bool {
    for (mine, theirs) in zip(one.tags, other.tags) where !sameBytes(mine.text, theirs.text) {
      return mine.text.utf8.lexicographicallyPrecedes(theirs.text.utf8)
    }
    return false
  }

  // MARK: rows

  private func row(_ group: Group, _ bucket: Bucket) -> EngineRow {
    row(group, bucket.start, query.selections.map { bucket.accumulator.value($0.aggregate) })
  }

  private func row(_ group: Group, _ start: Int64, _ values: [EngineValue]) -> EngineRow {
    EngineRow(
      timeNanoseconds: start, tags: query.grouping.tags.isEmpty ? nil : group.tags,
      columns: zip(query.selections, values).map { EngineRow.Column($0.column, $1) })
  }

  private var isFilled: Bool {
    switch query.fill {
    case .absent: false
    case .null, .previous, .number: true
    }
  }

  /// How many buckets the range touches.
  private var filledBuckets: Int {
    guard let interval = query.grouping.intervalNanoseconds, !range.isEmpty else { return 0 }
    let (first, last) = (exactStart(range.startNanoseconds, interval), exactStart(range.lastNanoseconds, interval))
    return Int(clamping: (last - first) / Int128(interval) + 1)
  }

  private func filledRows(_ group: Group) throws(RequestProblem) -> [EngineRow] {
    guard let interval = query.grouping.intervalNanoseconds, !range.isEmpty else { return [] }
    var rows: [EngineRow] = []
    var previous = query.selections.map { _ in EngineValue.none }
    var next = 0
    let first = exactStart(range.startNanoseconds, interval)
    for number in 0..<filledBuckets {
      let start = Int64(clamping: first + Int128(number) * Int128(interval))
      let values: [EngineValue]
      if next < group.buckets.count, group.buckets[next].start == start {
        values = query.selections.map { group.buckets[next].accumulator.value($0.aggregate) }
        next += 1
      } else {
        switch query.fill {
        case .absent: values = []
        case .null: values = query.selections.map { _ in .none }
        case .previous: values = previous
        case .number(let number): values = query.selections.map { Self.filling(number, $0.aggregate) }
        }
      }
      previous = values
      rows.append(row(group, start, values))
      if rows.count % 1_024 == 0 { try checkRows(rows.count) }
    }
    invariant(
      next == group.buckets.count && rows.count == filledBuckets,
      "\(rows.count) rows of \(filledBuckets) hold \(next) of \(group.buckets.count) buckets")
    return rows
  }

  /// A number that fills, of the type of the column's other values where it can be.
  private static func filling(_ number: Double, _ aggregate: Aggregate) -> EngineValue {
    switch aggregate {
    case .count:
      guard number.magnitude < 0x1p63, Double(Int64(number)) == number else { return .number(number) }
      return .integer(Int64(number))
    case .avg, .sum, .min, .max, .first, .last: return .number(number)
    }
  }

  private func checkRows(_ count: Int) throws(RequestProblem) {
    guard count <= maximumRows else {
      throw RequestProblem(
        422, code: "TOO_MANY_ROWS", message: "the answer would have more than \(maximumRows) rows: take longer buckets or a shorter range")
    }
  }

  private func ordered(_ rows: [EngineRow]) -> [EngineRow] {
    // The groups stand one behind the other; the place decides between equal times, so that they keep their order.
    let isDescending = query.order == .descending
    return rows.indices.sorted { one, other in
      let (mine, theirs) = (rows[one].timeNanoseconds, rows[other].timeNanoseconds)
      if mine == theirs { return one < other }
      return isDescending ? mine > theirs : mine < theirs
    }.map { rows[$0] }
  }

  private func limited(_ rows: [EngineRow]) -> [EngineRow] {
    let first = min(Int64(rows.count), max(0, query.offset))
    let count = min(Int64(rows.count) - first, max(0, query.limit ?? .max))
    invariant(
      first >= 0 && count >= 0 && first + count <= Int64(rows.count), "\(count) rows from place \(first) on of \(rows.count)")
    return Array(rows[Int(first)..<Int(first + count)])
  }
}
