// A YAML value with its place in its file, and typed reading that names the place where it fails.

import Yams

/// A value of a scenario file.
struct YAMLField {
  let node: Node
  let file: String

  /// Parses the one document of `text`.
  static func parse(_ text: String, file: String) throws(ScenarioError) -> YAMLField {
    do {
      guard let node = try Yams.compose(yaml: text) else {
        throw ScenarioError(file: file, line: 1, column: 1, problem: "expected a scenario, found an empty file")
      }
      return YAMLField(node: node, file: file)
    } catch let error as ScenarioError {
      throw error
    } catch let error as YamlError {
      let mark: (line: Int, column: Int) =
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): (mark.line, mark.column)
        case .no, .memory, .reader, .writer, .emitter, .representer, .dataCouldNotBeDecoded, .duplicatedKeysInMapping: (1, 1)
        }
      throw ScenarioError(file: file, line: mark.line, column: mark.column, problem: "expected YAML: \(firstLine(error))")
    } catch {
      throw ScenarioError(file: file, line: 1, column: 1, problem: "expected YAML: \(error)")
    }
  }

  private static func firstLine(_ error: YamlError) -> String {
    switch error {
    case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _): problem
    case .duplicatedKeysInMapping(let duplicates, _): "the key \(duplicates.first.map { "\($0)" } ?? "") stands twice"
    case .no, .memory, .reader, .writer, .emitter, .representer, .dataCouldNotBeDecoded: "\(error)"
    }
  }

  /// The mistake at this value.
  func expected(_ what: String) -> ScenarioError {
    let found =
      switch node {
      case .scalar(let scalar): "\"\(scalar.string)\""
      case .mapping: "a mapping"
      case .sequence: "a list"
      case .alias: "an alias"
      }
    return ScenarioError(
      file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1, problem: "expected \(what), found \(found)")
  }

  /// The members of a mapping, which may have only these keys.
  func members(_ keys: [String], of what: String) throws(ScenarioError) -> [String: YAMLField] {
    guard case .mapping(let mapping) = node else { throw expected("\(what) (a mapping)") }
    var result: [String: YAMLField] = [:]
    for (key, value) in mapping {
      let name = key.string ?? ""
      guard keys.contains(name) else {
        throw YAMLField(node: key, file: file).expected("one of the keys of \(what): \(keys.joined(separator: ", "))")
      }
      result[name] = YAMLField(node: value, file: file)
    }
    return result
  }

  /// The member `key` of `members`, or the mistake that it is missing.
  func required(_ key: String, _ members: [String: YAMLField]) throws(ScenarioError) -> YAMLField {
    guard let field = members[key] else {
      throw ScenarioError(
        file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1, problem: "expected the key \"\(key)\", found none")
    }
    return field
  }

  /// The elements of a list.
  func elements(of what: String) throws(ScenarioError) -> [YAMLField] {
    guard case .sequence(let sequence) = node else { throw expected("a list of \(what)") }
    return sequence.map { YAMLField(node: $0, file: file) }
  }

  /// The text of a scalar.
  func text(_ what: String) throws(ScenarioError) -> String {
    guard case .scalar(let scalar) = node else { throw expected(what) }
    return scalar.string
  }

  /// The scalar's text through `convert`.
  func value<Value>(_ what: String, _ convert: (String) -> Value?) throws(ScenarioError) -> Value {
    guard case .scalar(let scalar) = node, let value = convert(scalar.string) else { throw expected(what) }
    return value
  }

  /// The scalar as a phrase.
  func phrase(_ what: String) throws(ScenarioError) -> Phrase {
    guard case .scalar(let scalar) = node else { throw expected(what) }
    let isQuoted = scalar.style == .singleQuoted || scalar.style == .doubleQuoted
    return Phrase(
      scalar.string, file: file, line: node.mark?.line ?? 1, column: (node.mark?.column ?? 1) + (isQuoted ? 1 : 0))
  }
}
