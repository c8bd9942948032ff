// A YAML value with its place in its file, and typed reading that names the place where it fails. Scenario files and
// contract cases are read with it. Limits: what Yams reads; a whole file is held in memory.

import Vocabulary
import Wire
import Yams

/// A value of a file, and its place.
public struct YAMLField {
  private let node: Yams.Node
  /// The file, as it was given.
  public let file: String

  /// Parses the one document of `text`; a byte order mark at its beginning is passed over. `what` is what the file
  /// should hold, in words: "a scenario".
  public static func parse(_ text: String, file: String, what: String) throws(TextMistake) -> YAMLField {
    let text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    do {
      guard let node = try Yams.compose(yaml: text) else {
        throw TextMistake(file: file, line: 1, column: 1, problem: "expected \(what), found an empty file")
      }
      return YAMLField(node: node, file: file)
    } catch let error as TextMistake {
      throw error
    } catch YamlError.duplicatedKeysInMapping(let duplicates, let context) {
      throw duplicate(duplicates.first ?? "", in: text, file: file, line: context.mark.line, column: context.mark.column)
    } catch let error as YamlError {
      let mark: (line: Int, column: Int) =
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): (mark.line, mark.column)
        case .no, .memory, .reader, .writer, .emitter, .representer, .dataCouldNotBeDecoded, .duplicatedKeysInMapping: (1, 1)
        }
      throw TextMistake(file: file, line: mark.line, column: mark.column, problem: "expected YAML: \(firstLine(error))")
    } catch {
      throw TextMistake(file: file, line: 1, column: 1, problem: "expected YAML: \(error)")
    }
  }

  /// The mistake that the mapping whose first `key` stands at a line and a column has it again.
  private static func duplicate(_ key: String, in text: String, file: String, line: Int, column: Int) -> TextMistake {
    guard let second = DuplicateKey.find(key, in: text, firstLine: line, firstColumn: column) else {
      return TextMistake(
        file: file, line: line, column: column, problem: "the key \"\(key)\" stands twice in one mapping, for the first time here")
    }
    var problem = "the key \"\(key)\" stands twice in one mapping; first in line \(line)"
    if !second.text.utf8.elementsEqual(key.utf8) {
      // They look alike.
      problem =
        "the keys \"\(escaped(key))\" (in line \(line)) and \"\(escaped(second.text))\" are one to Unicode (canonically equivalent), and the reader "
        + "of YAML takes no two such keys in one mapping"
    }
    return TextMistake(file: file, line: second.line, column: second.column, problem: problem)
  }

  /// The text with each code point beyond ASCII by its number.
  private static func escaped(_ text: String) -> String {
    text.unicodeScalars.map { $0.isASCII ? String($0) : "\\u{\(String($0.value, radix: 16, uppercase: true))}" }.joined()
  }

  private static func firstLine(_ error: YamlError) -> String {
    switch error {
    case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _): problem
    case .duplicatedKeysInMapping(let duplicates, _): "the key \(duplicates.first.map { "\($0)" } ?? "") stands twice"
    case .no, .memory, .reader, .writer, .emitter, .representer, .dataCouldNotBeDecoded: "\(error)"
    }
  }

  /// The mistake at this value.
  public func expected(_ what: String) -> TextMistake {
    let found =
      switch node {
      case .scalar(let scalar): "\"\(scalar.string)\""
      case .mapping: "a mapping"
      case .sequence: "a list"
      case .alias: "an alias"
      }
    return mistake("expected \(what), found \(found)")
  }

  /// A mistake at this value, in other words.
  public func mistake(_ problem: String) -> TextMistake { TextMistake(file: file, line: line, column: column, problem: problem) }

  /// The line, from 1.
  public var line: Int { node.mark?.line ?? 1 }
  /// The column, from 1.
  public var column: Int { node.mark?.column ?? 1 }

  /// What kind of value this is.
  public var shape: YAMLShape {
    switch node {
    case .scalar(let scalar):
      switch scalar.style {
      case .plain, .any: .plain(scalar.string)
      case .singleQuoted, .doubleQuoted, .literal, .folded: .quoted(scalar.string)
      }
    case .sequence(let sequence): .list(sequence.map { YAMLField(node: $0, file: file) })
    case .mapping(let mapping):
      .mapping(mapping.map { (YAMLField(node: $0.key, file: file), YAMLField(node: $0.value, file: file)) })
    case .alias: .plain("")
    }
  }

  /// The members of a mapping, which may have only these keys.
  public func members(_ keys: [String], of what: String) throws(TextMistake) -> [String: YAMLField] {
    var list = MistakeList()
    let result = members(keys, of: what, &list)
    if let first = list.mistakes.first { throw first }
    return result ?? [:]
  }

  /// The members of a mapping; each that has none of these keys is a mistake more, and read as what it is nearly called
  /// where that is not there, so that nothing follows from the mistake; else it is left out. Nil where this is no
  /// mapping.
  public func members(_ keys: [String], of what: String, _ list: inout MistakeList) -> [String: YAMLField]? {
    guard case .mapping(let mapping) = node else {
      list.note(expected("\(what) (a mapping)"))
      return nil
    }
    var result: [String: YAMLField] = [:]
    let names = Set(mapping.compactMap(\.key.string))
    for (key, value) in mapping {
      let name = key.string ?? ""
      if keys.contains(name) {
        result[name] = YAMLField(node: value, file: file)
      } else {
        let near = nearestName(to: name, among: keys)
        let question = near.map { " (did you mean \"\($0)\"?)" } ?? ""
        list.note(YAMLField(node: key, file: file).expected("one of the keys of \(what): \(keys.joined(separator: ", "))\(question)"))
        if let near, !names.contains(near), result[near] == nil { result[near] = YAMLField(node: value, file: file) }
      }
    }
    return result
  }

  /// The member `key` of `members`, or the mistake that it is missing.
  public func required(_ key: String, _ members: [String: YAMLField]) throws(TextMistake) -> YAMLField {
    guard let field = members[key] else {
      throw mistake("expected the key \"\(key)\", found none")
    }
    return field
  }

  /// The elements of a list.
  public func elements(of what: String) throws(TextMistake) -> [YAMLField] {
    guard case .sequence(let sequence) = node else { throw expected("a list of \(what)") }
    return sequence.map { YAMLField(node: $0, file: file) }
  }

  /// The text of a scalar.
  public func text(_ what: String) throws(TextMistake) -> String {
    guard case .scalar(let scalar) = node else { throw expected(what) }
    return scalar.string
  }

  /// The scalar's text through `convert`.
  public func value<Value>(_ what: String, _ convert: (String) -> Value?) throws(TextMistake) -> Value {
    guard case .scalar(let scalar) = node, let value = convert(scalar.string) else { throw expected(what) }
    return value
  }

  /// The mistake in a text of another language, which is all of this scalar, at its place in the file. Of a text of
  /// several lines, or with escapes of what cannot stand there as itself, the place is where the scalar begins; an escape
  /// of what could counts as one column.
  public func mistake(_ inner: TextMistake) -> TextMistake {
    guard case .scalar(let scalar) = node else { return mistake(inner.problem) }
    let isAsItStands =
      switch scalar.style {
      case .plain, .any: !scalar.string.contains("\n")
      case .singleQuoted: !scalar.string.contains { $0 == "\n" || $0 == "'" }
      case .doubleQuoted: scalar.string.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\"" && $0 != "\\" && $0.isASCII }
      case .literal, .folded: false
      }
    guard isAsItStands, inner.line == 1 else { return mistake(inner.problem) }
    return TextMistake(file: file, line: line, column: textColumn + inner.column - 1, problem: inner.problem)
  }

  /// Where the text of a scalar begins: behind the quote, where it has one.
  private var textColumn: Int {
    guard case .scalar(let scalar) = node, scalar.style == .singleQuoted || scalar.style == .doubleQuoted else { return column }
    return column + 1
  }

  /// The scalar as a phrase.
  public func phrase(_ what: String) throws(TextMistake) -> Phrase {
    guard case .scalar(let scalar) = node else { throw expected(what) }
    return Phrase(scalar.string, file: file, line: line, column: textColumn)
  }
}

/// The kinds of YAML values, with what they hold.
public enum YAMLShape {
  /// A scalar as it stands, which may mean a number, a boolean or null.
  case plain(String)
  /// A scalar in quotes or as a block: text.
  case quoted(String)
  /// A list.
  case list([YAMLField])
  /// A mapping, in the order of the file.
  case mapping([(key: YAMLField, value: YAMLField)])
}
