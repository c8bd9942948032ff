// Alerting's rules: made, listed, changed and deleted by clients. A change of a rule whose alert fires resolves the
// alert, and says so: nobody is left with an alert that no rule watches. Serves MONITORING-23.

import Durable
import MonitoringAPI
import Vocabulary
import Wire

extension Alerting {
  mutating func createRule(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let body = try request.decoded(RuleBody.init(_:))
    guard let name = body.name else {
      throw RequestProblem(400, code: "INVALID_FIELD", message: "name: expected a string, found none", field: "name")
    }
    guard let rule = try parse(body, name: name, exchange, &turn) else { return }
    guard numberOfName[ExactName(name)] == nil else {
      throw RequestProblem(409, code: "RULE_EXISTS", message: "there is a rule of this name; PUT /rules/{name} changes it", field: "name")
    }
    try add(rule, &turn)
    turn.reply(exchange, Self.answer(201, rule))
  }

  mutating func putRule(_ exchange: ExchangeID, _ name: String, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let body = try request.decoded(RuleBody.init(_:))
    guard (1...AlertingAPI.maximumNameBytes).contains(name.utf8.count), body.name.map({ sameBytes($0, name) }) != false else {
      throw RequestProblem(400, code: "INVALID_FIELD", message: "name: expected the name in the path, or none", field: "name")
    }
    if let flaw = NameRule.flaw(ofSegment: name) {
      throw RequestProblem(400, code: "INVALID_FIELD", message: "name: a name cannot hold \(flaw)", field: "name")
    }
    guard let rule = try parse(body, name: name, exchange, &turn) else { return }
    guard let number = numberOfName[ExactName(name)], let before = rules[number] else {
      try add(rule, &turn)
      return turn.reply(exchange, Self.answer(201, rule))
    }
    var after = before
    var changes: [AlertingChange] = []
    if before.rule.expression != rule.expression || before.rule.duration != rule.duration {
      // The channels that were told of the alert are told of its end, whichever the changed rule names.
      changes = resolve(&after, turn)
      after.state = .inactive
      after.value = nil
    }
    after.rule = rule
    // What is known of the rule as it was says nothing of it as it is.
    after.missing = nil
    after.failure = nil
    after.revision += 1
    changes.insert(.rule(after), at: 0)
    try keep(changes, &turn)
    rules[number] = after
    if before.state.word != after.state.word { observe(after, &turn) }
    enqueue(changes, &turn)
    schedule(number, aligned: true, &turn)
    turn.reply(exchange, Self.answer(200, rule))
  }

  mutating func deleteRule(_ exchange: ExchangeID, _ name: String, _ turn: inout Turn) throws(RequestProblem) {
    var entry = try entry(named: name)
    let wasFiring = entry.state.word == .firing
    let changes = resolve(&entry, turn) + [.removed(rule: entry.number)]
    try keep(changes, &turn)
    invariant(
      numberOfName[ExactName(name)] == entry.number,
      "rule \(entry.number) goes by \(name), which names \(numberOfName[ExactName(name)] ?? 0)")
    rules[entry.number] = nil
    numberOfName[ExactName(name)] = nil
    if wasFiring { observe(entry, &turn) }
    for waiting in entry.served + entry.waiting {
      turn.reply(waiting, .failure(404, code: "UNKNOWN_RULE", message: "the rule was deleted", field: "rule"))
    }
    enqueue(changes, &turn)
    turn.reply(exchange, Response(status: 204))
  }

  private mutating func add(_ rule: Rule, _ turn: inout Turn) throws(RequestProblem) {
    guard rules.count < configuration.maximumRules else {
      throw RequestProblem(422, code: "TOO_MANY_RULES", message: "there are \(configuration.maximumRules) rules already")
    }
    let entry = RuleEntry(number: nextNumber, rule: rule)
    invariant(
      rules[entry.number] == nil && numberOfName[ExactName(rule.name)] == nil,
      "rule \(entry.number), \(rule.name), would be a second one: \(numberOfName[ExactName(rule.name)] ?? entry.number) has the name")
    try keep([.rule(entry)], &turn)
    nextNumber += 1
    rules[entry.number] = entry
    numberOfName[ExactName(rule.name)] = entry.number
    schedule(entry.number, aligned: true, &turn)
  }

  /// Resolves an alert that fires because its rule goes or changes. Returns the notifications.
  private func resolve(_ entry: inout RuleEntry, _ turn: borrowing Turn) -> [AlertingChange] {
    let next = AlertState.resolved(since: turn.wallClock)
    guard entry.state.word == .firing else { return [] }
    entry.state = next
    return notifications(&entry, told: .resolved, reason: .ruleChanged, turn)
  }

  private mutating func keep(_ changes: [AlertingChange], _ turn: inout Turn) throws(RequestProblem) {
    do throws(JournalError) {
      try append(changes, turn)
    } catch {
      switch error {
      case .disk(.full): throw RequestProblem(503, code: "DISK_FULL", message: "alerting's disk is full; nothing was changed")
      case .damaged, .disk, .notHeld, .payloadTooLong:
        throw RequestProblem(500, code: "UNWRITABLE", message: "alerting's journal cannot be written: \(error)")
      }
    }
  }

  // MARK: parsing

  /// The rule of a body; nil where the request was answered already, since its query or a duration cannot be parsed.
  private func parse(_ body: RuleBody, name: String, _ exchange: ExchangeID, _ turn: inout Turn) throws(RequestProblem) -> Rule? {
    var channels: [String] = []
    for (index, channel) in body.channels.enumerated() where !channels.contains(where: { sameBytes($0, channel) }) {
      guard self.channels[ExactName(channel)] != nil else {
        let known = configuration.channels.map(\.name).joined(separator: ", ")
        throw RequestProblem(
          400, code: "UNKNOWN_CHANNEL", message: "there is no channel of this name; there are: \(known)", field: "channels[\(index)]")
      }
      channels.append(channel)
    }
    var field = "query"
    let expression: RuleExpression
    let duration: TimeSpan
    let every: TimeSpan?
    do throws(TextMistake) {
      expression = try RuleExpression(parsing: body.query)
      field = "duration"
      duration = TimeSpan(nanoseconds: try DurationText.nanoseconds(of: body.duration))
      field = "every"
      every = try body.every.map { text throws(TextMistake) in TimeSpan(nanoseconds: try DurationText.nanoseconds(of: text)) }
    } catch {
      turn.reply(exchange, .invalidQuery(error, field: field))
      return nil
    }
    guard duration <= Rule.maximumDuration else {
      throw RequestProblem(400, code: "INVALID_FIELD", message: "duration: expected at most 90d", field: "duration")
    }
    if let every, !Rule.every.contains(every) {
      throw RequestProblem(400, code: "INVALID_FIELD", message: "every: expected 1s to 1h", field: "every")
    }
    return Rule(
      name: name, query: body.query, expression: expression, duration: duration, channels: channels, missingData: body.missingData,
      every: every)
  }

  // MARK: answers

  static func answer(_ status: Int, _ rule: Rule) -> Response { .json(status) { rule.body.write(to: &$0) } }

  func rulesAnswer() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.name("rules")
      writer.beginArray()
      for entry in sortedEntries { entry.rule.body.write(to: &writer) }
      writer.endArray()
      writer.endObject()
    }
  }

  func alertsAnswer() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.name("alerts")
      writer.beginArray()
      for entry in sortedEntries where entry.state != .inactive {
        writer.beginObject()
        Self.view(entry).writeMembers(to: &writer)
        writer.member("query", entry.rule.query)
        if let failure = entry.failure { writer.member("last_failure", failure) }
        writer.endObject()
      }
      writer.endArray()
      // Rules that compare nothing can neither fire nor be resolved by their condition: their owners must see why.
      let without = sortedEntries.compactMap { entry in entry.missing.map { (entry.rule.name, $0) } }
      if !without.isEmpty {
        writer.name("without_data")
        writer.beginArray()
        for (rule, missing) in without {
          writer.beginObject()
          writer.member("rule", rule)
          writer.member("since", missing.since.milliseconds)
          writer.member("why", missing.reason)
          writer.endObject()
        }
        writer.endArray()
      }
      writer.endObject()
    }
  }

  static func view(_ entry: RuleEntry) -> AlertView {
    AlertView(rule: entry.rule.name, state: entry.state.word, value: entry.value, sinceMilliseconds: entry.state.since?.milliseconds)
  }
}
