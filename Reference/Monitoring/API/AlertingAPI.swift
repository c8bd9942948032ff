// Alerting's JSON shapes, for both ends of each exchange (MONITORING-23, 24).
//
// POST /rules         {"name","query","duration","channels"[,"missing_data"][,"every"]} → 201 the rule; 409 where the
//     name is taken
// PUT  /rules/{name}  the same, "name" may be left out → 200, or 201 where it is new;  GET /rules, GET and DELETE
//     /rules/{name}
// GET  /alerts → {"alerts":[{"rule","state","value","since","query"}][,"without_data":[{"rule","since","why"}]]}: rules
//     that are pending, firing or resolved; `without_data` are those whose query finds nothing to compare
// POST /evaluate      {"rule"} → {"rule","state","value","since","evaluated_at"[,"why"]}: `why` there is no value
// A query is of the language on the page QueryLanguage/QueryLanguage.md; one without a lower bound of time reads the
// last minute. Webhook: POST with the header Idempotency-Key and {"rule","state","value","since","reason"}. Durations
// are texts like "5m"; `since` and `evaluated_at` are milliseconds since 1970; `value` is null where there was no data.

import Vocabulary
import Wire

/// Limits of alerting's API.
public enum AlertingAPI {
  /// Longest body in bytes.
  public static let maximumBodyBytes = 64 << 10
  /// Longest name of a rule in bytes.
  public static let maximumNameBytes = 256
  /// Most channels of a rule.
  public static let maximumChannels = 16
  /// Longest name of a channel in bytes.
  public static let maximumChannelNameBytes = 64
  /// Longest text of a duration in bytes.
  public static let maximumDurationBytes = 32
}

/// What a rule does where its query has no data.
public enum MissingDataPolicy: String, Sendable, CaseIterable {
  /// The alert stays what it is (the default).
  case keep
  /// As if the condition held.
  case fire
  /// As if the condition did not hold; the notification says why.
  case resolve
}

/// The state of an alert, as its clients see it.
public enum AlertWord: String, Sendable, CaseIterable {
  /// The condition does not hold.
  case inactive
  /// The condition holds, but not yet for the rule's duration.
  case pending
  /// The condition held for the rule's duration.
  case firing
  /// The condition held, and no longer does.
  case resolved
}

/// Why an alert fired or was resolved.
public enum AlertReason: String, Sendable, CaseIterable {
  /// The condition held, or no longer does.
  case condition
  /// There was no data, and the rule's policy decided.
  case missingData = "missing_data"
  /// The rule was changed or deleted while its alert fired.
  case ruleChanged = "rule_changed"
}

/// The body of `POST /rules` and `PUT /rules/{name}`, and a rule in an answer. Query and durations are not parsed yet.
public struct RuleBody: Sendable, Equatable {
  /// The rule's name; nil only in a PUT.
  public var name: String?
  /// The condition: an aggregate with a comparison.
  public var query: String
  /// How long the condition must hold.
  public var duration: String
  /// Names of channels.
  public var channels: [String]
  /// What happens where there is no data.
  public var missingData: MissingDataPolicy
  /// How often the rule is evaluated; nil for the service's default.
  public var every: String?

  /// A body.
  public init(
    name: String?, query: String, duration: String, channels: [String], missingData: MissingDataPolicy = .keep, every: String? = nil
  ) {
    self.name = name
    self.query = query
    self.duration = duration
    self.channels = channels
    self.missingData = missingData
    self.every = every
  }

  /// Reads a body.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["name", "query", "duration", "channels", "missing_data", "every"])
    name = try document.optionalMember("name").map { name throws(FieldMistake) in
      try name.segmentName(maximumBytes: AlertingAPI.maximumNameBytes)
    }
    query = try document.member("query").string(maximumBytes: QueryLanguageLimits.maximumBytes, minimumBytes: 1)
    duration = try document.member("duration").string(maximumBytes: AlertingAPI.maximumDurationBytes, minimumBytes: 1)
    channels = []
    for element in try document.member("channels").elements(maximum: AlertingAPI.maximumChannels) {
      channels.append(try element.name(maximumBytes: AlertingAPI.maximumChannelNameBytes))
    }
    missingData = try document.optionalMember("missing_data")?.word(MissingDataPolicy.self) ?? .keep
    every = try document.optionalMember("every")?.string(maximumBytes: AlertingAPI.maximumDurationBytes, minimumBytes: 1)
  }

  /// Writes the rule as an object.
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    if let name { writer.member("name", name) }
    writer.member("query", query)
    writer.member("duration", duration)
    writer.name("channels")
    writer.beginArray()
    for channel in channels { writer.value(channel) }
    writer.endArray()
    writer.member("missing_data", missingData.rawValue)
    if let every { writer.member("every", every) }
    writer.endObject()
  }

  /// The HTTP request that makes the rule.
  public func request() -> Request { .json(.post, "/rules") { write(to: &$0) } }
}

/// One alert of an answer.
public struct AlertView: Sendable, Equatable {
  /// The rule's name.
  public var rule: String
  /// Its state.
  public var state: AlertWord
  /// What its query gave last; nil where there was no data.
  public var value: Double?
  /// Since when it is in this state, in milliseconds since 1970; nil for an alert that never left `inactive`.
  public var sinceMilliseconds: Int64?

  /// An alert.
  public init(rule: String, state: AlertWord, value: Double?, sinceMilliseconds: Int64?) {
    self.rule = rule
    self.state = state
    self.value = value
    self.sinceMilliseconds = sinceMilliseconds
  }

  /// Reads an alert, or the answer of `POST /evaluate`.
  public init(_ field: JSONField) throws(FieldMistake) {
    rule = try field.member("rule").string(maximumBytes: AlertingAPI.maximumNameBytes)
    state = try field.member("state").word(AlertWord.self)
    value = try field.optionalMember("value")?.finiteDouble()
    sinceMilliseconds = try field.optionalMember("since")?.integer()
  }

  /// Writes the alert's members into an object that is open.
  public func writeMembers(to writer: inout JSONWriter) {
    writer.member("rule", rule)
    writer.member("state", state.rawValue)
    writer.name("value")
    if let value { writer.valueOrNull(value) } else { writer.null() }
    writer.name("since")
    if let sinceMilliseconds { writer.value(sinceMilliseconds) } else { writer.null() }
  }
}

/// The answer to `GET /alerts`.
public struct AlertsResponse: Sendable, Equatable {
  /// The alerts, by the rules' names.
  public var alerts: [AlertView]

  /// Reads an answer.
  public init(_ document: JSONField) throws(FieldMistake) {
    alerts = []
    for element in try document.member("alerts").elements(maximum: .max) { alerts.append(try AlertView(element)) }
  }
}

/// The body of `POST /evaluate`.
public struct EvaluateRequest: Sendable, Equatable {
  /// The rule's name.
  public var rule: String

  /// A body.
  public init(rule: String) { self.rule = rule }

  /// Reads a body.
  public init(_ document: JSONField) throws(FieldMistake) {
    try document.onlyMembers(["rule"])
    rule = try document.member("rule").string(maximumBytes: AlertingAPI.maximumNameBytes, minimumBytes: 1)
  }

  /// The HTTP request.
  public func request() -> Request {
    .json(.post, "/evaluate") { writer in
      writer.beginObject()
      writer.member("rule", rule)
      writer.endObject()
    }
  }
}

/// What a webhook is told.
public struct WebhookBody: Sendable, Equatable {
  /// The alert as it became.
  public var alert: AlertView
  /// Why.
  public var reason: AlertReason

  /// A body.
  public init(alert: AlertView, reason: AlertReason) {
    self.alert = alert
    self.reason = reason
  }

  /// Reads a body.
  public init(_ document: JSONField) throws(FieldMistake) {
    alert = try AlertView(document)
    reason = try document.member("reason").word(AlertReason.self)
  }

  /// The HTTP request to `path`; receivers know a repetition by the key.
  public func request(path: String, idempotencyKey: String) -> Request {
    .json(.post, path, headers: ["idempotency-key": idempotencyKey]) { writer in
      writer.beginObject()
      alert.writeMembers(to: &writer)
      writer.member("reason", reason.rawValue)
      writer.endObject()
    }
  }
}
