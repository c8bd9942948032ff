// The shell commands that repeat a failure: one curl for each request up to the one that failed, without those that
// only read, with loops for repetitions and `sleep` for waits. Names that the case made up are made up anew each time,
// and what it saved from answers is read from them anew (`SavedValues`). Limit: times are those of the run that failed.

import Vocabulary
import Wire

/// Writes down what a case did.
struct CurlText {
  private let plan: ContractPlan
  private let run: String?
  private let saved: SavedValues

  /// Bodies longer than this are written in pieces.
  static let longestInlineBytes = 8_192

  init(plan: ContractPlan, run: JSON?, saved: SavedValues) {
    self.plan = plan
    self.saved = saved
    if case .string(let text)? = run { self.run = text } else { self.run = nil }
  }

  /// The commands, one to a line.
  func commands(_ performed: [PerformedStep]) -> [String] {
    var lines: [String] = []
    for (index, step) in performed.enumerated() {
      switch step {
      case .wait(let span): lines.append("sleep \(Double(span.milliseconds) / 1_000)")
      case .requests(let request, let made):
        let isLast = index == performed.count - 1
        if !isLast, request.method == .get, request.saves.isEmpty { continue }
        lines += commands(request, made)
      case .begun(let request, let made): lines.append("\(command(request, made)) &")
      case .awaited: lines.append("wait")
      }
    }
    // A case that failed meanwhile leaves its request open.
    if let begun = lines.lastIndex(where: { $0.hasSuffix(" &") }), !lines[begun...].contains("wait") { lines.append("wait") }
    if lines.contains(where: { $0.contains("$run") }) { lines.insert("run=r$(date +%s)", at: 0) }
    return lines
  }

  private func commands(_ step: RequestStep, _ made: [MadeRequest]) -> [String] {
    guard let first = made.first else { return [] }
    // Of several at once, no answer is the one that counts.
    let command = step.atOnce > 1 ? command(step, first) : SavedValues.keeping(step.saves, of: command(step, first))
    if step.atOnce > 1 {
      let burst = "for i in $(seq \(step.atOnce)); do \(command) & done; wait"
      return made.count > 1 ? ["for j in $(seq \(made.count)); do \(burst); done"] : [burst]
    }
    return made.count > 1 ? ["for i in $(seq \(made.count)); do \(command); done"] : [command]
  }

  private func command(_ step: RequestStep, _ request: MadeRequest) -> String {
    let made = request.marked.first ?? request
    // --globoff: brackets and braces of a target are not curl's.
    var words = ["curl -sS -i --path-as-is --globoff"]
    let headers = made.request.head.headers
    let hasBody = !made.pieces.isEmpty
    if step.method == .head {
      // With -X alone curl waits for a body that never comes; --head refuses one that is sent, so such a request ends
      // by a limit of time.
      words.append(hasBody ? "-X HEAD --max-time 5" : "--head")
    } else if step.method != .get || hasBody {
      words.append("-X \(shellWord(step.method.token))")
    }
    // curl leaves a field without a value out, unless it ends with a semicolon.
    for field in headers.fields { words.append("-H \(quoted(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)"))") }
    var source = ""
    // Requests of these methods tell their length, as the one that was made; curl adds a type of content of its own to
    // any data.
    let tellsLength = hasBody || step.method == .post || step.method == .put || step.method == .patch
    if tellsLength, headers["content-type"] == nil { words.append("-H 'content-type:'") }
    if tellsLength, !hasBody { words.append("--data-binary ''") }
    if hasBody {
      if let text = inlineText(made) {
        words.append("--data-binary \(quoted(text))")
      } else {
        words.append("--data-binary @-")
        source = "{ \(made.pieces.map(piece).joined(separator: "; ")); } | "
      }
    }
    let url = plan.services[step.service]?.url ?? ""
    let target = made.request.head.target
    // A fragment is cut off, and a target that is no URL's path is put behind a slash, unless it is given apart.
    if !target.hasPrefix("/") || target.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F || $0 == UInt8(ascii: "#") }) {
      words.append("--request-target \(quoted(target)) \(quoted(url))")
    } else {
      words.append(quoted(url + target))
    }
    return source + words.joined(separator: " ")
  }

  /// The body as one argument, where that is possible: text without NUL that does not begin like a file's name.
  private func inlineText(_ made: MadeRequest) -> String? {
    let body = made.request.body
    guard body.count <= Self.longestInlineBytes, body.first != UInt8(ascii: "@"), !body.contains(0) else { return nil }
    return String(validating: body, as: UTF8.self)
  }

  private func piece(_ piece: MadePiece) -> String {
    switch piece {
    case .bytes(let bytes):
      if let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) { return "printf %s \(quoted(text))" }
      return "printf '\(bytes.map { "\\" + octal($0) }.joined())'"
    case .repeated(let bytes, let times):
      let text = String(decoding: bytes, as: UTF8.self)
      return "yes \(quoted(text)) | head -n \(times) | tr -d '\\n'"
    }
  }

  private func octal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 8)
    return String(repeating: "0", count: 3 - digits.count) + digits
  }

  /// A word of the shell that means `text`.
  private func quoted(_ text: String) -> String {
    var word = shellWord(text, always: true)
    if let run { word = word.split(separator: run, omittingEmptySubsequences: false).joined(separator: "'\"$run\"'") }
    return saved.shell(word)
  }
}

extension Template {
  /// As it stands in the file.
  var shown: String {
    pieces.reduce("") { text, piece in
      switch piece {
      case .text(let literal): return text + literal
      case .variable(let reference):
        if reference.plus == 0 { return "\(text)${\(reference.name)}" }
        return "\(text)${\(reference.name) \(reference.plus < 0 ? "-" : "+") \(reference.plus.magnitude)}"
      }
    }
  }
}
