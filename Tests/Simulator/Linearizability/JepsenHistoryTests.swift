// Histories of Jepsen's: what their operations are taken for, in what order, and what is refused.

import Linearizability
import TestChance
import Testing
import Vocabulary

@Suite struct JepsenHistoryTests {
  private func read(
    _ text: String, _ format: HistoryFormat = .edn, _ failedSwaps: FailedSwaps = .noEffect
  ) throws(TextMistake) -> AnyHistory {
    try HistoryFile(parsing: Array(text.utf8), format, file: "h", failedSwaps: failedSwaps).history
  }

  private func registers(_ text: String, _ format: HistoryFormat = .edn) throws -> [RecordedOperation<RegisterInput, RegisterOutput>] {
    guard case .register(let history) = try read(text, format) else {
      Issue.record("another model")
      return []
    }
    return history.operations
  }

  private func verdict(
    _ text: String, _ format: HistoryFormat = .edn, _ failedSwaps: FailedSwaps = .noEffect
  ) throws -> LinearizabilityVerdict {
    HistoryJudge().judge(try read(text, format, failedSwaps)).verdict
  }

  private func mistake(_ text: String, _ format: HistoryFormat = .edn) -> String {
    do throws(TextMistake) {
      _ = try read(text, format)
      return "none"
    } catch {
      return error.description
    }
  }

  /// Lines of EDN out of a short form: `0 invoke write 3`.
  private func edn(_ lines: String...) -> String {
    lines.map { line in
      let words = line.split(separator: " ", maxSplits: 3).map(String.init)
      return "{:process \(words[0]), :type :\(words[1]), :f :\(words[2]), :value \(words[3])}"
    }.joined(separator: "\n")
  }

  private func log(_ lines: String...) -> String {
    lines.map { line in
      let words = line.split(separator: " ", maxSplits: 3).map(String.init)
      return "INFO  jepsen.util - \(words[0])\t:\(words[1])\t:\(words[2])\t\(words[3])\n"
    }.joined()
  }

  // MARK: what is read

  @Test func operationsArePaired() throws {
    let text = edn(
      "0 invoke read nil", "1 invoke write 3", "1 ok write 3", "0 ok read 3", "2 invoke cas [3 4]", "3 invoke write 5", "2 fail cas [3 4]",
      "3 info write 5", "3 invoke write 6", ":nemesis info start {:n1 [:n2]}", "4 invoke cas [nil 7]", "4 ok cas [nil 7]")
    let expected: [RecordedOperation<RegisterInput, RegisterOutput>] = [
      .init(client: 0, key: "register", callNanoseconds: 1, input: .read, outcome: .answered(atNanoseconds: 4, .held("3"))),
      .init(client: 1, key: "register", callNanoseconds: 2, input: .write("3"), outcome: .answered(atNanoseconds: 3, .done)),
      .init(
        client: 2, key: "register", callNanoseconds: 5, input: .compareAndSwap(expected: "3", new: "4"), outcome: .failed(atNanoseconds: 7)),
      .init(client: 3, key: "register", callNanoseconds: 6, input: .write("5"), outcome: .unknown),
      .init(client: 3, key: "register", callNanoseconds: 9, input: .write("6"), outcome: .unknown),
      .init(
        client: 4, key: "register", callNanoseconds: 11, input: .compareAndSwap(expected: nil, new: "7"),
        outcome: .answered(atNanoseconds: 12, .done)),
    ]
    #expect(try registers(text) == expected)
    // The same in one vector, in one list, tagged, and as a log.
    #expect(try registers("[" + text + "]") == expected)
    #expect(try registers("; a comment\n(" + text + ")").map(\.outcome).count == expected.count)
    #expect(try registers(text.replacing("{:process", with: "#jepsen.history.Op{:process")) == expected)
    let lines = log(
      "0 invoke read nil", "1 invoke write 3", "1 ok write 3", "0 ok read 3", "2 invoke cas [3 4]", "3 invoke write 5", "2 fail cas [3 4]",
      "3 info write :timed-out", "3 invoke write 6", ":nemesis info start nil", "4 invoke cas [nil 7]", "4 ok cas [nil 7]")
    #expect(try registers(lines, .log) == expected)
    #expect(try registers(lines.replacing("INFO  jepsen.util - ", with: ""), .log) == expected)
    #expect(
      try registers(lines.replacing("INFO  jepsen.util - ", with: "2024-01-02 03:04:05,678{GMT} INFO [worker 1] jepsen.util: "), .log)
        == expected)
  }

  @Test func otherLinesOfALogAreSkipped() throws {
    let text =
      "INFO  jepsen.core - Running test\n" + log("0 invoke write 1") + "\njepsen.util - waiting\n  at java.lang.Thread.run\n"
      + log("0 info write java.net.ConnectException: {refused")
    #expect(try registers(text, .log).map(\.outcome) == [.unknown])
  }

  @Test func manyOperationsOnOneLineKeepTheirOrder() throws {
    let text = edn("0 invoke write 1", "0 ok write 1", "1 invoke read nil", "1 ok read nil").replacing("\n", with: " ")
    #expect(try registers(text).map(\.callNanoseconds) == [1, 3])
    #expect(try verdict(text) == .violated)
  }

  @Test func timesOrderWhereAllHaveThem() throws {
    func line(_ process: Int, _ type: String, _ function: String, _ value: String, _ time: String) -> String {
      "{:process \(process), :type :\(type), :f :\(function), :value \(value)\(time)}\n"
    }
    let timed =
      line(1, "invoke", "read", "nil", ", :time 50") + line(1, "ok", "read", "1", ", :time 60")
      + line(0, "invoke", "write", "1", ", :time 10")
      + line(0, "ok", "write", "1", ", :time 20")
    #expect(try registers(timed).map(\.callNanoseconds) == [10, 50])
    #expect(try verdict(timed) == .held)
    // One without: by lines.
    #expect(try verdict(timed.replacing(", :time 20", with: "")) == .violated)
    // A coarse clock: the order of the file decides, and nothing touches.
    let coarse =
      line(0, "invoke", "write", "1", ", :time 7") + line(0, "ok", "write", "1", ", :time 7")
      + line(1, "invoke", "read", "nil", ", :time 7")
      + line(1, "ok", "read", "nil", ", :time 7")
    #expect(try registers(coarse).map(\.callNanoseconds) == [7, 9])
    #expect(try verdict(coarse) == .violated)
    #expect(
      mistake(line(0, "invoke", "read", "nil", ", :time 1.5")) == "h:1:57: expected :time in nanoseconds, from -2^62 to 2^62, found 1.5")
  }

  @Test func valuesOfDifferentKindsDiffer() throws {
    let kinds = ["1", "\"1\"", "1.0", ":a", "a", "\\a", "true", "#x 1"]
    for written in kinds {
      for read in kinds {
        let text = edn("0 invoke write \(written)", "0 ok write \(written)", "0 invoke read nil", "0 ok read \(read)")
        #expect(try verdict(text) == (written == read ? .held : .violated), "\(written) \(read)")
      }
    }
    #expect(try verdict(edn("0 invoke write 1", "0 ok write 1N", "0 invoke read nil", "0 ok read +1")) == .held)
    // Where all are strings, they stand for themselves.
    #expect(try registers(edn("0 invoke write \"x\"")).map(\.input) == [.write("x")])
    #expect(try registers(edn("0 invoke write \"x\"", "1 invoke write 1")).map(\.input) == [.write("\"x\""), .write("1")])
  }

  @Test func keysArePairsOrMembers() throws {
    let paired = edn(
      "0 invoke write [7 1]", "0 ok write [7 1]", "1 invoke cas [8 [nil 2]]", "1 ok cas [8 [nil 2]]", "0 invoke read [8 nil]",
      "0 ok read [8 2]")
    #expect(try registers(paired).map(\.key) == ["7", "8", "8"])
    #expect(try registers(paired).map(\.input) == [.write("1"), .compareAndSwap(expected: nil, new: "2"), .read])
    #expect(try verdict(paired) == .held)
    #expect(try verdict(paired.replacing("[8 2]}", with: "[8 1]}")) == .violated)
    #expect(try registers(edn("0 invoke cas [1 2]")).map(\.input) == [.compareAndSwap(expected: "1", new: "2")])
    let keyed = "{:process 0 :type :invoke :f :read :key \"k\"} {:process 0 :type :ok :f :read :key \"k\" :value 1}"
    #expect(try registers(keyed).map(\.key) == ["k"])
    #expect(try registers(keyed.replacing("\"k\"", with: "5")).map(\.key) == ["5"])
    #expect(try registers(keyed + "{:process 0 :type :invoke :f :read :key 5}").map(\.key) == ["\"k\"", "5"])
  }

  // MARK: verdicts

  @Test func histories() throws {
    let good = edn("0 invoke write 0", "0 ok write 0", "1 invoke read nil", "2 invoke write 4", "1 ok read 4", "2 ok write 4")
    #expect(try verdict(good) == .held)
    #expect(
      try verdict(good.replacing(":value 4", with: ":value 3").replacing(":f :write, :value 3", with: ":f :write, :value 4")) == .violated)
    #expect(try verdict(log("0 invoke write 1", "0 ok write 1", "1 invoke read nil", "1 ok read nil"), .log) == .violated)
    #expect(try verdict(log("0 invoke write 1", "1 invoke read nil", "1 ok read nil", "0 ok write 1"), .log) == .held)
  }

  @Test func infoMayTakeEffectLater() throws {
    let verdicts: [(String, LinearizabilityVerdict)] = [("nil", .held), ("1", .held), ("2", .violated)]
    for (seen, expected) in verdicts {
      let rest = edn("1 invoke read nil", "1 ok read nil", "5 invoke read nil", "5 ok read \(seen)")
      #expect(try verdict(edn("0 invoke write 1", "0 info write 1") + rest) == expected)
      // An end that never came is the same, and so is one under which the process goes on.
      #expect(try verdict(edn("0 invoke write 1") + rest) == expected)
      #expect(try verdict(edn("5 invoke write 1", "5 info write 1") + rest) == expected)
    }
    // What failed did not happen.
    #expect(try verdict(edn("0 invoke write 1", "0 fail write 1", "1 invoke read nil", "1 ok read 1")) == .violated)
  }

  @Test func failedSwapsMaySayThatSomethingElseWasHeld() throws {
    let failed = edn("0 invoke write 1", "0 ok write 1", "0 invoke cas [1 2]", "0 fail cas [1 2]")
    #expect(try verdict(failed) == .held)
    #expect(try verdict(failed, .edn, .mismatch) == .violated)
    #expect(try verdict(failed.replacing("[1 2]", with: "[3 2]"), .edn, .mismatch) == .held)
    #expect(try verdict(failed.replacing(":type :fail,", with: ":type :fail, :error :timeout,"), .edn, .mismatch) == .held)
    let lines = log("0 invoke write 1", "0 ok write 1", "0 invoke cas [1 2]", "0 fail cas [1 2]")
    #expect(try verdict(lines, .log) == .held)
    #expect(try verdict(lines, .log, .mismatch) == .violated)
    #expect(try verdict(lines.replacing(":fail\t:cas\t[1 2]", with: ":fail\t:cas\t:timed-out"), .log, .mismatch) == .held)
  }

  @Test func keysWithAppends() throws {
    func line(_ process: Int, _ type: String, _ function: String, _ key: String, _ value: String) -> String {
      "{:process \(process), :type :\(type), :f :\(function), :key \"\(key)\", :value \(value)}\n"
    }
    let appends =
      line(0, "invoke", "append", "0", "\"x 0 0 y\"") + line(1, "invoke", "append", "0", "\"x 1 0 y\"")
      + line(0, "ok", "append", "0", "\"x 0 0 y\"") + line(1, "ok", "append", "0", "\"x 1 0 y\"") + line(0, "invoke", "get", "1", "nil")
      + line(0, "ok", "get", "1", "\"\"") + line(0, "invoke", "get", "0", "nil")
    #expect(try verdict(appends + line(0, "ok", "get", "0", "\"x 1 0 yx 0 0 y\"")) == .held)
    #expect(try verdict(appends + line(0, "ok", "get", "0", "\"x 0 0 yx 1 0 y\"")) == .held)
    #expect(try verdict(appends + line(0, "ok", "get", "0", "\"x 0 0 y\"")) == .violated)
    #expect(try verdict(appends + line(0, "ok", "get", "0", "nil")) == .violated)
    let judgement = HistoryJudge().judge(try read(appends))
    #expect(judgement.model == "key-value" && judgement.partitions.map(\.key) == ["0", "1"])
  }

  @Test func aFileWithoutOperationsIsNothingJudged() throws {
    #expect(try verdict("") == .nothingJudged)
    #expect(try verdict("[]") == .nothingJudged)
    #expect(try verdict(edn(":nemesis info start nil")) == .nothingJudged)
    #expect(try verdict("", .log) == .nothingJudged)
    #expect(try verdict("\n \n", .log) == .nothingJudged)
    #expect(try verdict(log(":nemesis info start nil"), .log) == .nothingJudged)
    #expect(try verdict(edn("0 invoke read nil", "0 info read nil")) == .nothingJudged)
  }

  @Test func skippedLinesAreCounted() throws {
    let text = "INFO jepsen.core - begins\n\n0\t:invoke\t:read\tnil\n:nemesis\t:info\t:start\tnil\n0\t:ok\t:read\tnil\nends\n"
    let read = try HistoryFile(parsing: Array(text.utf8), file: "h")
    #expect(read.skipped == SkippedLines(count: 2, lineCount: 5))
    let judgement = HistoryJudge().judge(read.history)
    #expect(judgement.lines(source: "h", skipped: read.skipped).dropFirst() == ["  2 of 5 lines hold no operation and were skipped"])
    #expect(judgement.json(source: "h", skipped: read.skipped)["skipped_lines"] == 2)
    #expect(try HistoryFile(parsing: Array(edn("0 invoke read nil").utf8), file: "h").skipped == nil)
  }

  @Test func aLogOfWhichNothingIsAnOperationIsNone() {
    let expected = "h:1:1: expected a log of Jepsen, with lines that hold a process and :invoke, :ok, :fail or :info, found none in "
    #expect(mistake(String(repeating: "x", count: 1_000), .log) == expected + "its one line")
    #expect(mistake("\nINFO jepsen.core - no operations\nat all\n", .log) == expected + "2 lines")
  }

  @Test func aByteOrderMarkIsPassedOver() throws {
    for (text, format) in [
      (edn("0 invoke write 1", "0 ok write 1"), HistoryFormat.edn), (log("0 invoke write 1", "0 ok write 1"), .log),
      (":nemesis\t:info\t:start\tnil\n0\t:invoke\t:read\tnil\n0\t:ok\t:read\tnil\n", .log),
      (
        #"{"history":1,"model":"register"}"# + "\n"
          + #"{"client":1,"key":"a","call":1,"return":2,"op":"read","result":"ok","value":null}"#, .jsonl
      ),
    ] {
      let read = try HistoryFile(parsing: Array("\u{FEFF}\(text)".utf8), file: "h.\(format == .edn ? "log" : "edn")")
      #expect(HistoryJudge().judge(read.history).verdict == .held)
      #expect((read.skipped?.count ?? 0) == 0)
    }
    #expect(mistake("\u{FEFF}7") == "h:1:1: expected an operation, which is a map, found 7")
    #expect(try verdict("\u{FEFF}", .jsonl) == .nothingJudged)
  }

  // MARK: mistakes

  @Test func mistakesHaveTheirPlaces() {
    #expect(mistake("7") == "h:1:1: expected an operation, which is a map, found 7")
    #expect(mistake("[[]]") == "h:1:2: expected an operation, which is a map, found a collection")
    #expect(mistake("[") == "h:1:2: expected the end of the vector of operations, found the end of the text")
    #expect(mistake("\n{:type :ok}") == "h:2:1: expected an operation with :process, found none")
    #expect(mistake(edn("x invoke read nil")) == "h:1:11: expected a process, which is an integer or :nemesis, found x")
    #expect(
      mistake(edn("0 invoked read nil"))
        == "h:1:20: expected :type to be one of :invoke, :ok, :fail, :info, found :invoked (did you mean :invoke?)")
    #expect(mistake(edn("0 invoke txn nil")) == "h:1:32: expected :f to be one of :read, :write, :cas, :get, :put, :append, found :txn")
    #expect(
      mistake(edn("0 invoke read nil", "1 invoke get nil"))
        == "h:2:1: expected operations on one kind of object: :read, :write, :cas on registers, or :get, :put, :append on keys; found :get beside :read"
    )
    #expect(mistake(edn("0 ok read nil")) == "h:1:1: process 0 is answered with :ok, but did not ask: expected :invoke first")
    #expect(
      mistake(edn("0 invoke read nil", "0 invoke read nil"))
        == "h:2:1: process 0 asks while it waits for its :read: expected :ok, :fail or :info first")
    #expect(
      mistake(edn("0 invoke read nil", "0 ok write 1")) == "h:2:1: expected the end of process 0's :read, found that of a :write")
    #expect(mistake(edn("0 invoke write nil")) == "h:1:47: expected a value for :write, found nil")
    #expect(mistake(edn("0 invoke cas 7")) == "h:1:45: expected :value of :cas to be a pair [expected new], found 7")
    #expect(
      mistake(edn("0 invoke write 1", "0 ok write 2")) == "h:2:43: expected process 0's :write to end with the value that it began with")
    #expect(
      mistake(edn("0 invoke read nil", "0 ok read [1 2]"))
        == "h:2:42: expected a scalar (a number, a string, a keyword), or nil, found a vector")
    #expect(
      mistake(edn("0 invoke read [1 nil]", "0 ok read [2 5]"))
        == "h:2:43: expected the answer about the key 1 that was asked about, found 2")
    #expect(
      mistake(edn("0 invoke read [1 nil]", "0 ok read 5")) == "h:2:42: expected :value to be a pair [key value], as others are, found 5")
    #expect(mistake(edn("0 invoke append 5")) == "h:1:48: expected a string, found 5")
    #expect(
      mistake("{:process 0 :type :invoke :f :read :key 1} {:process 1 :type :invoke :f :read}").hasPrefix(
        "h:1:44: expected an operation with :key"))
    #expect(mistake(log("0 invoke write 1", "0 okay write 1"), .log).hasPrefix("h:2:23: expected :type to be one of :invoke"))
    #expect(mistake(log("0 invoke cas [1"), .log) == "h:1:38: expected ']' at the end of the vector, found the end of the line")
  }

  @Test func anyBytesAreReadOrRefused() {
    var random = RandomStream(seed: 6)
    let texts: [(String, HistoryFormat)] = [
      (edn("0 invoke write [7 1]", "0 ok write [7 1]", "1 invoke cas [8 [nil 2]]", "1 fail cas [8 [nil 2]]"), .edn),
      (log("0 invoke append \"a\"", "0 ok append \"a\"", ":nemesis info start nil", "1 invoke get nil", "1 ok get \"a\""), .log),
    ]
    for (text, format) in texts {
      let good = Array(text.utf8)
      for _ in 0..<2_000 {
        var bytes = good
        for _ in 0...random.index(below: 3) { bytes[random.index(below: bytes.count)] = UInt8(random.index(below: 256)) }
        if random.chance(1, of: 3) { bytes.removeLast(random.index(below: bytes.count)) }
        _ = HistoryFormat(of: bytes, file: "")
        guard let history = try? HistoryFile(parsing: bytes, format, file: "").history else { continue }
        _ = HistoryJudge(maximumStates: 1_000).judge(history)
      }
    }
  }
}
