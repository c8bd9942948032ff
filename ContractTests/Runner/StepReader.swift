// Reads the steps of a case. A step is one mapping; its first key says what it does. `requests:` and `bodies:` in the
// plural stand for one step each.

import Vocabulary
import YAMLReading

/// Reads the steps of one case, and knows which variables have a value by then.
struct StepReader {
  let service: String
  let services: [String]
  private var pattern = PatternReader()
  /// Whether the steps that are read are made while a request is under way.
  private var isMeanwhile = false

  /// The longest body that a case can send: 256 MiB.
  static let maximumBodyBytes = 256 << 20

  init(service: String, services: [String]) {
    self.service = service
    self.services = services
  }

  /// The steps of a list.
  mutating func steps(_ list: YAMLField) throws(TextMistake) -> [ContractStep] {
    var steps: [ContractStep] = []
    for field in try list.elements(of: "steps") { steps += try step(field) }
    return steps
  }

  /// The requests that a case ends with, in which the variables of its steps may stand.
  func closingRequests(_ field: YAMLField?) throws(TextMistake) -> [ClosingRequest] {
    var requests: [ClosingRequest] = []
    for line in try field?.elements(of: "requests") ?? [] {
      let (method, target) = try requestLine(line)
      requests.append(ClosingRequest(line: line.line, method: method, target: target))
    }
    return requests
  }

  private static let requestKeys = [
    "request", "requests", "to", "headers", "json", "body", "bodies", "times", "at once", "eventually", "meanwhile", "expect",
    "save",
  ]

  private mutating func step(_ field: YAMLField) throws(TextMistake) -> [ContractStep] {
    let others = ["wait", "hears", "hears nothing", "within", "headers", "during", "steps"]
    let members = try field.members(Self.requestKeys + others, of: "a step")
    if let span = members["wait"] {
      _ = try field.members(["wait"], of: "a wait")
      return [ContractStep(line: field.line, kind: .wait(try Self.span(span, "how long to wait")))]
    }
    if let json = members["hears"] {
      _ = try field.members(["hears", "headers", "within"], of: "a step that hears")
      let within = try Self.span(try field.required("within", members), "how long to listen")
      return [ContractStep(line: field.line, kind: .hears(try heard(json, members), within: within))]
    }
    if let json = members["hears nothing"] {
      _ = try field.members(["hears nothing", "headers", "during"], of: "a step that hears nothing")
      let during = try Self.span(try field.required("during", members), "how long to listen")
      return [ContractStep(line: field.line, kind: .hearsNothing(try heard(json, members), during: during))]
    }
    if let within = members["within"] {
      _ = try field.members(["within", "steps"], of: "steps within a time")
      let span = try Self.span(within, "the time")
      let inner = try steps(try field.required("steps", members))
      return [ContractStep(line: field.line, kind: .windowBegins(span))] + inner + [ContractStep(line: field.line, kind: .windowEnds)]
    }
    guard members["request"] != nil || members["requests"] != nil else {
      throw field.expected("a step: request, requests, wait, hears, hears nothing, or within with steps")
    }
    return try requests(field, try field.members(Self.requestKeys, of: "a request"))
  }

  private static func span(_ field: YAMLField, _ what: String) throws(TextMistake) -> TimeSpan {
    let words = SpanText.words(what, like: "10s or 250ms", try? field.text(what), bounds: "more than 0s")
    return try field.value(words) { text in SpanText.span(text).flatMap { $0 > .zero ? $0 : nil } }
  }

  private func heard(_ json: YAMLField, _ members: [String: YAMLField]) throws(TextMistake) -> HeardExpectation {
    HeardExpectation(headers: try headerMatchers(members["headers"]), json: try pattern.matcher(json))
  }

  // MARK: requests

  private mutating func requests(_ field: YAMLField, _ members: [String: YAMLField]) throws(TextMistake) -> [ContractStep] {
    guard members["request"] == nil || members["requests"] == nil else { throw field.mistake("expected request or requests, found both") }
    var lines: [YAMLField] = []
    if let list = members["requests"] {
      lines = try list.elements(of: "requests")
    } else {
      lines = [try field.required("request", members)]
    }
    let bodies = try bodies(field, members)
    let target = try members["to"]?.value("a service: \(services.joined(separator: ", "))") { services.contains($0) ? $0 : nil } ?? service
    let headers = try headers(members["headers"])
    let times = try Self.count(members["times"], "how often")
    let atOnce = try Self.count(members["at once"], "how many at once")
    let eventually = try members["eventually"].map { field throws(TextMistake) in try Self.span(field, "how long to try") }
    if let eventually = members["eventually"], times * atOnce != 1 {
      throw eventually.mistake("expected \"eventually\" alone, found it with \"times\" or \"at once\"")
    }
    let meanwhile = try members["meanwhile"].map { field throws(TextMistake) in
      guard members["request"] != nil, bodies.count == 1, times * atOnce == 1, eventually == nil, !isMeanwhile else {
        throw field.mistake("expected \"meanwhile\" in one request that is made once, and not in another's \"meanwhile\"")
      }
      isMeanwhile = true
      defer { isMeanwhile = false }
      return try self.steps(field)
    }
    let expectation = try expectation(try field.required("expect", members))
    let saves = try saves(members["save"])
    var steps: [ContractStep] = []
    for line in lines {
      let (method, path) = try requestLine(line)
      for body in bodies {
        let step = RequestStep(
          service: target, method: method, target: path, headers: headers, body: body, times: times, atOnce: atOnce,
          eventually: eventually, expectation: expectation, saves: saves)
        guard let meanwhile else {
          steps.append(ContractStep(line: field.line, kind: .request(step)))
          continue
        }
        steps.append(ContractStep(line: field.line, kind: .requestBegins(step)))
        steps += meanwhile
        steps.append(ContractStep(line: field.line, kind: .requestEnds(step)))
      }
    }
    return steps
  }

  private static func count(_ field: YAMLField?, _ what: String) throws(TextMistake) -> Int {
    try field?.value("\(what), 1 to 100000") { text in Int(text).flatMap { (1...100_000).contains($0) ? $0 : nil } } ?? 1
  }

  private func requestLine(_ field: YAMLField) throws(TextMistake) -> (Method, Template) {
    let text = try field.text("a method and a target, like POST /produce")
    guard let space = text.firstIndex(of: " "), space != text.startIndex else {
      throw field.expected("a method and a target, like POST /produce")
    }
    return (Method(token: String(text[..<space])), try pattern.template(String(text[text.index(after: space)...]), at: field))
  }

  private func headers(_ field: YAMLField?) throws(TextMistake) -> [(name: String, value: Template)] {
    guard let field else { return [] }
    guard case .mapping(let members) = field.shape else { throw field.expected("header fields (a mapping)") }
    var headers: [(name: String, value: Template)] = []
    for (name, value) in members {
      headers.append((try name.text("a header's name"), try pattern.template(try value.text("a header's value"), at: value)))
    }
    return headers
  }

  private func bodies(_ field: YAMLField, _ members: [String: YAMLField]) throws(TextMistake) -> [ContractBody] {
    let given = ["json", "body", "bodies"].filter { members[$0] != nil }
    guard given.count <= 1 else { throw field.mistake("expected one of json, body and bodies, found \(given.joined(separator: " and "))") }
    if let json = members["json"] { return [.json(try pattern.template(json))] }
    if let body = members["body"] { return [.parts(try parts(body))] }
    guard let list = members["bodies"] else { return [.none] }
    var bodies: [ContractBody] = []
    for body in try list.elements(of: "bodies") { bodies.append(.parts(try parts(body))) }
    guard !bodies.isEmpty else { throw list.expected("at least one body") }
    return bodies
  }

  /// A text, or a list of pieces.
  private func parts(_ field: YAMLField) throws(TextMistake) -> [BodyPart] {
    switch field.shape {
    case .plain(let text), .quoted(let text): return [.text(try pattern.template(text, at: field))]
    case .mapping: return [try part(field)]
    case .list(let elements):
      var parts: [BodyPart] = []
      for element in elements { parts.append(try part(element)) }
      return parts
    }
  }

  private func part(_ field: YAMLField) throws(TextMistake) -> BodyPart {
    switch field.shape {
    case .plain(let text), .quoted(let text): return .text(try pattern.template(text, at: field))
    case .list: throw field.expected("a piece of a body: text, {hex: ff}, or {repeat: x, times: 1000}")
    case .mapping:
      let members = try field.members(["hex", "repeat", "times"], of: "a piece of a body")
      if let hex = members["hex"] {
        _ = try field.members(["hex"], of: "bytes")
        return .bytes(try hex.value("bytes in hexadecimal, like c0 80") { Self.bytes(hex: $0) })
      }
      let repeated = try field.required("repeat", members)
      let text = try repeated.text("the text to repeat")
      let times = try field.required("times", members).value("how often, in all at most \(Self.maximumBodyBytes) bytes") { written in
        Int(written).flatMap { $0 > 0 && $0 <= Self.maximumBodyBytes / max(1, text.utf8.count) ? $0 : nil }
      }
      return .repeated(try pattern.template(text, at: repeated), times: times)
    }
  }

  private static func bytes(hex: String) -> [UInt8]? {
    let digits = hex.filter { $0 != " " }.compactMap(\.hexDigitValue)
    guard digits.count == hex.filter({ $0 != " " }).count, digits.count % 2 == 0, !digits.isEmpty else { return nil }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  private mutating func saves(_ field: YAMLField?) throws(TextMistake) -> [(name: String, path: JSONPath)] {
    guard let field else { return [] }
    guard case .mapping(let members) = field.shape else { throw field.expected("variables and where their values are (a mapping)") }
    var saves: [(name: String, path: JSONPath)] = []
    for (key, value) in members {
      let name = try key.value("a variable's name of lower-case letters, digits and underscores, other than \(Variables.builtin)") { text in
        let isFit = !text.isEmpty && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
        return isFit && !Variables.builtin.contains(text) ? text : nil
      }
      saves.append((name, try value.value("where the value is, like results[0].offset") { JSONPath($0) }))
      pattern.known.insert(name)
    }
    return saves
  }

  // MARK: expectations

  private func expectation(_ field: YAMLField) throws(TextMistake) -> AnswerExpectation {
    var expectation = AnswerExpectation()
    // `expect: 200` says the status alone.
    if case .plain = field.shape {
      try status(field, &expectation)
      return expectation
    }
    let members = try field.members(["status", "headers", "json", "error", "tally"], of: "an expectation")
    guard !members.isEmpty else { throw field.expected("what must be answered: status, headers, json, error or tally") }
    if let statuses = members["status"] { try status(statuses, &expectation) }
    expectation.headers = try headerMatchers(members["headers"])
    if let json = members["json"] { expectation.json = try pattern.matcher(json) }
    if let error = members["error"] { expectation.error = try errorNames(error) }
    if let tally = members["tally"] {
      guard case .mapping(let entries) = tally.shape, !entries.isEmpty else {
        throw tally.expected("how many answers of each status, like {202: 10, 429: 1}")
      }
      for (status, count) in entries {
        expectation.tally.append(
          (
            try status.value("a status, 100 to 599") { text in Int(text).flatMap { (100...599).contains($0) ? $0 : nil } },
            try count.value("how many answers") { text in Int(text).flatMap { $0 >= 0 ? $0 : nil } }
          ))
      }
    }
    return expectation
  }

  private func status(_ field: YAMLField, _ expectation: inout AnswerExpectation) throws(TextMistake) {
    switch field.shape {
    case .list(let elements):
      // A list without any would judge nothing.
      guard !elements.isEmpty else { throw field.expected("at least one status, or no list of them") }
      for element in elements { try status(element, &expectation) }
    case .plain, .quoted, .mapping:
      if try field.text("a status, 4xx, 200..299 or closed") == "closed" {
        expectation.mayClose = true
      } else {
        expectation.statuses.append(try field.value("a status, 4xx, 200..299 or closed") { Self.statuses($0) })
      }
    }
  }

  private static func statuses(_ text: String) -> ClosedRange<Int>? {
    if text.count == 3, text.hasSuffix("xx"), let digit = text.first?.wholeNumberValue, (1...5).contains(digit) {
      return (digit * 100)...(digit * 100 + 99)
    }
    let bounds = text.firstRange(of: "..").map { [String(text[..<$0.lowerBound]), String(text[$0.upperBound...])] } ?? [text, text]
    guard let low = Int(bounds[0]), let high = Int(bounds[1]), low >= 100, high <= 599, low <= high else { return nil }
    return low...high
  }

  private func headerMatchers(_ field: YAMLField?) throws(TextMistake) -> [(name: String, matcher: JSONMatcher)] {
    guard let field else { return [] }
    guard case .mapping(let members) = field.shape, !members.isEmpty else {
      throw field.expected("header fields and what they must be (a mapping)")
    }
    var headers: [(name: String, matcher: JSONMatcher)] = []
    for (name, value) in members { headers.append((try name.text("a header's name"), try pattern.matcher(value))) }
    return headers
  }

  /// `any`, one text, or several.
  private func errorNames(_ field: YAMLField) throws(TextMistake) -> [Template] {
    if case .list(let elements) = field.shape {
      var names: [Template] = []
      for element in elements { names.append(try pattern.template(try element.text("a text that the error must name"), at: element)) }
      return names
    }
    let text = try field.text("any, or the text that the error must name")
    return text == "any" ? [] : [try pattern.template(text, at: field)]
  }
}
