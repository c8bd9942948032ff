// Fields whose value is a list of tokens with commas between (RFC 9110, section 5.6.1).

import Vocabulary

extension Headers {
  /// The items of all fields named `name`, without white space around them; empty ones are none.
  func items(of name: String) -> [Substring] {
    guard self[name] != nil else { return [] }
    var items: [Substring] = []
    for field in fields where field.name.isSameToken(as: name) {
      items += field.value.split(separator: ",").map { $0.trimmed() }.filter { !$0.isEmpty }
    }
    return items
  }

  /// Whether a field named `name` lists `token`.
  func lists(_ name: String, _ token: String) -> Bool { items(of: name).contains { $0.isSameToken(as: token) } }
}

extension Substring {
  /// Without spaces and tabs at both ends.
  fileprivate func trimmed() -> Substring {
    var result = self
    while let first = result.first, first == " " || first == "\t" { result.removeFirst() }
    while let last = result.last, last == " " || last == "\t" { result.removeLast() }
    return result
  }
}
