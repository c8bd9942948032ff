// Storage's JSON shapes, for both ends of each exchange (MONITORING-12, 13).
//
// POST /write  one point (PointAPI.swift), or {"points":[…]}                                    → {"written": n}
// POST /query  {"measurement","start","end"[,"filters"][,"start_ns"][,"end_ns"][,"paged"[,"page_points"]]}
//              → {"data_points":[{"timestamp"[,"timestamp_ns"],"tags":{…},"fields":{…}}][,"next_start_ns"]}
// An answer that would be too large is refused (422 RESULT_TOO_LARGE), unless the query says "paged": true: then it
// ends early, and `next_start_ns` is the exact start of the query for the next page. All points of one time are in one
// page. `page_points` asks for shorter pages: each ends at the first time from which on it holds so many points. Bounds
// are [start, end) in milliseconds since 1970; `start_ns` and `end_ns`, where present, are the exact bounds in
// nanoseconds and win; an `end` in milliseconds behind the last nanosecond of 64 bits takes that one in, which no
// `end_ns` can. Filters are tags with the value that each must have, all of them. Points come by timestamp, then by
// series. `timestamp_ns` stands where the milliseconds are not exact.

import Vocabulary
import Wire

/// Limits of storage's API.
public enum StorageAPI {
  /// Longest body in bytes.
  public static let maximumBodyBytes = 8 << 20
  /// Most points in one write.
  public static let maximumPoints = 100_000
  /// Points in one answer beyond which a query is refused, unless storage is set up otherwise.
  public static let maximumAnswerPoints = 1_000_000
  /// Bytes of one answer beyond which a query is refused: less than a caller takes (`HostLimits.responseBytes`).
  public static let maximumAnswerBytes = HostLimits.responseBytes / 4 * 3
  /// Points at which a page ends, unless storage is set up otherwise.
  public static let pagePoints = 100_000
  /// Bytes at which a page ends.
  public static let pageBytes = 16 << 20
}

/// The body of `POST /write`.
public struct WriteRequest: Sendable, Equatable {
  /// The points, in order: where two are of one series and time the later one wins.
  public var points: [PointMessage]

  /// A body.
  public init(points: [PointMessage]) { self.points = points }

  /// Reads either form.
  public init(_ document: JSONField) throws(FieldMistake) {
    points = []
    if let list = try document.optionalMember("points") {
      try document.onlyMembers(["points"])
      for element in try list.elements(maximum: StorageAPI.maximumPoints, minimum: 1) {
        points.append(try PointMessage(element, isNew: true))
      }
    } else {
      points = [try PointMessage(document, isNew: true)]
    }
  }

  /// The HTTP request with the form of a batch.
  public func request() -> Request {
    var writer = JSONWriter(capacity: 32 + 160 * points.count)
    writer.beginObject()
    writer.name("points")
    writer.beginArray()
    for point in points { writer.value(point.json) }
    writer.endArray()
    writer.endObject()
    // A point's values are finite where they were parsed; one that is not is a defect of the caller and gives an empty
    // body.
    return Request(.post, "/write", headers: ["content-type": "application/json"], body: (try? writer.finish()) ?? [])
  }
}

/// The body of storage's `POST /query`.
public struct StorageQueryRequest: Sendable, Equatable {
  /// The measurement.
  public var measurement: String
  /// The time of the points wanted.
  public var range: TimeRange
  /// Tags and the values that they must have, all of them.
  public var filters: [NamedText]
  /// Whether a large answer is wanted in pages.
  public var isPaged: Bool
  /// Points from which on a page ends, where less than storage's own bound; nil: storage's.
  public var pagePoints: Int?

  /// A body.
  public init(measurement: String, range: TimeRange, filters: [NamedText] = [], isPaged: Bool = false, pagePoints: Int? = nil) {
    self.measurement = measurement
    self.range = range
    self.filters = filters
    self.isPaged = isPaged
    self.pagePoints = pagePoints
  }

  /// Reads a body.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["measurement", "start", "end", "filters", "start_ns", "end_ns", "paged", "page_points"])
    measurement = try document.member("measurement").string(maximumBytes: MetricsAPI.maximumNameBytes, minimumBytes: 1)
    let start = try Self.bound(document, "start", exact: "start_ns")
    let end = try Self.bound(document, "end", exact: "end_ns")
    guard start <= end else { throw try document.member("end").mismatch("an end not before the start", found: "one before it") }
    range = TimeRange(start: start, last: end - 1)
    filters = try document.optionalMember("filters").map { filters throws(FieldMistake) in try Metric.tags(filters) } ?? []
    isPaged = try document.optionalMember("paged")?.bool() ?? false
    if let wanted = try document.optionalMember("page_points") {
      guard isPaged else { throw wanted.mismatch("\"paged\": true beside it", found: "none") }
      pagePoints = Int(try wanted.integer(in: 1...Int64(StorageAPI.pagePoints)))
    }
  }

  /// In 128 bits: an end in milliseconds may lie beyond the last nanosecond that 64 bits hold, which is how that one is
  /// asked for.
  private static func bound(_ document: JSONField, _ name: String, exact: String) throws(FieldMistake) -> Int128 {
    if let nanoseconds = try document.optionalMember(exact) { return Int128(try nanoseconds.integer()) }
    return Int128(try document.member(name).integer()) * 1_000_000
  }

  /// The HTTP request.
  public func request() -> Request {
    let start = WallTime(nanoseconds: range.startNanoseconds)
    // Behind the last nanosecond there is none to name: whole milliseconds beyond it do.
    let last = WallTime(nanoseconds: range.lastNanoseconds)
    let end = range.lastNanoseconds == .max ? nil : WallTime(nanoseconds: range.lastNanoseconds + 1)
    return .json(.post, "/query") { writer in
      writer.beginObject()
      writer.member("measurement", measurement)
      writer.member("start", start.milliseconds)
      writer.member("end", last.milliseconds + 1)
      if !start.isWholeMilliseconds { writer.member("start_ns", range.startNanoseconds) }
      if let end, !end.isWholeMilliseconds { writer.member("end_ns", end.nanoseconds) }
      if !filters.isEmpty { writer.member("filters", filters) }
      if isPaged { writer.member("paged", true) }
      if let pagePoints { writer.member("page_points", pagePoints) }
      writer.endObject()
    }
  }
}

/// One point of an answer.
public struct DataPoint: Sendable, Equatable {
  /// Nanoseconds since 1970.
  public var timestampNanoseconds: Int64
  /// Tags, sorted by name.
  public var tags: [NamedText]
  /// Fields, sorted by name.
  public var fields: [PointMessage.Field]

  /// A point.
  public init(timestampNanoseconds: Int64, tags: [NamedText], fields: [PointMessage.Field]) {
    self.timestampNanoseconds = timestampNanoseconds
    self.tags = tags
    self.fields = fields
  }

  init(_ field: JSONField) throws(FieldMistake) {
    if let exact = try field.optionalMember("timestamp_ns") {
      timestampNanoseconds = try exact.integer()
    } else {
      timestampNanoseconds = TimeSpan.milliseconds(try field.member("timestamp").integer(in: MetricsAPI.timestampMilliseconds)).nanoseconds
    }
    tags = try Metric.tags(try field.member("tags"))
    fields = []
    for (name, value) in try field.member("fields").fields(maximum: 1 << 16) {
      fields.append(PointMessage.Field(name, try value.finiteDouble()))
    }
  }
}

/// The answer to storage's `POST /query`.
public struct StorageQueryResponse: Sendable, Equatable {
  /// The points, by timestamp and then by series.
  public var dataPoints: [DataPoint]
  /// Where the next page starts, in nanoseconds since 1970; nil where this is the last.
  public var nextStartNanoseconds: Int64?

  /// Reads an answer.
  public init(_ document: JSONField) throws(FieldMistake) {
    dataPoints = []
    let elements = try document.member("data_points").elements(maximum: .max)
    dataPoints.reserveCapacity(elements.count)
    for element in elements { dataPoints.append(try DataPoint(element)) }
    nextStartNanoseconds = try document.optionalMember("next_start_ns")?.integer()
  }
}

/// Writes the answer to storage's `POST /query` point by point. What repeats from point to point is turned into text
/// once.
public struct DataPointWriter: Sendable {
  private var bytes: [UInt8]
  private var hasPoint = false
  private var hasField = false

  /// An answer without points so far.
  public init(expectedPoints: Int) {
    bytes = []
    bytes.reserveCapacity(32 + 128 * expectedPoints)
    bytes += "{\"data_points\":[".utf8
  }

  /// The text between a point's timestamp and its fields, for all points of a series with these tags.
  public static func tagsText(_ tags: [NamedText]) -> [UInt8] {
    var text = Array(",\"tags\":".utf8)
    text += (try? JSON.object(tags.map { .init($0.name, .string($0.text)) }).serialized()) ?? Array("{}".utf8)
    text += ",\"fields\":{".utf8
    return text
  }

  /// The text before a field's value, for all values of a field with this name.
  public static func fieldText(_ name: String) -> [UInt8] {
    ((try? JSON.string(name).serialized()) ?? Array("\"\"".utf8)) + [UInt8(ascii: ":")]
  }

  /// Begins a point of a series with `tagsText`.
  public mutating func begin(timestampNanoseconds: Int64, tagsText: [UInt8]) {
    if hasPoint { bytes.append(UInt8(ascii: ",")) }
    hasPoint = true
    hasField = false
    let wall = WallTime(nanoseconds: timestampNanoseconds)
    bytes += "{\"timestamp\":".utf8
    bytes += String(wall.milliseconds).utf8
    if !wall.isWholeMilliseconds {
      bytes += ",\"timestamp_ns\":".utf8
      bytes += String(timestampNanoseconds).utf8
    }
    bytes += tagsText
  }

  /// Adds a field with `fieldText` to the point that was begun. A value that JSON has no form for becomes `null`.
  public mutating func field(_ fieldText: [UInt8], _ value: Double) {
    if hasField { bytes.append(UInt8(ascii: ",")) }
    hasField = true
    bytes += fieldText
    bytes += value.isFinite ? value.description.utf8 : "null".utf8
  }

  /// Ends the point that was begun.
  public mutating func end() { bytes += "}}".utf8 }

  /// Bytes so far.
  public var byteCount: Int { bytes.count }

  /// Takes back what was written behind the first `count` bytes, which must end with a point.
  public mutating func cut(to count: Int) { bytes.removeLast(bytes.count - count) }

  /// The HTTP response; `nextStartNanoseconds` where it is a page that another follows.
  public consuming func response(nextStartNanoseconds: Int64? = nil) -> Response {
    bytes += "]".utf8
    if let nextStartNanoseconds { bytes += ",\"next_start_ns\":\(nextStartNanoseconds)".utf8 }
    bytes += "}".utf8
    return Response(status: 200, headers: ["content-type": "application/json"], body: bytes)
  }
}
