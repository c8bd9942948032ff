// Storage's queries: the points of a measurement within a range of time whose series meet all filters, by timestamp and
// then by series.
//
// For each column the runs of all segments, of the frozen and of the active memtable are merged from the oldest to the
// newest, so that the last written of two points at one time stays. Blocks outside the range are not read. An answer
// beyond the limits is refused, or comes in pages where the query asks for them: whenever twice a page's points are
// there, the range is cut behind a page's last, so that memory is bounded. A page ends before a time of which not all
// points fit; only the points of a single time can be too many for any page. A block that cannot be read or is damaged
// fails the query. Serves MONITORING-12, 13, 15.

import MonitoringAPI
import Vocabulary
import Wire

extension TimeSeriesStorage {
  /// One series of an answer: its points by field, and the texts that repeat.
  private struct AnswerSeries {
    var tagsText: [UInt8]
    var fields: [(text: [UInt8], points: [GorillaPoint])]

    /// Leaves out what lies behind `last`.
    mutating func keep(upTo last: Int64) {
      for place in fields.indices {
        let points = fields[place].points
        fields[place].points.removeLast(points.count - PointRuns.places(in: points, start: .min, last: last).upperBound)
      }
    }
  }

  /// One point of an answer: its time, and the place of its series.
  private struct AnswerPoint {
    var time: Int64
    var series: Int
  }

  mutating func query(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let query = try request.decoded(StorageQueryRequest.init(_:))
    let start = query.range.startNanoseconds
    var last = query.range.lastNanoseconds
    if turn.planted.contains(.storageIncludesEnd), last < .max { last += 1 }
    var answer: [AnswerSeries] = []
    var runs: [[AnswerPoint]] = []
    var count = 0
    var isCut = false
    let pagePoints = min(query.pagePoints ?? .max, configuration.pagePoints)
    var cutsBeyond = 2 * pagePoints
    for series in catalogue.matching(query.measurement, query.filters) {
      let fields: [(field: String, points: [GorillaPoint])]
      do throws(SegmentError) {
        fields = try self.fields(of: series, start: start, last: last, turn)
      } catch {
        switch error {
        case .damaged: throw RequestProblem(500, code: "DAMAGED_BLOCK", message: "stored points are damaged: \(error)")
        case .disk: throw RequestProblem(500, code: "UNREADABLE", message: "stored points cannot be read: \(error)")
        }
      }
      guard !fields.isEmpty else { continue }
      let times = Self.times(of: fields.map(\.points))
      count += times.count
      runs.append(times.map { AnswerPoint(time: $0, series: answer.count) })
      answer.append(
        AnswerSeries(
          tagsText: DataPointWriter.tagsText(catalogue.series[series].tags),
          fields: fields.map { (DataPointWriter.fieldText($0.field), $0.points) }))
      if query.isPaged, count > cutsBeyond {
        // What lies behind the points of a page is for the next ones.
        let cut = Self.cut(&runs, behind: pagePoints)
        if cut < last {
          last = cut
          isCut = true
          for place in answer.indices { answer[place].keep(upTo: last) }
        }
        count = runs.reduce(0) { $0 + $1.count }
        cutsBeyond = 2 * max(count, pagePoints)
      }
      guard count <= configuration.maximumAnswerPoints else { throw tooLarge("\(configuration.maximumAnswerPoints) points") }
    }
    let end = isCut ? last.addingReportingOverflow(1).partialValue : nil
    let pagesByTimeAlone = turn.planted.contains(.storagePagesByTimeAlone)
    turn.reply(
      exchange,
      try response(
        answer, Self.mergedByTime(runs), pagePoints: query.isPaged ? pagePoints : nil, next: end, pagesByTimeAlone: pagesByTimeAlone))
  }

  /// Cuts runs behind the time of their point number `count` in the order of time. Returns that time.
  private static func cut(_ runs: inout [[AnswerPoint]], behind count: Int) -> Int64 {
    let times = runs.flatMap { $0.map(\.time) }.sorted()
    let last = times[min(count, times.count) - 1]
    for place in runs.indices {
      while let point = runs[place].last, point.time > last { runs[place].removeLast() }
    }
    return last
  }

  private func tooLarge(_ limit: String) -> RequestProblem {
    RequestProblem(
      422, code: "RESULT_TOO_LARGE",
      message: "the answer would hold more than \(limit): ask for a shorter range, or for pages with \"paged\": true")
  }

  /// The fields of a series that have points in the range, by name, each with its points as one run.
  private mutating func fields(
    of series: Int, start: Int64, last: Int64, _ turn: borrowing Turn
  ) throws(SegmentError) -> [(field: String, points: [GorillaPoint])] {
    var fields: [(field: String, points: [GorillaPoint])] = []
    func add(_ field: String, _ run: [GorillaPoint]) {
      guard !run.isEmpty else { return }
      if let place = fields.firstIndex(where: { sameBytes($0.field, field) }) {
        fields[place].points = PointRuns.merged(fields[place].points, run)
      } else {
        fields.append((field, run))
      }
    }
    for segment in segments {
      for column in segment.columns(of: series) {
        add(column.field, try run(of: column, in: segment, start: start, last: last, turn.disk))
      }
    }
    if let frozen, !turn.planted.contains(.storageForgetsFrozen) { Self.add(frozen.table, series, start, last, add) }
    memtable.settle(series: series)
    Self.add(memtable, series, start, last, add)
    return fields.sorted { $0.field.utf8.lexicographicallyPrecedes($1.field.utf8) }
  }

  private static func add(
    _ table: Memtable, _ series: Int, _ start: Int64, _ last: Int64, _ add: (String, [GorillaPoint]) -> Void
  ) {
    for place in table.places(of: series) {
      let points = table.columns[place].points
      add(table.columns[place].field, Array(points[PointRuns.places(in: points, start: start, last: last)]))
    }
  }

  /// The points of a segment's column within the range. Ends early, with what it has, once they are too many for any
  /// answer.
  private func run(
    of column: SegmentColumn, in segment: Segment, start: Int64, last: Int64, _ disk: any Disk
  ) throws(SegmentError) -> [GorillaPoint] {
    var run: [GorillaPoint] = []
    for block in column.blocks where block.first <= last && block.last >= start {
      let points = try segment.read(block, from: disk)
      run += points[PointRuns.places(in: points, start: start, last: last)]
      if run.count > configuration.maximumAnswerPoints { break }
    }
    return run
  }

  /// The distinct times of several runs, in order.
  private static func times(of runs: [[GorillaPoint]]) -> [Int64] {
    guard runs.count > 1 else { return runs.first.map { $0.map(\.timestampNanoseconds) } ?? [] }
    var times = runs.flatMap { $0.map(\.timestampNanoseconds) }.sorted()
    var kept = 0
    for time in times where kept == 0 || times[kept - 1] != time {
      times[kept] = time
      kept += 1
    }
    times.removeLast(times.count - kept)
    return times
  }

  /// All points in one order: by time, then by series. Neighbours are merged pair by pair, so equal times keep the
  /// series' order.
  private static func mergedByTime(_ runs: [[AnswerPoint]]) -> [AnswerPoint] {
    var runs = runs
    while runs.count > 1 {
      var next: [[AnswerPoint]] = []
      for place in stride(from: 0, to: runs.count, by: 2) {
        next.append(place + 1 < runs.count ? merged(runs[place], runs[place + 1]) : runs[place])
      }
      runs = next
    }
    return runs.first ?? []
  }

  private static func merged(_ one: [AnswerPoint], _ other: [AnswerPoint]) -> [AnswerPoint] {
    var result: [AnswerPoint] = []
    result.reserveCapacity(one.count + other.count)
    var first = 0
    var second = 0
    while first < one.count, second < other.count {
      if one[first].time <= other[second].time {
        result.append(one[first])
        first += 1
      } else {
        result.append(other[second])
        second += 1
      }
    }
    result += one[first...]
    result += other[second...]
    return result
  }

  /// `pagePoints` is where a page ends, nil where the answer is wanted whole; `next` where the points go on that it is
  /// without. `pagesByTimeAlone` plants a bug.
  private func response(
    _ answer: [AnswerSeries], _ points: [AnswerPoint], pagePoints: Int?, next: Int64?, pagesByTimeAlone: Bool
  ) throws(RequestProblem) -> Response {
    let isPaged = pagePoints != nil
    let limitBytes = isPaged ? configuration.pageBytes : configuration.maximumAnswerBytes
    var writer = DataPointWriter(expectedPoints: min(points.count, pagePoints ?? configuration.pagePoints))
    // The points of a series come in order, so that a cursor for each field finds them.
    var cursors = answer.map { Array(repeating: 0, count: $0.fields.count) }
    // Where the points of the present time begin.
    var begin = (place: 0, bytes: writer.byteCount)
    for (place, point) in points.enumerated() {
      if pagesByTimeAlone, let pagePoints, place > 0, place >= pagePoints {
        return writer.response(nextStartNanoseconds: points[place - 1].time &+ 1)
      }
      if place == 0 || point.time != points[place - 1].time {
        begin = (place, writer.byteCount)
        if let pagePoints, place >= pagePoints { return writer.response(nextStartNanoseconds: point.time) }
      }
      writer.begin(timestampNanoseconds: point.time, tagsText: answer[point.series].tagsText)
      for place in answer[point.series].fields.indices {
        let cursor = cursors[point.series][place]
        guard cursor < answer[point.series].fields[place].points.count,
          answer[point.series].fields[place].points[cursor].timestampNanoseconds == point.time
        else { continue }
        writer.field(answer[point.series].fields[place].text, answer[point.series].fields[place].points[cursor].value)
        cursors[point.series][place] = cursor + 1
      }
      writer.end()
      guard writer.byteCount > limitBytes else { continue }
      if isPaged, begin.place > 0 {
        writer.cut(to: begin.bytes)
        return writer.response(nextStartNanoseconds: point.time)
      }
      // Nothing but the points of one time: a page may be as long as any answer.
      guard isPaged, writer.byteCount <= configuration.maximumAnswerBytes else { throw tooLarge("\(limitBytes) bytes") }
    }
    return writer.response(nextStartNanoseconds: next)
  }

  // MARK: what there is

  func seriesAnswer() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.name("measurements")
      writer.beginArray()
      for measurement in catalogue.measurements {
        writer.beginObject()
        writer.member("measurement", measurement.name)
        writer.member("series", measurement.seriesCount)
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
  }

  /// Failures in a row from which on a partition is told of as one that cannot be consumed.
  private static let worryingFailures = 3

  func health(_ disk: any Disk) -> Response {
    let stuck = partitions.count { $0.failures >= Self.worryingFailures }
    let consuming = stuck == 0 ? nil : "\(stuck) of \(partitions.count) partitions of the queue cannot be consumed"
    let full =
      catalogue.series.count < configuration.maximumSeries
      ? nil : "there are \(catalogue.series.count) series, as many as may be: points of new ones go to the topic \(QueueAPI.setAsideTopic)"
    return .up(degraded: [disk.shortage, consuming, full].compactMap { $0 }) { writer in
      writer.member("series", catalogue.series.count)
      writer.member("memtable_values", memtable.rows)
      writer.member("flushing_values", frozen?.table.rows ?? 0)
      writer.member("segments", segments.count)
      writer.member("segment_bytes", manifest.segments.reduce(0) { $0 + $1.fileBytes })
      writer.member("journal_bytes", journal?.fileBytes ?? 0)
      writer.member("skipped_messages", skippedMessages)
      writer.member("lost_messages", lostMessages)
      writer.name("next_offsets")
      writer.beginArray()
      for partition in partitions { writer.value(partition.nextOffset) }
      writer.endArray()
    }
  }
}
