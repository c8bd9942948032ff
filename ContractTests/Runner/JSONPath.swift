// Where a value is in a JSON document: `next_offset`, `results[0].partition`.

import Wire

/// The way to a value.
public struct JSONPath: Sendable, Hashable {
  enum Step: Sendable, Hashable {
    case member(String)
    case element(Int)
  }

  let steps: [Step]

  /// Reads `results[0].partition`; nil where the text is none.
  init?(_ text: String) {
    var steps: [Step] = []
    for part in text.split(separator: ".", omittingEmptySubsequences: false) {
      let name = part.prefix { $0 != "[" }
      var rest = part.dropFirst(name.count)
      guard !name.isEmpty || (steps.isEmpty && !rest.isEmpty) else { return nil }
      if !name.isEmpty { steps.append(.member(String(name))) }
      while !rest.isEmpty {
        guard rest.removeFirst() == "[", let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end]), index >= 0 else { return nil }
        steps.append(.element(index))
        rest = rest[rest.index(after: end)...]
      }
    }
    guard !steps.isEmpty else { return nil }
    self.steps = steps
  }

  /// The value there; nil where there is none.
  func value(in document: JSON) -> JSON? {
    var value = document
    for step in steps {
      switch step {
      case .member(let name):
        guard let member = value[name] else { return nil }
        value = member
      case .element(let index):
        guard case .array(let elements) = value, elements.indices.contains(index) else { return nil }
        value = elements[index]
      }
    }
    return value
  }

  /// As it was read.
  public var text: String {
    steps.reduce("") { text, step in
      switch step {
      case .member(let name): text.isEmpty ? name : "\(text).\(name)"
      case .element(let index): "\(text)[\(index)]"
      }
    }
  }
}
