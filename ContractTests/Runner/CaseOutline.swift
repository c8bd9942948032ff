// A case in words: one line for each step, for people who ask what a case does.

import Vocabulary

extension ContractCase {
  /// Its steps, one line each.
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
        depth += 1
      case .hears(_, let span): lines.append("\(indent)hear a notification within \(ContractCaller.text(span))")
      case .hearsNothing(_, let span): lines.append("\(indent)hear no such notification during \(ContractCaller.text(span))")
      case .request(let request): lines.append(indent + request.outline(judging: service))
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
    if expectation.json != nil || expectation.error != nil || !expectation.headers.isEmpty { line += " of the right shape" }
    if !saves.isEmpty { line += "; keeps \(saves.map(\.name).joined(separator: ", "))" }
    return line
  }
}
