// Ingestion's JSON shape, and the value of the queue's messages that carry metrics to storage (MONITORING-1, 12).
//
// POST /metrics  Authorization: <client_id> {"metrics":[{"name","value"[,"type"][,"timestamp"][,"tags"]}]} → 202
// GET  /set-aside → {"records":[{"key","value","producer","sequence","status","code","message"}],"dropped"}:
//     acknowledged metrics that the queue refused for good, oldest first, and how many more there were than are kept
// Optional: `timestamp` in milliseconds since 1970, `tags`, and the header `Idempotency-Key`, with which a repeated
// request is stored once, as long as no 28,672 other requests went to its client's partition of the queue since
// (ProducerMemory; at 1,000 requests a second of many clients more than five minutes). A metric goes through the queue
// as one point of storage's `POST /write`: name → measurement, value → fields.value, tags and the tag `client`;
// `timestamp` in milliseconds, and `timestamp_ns` in nanoseconds where ingestion stamped it.

import Vocabulary
import Wire

/// Limits of ingestion's API.
public enum MetricsAPI {
  /// Longest body in bytes.
  public static let maximumBodyBytes = 1 << 20
  /// Most metrics in one request.
  public static let maximumMetrics = 1_000
  /// Longest name of a metric or a tag, in bytes.
  public static let maximumNameBytes = 256
  /// Longest value of a tag, in bytes.
  public static let maximumTagValueBytes = 1_024
  /// Most tags of one metric.
  public static let maximumTags = 32
  /// Timestamps in milliseconds that storage can hold as nanoseconds.
  public static let timestampMilliseconds: ClosedRange<Int64> = -9_223_372_036_854...9_223_372_036_853
  /// The tag that names the client.
  public static let clientTag = "client"
}

/// What a metric measures.
public enum MetricType: String, Sendable, CaseIterable {
  /// A value that goes up and down.
  case gauge
  /// A count that only grows.
  case counter
  /// One observation of a distribution.
  case histogram
}

/// One metric as a client sends it.
public struct Metric: Sendable, Equatable {
  /// What is measured.
  public var name: String
  /// The value; finite.
  public var value: Double
  /// The kind.
  public var type: MetricType
  /// Milliseconds since 1970; nil where ingestion shall stamp it.
  public var timestampMilliseconds: Int64?
  /// Tags in the order of the request.
  public var tags: [NamedText]

  /// A metric.
  public init(name: String, value: Double, type: MetricType = .gauge, timestampMilliseconds: Int64? = nil, tags: [NamedText] = []) {
    self.name = name
    self.value = value
    self.type = type
    self.timestampMilliseconds = timestampMilliseconds
    self.tags = tags
  }

  init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["name", "value", "type", "timestamp", "tags"])
    name = try field.member("name").name(maximumBytes: MetricsAPI.maximumNameBytes)
    value = try field.member("value").finiteDouble(integersExact: true)
    type = try field.optionalMember("type")?.word(MetricType.self) ?? .gauge
    timestampMilliseconds = try field.optionalMember("timestamp")?.integer(in: MetricsAPI.timestampMilliseconds)
    tags = try field.optionalMember("tags").map { tags throws(FieldMistake) in try Self.newTags(tags) } ?? []
  }

  /// Tags as a client gives them to a point.
  static func newTags(_ field: JSONField) throws(FieldMistake) -> [NamedText] {
    let tags = try tags(field)
    for tag in tags {
      if let control = NameRule.control(in: tag.name) { throw field.mismatch("tags, each with \(NameRule.words)", found: control) }
    }
    return tags
  }

  /// Tags as they are stored, or asked for.
  static func tags(_ field: JSONField) throws(FieldMistake) -> [NamedText] {
    try field.stringMap(
      maximumMembers: MetricsAPI.maximumTags, maximumNameBytes: MetricsAPI.maximumNameBytes,
      maximumTextBytes: MetricsAPI.maximumTagValueBytes)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("name", name)
    writer.member("value", value)
    writer.member("type", type.rawValue)
    if let timestampMilliseconds { writer.member("timestamp", timestampMilliseconds) }
    if !tags.isEmpty { writer.member("tags", tags) }
    writer.endObject()
  }
}

/// The body of `POST /metrics`.
public struct MetricsRequest: Sendable, Equatable {
  /// The metrics, at least one.
  public var metrics: [Metric]

  /// A body.
  public init(metrics: [Metric]) { self.metrics = metrics }

  /// Reads a body.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["metrics"])
    metrics = []
    for element in try document.member("metrics").elements(maximum: MetricsAPI.maximumMetrics, minimum: 1) {
      metrics.append(try Metric(element))
    }
  }

  /// The HTTP request of `client`; `idempotencyKey` lets it be repeated.
  public func request(client: String, idempotencyKey: String? = nil) -> Request {
    var writer = JSONWriter(capacity: 32 + 96 * metrics.count)
    writer.beginObject()
    writer.name("metrics")
    writer.beginArray()
    for metric in metrics { metric.write(to: &writer) }
    writer.endArray()
    writer.endObject()
    var headers: Headers = ["authorization": client, "content-type": "application/json"]
    if let idempotencyKey { headers.append("idempotency-key", idempotencyKey) }
    // A metric's value is finite where it was parsed; one that is not is a defect of the caller and gives an empty
    // body.
    return Request(.post, "/metrics", headers: headers, body: (try? writer.finish()) ?? [])
  }
}
