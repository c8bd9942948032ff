// The query engine's JSON shapes, for both ends of each exchange (MONITORING-19).
//
// POST /query  {"query":"SELECT …"[,"now": ms]} → {"series":[{"time": ms[,"time_ns"][,"tags":{…}],"avg": 75.5, …}]}
// `now` stands for now() in the query; without it the engine's own clock does. A column without a value is null.
// A query that cannot be read: 400 {"error":{"code":"INVALID_QUERY","message","field":"query","line","column"}}.

import Vocabulary
import Wire

/// Limits of the query engine's API.
public enum QueryEngineAPI {
  /// Bytes of one answer beyond which a query is refused: less than a caller takes (`HostLimits.responseBytes`).
  public static let maximumAnswerBytes = HostLimits.responseBytes / 4 * 3
}

/// The body of the query engine's `POST /query`.
public struct EngineQueryRequest: Sendable, Equatable {
  /// The text of the query.
  public var query: String
  /// What now() means, in milliseconds since 1970; nil for the engine's own clock.
  public var nowMilliseconds: Int64?

  /// A body.
  public init(query: String, nowMilliseconds: Int64? = nil) {
    self.query = query
    self.nowMilliseconds = nowMilliseconds
  }

  /// Reads a body.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["query", "now"])
    query = try document.member("query").string(maximumBytes: QueryLanguageLimits.maximumBytes, minimumBytes: 1)
    nowMilliseconds = try document.optionalMember("now")?.integer(in: MetricsAPI.timestampMilliseconds)
  }

  /// The HTTP request.
  public func request() -> Request {
    .json(.post, "/query") { writer in
      writer.beginObject()
      writer.member("query", query)
      if let nowMilliseconds { writer.member("now", nowMilliseconds) }
      writer.endObject()
    }
  }
}

/// One value of a row.
public enum EngineValue: Sendable, Equatable {
  /// There is none: an empty bucket that was filled with nothing, or a number that JSON has no form for.
  case none
  /// A count.
  case integer(Int64)
  /// A finite number.
  case number(Double)

  /// The value as a number; nil where there is none.
  public var double: Double? {
    switch self {
    case .none: nil
    case .integer(let integer): Double(integer)
    case .number(let number): number
    }
  }
}

/// One row of an answer.
public struct EngineRow: Sendable, Equatable {
  /// One column of a row.
  public struct Column: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its value.
    public var value: EngineValue

    /// A column.
    public init(_ name: String, _ value: EngineValue) {
      self.name = name
      self.value = value
    }
  }

  /// The start of the row's bucket, in nanoseconds since 1970.
  public var timeNanoseconds: Int64
  /// The tags of GROUP BY and the row's values of them, in the order of the query; nil without such tags.
  public var tags: [NamedText]?
  /// The columns, in the order of the query.
  public var columns: [Column]

  /// A row.
  public init(timeNanoseconds: Int64, tags: [NamedText]? = nil, columns: [Column]) {
    self.timeNanoseconds = timeNanoseconds
    self.tags = tags
    self.columns = columns
  }

  init(_ field: JSONField) throws(FieldMistake) {
    if let exact = try field.optionalMember("time_ns") {
      timeNanoseconds = try exact.integer()
    } else {
      timeNanoseconds = TimeSpan.milliseconds(try field.member("time").integer()).nanoseconds
    }
    columns = []
    for (name, value) in try field.fields(maximum: QueryLanguageLimits.maximumSelections + 3) {
      switch (name, value.value) {
      case ("time", _), ("time_ns", _): continue
      case ("tags", .object): tags = try value.stringMap(maximumMembers: QueryLanguageLimits.maximumGroupTags, minimumNameBytes: 0)
      case (_, .null): columns.append(Column(name, .none))
      case (_, .integer(let integer)): columns.append(Column(name, .integer(integer)))
      case (_, .double), (_, .decimal), (_, .bool), (_, .string), (_, .array), (_, .object):
        columns.append(Column(name, .number(try value.finiteDouble())))
      }
    }
  }

  func write(to writer: inout JSONWriter) {
    let wall = WallTime(nanoseconds: timeNanoseconds)
    writer.beginObject()
    writer.member("time", wall.milliseconds)
    if !wall.isWholeMilliseconds { writer.member("time_ns", timeNanoseconds) }
    if let tags { writer.member("tags", tags) }
    for column in columns {
      writer.name(column.name)
      switch column.value {
      case .none: writer.null()
      case .integer(let integer): writer.value(integer)
      case .number(let number): writer.valueOrNull(number)
      }
    }
    writer.endObject()
  }
}

/// The answer to the query engine's `POST /query`.
public struct EngineQueryResponse: Sendable, Equatable {
  /// The rows, by time and then by tags, or as the query orders them.
  public var rows: [EngineRow]

  /// An answer.
  public init(rows: [EngineRow]) { self.rows = rows }

  /// Reads an answer.
  public init(_ document: JSONField) throws(FieldMistake) {
    rows = []
    for element in try document.member("series").elements(maximum: .max) { rows.append(try EngineRow(element)) }
  }

  /// How many bytes the response's body has at the least: names and texts of the tags, names of the columns.
  public var leastBytes: Int {
    rows.reduce(0) { sum, row in
      let tags = row.tags?.reduce(0) { $0 + $1.name.utf8.count + $1.text.utf8.count } ?? 0
      return sum + tags + row.columns.reduce(0) { $0 + $1.name.utf8.count }
    }
  }

  /// The HTTP response.
  public func response() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.name("series")
      writer.beginArray()
      for row in rows { row.write(to: &writer) }
      writer.endArray()
      writer.endObject()
    }
  }
}

extension Response {
  /// The answer to a text that is not in the query language; `field` names the member of the body that holds it.
  public static func invalidQuery(_ error: TextMistake, field: String) -> Response {
    .json(400) { writer in
      writer.beginObject()
      writer.name("error")
      writer.beginObject()
      writer.member("code", "INVALID_QUERY")
      writer.member("message", error.description)
      writer.member("field", field)
      writer.member("line", error.line)
      writer.member("column", error.column)
      writer.endObject()
      writer.endObject()
    }
  }
}
