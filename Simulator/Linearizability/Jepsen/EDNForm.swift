// EDN (extensible data notation), the language of Clojure's data, as far as histories have it: what was read, and
// where.
//
// Texts are `HistoryValue`s, compared by their bytes. Numbers are kept as they were written, since a history's values
// are only compared: 1 and 1N are one number, 1.0 and 1.00 are two.

/// A form of EDN with its place.
struct EDNForm: Hashable, Sendable {
  var value: EDNValue
  /// Where it begins, in bytes from the beginning of the text.
  var offset: Int
}

/// What a form is.
enum EDNValue: Hashable, Sendable {
  case null
  case boolean(Bool)
  /// Of any size: digits without leading zeros, perhaps behind a '-'.
  case integer(HistoryValue)
  /// Any other number, as it was written.
  case number(HistoryValue)
  case string(HistoryValue)
  /// With its backslash: `\a`, `\newline`.
  case character(HistoryValue)
  /// Without its colon.
  case keyword(HistoryValue)
  case symbol(HistoryValue)
  case list([EDNForm])
  case vector([EDNForm])
  case set([EDNForm])
  /// Keys and values in turn.
  case map([EDNForm])
  /// The tag without its '#', and one form.
  case tagged(HistoryValue, [EDNForm])
}

extension EDNForm {
  /// The form behind all tags.
  var untagged: EDNForm {
    var form = self
    while case .tagged(_, let inner) = form.value, let next = inner.first { form = next }
    return form
  }

  /// The two elements of a vector or list that has two; nil of anything else. Jepsen's pairs are printed as vectors.
  var pair: (first: EDNForm, second: EDNForm)? {
    switch untagged.value {
    case .vector(let elements), .list(let elements): return elements.count == 2 ? (first: elements[0], second: elements[1]) : nil
    case .null, .boolean, .integer, .number, .string, .character, .keyword, .symbol, .set, .map, .tagged: return nil
    }
  }

  /// Whether it is `nil`.
  var isNull: Bool { value == .null }

  /// The form as EDN, as it tells values from each other; nil of a collection. `isRaw` leaves strings without their
  /// quotes.
  func scalarText(isRaw: Bool = false) -> HistoryValue? {
    switch value {
    case .null: "nil"
    case .boolean(let flag): flag ? "true" : "false"
    case .integer(let text), .number(let text), .character(let text), .symbol(let text): text
    case .string(let text): isRaw ? text : HistoryValue("\"" + text.text + "\"")
    case .keyword(let name): HistoryValue(":" + name.text)
    case .tagged(let tag, let inner):
      inner.first?.scalarText().map { HistoryValue("#" + tag.text + " " + $0.text) }
    case .list, .vector, .set, .map: nil
    }
  }

  /// What it is, for messages.
  var kind: String {
    switch value {
    case .null: "nil"
    case .boolean, .integer, .number, .character, .symbol: scalarText().map { $0.text } ?? ""
    case .string(let text): text.text.unicodeScalars.count > 40 ? "a string" : "the string \"\(text.text)\""
    case .keyword(let name): ":" + name.text
    case .list: "a list"
    case .vector: "a vector"
    case .set: "a set"
    case .map: "a map"
    case .tagged(let tag, _): "a form tagged #\(tag.text)"
    }
  }

  /// Whether it, or anything in it, is a scalar other than `nil` and strings.
  var hasOtherThanStrings: Bool {
    switch value {
    case .null, .string: false
    case .boolean, .integer, .number, .character, .keyword, .symbol, .tagged: true
    case .list(let elements), .vector(let elements), .set(let elements), .map(let elements): elements.contains { $0.hasOtherThanStrings }
    }
  }
}
