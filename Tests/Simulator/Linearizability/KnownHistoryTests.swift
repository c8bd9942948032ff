// Histories whose verdicts are known by heart, and what is said of the violated ones.

import Linearizability
import Testing

private typealias RegisterOperation = RecordedOperation<RegisterInput, RegisterOutput>
private typealias LogOperation = RecordedOperation<LogInput, LogOutput>

/// An operation on the register "a"; without an output its outcome is unknown.
private func on(_ client: Int64, _ call: Int64, _ end: Int64?, _ input: RegisterInput, _ output: RegisterOutput?) -> RegisterOperation {
  RegisterOperation(
    client: client, key: "a", callNanoseconds: call, input: input,
    outcome: end.flatMap { end in output.map { .answered(atNanoseconds: end, $0) } } ?? .unknown)
}

/// An operation on the log "0"; without an output its outcome is unknown.
private func on(_ client: Int64, _ call: Int64, _ end: Int64?, _ input: LogInput, _ output: LogOutput?) -> LogOperation {
  LogOperation(
    client: client, key: "0", callNanoseconds: call, input: input,
    outcome: end.flatMap { end in output.map { .answered(atNanoseconds: end, $0) } } ?? .unknown)
}

private func verdict(_ operations: [RegisterOperation]) -> LinearizabilityVerdict {
  HistoryJudge().judge(History<RegisterModel>(operations)).verdict
}
private func verdict(_ operations: [LogOperation]) -> LinearizabilityVerdict {
  HistoryJudge().judge(History<LogModel>(operations)).verdict
}
private func repeatingVerdict(_ operations: [LogOperation]) -> LinearizabilityVerdict {
  HistoryJudge().judge(History<IdempotentLogModel>(operations)).verdict
}

@Suite struct KnownRegisterHistoryTests {
  @Test func nothingHolds() {
    #expect(verdict([on(1, 0, 1, .read, .held(nil))]) == .held)
  }

  @Test func aConcurrentWriteMayBeSeenOrNot() {
    for seen: HistoryValue? in [nil, "x"] {
      #expect(verdict([on(1, 0, 10, .write("x"), .done), on(2, 5, 6, .read, .held(seen))]) == .held)
    }
  }

  @Test func readsMayNotGoBack() {
    let write = on(1, 0, 100, .write("x"), .done)
    #expect(verdict([write, on(2, 10, 20, .read, .held(nil)), on(3, 30, 40, .read, .held("x"))]) == .held)
    #expect(verdict([write, on(2, 10, 20, .read, .held("x")), on(3, 30, 40, .read, .held(nil))]) == .violated)
    // Touching in one nanosecond is concurrent.
    #expect(verdict([write, on(2, 10, 30, .read, .held("x")), on(3, 30, 40, .read, .held(nil))]) == .held)
  }

  @Test func staleReadIsViolatedAndShown() throws {
    let operations = [
      on(1, 0, 10, .write("x"), .done), on(1, 20, 30, .write("y"), .done), on(2, 40, 50, .read, .held("y")),
      on(3, 60, 70, .read, .held("x")), on(2, 80, 90, .read, .held("y")),
    ]
    let judgement = HistoryJudge().judge(History<RegisterModel>(operations))
    #expect(judgement.verdict == .violated)
    let window = try #require(judgement.partitions.first?.window)
    #expect(window.stateBefore == "it held \"y\"")
    #expect(window.operations.count == 1 && window.operations.first?.client == 3)
    #expect(window.startNanoseconds == 60 && window.endNanoseconds == 70 && window.eventCount == 2 && window.totalEventCount == 10)
    #expect(
      window.lines == [
        "The first operation that cannot be placed is client 3's read, called at 60 and answered at 70 with \"x\": no order of what was "
          + "under way until then explains it from where it held \"y\".",
        "The shortest stretch that shows it: 2 of 10 calls and returns, from 60 to 70; at its beginning it held \"y\".",
        "    client  operation  answer  call  return",
        "->       3  read       \"x\"       60      70",
      ])
  }

  @Test func lostWrite() {
    #expect(verdict([on(1, 0, 10, .write("x"), .done), on(2, 20, 30, .read, .held(nil))]) == .violated)
  }

  @Test func compareAndSwapSucceedsOnce() {
    let first = on(1, 10, 50, .compareAndSwap(expected: nil, new: "x"), .done)
    #expect(verdict([first, on(2, 10, 50, .compareAndSwap(expected: nil, new: "y"), .held("x"))]) == .held)
    #expect(verdict([first, on(2, 10, 50, .compareAndSwap(expected: nil, new: "y"), .done)]) == .violated)
    #expect(verdict([first, on(2, 10, 50, .compareAndSwap(expected: "x", new: "y"), .done)]) == .held)
    // Refused although it held what was expected.
    #expect(verdict([first, on(2, 60, 70, .compareAndSwap(expected: "x", new: "y"), .held("x"))]) == .violated)
  }

  @Test func nothingIsJudgedWithoutAnAnswer() {
    let nothing = HistoryJudge().judge(History<RegisterModel>())
    #expect(nothing.verdict == .nothingJudged && nothing.partitions.isEmpty)
    #expect(nothing.lines(source: "h") == ["h: nothing judged  (register, 0 operations)"])
    let failed = RegisterOperation(client: 1, key: "a", callNanoseconds: 0, input: .read, outcome: .failed(atNanoseconds: 10))
    let unanswered = HistoryJudge().judge(History<RegisterModel>([failed, on(2, 5, nil, .write("x"), nil)]))
    #expect(unanswered.verdict == .nothingJudged)
    #expect(unanswered.lines(source: "h") == ["h: nothing judged  (register, 2 operations, none of them answered)"])
    #expect(unanswered.verdict.rawValue == "nothing judged")
    #expect(verdict([on(1, 0, 1, .read, .held(nil))]) == .held)
  }

  /// A refused swap that does not say what was held needs any other value than the one that it expected.
  @Test func aSilentMismatchNeedsAnotherValue() {
    let refusal = on(2, 20, 30, .compareAndSwap(expected: "x", new: "y"), .mismatched)
    let write = on(1, 0, 10, .write("x"), .done)
    #expect(verdict([refusal]) == .held)
    #expect(verdict([write, refusal]) == .violated)
    // Nothing counts as a value.
    #expect(verdict([on(2, 20, 30, .compareAndSwap(expected: nil, new: "y"), .mismatched)]) == .violated)
    #expect(verdict([write, on(2, 20, 30, .compareAndSwap(expected: nil, new: "y"), .mismatched)]) == .held)
    // Linearizable only if a write that nobody reads comes between: one of unknown outcome, or one under way.
    let read = on(3, 60, 70, .read, .held("x"))
    let again = on(1, 40, 50, .write("x"), .done)
    #expect(verdict([write, refusal, again, read]) == .violated)
    #expect(verdict([write, on(4, 5, nil, .write("z"), nil), refusal, again, read]) == .held)
    #expect(verdict([write, on(4, 5, nil, .compareAndSwap(expected: "x", new: "z"), nil), refusal, again, read]) == .held)
    #expect(verdict([write, on(4, 5, 65, .write("z"), .done), refusal, again, read]) == .held)
    #expect(verdict([write, on(4, 31, nil, .write("z"), nil), refusal, again, read]) == .violated)
    // Two writes that nobody reads, of which the later one must come last, since the swap was refused by the other.
    #expect(
      verdict([
        on(1, 0, 10, .write("a"), .done), on(2, 0, 10, .write("b"), .done),
        on(3, 20, 30, .compareAndSwap(expected: "a", new: "c"), .mismatched),
        on(3, 40, 50, .compareAndSwap(expected: "b", new: "c"), .mismatched),
      ]) == .violated)
  }

  @Test func aSilentMismatchIsShown() throws {
    let operations = [
      on(1, 0, 10, .write("x"), .done), on(2, 20, 30, .compareAndSwap(expected: "x", new: "y"), .mismatched),
    ]
    let window = try #require(HistoryJudge().judge(History<RegisterModel>(operations)).partitions.first?.window)
    #expect(
      window.sentence
        == "The first operation that cannot be placed is client 2's compare-and-swap \"x\" to \"y\", called at 20 and answered at 30 with "
        + "mismatch: no order of what was under way until then explains it from where it held \"x\".")
  }

  @Test func unknownWritesMayComeLateOrNever() {
    let write = on(1, 0, nil, .write("x"), nil)
    #expect(verdict([write, on(2, 10, 20, .read, .held(nil)), on(2, 1_000, 1_010, .read, .held("x"))]) == .held)
    #expect(verdict([write, on(2, 10, 20, .read, .held(nil))]) == .held)
    // But not twice, and not before it was asked.
    let other = on(2, 30, 40, .write("y"), .done)
    #expect(
      verdict([write, on(2, 10, 20, .read, .held("x")), other, on(2, 50, 60, .read, .held("y")), on(2, 70, 80, .read, .held("x"))])
        == .violated)
    #expect(verdict([on(2, 10, 20, .read, .held("x")), on(1, 30, nil, .write("x"), nil)]) == .violated)
  }

  @Test func aFailedWriteMayNotBeRead() {
    let failed = RegisterOperation(
      client: 1, key: "a", callNanoseconds: 0, input: .write("x"), outcome: .failed(atNanoseconds: 10))
    #expect(verdict([failed, on(2, 20, 30, .read, .held("x"))]) == .violated)
    #expect(verdict([failed, on(2, 20, 30, .read, .held(nil))]) == .held)
  }

  @Test func keysAreJudgedByThemselves() {
    var other = on(2, 20, 30, .read, .held(nil))
    other.key = "b"
    let judgement = HistoryJudge().judge(
      History<RegisterModel>([other, on(1, 0, 10, .write("x"), .done), on(2, 40, 50, .read, .held(nil))]))
    #expect(judgement.partitions.map(\.key) == ["a", "b"])
    #expect(judgement.partitions.map(\.verdict) == [.violated, .held])
  }

  @Test func valuesAreComparedByTheirBytes() {
    #expect(verdict([on(1, 0, 10, .write("\u{E9}"), .done), on(2, 20, 30, .read, .held("e\u{301}"))]) == .violated)
  }

  @Test func aSearchThatIsGivenUpIsUnknown() {
    // Twelve concurrent swaps around a ring of values, and a read of what they cannot leave: exponentially many orders.
    var operations: [RegisterOperation] = [on(0, 0, 1, .write("v0"), .done)]
    for client in 1...12 as ClosedRange<Int64> {
      operations.append(on(client, 10, 1_000, .write(HistoryValue("v\(client % 6)")), .done))
      operations.append(
        on(
          client + 20, 10, 1_000,
          .compareAndSwap(expected: HistoryValue("v\(client % 6)"), new: HistoryValue("v\((client + 1) % 6)")), .done))
    }
    operations.append(on(50, 2_000, 2_010, .read, .held("v5")))
    operations.append(on(51, 2_020, 2_030, .read, .held("v4")))
    #expect(HistoryJudge(maximumStates: 50).judge(History<RegisterModel>(operations)).verdict == .unknown)
    #expect(HistoryJudge(maximumStates: .max).judge(History<RegisterModel>(Array(operations.prefix(5)))).verdict != .unknown)
  }
}

@Suite struct KnownLogHistoryTests {
  @Test func appendsAndReads() {
    #expect(
      verdict([
        on(1, 0, 10, .append(["x", "y"]), .offset(0)), on(2, 0, 10, .append(["z"]), .offset(2)),
        on(3, 20, 30, .read(offset: 1, count: 5), .values(["y", "z"], next: 3)),
        on(3, 40, 50, .read(offset: 9, count: 5), .values([], next: 9)),
        on(3, 60, 70, .read(offset: 0, count: 2), .values(["x", "y"], next: 2)),
      ]) == .held)
  }

  @Test func gapInOffsets() {
    #expect(verdict([on(1, 0, 10, .append(["x"]), .offset(0)), on(1, 20, 30, .append(["y"]), .offset(2))]) == .violated)
  }

  @Test func oneOffsetTwice() {
    #expect(verdict([on(1, 0, 10, .append(["x"]), .offset(0)), on(2, 0, 10, .append(["y"]), .offset(0))]) == .violated)
  }

  @Test func doubledAppend() throws {
    let operations = [
      on(1, 0, 10, .append(["x"]), .offset(0)), on(2, 20, 30, .read(offset: 0, count: 9), .values(["x", "x"], next: 2)),
    ]
    #expect(verdict(operations) == .violated)
    #expect(verdict(operations + [on(1, 5, nil, .append(["x"]), nil)]) == .held)
    let window = try #require(HistoryJudge().judge(History<LogModel>(operations)).partitions.first?.window)
    #expect(window.stateBefore == "the log had 1 values, the last ones \"x\"")
  }

  @Test func shortReadsAreTheEnd() {
    let append = on(1, 0, 10, .append(["x", "y"]), .offset(0))
    #expect(verdict([append, on(2, 20, 30, .read(offset: 0, count: 9), .values(["x"], next: 1))]) == .violated)
    #expect(verdict([append, on(2, 20, 30, .read(offset: 0, count: 9), .values(["x"], next: 1, isPartial: true))]) == .held)
    #expect(verdict([append, on(2, 20, 30, .read(offset: 0, count: 9), .values(["x"], next: 2, isPartial: true))]) == .violated)
    #expect(verdict([append, on(2, 20, 30, .read(offset: 0, count: 1), .values(["x", "y"], next: 2))]) == .violated)
    #expect(verdict([append, on(2, 20, 30, .read(offset: 5, count: 1), .values([], next: 2))]) == .violated)
  }

  @Test func unknownAppendsFillGapsOrNothing() {
    let unknown = on(1, 0, nil, .append(["x"]), nil)
    #expect(verdict([unknown, on(2, 10, 20, .append(["y"]), .offset(1))]) == .held)
    #expect(verdict([unknown, on(2, 10, 20, .append(["y"]), .offset(0))]) == .held)
    #expect(verdict([unknown, on(2, 10, 20, .append(["y"]), .offset(2))]) == .violated)
    #expect(
      verdict([
        unknown, on(2, 10, 20, .append(["y"]), .offset(0)), on(2, 900, 910, .read(offset: 0, count: 9), .values(["y", "x"], next: 2)),
      ]) == .held)
  }

  @Test func aFailedAppendMayNotBeRead() {
    let failed = LogOperation(
      client: 1, key: "0", callNanoseconds: 0, input: .append(["x"]), outcome: .failed(atNanoseconds: 10))
    #expect(verdict([failed, on(2, 20, 30, .read(offset: 0, count: 1), .values(["x"], next: 1))]) == .violated)
  }

  @Test func numbersFromOutsideDoNotTrap() {
    let huge = Int64.max
    #expect(verdict([on(1, 0, 10, .read(offset: huge, count: huge), .values([], next: huge))]) == .held)
    #expect(verdict([on(1, 0, 10, .read(offset: huge, count: huge), .values(["x"], next: huge))]) == .violated)
    #expect(verdict([on(1, 0, 10, .append(["x"]), .offset(huge))]) == .violated)
    #expect(verdict([on(1, huge, .min, .read(offset: -1, count: -1), .values([], next: .min))]) == .violated)
  }
}

@Suite struct KnownKeyValueHistoryTests {
  /// An operation on the key "k"; without an output its outcome is unknown.
  private func on(_ client: Int64, _ call: Int64, _ end: Int64?, _ input: KeyValueInput, _ output: KeyValueOutput?) -> RecordedOperation<
    KeyValueInput, KeyValueOutput
  > {
    RecordedOperation(
      client: client, key: "k", callNanoseconds: call, input: input,
      outcome: end.flatMap { end in output.map { .answered(atNanoseconds: end, $0) } } ?? .unknown)
  }

  private func verdict(_ operations: [RecordedOperation<KeyValueInput, KeyValueOutput>]) -> LinearizabilityVerdict {
    HistoryJudge().judge(History<KeyValueModel>(operations)).verdict
  }

  @Test func nothingAndAnEmptyText() {
    #expect(verdict([on(1, 0, 1, .get, .value(nil))]) == .held)
    #expect(verdict([on(1, 0, 1, .get, .value(""))]) == .held)
    #expect(verdict([on(1, 0, 1, .put(""), .done), on(1, 2, 3, .get, .value(""))]) == .held)
    #expect(verdict([on(1, 0, 1, .put(""), .done), on(1, 2, 3, .get, .value(nil))]) == .violated)
    #expect(verdict([on(1, 0, 1, .append(""), .done), on(1, 2, 3, .get, .value(nil))]) == .violated)
    #expect(verdict([on(1, 0, 1, .append("x"), .done), on(1, 2, 3, .get, .value(""))]) == .violated)
  }

  @Test func appendsAreInOneOrder() {
    let appends = [on(1, 0, 10, .append("ab"), .done), on(2, 0, 10, .append("c"), .done)]
    #expect(verdict(appends + [on(3, 20, 30, .get, .value("abc"))]) == .held)
    #expect(verdict(appends + [on(3, 20, 30, .get, .value("cab"))]) == .held)
    #expect(verdict(appends + [on(3, 20, 30, .get, .value("ab"))]) == .violated)
    #expect(verdict(appends + [on(3, 20, 30, .get, .value("abcc"))]) == .violated)
    #expect(verdict(appends + [on(3, 20, 30, .get, .value("abc")), on(4, 20, 30, .get, .value("cab"))]) == .violated)
    #expect(verdict(appends + [on(3, 5, 6, .get, .value("c")), on(4, 20, 30, .get, .value("abc"))]) == .violated)
  }

  @Test func aPutReplacesAll() {
    let operations = [on(1, 0, 10, .append("a"), .done), on(1, 20, 30, .put("b"), .done), on(2, 20, 40, .append("c"), .done)]
    #expect(verdict(operations + [on(3, 50, 60, .get, .value("bc"))]) == .held)
    #expect(verdict(operations + [on(3, 50, 60, .get, .value("b"))]) == .held)
    #expect(verdict(operations + [on(3, 50, 60, .get, .value("abc"))]) == .violated)
    #expect(verdict(operations + [on(3, 50, 60, .get, .value("ac"))]) == .violated)
  }

  @Test func unknownAppendsMayComeLateOrNever() {
    let unknown = on(1, 0, nil, .append("a"), nil)
    #expect(verdict([unknown, on(2, 10, 20, .get, .value(nil)), on(2, 100, 110, .get, .value("a"))]) == .held)
    #expect(verdict([unknown, on(2, 10, 20, .put("b"), .done), on(2, 100, 110, .get, .value("ba"))]) == .held)
    #expect(verdict([unknown, on(2, 10, 20, .get, .value("aa"))]) == .violated)
    #expect(verdict([unknown, on(2, 10, 20, .get, .value("a")), on(2, 30, 40, .get, .value(nil))]) == .violated)
  }

  @Test func textsAreComparedByTheirBytes() {
    let appends = [on(1, 0, 10, .append("e"), .done), on(1, 20, 30, .append("\u{301}"), .done)]
    #expect(verdict(appends + [on(2, 40, 50, .get, .value("\u{E9}"))]) == .violated)
    #expect(verdict(appends + [on(2, 40, 50, .get, .value("e\u{301}"))]) == .held)
  }

  /// The sequence of Thue and Morse and its opposite have the same polynomial hash, whatever odd number it is to: they
  /// are two texts all the same.
  @Test func textsWithTheSameHashDiffer() {
    let bits = (0..<2_048).map { $0.nonzeroBitCount % 2 == 1 }
    let one = HistoryValue(String(bits.map { $0 ? "a" : "b" }))
    let other = HistoryValue(String(bits.map { $0 ? "b" : "a" }))
    let operations = [
      on(1, 0, 1, .put(one), .done), on(1, 2, 3, .get, .value(one)), on(1, 4, 5, .put(other), .done), on(1, 6, 7, .get, .value(other)),
    ]
    #expect(verdict(operations) == .held)
    #expect(verdict(operations + [on(1, 8, 9, .get, .value(one))]) == .violated)
  }

  @Test func aLostAppendIsShownByTheEndsOfTexts() throws {
    let operations = (0..<20).map { on(1, Int64($0) * 10, Int64($0) * 10 + 5, .append(HistoryValue("x 1 \($0) y")), .done) }
    let whole = (0..<20).map { "x 1 \($0) y" }.joined()
    #expect(verdict(operations + [on(2, 300, 310, .get, .value(HistoryValue(whole)))]) == .held)
    let lost = HistoryValue(whole.replacing("x 1 7 y", with: ""))
    let judgement = HistoryJudge().judge(History<KeyValueModel>(operations + [on(2, 300, 310, .get, .value(lost))]))
    #expect(judgement.verdict == .violated)
    let window = try #require(judgement.partitions.first?.window)
    #expect(window.stateBefore == #"it held "x 1 0 yx 1 1"…"x 1 17 yx 1 18 yx 1 19 y" (150 bytes)"#)
    #expect(window.operations.count == 1 && window.startNanoseconds == 300)
  }
}

@Suite struct KnownIdempotentLogHistoryTests {
  private let identity = AppendIdentity(producer: "p", sequence: 7)

  @Test func repeatedAppendsGetTheFirstOffset() {
    let first = on(1, 0, 10, .append(["x"], identity: identity), .offset(0))
    let between = on(2, 20, 30, .append(["y"]), .offset(1))
    #expect(repeatingVerdict([first, between, on(1, 40, 50, .append(["x"], identity: identity), .offset(0))]) == .held)
    #expect(repeatingVerdict([first, between, on(1, 40, 50, .append(["x"], identity: identity), .offset(2))]) == .violated)
    #expect(verdict([first, between, on(1, 40, 50, .append(["x"], identity: identity), .offset(2))]) == .held)
  }

  @Test func aRetryAfterATimeOutIsStoredOnce() {
    let unknown = on(1, 0, nil, .append(["x"], identity: identity), nil)
    let retry = on(1, 40, 50, .append(["x"], identity: identity), .offset(0))
    let between = on(2, 20, 30, .read(offset: 0, count: 9), .values(["x"], next: 1))
    #expect(repeatingVerdict([unknown, between, retry]) == .held)
    #expect(repeatingVerdict([unknown, retry, on(2, 60, 70, .read(offset: 0, count: 9), .values(["x", "x"], next: 2))]) == .violated)
  }
}
