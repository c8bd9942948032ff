// What alerting writes into its journal: changes, each of which can be applied again without harm, so that the whole
// state written anew replaces all that was written before it. The byte format is on the page AlertingRecord.md. Serves
// MONITORING-23, 24.

import MonitoringAPI
import Vocabulary
import Wire

/// One change. A journal record holds one or more, applied together or not at all.
enum AlertingChange: Sendable {
  /// The name of this installation in the keys of notifications, and the next rule's number.
  case identity(installation: UInt64, nextNumber: UInt64)
  /// A rule with its alert, new or changed.
  case rule(RuleEntry)
  /// A rule is gone.
  case removed(rule: UInt64)
  /// An alert changed.
  case state(rule: UInt64, AlertState, value: Double?, transitions: UInt64)
  /// A notification is to be delivered.
  case notification(Notification)
  /// A notification was delivered or given up.
  case settled(NotificationID)

  static func encoded(_ changes: [AlertingChange]) -> [UInt8] {
    var writer = ByteWriter(capacity: 128 * changes.count)
    writer.count(changes.count)
    for change in changes { change.write(to: &writer) }
    return writer.finish()
  }

  static func decoded(_ payload: ArraySlice<UInt8>) throws(ByteError) -> [AlertingChange] {
    var reader = ByteReader(Array(payload))
    var changes: [AlertingChange] = []
    for _ in 0..<(try reader.count(minimumBytesEach: 2)) { changes.append(try AlertingChange(&reader)) }
    try reader.expectEnd()
    return changes
  }

  // MARK: writing

  private func write(to writer: inout ByteWriter) {
    switch self {
    case .identity(let installation, let nextNumber):
      writer.byte(1)
      writer.fixed(installation)
      writer.varint(nextNumber)
    case .rule(let entry):
      writer.byte(2)
      writer.varint(entry.number)
      Self.write(entry.rule, to: &writer)
      Self.write(entry.state, entry.value, entry.transitions, to: &writer)
    case .removed(let rule):
      writer.byte(3)
      writer.varint(rule)
    case .state(let rule, let state, let value, let transitions):
      writer.byte(4)
      writer.varint(rule)
      Self.write(state, value, transitions, to: &writer)
    case .notification(let notification):
      writer.byte(7)
      writer.zigzag(notification.toldAt.nanoseconds)
      Self.write(notification.id, to: &writer)
      writer.prefixedString(notification.body.alert.rule)
      writer.prefixedString(notification.body.alert.state.rawValue)
      Self.write(notification.body.alert.value, to: &writer)
      writer.zigzag(notification.body.alert.sinceMilliseconds ?? 0)
      writer.prefixedString(notification.body.reason.rawValue)
    case .settled(let id):
      writer.byte(6)
      Self.write(id, to: &writer)
    }
  }

  private static func write(_ rule: Rule, to writer: inout ByteWriter) {
    writer.prefixedString(rule.name)
    writer.prefixedString(rule.query)
    writer.zigzag(rule.duration.nanoseconds)
    writer.count(rule.channels.count)
    for channel in rule.channels { writer.prefixedString(channel) }
    writer.prefixedString(rule.missingData.rawValue)
    writer.zigzag(rule.every?.nanoseconds ?? 0)
  }

  private static func write(_ state: AlertState, _ value: Double?, _ transitions: UInt64, to writer: inout ByteWriter) {
    writer.byte(state.number)
    switch state {
    case .inactive: break
    case .pending(let since, let seen):
      writer.zigzag(since.nanoseconds)
      writer.zigzag(seen.nanoseconds)
    case .firing(let since), .resolved(let since): writer.zigzag(since.nanoseconds)
    }
    write(value, to: &writer)
    writer.varint(transitions)
  }

  private static func write(_ value: Double?, to writer: inout ByteWriter) {
    writer.byte(value == nil ? 0 : 1)
    if let value { writer.double(value) }
  }

  private static func write(_ id: NotificationID, to writer: inout ByteWriter) {
    writer.varint(id.rule)
    writer.varint(id.transition)
    writer.prefixedString(id.channel.text)
  }

  // MARK: reading

  private init(_ reader: inout ByteReader) throws(ByteError) {
    let place = reader.position
    switch try reader.byte() {
    case 1: self = .identity(installation: try reader.fixed(UInt64.self), nextNumber: try reader.varint())
    case 2:
      var entry = RuleEntry(number: try reader.varint(), rule: try Self.rule(&reader))
      (entry.state, entry.value, entry.transitions) = try Self.state(&reader)
      self = .rule(entry)
    case 3: self = .removed(rule: try reader.varint())
    case 4:
      let rule = try reader.varint()
      let (state, value, transitions) = try Self.state(&reader)
      self = .state(rule: rule, state, value: value, transitions: transitions)
    case let kind where kind == 5 || kind == 7:
      // Kind 5, of older versions, does not say when it was told: an alert's `since` is near enough to tell its age.
      let told = kind == 7 ? WallTime(nanoseconds: try reader.zigzag()) : nil
      let id = try Self.id(&reader)
      let name = try reader.prefixedString(maximumBytes: AlertingAPI.maximumNameBytes)
      let state = try Self.word(AlertWord.self, &reader)
      let value = try Self.value(&reader)
      let alert = AlertView(rule: name, state: state, value: value, sinceMilliseconds: try reader.zigzag())
      self = .notification(
        Notification(
          id: id, body: WebhookBody(alert: alert, reason: try Self.word(AlertReason.self, &reader)),
          toldAt: told ?? WallTime(milliseconds: alert.sinceMilliseconds ?? 0)))
    case 6: self = .settled(try Self.id(&reader))
    case let kind: throw ByteError(offset: place, expected: "a change of kind 1 to 7", found: "kind \(kind)")
    }
  }

  private static func rule(_ reader: inout ByteReader) throws(ByteError) -> Rule {
    let name = try reader.prefixedString(maximumBytes: AlertingAPI.maximumNameBytes)
    let place = reader.position
    let query = try reader.prefixedString(maximumBytes: QueryLanguageLimits.maximumBytes)
    let expression: RuleExpression
    do throws(TextMistake) {
      expression = try RuleExpression(parsing: query)
    } catch {
      throw ByteError(offset: place, expected: "a rule's query", found: "a text that cannot be parsed: \(error)")
    }
    let duration = TimeSpan(nanoseconds: try reader.zigzag())
    var channels: [String] = []
    for _ in 0..<(try reader.count()) { channels.append(try reader.prefixedString(maximumBytes: AlertingAPI.maximumChannelNameBytes)) }
    let missingData = try word(MissingDataPolicy.self, &reader)
    let every = try reader.zigzag()
    guard every >= 0, duration >= .zero else {
      throw ByteError(offset: place, expected: "spans of 0 or more", found: "\(every) and \(duration.nanoseconds)")
    }
    return Rule(
      name: name, query: query, expression: expression, duration: duration, channels: channels, missingData: missingData,
      every: every == 0 ? nil : TimeSpan(nanoseconds: every))
  }

  private static func state(_ reader: inout ByteReader) throws(ByteError) -> (AlertState, Double?, UInt64) {
    let place = reader.position
    let state: AlertState
    switch try reader.byte() {
    case 0: state = .inactive
    case 1:
      let (since, seen) = (try reader.zigzag(), try reader.zigzag())
      guard since <= seen else { throw ByteError(offset: place, expected: "a condition seen since \(since) or later", found: "\(seen)") }
      state = .pending(since: WallTime(nanoseconds: since), seen: WallTime(nanoseconds: seen))
    case 2: state = .firing(since: WallTime(nanoseconds: try reader.zigzag()))
    case 3: state = .resolved(since: WallTime(nanoseconds: try reader.zigzag()))
    case let number: throw ByteError(offset: place, expected: "a state from 0 to 3", found: "\(number)")
    }
    let value = try value(&reader)
    return (state, value, try reader.varint())
  }

  private static func value(_ reader: inout ByteReader) throws(ByteError) -> Double? {
    try reader.byte() == 0 ? nil : try reader.double()
  }

  private static func id(_ reader: inout ByteReader) throws(ByteError) -> NotificationID {
    NotificationID(
      rule: try reader.varint(), transition: try reader.varint(),
      channel: ExactName(try reader.prefixedString(maximumBytes: AlertingAPI.maximumChannelNameBytes)))
  }

  private static func word<Word: RawRepresentable>(_ type: Word.Type, _ reader: inout ByteReader) throws(ByteError) -> Word
  where Word.RawValue == String {
    let place = reader.position
    let text = try reader.prefixedString(maximumBytes: 32)
    guard let word = Word(rawValue: text) else { throw ByteError(offset: place, expected: "a word of \(type)", found: text) }
    return word
  }
}
