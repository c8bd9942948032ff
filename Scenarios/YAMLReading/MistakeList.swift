// All the mistakes of one file: reading goes on behind each as far as it makes sense, so that whoever wrote the file is
// told of all at once.

import Vocabulary

/// The mistakes of one file. Thrown where there is any.
public struct MistakeList: Error, Sendable, CustomStringConvertible {
  /// The mistakes, in the order in which they were found.
  public private(set) var mistakes: [TextMistake] = []

  /// None.
  public init() {}

  /// Whether there is none.
  public var isEmpty: Bool { mistakes.isEmpty }

  /// Adds one.
  public mutating func note(_ mistake: TextMistake) { mistakes.append(mistake) }

  /// What `read` gives, or nil and a mistake more.
  public mutating func attempt<Value>(_ read: () throws(TextMistake) -> Value) -> Value? {
    do throws(TextMistake) { return try read() } catch {
      mistakes.append(error)
      return nil
    }
  }

  /// What `read` gives for each of `fields`, without those that are wrong.
  public mutating func each<Value>(_ fields: [YAMLField]?, _ read: (YAMLField) throws(TextMistake) -> Value) -> [Value] {
    (fields ?? []).compactMap { field in attempt { () throws(TextMistake) in try read(field) } }
  }

  /// One line for each: keys that nobody knows first, which may be the reason why others are missed.
  public var description: String { mistakes.map(\.description).joined(separator: "\n") }
}
