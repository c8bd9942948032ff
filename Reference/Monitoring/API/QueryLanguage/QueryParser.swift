// The parser of the query language: one token of look-ahead, no recursion, every complaint with its place.
//
//   query     = SELECT aggregate { , aggregate } [ WHERE conditions ] [ GROUP BY group { , group } [ fill( … ) ] ]
//               [ ORDER BY time [ ASC | DESC ] ] [ LIMIT n ] [ OFFSET n ]
//   aggregate = ( avg | sum | count | min | max | first | last ) ( measurement ) [ AS name ]
//   condition = tag ( = | != ) 'text'  |  time ( < | <= | > | >= | = ) moment        conditions are joined by AND
//   moment    = now() [ ( + | - ) duration ]  |  [ - ] milliseconds  |  'RFC 3339 or YYYY-MM-DD [HH:MM:SS]'
//   group     = time( duration )  |  tag
//   rule      = f ( measurement [ WHERE conditions ] ) comparator number
//               |  f ( measurement ) WHERE conditions comparator number
//
// Key words in any case; a name that is one stands in double quotes. Limits: `QueryLanguageLimits`. MONITORING-19, -20,
// -23.

import Vocabulary
import Wire

extension Query {
  /// Parses a query. Throws `TextMistake` with the place and what was expected there.
  public init(parsing text: String) throws(TextMistake) {
    var parser = try QueryParser(text)
    self = try parser.query()
  }
}

extension RuleExpression {
  /// Parses the condition of a rule. Throws `TextMistake` with the place and what was expected there.
  public init(parsing text: String) throws(TextMistake) {
    var parser = try QueryParser(text)
    self = try parser.rule()
  }
}

private struct QueryParser {
  private var lexer: QueryLexer
  private var token: QueryToken

  init(_ text: String) throws(TextMistake) {
    lexer = try QueryLexer(text)
    token = try lexer.next()
  }

  // MARK: Query

  mutating func query() throws(TextMistake) -> Query {
    try expectWord("SELECT")
    let (selections, measurement) = try selections()
    var query = Query(selections: selections, measurement: measurement)
    // What may still follow, for the complaint about anything else.
    var next = "',', WHERE, GROUP BY, ORDER BY, LIMIT, OFFSET"
    if try takeWord("WHERE") {
      query.conditions = try conditions()
      next = "AND, GROUP BY, ORDER BY, LIMIT, OFFSET"
    }
    if try takeWord("GROUP") {
      try expectWord("BY")
      query.grouping = try grouping()
      next = "',', fill, ORDER BY, LIMIT, OFFSET"
    }
    try checkColumns(query)
    if isWord("fill") {
      guard query.grouping.intervalNanoseconds != nil else { throw problem("fill needs GROUP BY time(…) before it") }
      query.fill = try fill()
      next = "ORDER BY, LIMIT, OFFSET"
    }
    if try takeWord("ORDER") {
      try expectWord("BY")
      query.order = try order()
      next = "LIMIT, OFFSET"
    }
    if try takeWord("LIMIT") {
      query.limit = try rowCount("the number of rows after LIMIT")
      next = "OFFSET"
    }
    if try takeWord("OFFSET") {
      query.offset = try rowCount("the number of rows after OFFSET")
      next = ""
    }
    try expectEnd(orElse: next)
    return query
  }

  private mutating func selections() throws(TextMistake) -> ([Selection], String) {
    var selections: [Selection] = []
    var measurement: String?
    var columns: [String] = []
    repeat {
      guard selections.count < QueryLanguageLimits.maximumSelections else {
        throw problem("more than \(QueryLanguageLimits.maximumSelections) aggregates")
      }
      let start = token
      let aggregate = try aggregate()
      try expectSymbol("(", "after '\(aggregate.rawValue)'")
      let nameToken = token
      let name = try name("a measurement name")
      if let measurement, !measurement.utf8.elementsEqual(name.utf8) {
        throw problem("all aggregates of one query read one measurement: expected \(quoted(measurement)), found \(quoted(name))", nameToken)
      }
      measurement = name
      try expectSymbol(")", "after the measurement")
      var place = start
      var selection = Selection(aggregate)
      if try takeWord("AS") {
        place = token
        selection.alias = try self.name("a name after AS")
        // An alias that says what the column is called anyway would be a second spelling of the same query.
        if let alias = selection.alias, alias.utf8.elementsEqual(aggregate.rawValue.utf8) { selection.alias = nil }
      }
      if columns.contains(where: { $0.utf8.elementsEqual(selection.column.utf8) }) {
        throw problem("the column \(quoted(selection.column)) occurs twice: name one of them with AS", place)
      }
      if ["time", "time_ns", "tags"].contains(selection.column) {
        throw problem("a column cannot be called \(quoted(selection.column)), which rows have already", place)
      }
      columns.append(selection.column)
      selections.append(selection)
    } while try takeSymbol(",")
    return (selections, measurement ?? "")
  }

  private mutating func aggregate() throws(TextMistake) -> Aggregate {
    let names = Aggregate.allCases.map(\.rawValue)
    let list = names.joined(separator: ", ")
    guard case .word(let written) = token.kind else { throw expected("an aggregate (\(list))") }
    guard let aggregate = Aggregate(rawValue: written.lowercased()) else {
      let near = nearestName(to: written.lowercased(), among: names).map { " (did you mean \($0)?)" } ?? ""
      throw problem("expected an aggregate (\(list)), found \(lexer.shown(token))\(near)")
    }
    try advance()
    return aggregate
  }

  private mutating func grouping() throws(TextMistake) -> Grouping {
    var grouping = Grouping()
    repeat {
      if isWord("time") {
        guard grouping.intervalNanoseconds == nil else { throw problem("time(…) occurs twice in GROUP BY") }
        try advance()
        try expectSymbol("(", "after 'time'")
        guard case .duration(let nanoseconds) = token.kind, nanoseconds > 0 else {
          throw expected("a duration longer than 0, such as 5m")
        }
        grouping.intervalNanoseconds = nanoseconds
        try advance()
        try expectSymbol(")", "after the duration")
      } else {
        guard grouping.tags.count < QueryLanguageLimits.maximumGroupTags else {
          throw problem("more than \(QueryLanguageLimits.maximumGroupTags) tags in GROUP BY")
        }
        let place = token
        let tag = try name("time(…) or a tag name")
        if grouping.tags.contains(where: { $0.utf8.elementsEqual(tag.utf8) }) {
          throw problem("the tag \(quoted(tag)) occurs twice in GROUP BY", place)
        }
        grouping.tags.append(tag)
      }
    } while try takeSymbol(",")
    return grouping
  }

  /// A row is one flat object, so that a column and a tag must not have the same name.
  private func checkColumns(_ query: Query) throws(TextMistake) {
    for selection in query.selections
    where query.grouping.tags.contains(where: { $0.utf8.elementsEqual(selection.column.utf8) }) {
      throw problem("\(quoted(selection.column)) is a column and a tag of GROUP BY: rename the column with AS")
    }
  }

  private mutating func fill() throws(TextMistake) -> Fill {
    let words = "null, none, previous, zero or a number"
    try advance()
    try expectSymbol("(", "after 'fill'")
    let fill: Fill
    if try takeWord("null") {
      fill = .null
    } else if try takeWord("none") {
      fill = .absent
    } else if try takeWord("previous") {
      fill = .previous
    } else if try takeWord("zero") {
      fill = .number(0)
    } else {
      fill = .number(try number(words))
    }
    try expectSymbol(")", "after the fill")
    return fill
  }

  private mutating func order() throws(TextMistake) -> TimeOrder {
    guard isWord("time") else { throw expected("'time', the only order so far") }
    try advance()
    if try takeWord("DESC") { return .descending }
    _ = try takeWord("ASC")
    return .ascending
  }

  private mutating func rowCount(_ what: String) throws(TextMistake) -> Int64 {
    let count: UInt64
    switch token.kind {
    case .integer(let integer): count = integer
    case .hugeInteger: count = .max
    case .word, .quotedName, .text, .decimal, .duration, .symbol, .end: throw expected("\(what), an integer")
    }
    guard let rows = Int64(exactly: count) else { throw expected("\(what), at most \(Int64.max)") }
    try advance()
    return rows
  }

  // MARK: Conditions

  private mutating func conditions() throws(TextMistake) -> [Condition] {
    var conditions: [Condition] = []
    repeat {
      guard conditions.count < QueryLanguageLimits.maximumConditions else {
        throw problem("more than \(QueryLanguageLimits.maximumConditions) conditions")
      }
      conditions.append(try condition())
    } while try takeWord("AND")
    if isWord("OR") { throw problem("OR is not supported yet: conditions are joined by AND") }
    return conditions
  }

  private mutating func condition() throws(TextMistake) -> Condition {
    if isWord("time") {
      try advance()
      guard case .symbol(let symbol) = token.kind, let comparison = TimeComparison(rawValue: symbol) else {
        throw expected("one of < <= > >= = after 'time'")
      }
      try advance()
      return .time(comparison, try moment())
    }
    if isWord("NOT") { throw problem("NOT is not supported yet: write tag != 'value'") }
    if case .symbol("(") = token.kind { throw problem("parentheses in WHERE are not supported yet: conditions are joined by AND") }
    let tag = try name("a tag name or 'time'")
    guard case .symbol(let symbol) = token.kind, let comparison = TagComparison(rawValue: symbol) else {
      throw expected("= or != after the tag \(quoted(tag))")
    }
    try advance()
    guard case .text(let value) = token.kind else { throw expected("a value in single quotes") }
    try advance()
    return .tag(tag, comparison, value)
  }

  private mutating func moment() throws(TextMistake) -> Moment {
    let start = token
    if try takeWord("now") {
      try expectSymbol("(", "after 'now'")
      try expectSymbol(")", "after 'now('")
      let isEarlier = try takeSymbol("-")
      let isLater = try takeSymbol("+")
      guard isEarlier || isLater else { return .now(plusNanoseconds: 0) }
      guard case .duration(let nanoseconds) = token.kind else { throw expected("a duration such as 1h") }
      try advance()
      return .now(plusNanoseconds: isEarlier ? -nanoseconds : nanoseconds)
    }
    if case .text(let text) = token.kind {
      let nanoseconds: Int64
      do throws(InstantText.Mistake) {
        nanoseconds = try InstantText.read(text)
      } catch {
        switch error {
        case .noMoment: throw expected("a moment such as '2023-09-08 16:33:54' or '2023-09-08T16:33:54.567Z'")
        case .beyondRange: throw expected("a moment \(InstantText.range)")
        }
      }
      try advance()
      return .instant(nanoseconds: nanoseconds)
    }
    let isNegative = try takeSymbol("-")
    let magnitude: UInt64
    switch token.kind {
    case .integer(let integer): magnitude = integer
    // Too many nanoseconds either way.
    case .hugeInteger: magnitude = .max
    case .word, .quotedName, .text, .decimal, .duration, .symbol, .end:
      throw expected("now(), integer milliseconds, or a moment in single quotes")
    }
    let milliseconds = Int128(magnitude) * (isNegative ? -1 : 1)
    guard let nanoseconds = Int64(exactly: milliseconds * 1_000_000) else {
      throw problem("the milliseconds exceed 64 bits of nanoseconds (years 1677 to 2262)", start)
    }
    try advance()
    return .instant(nanoseconds: nanoseconds)
  }

  // MARK: Rule

  mutating func rule() throws(TextMistake) -> RuleExpression {
    if isWord("SELECT") { throw problem("a rule is an aggregate with a comparison, such as avg(cpu_usage) > 80, without SELECT") }
    let aggregate = try aggregate()
    try expectSymbol("(", "after '\(aggregate.rawValue)'")
    let measurement = try name("a measurement name")
    let isInside = try takeWord("WHERE")
    var conditions = isInside ? try self.conditions() : []
    try expectSymbol(")", isInside ? "or AND after the condition" : "or WHERE after the measurement")
    if isWord("WHERE") {
      if isInside { throw problem("WHERE stands within the parentheses already") }
      try advance()
      conditions = try self.conditions()
    }
    guard case .symbol(let symbol) = token.kind, let comparator = Comparator(rawValue: symbol) else {
      throw expected("one of > >= < <= == !=")
    }
    try advance()
    let threshold = try number("a number")
    try expectEnd(orElse: "")
    return RuleExpression(
      aggregate: aggregate, measurement: measurement, conditions: conditions, comparator: comparator, threshold: threshold)
  }

  // MARK: Tokens

  private mutating func advance() throws(TextMistake) { token = try lexer.next() }

  private func isWord(_ word: String) -> Bool {
    guard case .word(let written) = token.kind else { return false }
    return written.uppercased() == word.uppercased()
  }

  private mutating func takeWord(_ word: String) throws(TextMistake) -> Bool {
    guard isWord(word) else { return false }
    try advance()
    return true
  }

  private mutating func takeSymbol(_ symbol: String) throws(TextMistake) -> Bool {
    guard case .symbol(symbol) = token.kind else { return false }
    try advance()
    return true
  }

  private mutating func expectWord(_ word: String) throws(TextMistake) {
    guard try takeWord(word) else { throw expected(word) }
  }

  private mutating func expectSymbol(_ symbol: String, _ place: String) throws(TextMistake) {
    guard try takeSymbol(symbol) else { throw expected("'\(symbol)' \(place)") }
  }

  private mutating func name(_ what: String) throws(TextMistake) -> String {
    let name: String
    switch token.kind {
    case .word(let word):
      guard ReservedWord(rawValue: word.lowercased()) == nil else {
        throw problem("expected \(what), found the key word \(lexer.shown(token)): as a name it stands in double quotes")
      }
      name = word
    case .quotedName(let quotedName): name = quotedName
    case .text: throw problem("expected \(what), found \(lexer.shown(token)): names stand bare or in double quotes")
    case .integer, .hugeInteger, .decimal, .duration, .symbol, .end: throw expected(what)
    }
    try advance()
    return name
  }

  private mutating func number(_ what: String) throws(TextMistake) -> Double {
    let isNegative = try takeSymbol("-")
    if !isNegative { _ = try takeSymbol("+") }
    let magnitude: Double
    switch token.kind {
    case .integer(let integer):
      magnitude = Double(integer)
      // Compared with its neighbour, a rule would fire where it should not. (What is stored is held to the same.)
      guard UInt64(exactly: magnitude) == integer else {
        throw problem(
          "expected an integer that a 64-bit double holds exactly (written with \".0\" behind it, it is rounded), found \(integer)")
      }
    case .hugeInteger:
      throw problem("expected an integer of at most 64 bits (written with \".0\" behind it, it is rounded to a 64-bit double)")
    case .decimal(let decimal): magnitude = decimal
    case .word, .quotedName, .text, .duration, .symbol, .end: throw expected(what)
    }
    try advance()
    return isNegative ? -magnitude : magnitude
  }

  private func expectEnd(orElse alternatives: String) throws(TextMistake) {
    if case .end = token.kind { return }
    if isWord("FROM") { throw problem("FROM is not part of the language: the measurement stands in the aggregate, as in avg(cpu_usage)") }
    throw expected(alternatives.isEmpty ? "the end" : "\(alternatives) or the end")
  }

  private func expected(_ what: String) -> TextMistake { problem("expected \(what), found \(lexer.shown(token))") }

  private func problem(_ problem: String, _ place: QueryToken? = nil) -> TextMistake {
    lexer.error(problem, at: (place ?? token).range.lowerBound)
  }
}
