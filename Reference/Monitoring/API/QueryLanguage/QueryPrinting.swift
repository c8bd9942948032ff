// The normalised text of a query: one spelling per meaning, fit for a cache key and for showing.
//
// Key words in capitals, one space, names bare where they can be, defaults left out (`ASC`, `fill(none)`, `OFFSET 0`),
// moments as integer milliseconds where they are whole and as RFC 3339 where not. What the parser returned prints to a
// text that parses to an equal value. Conditions and tags keep their order. As a cache key, take the bytes of its
// UTF-8: Swift's strings compare by canonical equivalence, so that tag values which differ only in composition would
// share an entry. MONITORING-19, MONITORING-21.

extension Query: CustomStringConvertible {
  /// The normalised text.
  public var description: String {
    let columns = selections.map { selection in
      "\(selection.aggregate.rawValue)(\(printedName(measurement)))" + (selection.alias.map { " AS " + printedName($0) } ?? "")
    }
    var text = "SELECT " + columns.joined(separator: ", ") + printedWhere(conditions)
    var groups = grouping.tags.map(printedName)
    if let interval = grouping.intervalNanoseconds { groups.insert("time(\(DurationText.text(nanoseconds: interval)))", at: 0) }
    if !groups.isEmpty { text += " GROUP BY " + groups.joined(separator: ", ") }
    switch fill {
    case .absent: break
    case .null: text += " fill(null)"
    case .previous: text += " fill(previous)"
    case .number(let number): text += " fill(\(printedNumber(number)))"
    }
    switch order {
    case .ascending: break
    case .descending: text += " ORDER BY time DESC"
    }
    if let limit { text += " LIMIT \(limit)" }
    if offset != 0 { text += " OFFSET \(offset)" }
    return text
  }
}

extension RuleExpression: CustomStringConvertible {
  /// The normalised text: conditions stand within the parentheses.
  public var description: String {
    "\(aggregate.rawValue)(\(printedName(measurement))\(printedWhere(conditions))) \(comparator.rawValue) \(printedNumber(threshold))"
  }
}

extension Condition: CustomStringConvertible {
  /// The normalised text, such as `host = 'server01'`.
  public var description: String {
    switch self {
    case .tag(let name, let comparison, let value): "\(printedName(name)) \(comparison.rawValue) \(printedText(value))"
    case .time(let comparison, let moment): "time \(comparison.rawValue) \(moment)"
    }
  }
}

extension Moment: CustomStringConvertible {
  /// The normalised text, such as `now() - 1h`.
  public var description: String {
    switch self {
    case .now(0): "now()"
    // The least 64-bit integer has no positive counterpart; the parser never makes it.
    case .now(let plus) where plus < 0: "now() - \(DurationText.text(nanoseconds: plus == .min ? .max : -plus))"
    case .now(let plus): "now() + \(DurationText.text(nanoseconds: plus))"
    case .instant(let nanoseconds) where nanoseconds % 1_000_000 == 0: "\(nanoseconds / 1_000_000)"
    case .instant(let nanoseconds): "'\(InstantText.text(nanoseconds: nanoseconds))'"
    }
  }
}

private func printedWhere(_ conditions: [Condition]) -> String {
  conditions.isEmpty ? "" : " WHERE " + conditions.map(\.description).joined(separator: " AND ")
}

/// A name as a query writes it: bare when the lexer would read it back as that name, else in double quotes, its own
/// doubled. Whoever makes a query's text out of names goes this way.
public func printedName(_ name: String) -> String {
  let isWord = name.utf8.allSatisfy(isWordByte) && name.utf8.first.map { !isDigitOrMark($0) } ?? false
  return isWord && ReservedWord(rawValue: name.lowercased()) == nil ? name : "\"" + doubling("\"", in: name) + "\""
}

/// A text as a query writes it: in single quotes, its own doubled.
public func printedText(_ text: String) -> String { "'" + doubling("'", in: text) + "'" }

/// `80` for 80.0: shorter, and the same double again. −0 keeps its form, or it would lose its sign.
private func printedNumber(_ number: Double) -> String {
  let isMinusZero = number == 0 && number.sign == .minus
  guard number.magnitude < 0x1p53, !isMinusZero, Double(Int64(number)) == number else { return "\(number)" }
  return "\(Int64(number))"
}

private func isDigitOrMark(_ byte: UInt8) -> Bool { byte < UInt8(ascii: "A") }

private func doubling(_ mark: Unicode.Scalar, in text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    if scalar == mark { result.unicodeScalars.append(scalar) }
    result.unicodeScalars.append(scalar)
  }
  return result
}

/// Words that are a name only in double quotes, in any case of letters.
enum ReservedWord: String, CaseIterable {
  case select, from, `where`, and, or, not, group, by, order, limit, offset, `as`, fill, time, now
}
