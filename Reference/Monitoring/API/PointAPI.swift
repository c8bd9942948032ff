// The point as it travels: the value of the queue's messages, and an element of storage's `POST /write`
// (MONITORING-12).
//
// {"measurement":"cpu_usage","tags":{"host":"server01"},"fields":{"value":75.5},"timestamp":1696789234567[,"timestamp_ns":…]}
// `timestamp` is in milliseconds. `timestamp_ns`, where present, is the exact stamp in nanoseconds and wins; the two
// agree to the millisecond.

import Vocabulary
import Wire

/// One point: a measurement with tags, one value for each field, and one timestamp. A tag without a value is no tag.
public struct PointMessage: Sendable, Equatable {
  /// What is measured.
  public var measurement: String
  /// Tags with a value, sorted by the bytes of their names, without repetition.
  public var tags: [NamedText]
  /// Fields in the order of the document: a name and a finite value.
  public var fields: [Field]
  /// Nanoseconds since 1970.
  public var timestampNanoseconds: Int64

  /// A field.
  public struct Field: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its value; finite.
    public var value: Double

    /// A field.
    public init(_ name: String, _ value: Double) {
      self.name = name
      self.value = value
    }

    /// The same bytes in the name, an equal value.
    public static func == (left: Field, right: Field) -> Bool { left.value == right.value && sameBytes(left.name, right.name) }
  }

  /// A point; the tags are sorted here, and those without a value left out.
  public init(measurement: String, tags: [NamedText], fields: [Field], timestampNanoseconds: Int64) {
    self.measurement = measurement
    self.tags = Self.canonical(tags)
    self.fields = fields
    self.timestampNanoseconds = timestampNanoseconds
  }

  public static func == (left: PointMessage, right: PointMessage) -> Bool {
    left.timestampNanoseconds == right.timestampNanoseconds && left.fields == right.fields && left.tags == right.tags
      && sameBytes(left.measurement, right.measurement)
  }

  /// The one spelling of a set of tags: those with a value, by the bytes of their names.
  public static func canonical(_ tags: [NamedText]) -> [NamedText] {
    let isCanonical =
      !tags.contains { $0.text.isEmpty }
      && zip(tags, tags.dropFirst()).allSatisfy { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    if isCanonical { return tags }
    return tags.filter { !$0.text.isEmpty }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// The point of a metric: the tag `client` is added (and wins over one of that name), the value becomes the field
  /// `value`.
  public init(_ metric: Metric, client: String, stampNanoseconds: Int64?) {
    let tags = metric.tags.filter { !sameBytes($0.name, MetricsAPI.clientTag) } + [NamedText(MetricsAPI.clientTag, client)]
    let stamp = stampNanoseconds ?? TimeSpan.milliseconds(metric.timestampMilliseconds ?? 0).nanoseconds
    self.init(measurement: metric.name, tags: tags, fields: [Field("value", metric.value)], timestampNanoseconds: stamp)
  }

  /// Reads a point. A missing timestamp is taken from `defaultNanoseconds`, and refused where that is nil. `isNew`
  /// tells that a client hands it in, whose names are held to `NameRule`; what was accepted before that rule must be
  /// read all the same.
  public init(_ field: JSONField, defaultNanoseconds: Int64? = nil, isNew: Bool = false) throws(FieldMistake) {
    try field.onlyMembers(["measurement", "tags", "fields", "timestamp", "timestamp_ns"])
    let name = try field.member("measurement")
    let measurement =
      isNew
      ? try name.name(maximumBytes: MetricsAPI.maximumNameBytes)
      : try name.string(maximumBytes: MetricsAPI.maximumNameBytes, minimumBytes: 1)
    let tags =
      try field.optionalMember("tags").map { tags throws(FieldMistake) in isNew ? try Metric.newTags(tags) : try Metric.tags(tags) } ?? []
    var fields: [Field] = []
    for (name, value) in try field.member("fields").fields(maximum: 64) {
      guard !name.isEmpty, name.utf8.count <= MetricsAPI.maximumNameBytes else {
        throw value.mismatch("a field's name of 1 to \(MetricsAPI.maximumNameBytes) bytes")
      }
      if isNew, let control = NameRule.control(in: name) {
        throw try field.member("fields").mismatch("fields, each with \(NameRule.words)", found: control)
      }
      fields.append(Field(name, try value.finiteDouble(integersExact: true)))
    }
    guard !fields.isEmpty else { throw try field.member("fields").mismatch("at least one field") }
    let stamp: Int64
    if let exact = try field.optionalMember("timestamp_ns") {
      stamp = try exact.integer()
    } else if let milliseconds = try field.optionalMember("timestamp") {
      stamp = TimeSpan.milliseconds(try milliseconds.integer(in: MetricsAPI.timestampMilliseconds)).nanoseconds
    } else if let defaultNanoseconds {
      stamp = defaultNanoseconds
    } else {
      stamp = TimeSpan.milliseconds(try field.member("timestamp").integer()).nanoseconds
    }
    self.init(measurement: measurement, tags: tags, fields: fields, timestampNanoseconds: stamp)
  }

  /// The point as JSON.
  public var json: JSON {
    let wall = WallTime(nanoseconds: timestampNanoseconds)
    var members: [JSON.Member] = [
      .init("measurement", .string(measurement)),
      .init("tags", .object(tags.map { .init($0.name, .string($0.text)) })),
      .init("fields", .object(fields.map { .init($0.name, .double($0.value)) })),
      .init("timestamp", .integer(wall.milliseconds)),
    ]
    if !wall.isWholeMilliseconds { members.append(.init("timestamp_ns", .integer(timestampNanoseconds))) }
    return .object(members)
  }
}
