// Values that a case saved from answers, in the commands that repeat it: each is read from the answer anew, into a
// variable of the shell, since another run's answers hold others.
//
// The request is made once more with markers in place of the values, and the markers in its text become variables.
// Limits: a value is taken where it stands first in the answer (or, of an element of a list, as the so-many-th of its
// name); one that is neither text nor an integer, or whose name is no plain word, is written as it was in the run that
// failed.

import Wire

/// The values that a case saved so far.
struct SavedValues {
  /// The names, in the order in which they were saved.
  private var names: [String] = []
  /// What stands for each.
  private var markers: [String: JSON] = [:]

  /// None.
  init() {}

  /// Whether there is none.
  var isEmpty: Bool { markers.isEmpty }

  /// A value was saved under a name, from a place in an answer.
  mutating func note(_ name: String, _ value: JSON, at path: JSONPath) {
    guard Self.place(path) != nil else {
      markers[name] = nil
      return
    }
    if !names.contains(name) { names.append(name) }
    let index = Int64(names.firstIndex(of: name) ?? 0)
    switch value {
    case .string: markers[name] = .string(Self.opening + name + Self.closing)
    case _: markers[name] = value.exactNumber?.exactInteger.map { _ in .integer(Self.firstNumber + index * Self.room) }
    }
  }

  /// The variables with markers in place of what was saved.
  func marked(_ variables: Variables) -> Variables {
    var marked = variables
    for (name, marker) in markers { marked[name] = marker }
    return marked
  }

  /// A word of the shell, in single quotes, with variables in place of its markers.
  func shell(_ word: String) -> String {
    var word = word
    for name in names {
      word = word.split(separator: Self.opening + name + Self.closing, omittingEmptySubsequences: false)
        .joined(separator: "'\"$\(Self.variable(name))\"'")
    }
    var result = ""
    var digits = ""
    for character in word + " " {
      if character.isASCII, character.isNumber {
        digits.append(character)
        continue
      }
      result += number(digits) ?? digits
      digits = ""
      result.append(character)
    }
    return String(result.dropLast())
  }

  /// The variable, and what is added to it, that a number stands for; nil where it stands for itself.
  private func number(_ digits: String) -> String? {
    guard let value = Int64(digits), value >= Self.firstNumber - Self.room / 2 else { return nil }
    let index = (value - Self.firstNumber + Self.room / 2) / Self.room
    guard names.indices.contains(Int(index)), case .integer? = markers[names[Int(index)]] else { return nil }
    let plus = value - Self.firstNumber - index * Self.room
    let variable = Self.variable(names[Int(index)])
    return plus == 0 ? "'\"$\(variable)\"'" : "'\"$((\(variable) \(plus < 0 ? "-" : "+") \(plus.magnitude)))\"'"
  }

  /// The command, with its answer printed and its values kept in variables; as it is where none of them can be.
  static func keeping(_ saves: [(name: String, path: JSONPath)], of command: String) -> String {
    let kept = saves.compactMap { name, path in place(path).map { (name, $0) } }
    guard !kept.isEmpty else { return command }
    let reads = kept.map { name, place in
      #"; \#(variable(name))=$(printf %s "$answer" | tr -d '\r\n' | grep -o '"\#(place.name)" *: *[^],}]*' "#
        + #"| sed -n '\#(place.number){s/^[^:]*: *//;s/"//g;p;}')"#
    }
    return #"answer=$(\#(command)); printf '%s\n' "$answer""# + reads.joined()
  }

  /// The name of the member at the end of a path, and the so-many-th of its name that it is; nil where it cannot be told
  /// so.
  private static func place(_ path: JSONPath) -> (name: String, number: Int)? {
    var number = 1
    var elements = 0
    for step in path.steps {
      guard case .element(let index) = step else { continue }
      elements += 1
      number = index + 1
    }
    guard elements < 2, case .member(let name)? = path.steps.last,
      name.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || $0 == 0x5F })
    else { return nil }
    return (name, number)
  }

  private static func variable(_ name: String) -> String { "saved_\(name)" }

  /// Names of variables have no capitals.
  private static let opening = "ZSAVEDZ"
  private static let closing = "ZENDZ"
  /// Numbers that no answer holds, so far apart that what a case adds leads from none to another.
  private static let firstNumber: Int64 = 7_000_000_000_000_000_000
  private static let room: Int64 = 1_000_000_000_000_000
}
