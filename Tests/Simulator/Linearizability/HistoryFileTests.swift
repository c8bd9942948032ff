// History files: what is written is read back, and mistakes are told with their places.

import Linearizability
import TestChance
import Testing
import Vocabulary

@Suite struct HistoryFileTests {
  private func read(_ lines: [String]) throws(TextMistake) -> AnyHistory {
    try AnyHistory(parsing: Array(lines.joined(separator: "\n").utf8), file: "h.jsonl")
  }

  private func mistake(_ lines: String...) -> String {
    do throws(TextMistake) {
      _ = try read(lines)
      return "none"
    } catch {
      return error.description
    }
  }

  private static let register = #"{"history":1,"model":"register"}"#
  private static let log = #"{"history":1,"model":"log"}"#

  @Test(arguments: 0..<100 as Range<UInt64>) func whatIsWrittenIsReadBack(seed: UInt64) throws {
    var random = RandomStream(seed: seed)
    let plan = HistoryPlan(
      operationCount: 20, clientCount: 3, keyCount: 2, unknownPerThousand: 200, failedPerThousand: 100, silentPerThousand: 500)
    var register = PlainRegister.history(&random, plan)
    let keyValue = PlainKey.history(&random, plan)
    guard case .keyValue(let readKeyValue) = try AnyHistory(parsing: AnyHistory.keyValue(keyValue).serialized(), file: "") else {
      Issue.record("another model")
      return
    }
    #expect(readKeyValue.operations == keyValue.operations, "seed \(seed)")
    for place in register.operations.indices { register.operations[place].key = HistoryValue(random.text(maximumScalars: 6)) }
    guard case .register(let readRegister) = try AnyHistory(parsing: register.serialized(), file: "") else {
      Issue.record("another model")
      return
    }
    #expect(readRegister.operations == register.operations, "seed \(seed)")
    let log = ListLog<PlainLog>.corrupted(ListLog<PlainLog>.history(&random, plan), &random)
    guard case .log(let readLog) = try AnyHistory(parsing: log.serialized(), file: "") else {
      Issue.record("another model")
      return
    }
    #expect(readLog.operations == log.operations, "seed \(seed)")
    let idempotent = ListLog<IdempotentLog>.history(&random, plan)
    guard case .idempotentLog(let readIdempotent) = try AnyHistory(parsing: AnyHistory.idempotentLog(idempotent).serialized(), file: "")
    else {
      Issue.record("another model")
      return
    }
    #expect(readIdempotent.operations == idempotent.operations, "seed \(seed)")
  }

  @Test func theFirstLineNamesTheModel() {
    #expect(mistake() == "none", "an empty file is an empty history")
    #expect(mistake(#"{"history":2,"model":"register"}"#) == "h.jsonl:1:12: history: expected an integer from 1 to 1, found 2")
    #expect(
      mistake(#"{"history":1,"model":"registr"}"#)
        == #"h.jsonl:1:22: model: expected one of "register", "log", "idempotent-log", "key-value", found "registr" (did you mean "register"?)"#
    )
    #expect(mistake(Self.register) == "none")
    #expect(mistake(Self.register, "") == "none")
  }

  @Test func mistakesHaveTheirPlaces() {
    #expect(mistake(Self.register, "", "") == "h.jsonl:2:1: expected a value, found the end of the text")
    #expect(
      mistake(Self.register, #"{"client":1,"key":"é","call":5,"return":4,"op":"read","result":"ok","value":null}"#)
        == "h.jsonl:2:41: return: expected an integer from 5 to 9223372036854775807, found 4")
    #expect(
      mistake(Self.register, #"{"client":1,"key":"a","call":5,"op":"append"}"#)
        == #"h.jsonl:2:37: op: expected one of "write", "read", "compare-and-swap" for the model "register", found "append""#)
    #expect(
      mistake(Self.register, #"{"client":1,"key":"a","call":5,"op":"read","result":"ok"}"#)
        == #"h.jsonl:2:53: result: expected no such member without "return", found a string"#)
    #expect(
      mistake(Self.register, #"{"client":1,"key":"a","call":5,"return":6,"op":"read"}"#)
        == "h.jsonl:2:1: result: expected a value, found none")
    #expect(
      mistake(Self.register, #"{"client":1,"key":"a","call":5,"return":6,"op":"read","result":"ok"}"#)
        == "h.jsonl:2:1: value: expected a value, found none")
    #expect(
      mistake(Self.register, #"{"client":1,"key":"a","call":5,"return":6,"op":"read","result":"failed","value":"x"}"#)
        == #"h.jsonl:2:81: value: expected no such member beside the result "failed", found a string"#)
    #expect(
      mistake(Self.register, #"{"client":1,"key":"a","call":5,"return":6,"op":"write","value":"x","result":"mismatch"}"#)
        == #"h.jsonl:2:77: result: expected one of "ok", "failed", found "mismatch""#)
    #expect(
      mistake(Self.log, #"{"client":1,"key":"a","call":5,"op":"append","values":["x, y]", 7 ]}"#)
        == "h.jsonl:2:65: values[1]: expected a string, found a number")
    #expect(
      mistake(Self.log, #"{"client":1,"key":"a","call":5,"op":"append","values":["x"],"producer":"p","sequence":1}"#)
        .hasPrefix(#"h.jsonl:2:72: producer: expected only the members "client", "key","#))
    #expect(mistake(Self.log, "{") == "h.jsonl:2:2: expected a name in double quotes or '}', found the end of the text")
  }

  @Test func theLastMistakeOfTheFormat() {
    let half = #"{"client":1,"key":"a","call":5,"op":"append","values":["x"],"producer":"p"}"#
    #expect(mistake(#"{"history":1,"model":"idempotent-log"}"#, half) == "h.jsonl:2:1: sequence: expected a value, found none")
    let wrong = #"{"client":1,"key":"a","call":5,"return":7,"op":"compare-and-swap","expected":null,"value":"x","result":"ok","held":null}"#
    #expect(mistake(Self.register, wrong).contains(#"held: expected no such member beside the result "ok", found null"#))
  }

  @Test func aMismatchMayLeaveOutWhatWasHeld() throws {
    let refusal = #"{"client":1,"key":"a","call":5,"return":7,"op":"compare-and-swap","expected":"x","value":"y","result":"mismatch""#
    guard case .register(let history) = try read([Self.register, refusal + "}", refusal + #","held":null}"#]) else {
      Issue.record("another model")
      return
    }
    #expect(history.operations.map(\.outcome) == [.answered(atNanoseconds: 7, .mismatched), .answered(atNanoseconds: 7, .held(nil))])
    #expect(mistake(Self.register, refusal + #","held":7}"#).hasSuffix("held: expected a string, found a number"))
  }

  @Test func keysHaveTheirMembers() throws {
    let keyValue = #"{"history":1,"model":"key-value"}"#
    let lines = [
      keyValue, #"{"client":1,"key":"a","call":10,"return":20,"op":"put","value":"x","result":"ok"}"#,
      #"{"client":2,"key":"a","call":15,"return":30,"op":"append","value":"y","result":"ok"}"#,
      #"{"client":1,"key":"a","call":40,"return":50,"op":"get","result":"ok","value":"xy"}"#,
    ]
    #expect(HistoryJudge().judge(try read(lines)).verdict == .held)
    #expect(HistoryJudge().judge(try read(lines + [lines[3].replacing("xy", with: "yx")])).verdict == .violated)
    #expect(
      mistake(keyValue, #"{"client":1,"key":"a","call":5,"op":"write","value":"x"}"#)
        == #"h.jsonl:2:37: op: expected one of "put", "append", "get" for the model "key-value", found "write""#)
    #expect(mistake(keyValue, #"{"client":1,"key":"a","call":5,"op":"append"}"#) == "h.jsonl:2:1: value: expected a value, found none")
  }

  @Test func theFormIsToldByTheBeginning() {
    func format(_ text: String, _ file: String = "h") -> HistoryFormat { HistoryFormat(of: Array(text.utf8), file: file) }
    #expect(format(Self.register, "h.edn") == .jsonl)
    #expect(format("{:process 0", "h.jsonl") == .edn)
    #expect(format("; a comment\n[{:process 0") == .edn)
    #expect(format("({:process 0") == .edn)
    #expect(format("#jepsen.history.Op{:process 0") == .edn)
    #expect(format("INFO  jepsen.util - 0\t:invoke\t:read\tnil") == .log)
    #expect(format("0\t:invoke\t:read\tnil") == .log)
    #expect(format("", "store/history.edn") == .edn)
    #expect(format("", "a.log") == .log)
    #expect(format("", "h.jsonl") == .jsonl)
    #expect(format("") == .jsonl)
  }

  @Test func anyBytesAreReadOrRefused() {
    var random = RandomStream(seed: 3)
    let good = Array(PlainRegister.history(&random, HistoryPlan(operationCount: 5, clientCount: 2)).serialized())
    for _ in 0..<3_000 {
      var bytes = good
      for _ in 0...random.index(below: 3) { bytes[random.index(below: bytes.count)] = UInt8(random.index(below: 256)) }
      if random.chance(1, of: 3) { bytes.removeLast(random.index(below: bytes.count)) }
      guard let history = try? AnyHistory(parsing: bytes, file: "") else { continue }
      _ = HistoryJudge(maximumStates: 1_000).judge(history)
    }
  }
}
