// A case in words: a line for each step, and below it what is sent and what must be in the answer, for people who ask
// what a case does.

import Vocabulary

extension ContractCase {
  /// Its steps, a line each, and below it those of what is sent and expected.
  public var outline: [String] {
    var lines: [String] = []
    var depth = 0
    for step in steps {
      switch step.kind {
      case .windowEnds, .requestEnds: depth -= 1
      case .request, .requestBegins, .wait, .hears, .hearsNothing, .windowBegins: break
      }
      let indent = String(repeating: "  ", count: max(0, depth))
      switch step.kind {
      case .wait(let span): lines.append("\(indent)wait \(ContractCaller.text(span))")
      case .windowBegins(let span):
        lines.append("\(indent)within \(ContractCaller.text(span)):")
        depth += 1
      case .windowEnds, .requestEnds: break
      case .requestBegins(let request):
        lines.append(indent + request.outline(judging: service) + "; meanwhile:")
        lines += request.details.map { "\(indent)    \($0)" }
        depth += 1
      case .hears(let expectation, let span):
        lines.append("\(indent)hear a notification within \(ContractCaller.text(span))")
        lines += expectation.details.map { "\(indent)    \($0)" }
      case .hearsNothing(let expectation, let span):
        lines.append("\(indent)hear no such notification during \(ContractCaller.text(span))")
        lines += expectation.details.map { "\(indent)    \($0)" }
      case .request(let request):
        lines.append(indent + request.outline(judging: service))
        lines += request.details.map { "\(indent)    \($0)" }
      }
    }
    for request in afterwards { lines.append("afterwards \(request.method.token) \(request.target.shown)") }
    return lines
  }
}

extension RequestStep {
  fileprivate func outline(judging service: String) -> String {
    var line = "\(method.token) \(target.shown)"
    if self.service != service { line += " (to \(self.service))" }
    if times > 1 { line += ", \(times) times" }
    if atOnce > 1 { line += ", \(atOnce) at once" }
    if let eventually { line += ", until it is right, within \(ContractCaller.text(eventually))" }
    line += " → \(expectation.words)"
    if !saves.isEmpty { line += "; keeps \(saves.map(\.name).joined(separator: ", "))" }
    return line
  }
}

extension RequestStep {
  /// What is sent, and what must be in the answer, a line each.
  fileprivate var details: [String] {
    var lines = headers.map { "sends \($0.name): \($0.value.shown)" }
    switch body {
    case .none: break
    case .json(let template): lines.append("sends \(template.shown)")
    case .parts(let parts): lines.append("sends \(parts.map(\.shown).joined(separator: ", then "))")
    }
    lines += expectation.headers.map { "expects \($0.name): \($0.matcher.shown)" }
    if let json = expectation.json { lines.append("expects \(json.shown)") }
    if let named = expectation.error {
      lines.append("expects an error object" + (named.isEmpty ? "" : " that names \(named.map(\.shown).joined(separator: ", "))"))
    }
    return lines
  }
}

extension HeardExpectation {
  /// What the notification must be, a line each.
  fileprivate var details: [String] { headers.map { "of \($0.name): \($0.matcher.shown)" } + ["of \(json.shown)"] }
}

extension BodyPart {
  /// As the file says it.
  fileprivate var shown: String {
    switch self {
    case .text(let template): "\"\(template.shown)\""
    case .bytes(let bytes): "\(bytes.count) bytes"
    case .repeated(let template, let times): "\"\(template.shown)\" \(times) times"
    }
  }
}

extension JSONTemplate {
  /// As the file says it, in one line.
  fileprivate var shown: String {
    switch self {
    case .value(let value): value.shown
    case .text(let template): "\"\(template.shown)\""
    case .array(let elements): "[\(elements.map(\.shown).joined(separator: ", "))]"
    case .object(let members): "{\(members.map { "\($0.name): \($0.value.shown)" }.joined(separator: ", "))}"
    }
  }
}

extension JSONMatcher {
  /// As the file says it, in one line.
  fileprivate var shown: String {
    switch self {
    case .value(let value): return value.shown
    case .text(let template): return "\"\(template.shown)\""
    case .kind(let kind, let comparisons):
      return (["$\(kind.rawValue)"] + comparisons.map { "\($0.comparison.rawValue) \($0.operand.shown)" }).joined(separator: " ")
    case .contains(let template): return "$string contains \(template.shown)"
    case .absent: return "$absent"
    case .array(let matchers): return "[\(matchers.map(\.shown).joined(separator: ", "))]"
    case .elements(let each, let some, let length):
      var members = [each.map { "$each: \($0.shown)" }].compactMap { $0 }
      if !some.isEmpty { members.append("$some: [\(some.map(\.shown).joined(separator: ", "))]") }
      if let length { members.append("$length: \(length.shown)") }
      return "{\(members.joined(separator: ", "))}"
    case .object(let members, let exactly):
      return "{\((members.map { "\($0.name): \($0.matcher.shown)" } + (exactly ? ["$exactly: true"] : [])).joined(separator: ", "))}"
    }
  }
}
