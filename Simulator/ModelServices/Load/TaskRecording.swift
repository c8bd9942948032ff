// Recorded requests to language models: when each came, how many tokens it had and asked for, and the keys of the blocks of
// context that it shares with others. Two forms, told apart by how the file begins: rows `TIMESTAMP,ContextTokens,
// GeneratedTokens`, as the public Azure traces have them, without keys; and objects `{"timestamp": ms, "input_length",
// "output_length", "hash_ids": […]}`, one a line, as the public Mooncake traces have them. The text is read here; who reads
// the file is outside. Where no file is given, a stand-in is drawn from a seed.
//
// Limits: a million requests, ten million keys, a line of a mebibyte; times to the year 2200; requests may go back in time
// (they are taken in the order of time, those of one time in the order of the file). Empty lines are passed over.

import Load
import Vocabulary
import Wire

/// Recorded requests, in the order of time.
public struct TaskRecording: Sendable, Hashable {
  /// One request.
  public struct RecordedRequest: Sendable, Hashable {
    /// When it came, counted from the first.
    public var at: TimeSpan
    /// How many tokens it handed in.
    public var inputTokens: Int
    /// How many it got.
    public var outputTokens: Int
    /// The blocks of context that it began with, the first first; none where nothing tells of them.
    public var keys: [Int64]
  }

  /// All requests.
  public var tasks: [RecordedRequest]

  /// Most requests, keys, and bytes of a line.
  public static let mostTasks = 1_000_000
  public static let mostKeys = 10_000_000
  static let mostLineBytes = 1 << 20
  /// Most tokens of a request, and most keys.
  public static let mostTokens: Int64 = 10_000_000
  static let mostKeysOfTask = 50_000

  /// Requests.
  public init(_ tasks: [RecordedRequest]) { self.tasks = tasks }

  /// How long it takes from the first to the last.
  public var duration: TimeSpan { tasks.last?.at ?? .zero }

  /// All keys, in the order in which they were asked for.
  public var keys: [Int64] { tasks.flatMap(\.keys) }

  /// The key at which each request's own context begins: the first behind those with which all requests begin (a prompt that
  /// all share), or its last; nil where nothing tells of keys.
  public var ownKeys: [Int64?] {
    let keyed = tasks.lazy.filter { !$0.keys.isEmpty }
    guard let first = keyed.first else { return tasks.map { _ in nil } }
    let shared = keyed.reduce(first.keys.count) { count, task in
      zip(first.keys.prefix(count), task.keys).prefix { $0 == $1 }.count
    }
    return tasks.map { $0.keys.isEmpty ? nil : $0.keys[min(shared, $0.keys.count - 1)] }
  }

  /// Reads the bytes of a file named `file`. Throws the line of what is no such file, and what was expected there.
  public init(reading bytes: [UInt8], file: String) throws(TextMistake) {
    var rows: [Row] = []
    var keys = 0
    var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    var (line, columns) = (0, false)
    while start < bytes.count {
      line += 1
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      var text = bytes[start..<end]
      start = end + 1
      if text.last == UInt8(ascii: "\r") { text.removeLast() }
      guard text.contains(where: { $0 != UInt8(ascii: " ") }) else { continue }
      func mistake(_ problem: String, column: Int = 1) -> TextMistake {
        TextMistake(file: file, line: line, column: column, problem: problem)
      }
      guard text.count <= Self.mostLineBytes else {
        throw mistake("expected lines of at most \(Self.mostLineBytes) bytes, found one of \(text.count)")
      }
      if rows.isEmpty, !columns, text.first != UInt8(ascii: "{") {
        guard text.elementsEqual(Self.columns.utf8) else {
          throw mistake("expected the columns \(Self.columns), or an object on each line, found \(quoted(Self.shown(text)))")
        }
        columns = true
        continue
      }
      guard rows.count < Self.mostTasks else { throw mistake("expected at most \(Self.mostTasks) requests, found more") }
      if columns {
        do throws(FieldMistake) { rows.append(try Row(columns: text)) } catch {
          throw mistake("\(error.path): expected \(error.expected), found \(error.found)")
        }
      } else {
        let document: JSON
        do throws(TextMistake) {
          document = try JSON(parsing: Array(text), limits: JSONLimits(maximumBytes: Self.mostLineBytes, maximumDepth: 8))
        } catch { throw mistake(error.problem, column: error.column) }
        do throws(FieldMistake) { rows.append(try Row(JSONField(document))) } catch { throw mistake(error.description) }
      }
      keys += rows.last?.keys.count ?? 0
      guard keys <= Self.mostKeys else { throw mistake("expected at most \(Self.mostKeys) keys, found more") }
    }
    guard let first = rows.map(\.nanoseconds).min() else {
      throw TextMistake(file: file, line: max(1, line), column: 1, problem: "expected requests, found none")
    }
    let order = rows.indices.sorted { (rows[$0].nanoseconds, $0) < (rows[$1].nanoseconds, $1) }
    tasks = order.map { place in
      let row = rows[place]
      return RecordedRequest(
        at: .nanoseconds(row.nanoseconds - first), inputTokens: row.inputTokens, outputTokens: row.outputTokens, keys: row.keys)
    }
  }

  private static let columns = "TIMESTAMP,ContextTokens,GeneratedTokens"

  /// What stands there, as far as a message may be long.
  private static func shown(_ text: ArraySlice<UInt8>) -> String { String(decoding: text.prefix(80), as: UTF8.self) }

  /// A request as a file has it.
  private struct Row {
    /// Since 1970, or since whatever the file counts from.
    var nanoseconds: Int64
    var inputTokens: Int
    var outputTokens: Int
    var keys: [Int64] = []

    init(_ field: JSONField) throws(FieldMistake) {
      nanoseconds = try field.member("timestamp").integer(in: 0...7_258_118_400_000) * 1_000_000
      inputTokens = Int(try field.member("input_length").integer(in: 0...TaskRecording.mostTokens))
      outputTokens = Int(try field.member("output_length").integer(in: 0...TaskRecording.mostTokens))
      for element in try field.member("hash_ids").elements(maximum: TaskRecording.mostKeysOfTask) {
        keys.append(try element.integer(in: 0...Int64.max))
      }
    }

    init(columns text: ArraySlice<UInt8>) throws(FieldMistake) {
      let fields = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      guard fields.count == 3 else {
        throw FieldMistake(path: "the row", expected: "a time and two counts of tokens", found: "\(fields.count) fields")
      }
      guard let time = Self.time(fields[0]) else {
        throw FieldMistake(path: "TIMESTAMP", expected: "a time like 2023-11-16 18:15:46.68", found: quoted(TaskRecording.shown(fields[0])))
      }
      nanoseconds = time
      inputTokens = try Self.tokens(fields[1], "ContextTokens")
      outputTokens = try Self.tokens(fields[2], "GeneratedTokens")
    }

    private static func tokens(_ text: ArraySlice<UInt8>, _ name: String) throws(FieldMistake) -> Int {
      guard let number = digits(text, count: 1...8), number <= TaskRecording.mostTokens else {
        throw FieldMistake(
          path: name, expected: "a whole number from 0 to \(TaskRecording.mostTokens)", found: quoted(TaskRecording.shown(text)))
      }
      return Int(number)
    }

    /// The number that so many digits say, and nothing but digits.
    private static func digits(_ text: ArraySlice<UInt8>, count: ClosedRange<Int>) -> Int64? {
      guard count.contains(text.count) else { return nil }
      var number: Int64 = 0
      for byte in text {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        number = number * 10 + Int64(byte - UInt8(ascii: "0"))
      }
      return number
    }

    /// Nanoseconds since 1970 of `2023-11-16 18:15:46.6805900`, with or without a fraction; nil where it is no time.
    private static func time(_ text: ArraySlice<UInt8>) -> Int64? {
      guard text.count >= 19 else { return nil }
      let part = { (from: Int, count: Int) -> Int64? in
        digits(text.dropFirst(from).prefix(count), count: count...count)
      }
      for (place, byte) in [
        (4, UInt8(ascii: "-")), (7, UInt8(ascii: "-")), (10, UInt8(ascii: " ")), (13, UInt8(ascii: ":")), (16, UInt8(ascii: ":")),
      ] {
        guard text[text.startIndex + place] == byte else { return nil }
      }
      guard let year = part(0, 4), let month = part(5, 2), let day = part(8, 2), let hour = part(11, 2), let minute = part(14, 2),
        let second = part(17, 2), (1970...2199).contains(year), (1...12).contains(month), hour < 24, minute < 60, second < 60
      else { return nil }
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      let length: Int64 = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
      guard (1...length).contains(day) else { return nil }
      var fraction: Int64 = 0
      if text.count > 19 {
        let rest = text.dropFirst(20)
        guard text[text.startIndex + 19] == UInt8(ascii: "."), let number = digits(rest, count: 1...9) else { return nil }
        fraction = (rest.count..<9).reduce(number) { number, _ in number * 10 }
      }
      // A civil date to days, with years that begin in March (Hinnant's algorithm).
      let shifted = month > 2 ? year : year - 1
      let (era, yearOfEra) = (shifted / 400, shifted % 400)
      let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
      let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
      return (days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000_000 + fraction
    }
  }
}

extension TaskRecording {
  /// A stand-in of so many requests as come within `duration`.
  public static func synthetic(seed: UInt64, within duration: TimeSpan) -> TaskRecording {
    let gap = TimeSpan.milliseconds(300)
    // Half as many again as there are in the mean, of which those that come too late are left out.
    let count = min(Int64(mostTasks), max(0, duration.nanoseconds) / gap.nanoseconds * 3 / 2 + 50)
    return TaskRecording(synthetic(seed: seed, tasks: Int(count), meanGap: gap).tasks.filter { $0.at <= duration })
  }

  /// A stand-in where no file is given: arrivals of a Poisson process, counts of tokens and keys that are the rarer the
  /// higher they are. `meanGap` is the mean time between two requests.
  public static func synthetic(seed: UInt64, tasks count: Int, meanGap: TimeSpan = .milliseconds(300)) -> TaskRecording {
    var random = RandomStream(seed: seed, name: "synthetic-tasks")
    let (input, output, key, length) = (RankDraw(ranks: 8_192), RankDraw(ranks: 1_024), RankDraw(ranks: 20_000), RankDraw(ranks: 24))
    let arrivals = Arrivals(perSecond: 1 / max(meanGap.seconds, 1e-6), spacing: .poisson)
    var at = TimeSpan.zero
    var tasks: [RecordedRequest] = []
    for number in 0..<min(count, mostTasks) {
      if number > 0 { at = at + arrivals.nextGap(&random) }
      let keys = (0...length.draw(&random)).map { _ in Int64(key.draw(&random)) }
      tasks.append(RecordedRequest(at: at, inputTokens: 16 + input.draw(&random), outputTokens: 1 + output.draw(&random), keys: keys))
    }
    return TaskRecording(tasks)
  }
}

/// Draws ranks, from 0, of which each is as likely as one over its place (Zipf's law). No power is taken, whose last bit
/// could differ between machines.
struct RankDraw {
  /// The sum of all weights up to each rank.
  private let sums: [Double]

  /// A draw among `ranks`, at least one.
  init(ranks: Int) {
    var sum = 0.0
    sums = (1...max(1, ranks)).map { place in
      sum += 1 / Double(place)
      return sum
    }
  }

  func draw(_ random: inout RandomStream) -> Int {
    let wanted = random.unit() * (sums.last ?? 1)
    var (low, high) = (0, sums.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > wanted { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
