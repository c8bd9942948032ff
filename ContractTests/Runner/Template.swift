// Text with variables: `$run`, `${offset}`, `${offset + 1}`, `${now - 60000}`; `$$` is a dollar sign. Names are
// lower-case letters, digits and underscores. Unknown names are mistakes of the file, found when it is read.

import Wire

/// The values of variables while a case is made.
public struct Variables: Sendable {
  /// The names that every case has: its unique name, the step's number, the caller's wall clock in milliseconds, and
  /// the channel that leads to the caller.
  public static let builtin = ["run", "step", "now", "channel"]

  private var values: [String: JSON] = [:]

  /// None.
  public init() {}

  /// The value of a variable.
  public subscript(name: String) -> JSON? {
    get { values[name] }
    set { values[name] = newValue }
  }
}

/// Why a text with variables could not be made: an answer held something else than the case counts on.
public struct UnfitVariable: Error, Sendable, Hashable {
  /// In words.
  public var description: String

  /// A reason.
  public init(description: String) { self.description = description }
}

/// A mistake in a text with variables.
struct TemplateMistake: Error {
  var expected: String
}

/// One variable, with an integer added.
public struct VariableReference: Sendable, Hashable {
  /// Its name.
  public var name: String
  /// What is added to it.
  public var plus: Int64

  /// The value.
  func value(_ variables: Variables) throws(UnfitVariable) -> JSON {
    guard let value = variables[name] else { throw UnfitVariable(description: "the variable $\(name) has no value") }
    guard plus != 0 else { return value }
    let unfit = UnfitVariable(description: "the variable $\(name) is \(value.shown), and \(plus) cannot be added to it")
    // 1.0 and 1e0 are the integer 1 too.
    guard let integer = value.exactNumber?.exactInteger else { throw unfit }
    let (sum, overflow) = integer.addingReportingOverflow(plus)
    if overflow { throw unfit }
    return .integer(sum)
  }
}

/// Text with variables.
public struct Template: Sendable, Hashable {
  enum Piece: Sendable, Hashable {
    case text(String)
    case variable(VariableReference)
  }

  let pieces: [Piece]

  /// Text without variables.
  init(plain text: String) { pieces = text.isEmpty ? [] : [.text(text)] }

  /// Reads `text`, in which only `known` variables may stand.
  init(_ text: String, known: Set<String>) throws(TemplateMistake) {
    var pieces: [Piece] = []
    var literal = ""
    var rest = Substring(text)
    while let character = rest.popFirst() {
      guard character == "$" else {
        literal.append(character)
        continue
      }
      if rest.first == "$" {
        literal.append("$")
        rest.removeFirst()
        continue
      }
      if !literal.isEmpty { pieces.append(.text(literal)) }
      literal = ""
      pieces.append(.variable(try Template.reference(&rest, known)))
    }
    if !literal.isEmpty { pieces.append(.text(literal)) }
    self.pieces = pieces
  }

  private static func reference(_ rest: inout Substring, _ known: Set<String>) throws(TemplateMistake) -> VariableReference {
    let isBraced = rest.first == "{"
    if isBraced { rest.removeFirst() }
    let name = String(rest.prefix { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_") })
    rest.removeFirst(name.count)
    guard known.contains(name) else {
      throw TemplateMistake(
        expected: "a variable behind $ (\(known.sorted().joined(separator: ", ")); $$ is a dollar sign), not \"\(name)\"")
    }
    guard isBraced else { return VariableReference(name: name, plus: 0) }
    guard let end = rest.firstIndex(of: "}") else { throw TemplateMistake(expected: "} behind ${\(name)") }
    let sum = rest[..<end].filter { $0 != " " }
    rest = rest[rest.index(after: end)...]
    if sum.isEmpty { return VariableReference(name: name, plus: 0) }
    guard sum.first == "+" || sum.first == "-", let plus = Int64(sum) else {
      throw TemplateMistake(expected: "a sum like ${\(name) + 1} or ${\(name) - 60000}, not \"\(sum)\"")
    }
    return VariableReference(name: name, plus: plus)
  }

  /// The variable that is the whole text; nil where there is more or none.
  var single: VariableReference? {
    guard pieces.count == 1, case .variable(let reference)? = pieces.first else { return nil }
    return reference
  }

  func mentions(_ variable: String) -> Bool {
    pieces.contains { piece in
      switch piece {
      case .text: false
      case .variable(let reference): reference.name == variable
      }
    }
  }

  /// The text.
  func text(_ variables: Variables) throws(UnfitVariable) -> String {
    var text = ""
    for piece in pieces {
      switch piece {
      case .text(let literal): text += literal
      case .variable(let reference):
        switch try reference.value(variables) {
        case .string(let value): text += value
        case let other: text += other.exactNumber?.exactInteger.map { String($0) } ?? other.shown
        }
      }
    }
    return text
  }
}

extension JSON {
  /// The value as an error message shows it: JSON, cut at 300 characters.
  var shown: String {
    let text = (try? serializedText()) ?? "a value that JSON has no form for"
    return text.utf8.count <= 300 ? text : String(text.prefix(300)) + "…"
  }
}

/// A JSON document with variables.
public indirect enum JSONTemplate: Sendable {
  /// A value without variables.
  case value(JSON)
  /// Text with variables; a variable alone stands for its value, of whatever kind.
  case text(Template)
  /// Values in order.
  case array([JSONTemplate])
  /// Members in order.
  case object([(name: String, value: JSONTemplate)])

  func mentions(_ variable: String) -> Bool {
    switch self {
    case .value: false
    case .text(let template): template.mentions(variable)
    case .array(let elements): elements.contains { $0.mentions(variable) }
    case .object(let members): members.contains { $0.value.mentions(variable) }
    }
  }

  /// The document.
  func json(_ variables: Variables) throws(UnfitVariable) -> JSON {
    switch self {
    case .value(let value): return value
    case .text(let template):
      if let single = template.single { return try single.value(variables) }
      return .string(try template.text(variables))
    case .array(let elements):
      var values: [JSON] = []
      for element in elements { values.append(try element.json(variables)) }
      return .array(values)
    case .object(let members):
      var values: [JSON.Member] = []
      for member in members { values.append(JSON.Member(member.name, try member.value.json(variables))) }
      return .object(values)
    }
  }
}
