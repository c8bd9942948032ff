// What the context manager is asked, and answers. Context is what models share: items of a scope (a session, a project),
// each with a kind, a priority and a time to live, kept by id.
//
// PUT    /context/{id} {"scope","kind","content"[,"format","priority","ttl_ms","readers","owner"]} → 201 made, 200 replaced,
//          with {"id","sequence"}; 409 SCOPE_FULL
// GET    /context/{id}?scope=S             → 200 the item, with "remaining_ms" where it has a time to live; 404
// DELETE /context/{id}?scope=S             → 204, whether it was there or not
// GET    /context?scope=S[&kind=K…][&limit=N] → 200 {"items": [as above, …]}, greatest priority first, of equal ones the newest
// GET    /adapted?model_type=T&scope=S[&format=F][&kind=K…][&limit=N]
//          → 200 {"model_type","format","context":{…},"items":[ids]}; 400 UNKNOWN_MODEL_TYPE
// GET    /health, GET /metrics
//
// Guarantees: what is behind its time to live is never given out, however late it is cleaned away, and while the store is
// asked anew. What was acknowledged survives restarts, and is seen by whoever asks afterwards; where a write's outcome is
// not known, it may show up to `ContextAPI.settleMilliseconds` later. The order of items is the same for all who ask. A
// model is given the items alone whose `readers` have its type, or "*" (so has an item that says none); whoever asks by
// GET /context is an operator and sees all.

import Vocabulary
import Wire

/// The context manager's interface.
public enum ContextAPI {
  /// Longest id, scope, kind and owner in bytes; at least 1.
  public static let maximumNameBytes = 256
  /// Longest content in bytes of JSON.
  public static let maximumContentBytes = 16 << 10
  /// Most items of a scope.
  public static let maximumItems = 256
  /// Greatest priority.
  public static let maximumPriority: Int64 = 100
  /// Longest time to live, in milliseconds: a year.
  public static let maximumTimeToLiveMilliseconds: Int64 = 31_536_000_000
  /// How long after a write whose outcome is not known it may still show.
  public static let settleMilliseconds: Int64 = 10_000

  /// Asks for context in the form of a model.
  public static func adapted(_ type: ModelType, format: Int64, _ filter: ContextFilter) -> Request {
    Request(.get, "/adapted?model_type=\(type.rawValue)&format=\(format)&\(filter.query)")
  }

  /// Asks for items.
  public static func items(_ filter: ContextFilter) -> Request { Request(.get, "/context?\(filter.query)") }

  /// Asks for one item.
  public static func item(_ id: String, scope: String) -> Request {
    Request(.get, "/context/\(HTTPTarget.escaped(id))?scope=\(HTTPTarget.escaped(scope))")
  }

  /// Takes an item away.
  public static func delete(_ id: String, scope: String) -> Request {
    Request(.delete, "/context/\(HTTPTarget.escaped(id))?scope=\(HTTPTarget.escaped(scope))")
  }
}

/// Which items are wanted.
public struct ContextFilter: Sendable, Hashable {
  /// Of which scope.
  public var scope: String
  /// Of these kinds; of any where there are none.
  public var kinds: [String]
  /// How many at most, those of greatest priority.
  public var limit: Int

  /// Most kinds.
  static let maximumKinds = 16

  /// A filter.
  public init(scope: String, kinds: [String] = [], limit: Int = ContextAPI.maximumItems) {
    self.scope = scope
    self.kinds = kinds
    self.limit = limit
  }

  /// Reads {"scope"[,"kinds","limit"]}; the members `alsoKnown` are others' to read.
  public init(_ field: JSONField, alsoKnown: [String] = []) throws(FieldMistake) {
    try field.onlyMembers(["scope", "kinds", "limit"] + alsoKnown)
    scope = try field.member("scope").string(maximumBytes: ContextAPI.maximumNameBytes, minimumBytes: 1)
    kinds = []
    if let list = try field.optionalMember("kinds") {
      for element in try list.elements(maximum: Self.maximumKinds) {
        kinds.append(try element.string(maximumBytes: ContextAPI.maximumNameBytes, minimumBytes: 1))
      }
    }
    let limitRead = try field.optionalMember("limit").map { (field) throws(FieldMistake) in
      Int(try field.integer(in: 1...Int64(ContextAPI.maximumItems)))
    }
    limit = limitRead ?? ContextAPI.maximumItems
  }

  /// Reads the items of a query.
  public init(_ target: HTTPTarget) throws(RequestProblem) {
    do throws(HTTPTargetError) {
      scope = try target.requiredItem("scope")
      kinds = target.allItems("kind")
      limit = Int(try target.integer("limit", in: 1...Int64(ContextAPI.maximumItems)) ?? Int64(ContextAPI.maximumItems))
    } catch {
      throw RequestProblem(error)
    }
    try ContextItem.checkName(scope, "scope")
    guard kinds.count <= Self.maximumKinds else {
      throw RequestProblem(
        400, code: "INVALID_TARGET", message: "kind: expected \(Self.maximumKinds) kinds at most, found \(kinds.count)", field: "kind")
    }
    for kind in kinds { try ContextItem.checkName(kind, "kind") }
  }

  /// Writes its members into an object that is begun already.
  public func writeMembers(_ writer: inout JSONWriter) {
    writer.member("scope", scope)
    if !kinds.isEmpty {
      writer.name("kinds")
      writer.beginArray()
      for kind in kinds { writer.value(kind) }
      writer.endArray()
    }
    if limit < ContextAPI.maximumItems { writer.member("limit", limit) }
  }

  /// The items of a query that say it.
  var query: String {
    "scope=\(HTTPTarget.escaped(scope))" + kinds.map { "&kind=\(HTTPTarget.escaped($0))" }.joined()
      + (limit < ContextAPI.maximumItems ? "&limit=\(limit)" : "")
  }

  /// Whether an item is of the kinds that are wanted.
  public func wants(kind: String) -> Bool { kinds.isEmpty || kinds.contains { sameBytes($0, kind) } }
}

/// An item of context, as it is written.
public struct ContextItem: Sendable, Equatable {
  /// Its name within its scope.
  public var id: String
  /// To what it belongs: a session, a project.
  public var scope: String
  /// What it tells: `ContextKind` for those that adapters know, any other for others.
  public var kind: String
  /// The format of its content.
  public var format: Int64
  /// Who wrote it, as he said.
  public var owner: String
  /// What it tells.
  public var content: JSON
  /// Its rank: the greatest comes first.
  public var priority: Int64
  /// How long it holds from when it is written; nil for ever.
  public var timeToLive: TimeSpan?
  /// The types of models that are given it; "*" for all.
  public var readers: [String]

  /// What stands for all types of models.
  public static let everyReader = "*"

  /// An item that all models are given.
  public init(
    _ id: String, scope: String, kind: String, format: Int64 = 1, owner: String = "", content: JSON, priority: Int64 = 0,
    timeToLive: TimeSpan? = nil, readers: [String] = [everyReader]
  ) {
    self.id = id
    self.scope = scope
    self.kind = kind
    self.format = format
    self.owner = owner
    self.content = content
    self.priority = priority
    self.timeToLive = timeToLive
    self.readers = readers
  }

  /// Reads the body of a PUT for the item `id`. Throws what is none.
  public init(_ id: String, _ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["scope", "kind", "format", "owner", "content", "priority", "ttl_ms", "readers"])
    self.id = id
    scope = try field.member("scope").string(maximumBytes: ContextAPI.maximumNameBytes, minimumBytes: 1)
    kind = try field.member("kind").string(maximumBytes: ContextAPI.maximumNameBytes, minimumBytes: 1)
    let formatRead = try field.optionalMember("format").map { (field) throws(FieldMistake) in try field.integer(in: ModelType.formats) }
    format = formatRead ?? ModelType.formats.lowerBound
    owner =
      try field.optionalMember("owner").map { (field) throws(FieldMistake) in
        try field.string(maximumBytes: ContextAPI.maximumNameBytes)
      } ?? ""
    let contentField = try field.member("content")
    guard case .object = contentField.value else { throw contentField.mismatch("an object") }
    content = contentField.value
    let bytes = (try? content.serialized().count) ?? Int.max
    guard bytes <= ContextAPI.maximumContentBytes else {
      throw contentField.mismatch("at most \(ContextAPI.maximumContentBytes) bytes of JSON", found: "\(bytes)")
    }
    let priorityRead = try field.optionalMember("priority").map { (field) throws(FieldMistake) in
      try field.integer(in: 0...ContextAPI.maximumPriority)
    }
    priority = priorityRead ?? 0
    timeToLive = try field.optionalMember("ttl_ms").map { (field) throws(FieldMistake) in
      .milliseconds(try field.integer(in: 1...ContextAPI.maximumTimeToLiveMilliseconds))
    }
    readers = [Self.everyReader]
    if let list = try field.optionalMember("readers") {
      readers = []
      for element in try list.elements(maximum: 16, minimum: 1) {
        let word = try element.string(maximumBytes: 64)
        guard sameBytes(word, Self.everyReader) || ModelType.named(word) != nil else {
          throw element.mismatch("\"\(Self.everyReader)\" or one of \(ModelType.words)", found: quoted(word))
        }
        readers.append(word)
      }
    }
    if let known = ContextKind.named(kind) { try known.check(contentField, format: format) }
  }

  /// Asks that it be kept.
  public func request() -> Request {
    .json(.put, "/context/\(HTTPTarget.escaped(id))") { writer in
      writer.beginObject()
      writeMembers(&writer)
      writer.endObject()
    }
  }

  /// Writes its members, but for the id, into an object that is begun already.
  public func writeMembers(_ writer: inout JSONWriter) {
    writer.member("scope", scope)
    writer.member("kind", kind)
    writer.member("format", format)
    if !owner.isEmpty { writer.member("owner", owner) }
    writer.member("content", content)
    writer.member("priority", priority)
    if let timeToLive { writer.member("ttl_ms", timeToLive.milliseconds) }
    writer.name("readers")
    writer.beginArray()
    for reader in readers { writer.value(reader) }
    writer.endArray()
  }

  /// Whether models of a type are given it.
  public func isRead(by type: ModelType) -> Bool {
    readers.contains { sameBytes($0, Self.everyReader) || sameBytes($0, type.rawValue) }
  }

  /// Throws where `name` is none that an id, scope or kind may have.
  public static func checkName(_ name: String, _ field: String) throws(RequestProblem) {
    guard (1...ContextAPI.maximumNameBytes).contains(name.utf8.count) else {
      throw RequestProblem(
        400, code: "INVALID_TARGET",
        message: "\(field): expected 1 to \(ContextAPI.maximumNameBytes) bytes, found \(name.utf8.count)", field: field)
    }
  }
}

/// The kinds of items that adapters know, and what their contents hold in each format.
public enum ContextKind: String, Sendable, CaseIterable {
  /// How much louder: format 1 {"gain"}, a factor; format 2 {"gain_percent"}.
  case gain
  /// A level to measure against: {"level"}.
  case reference
  /// Something in words: {"text"}.
  case note

  /// The kind that a word of outside names.
  public static func named(_ text: String) -> ContextKind? { allCases.first { sameBytes($0.rawValue, text) } }

  /// Throws where `content` is none of this kind and format.
  public func check(_ content: JSONField, format: Int64) throws(FieldMistake) {
    switch (self, format) {
    case (.gain, 1):
      let field = try content.member("gain")
      let gain = try field.finiteDouble()
      guard (0...10).contains(gain) else { throw field.mismatch("a factor from 0 to 10", found: "\(gain)") }
    case (.gain, _): _ = try content.member("gain_percent").integer(in: 0...1_000)
    case (.reference, _): _ = try content.member("level").finiteDouble()
    case (.note, _): _ = try content.member("text").string(maximumBytes: ContextAPI.maximumContentBytes)
    }
  }
}
