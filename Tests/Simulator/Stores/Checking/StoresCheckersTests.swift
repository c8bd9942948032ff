// The cache's checkers on records made by hand: what they must pass, and what they must fail.

import Checking
import HandMadeRecords
import StoresAPI
import StoresChecking
import Testing
import Vocabulary

@Suite struct StoresCheckersTests {
  private let record = FlightRecord(of: ["cache", "load"])

  private func ask(_ request: Request, _ response: Response, _ from: Int64, _ until: Int64) {
    record.exchange("load", "cache", request, response, from, until)
  }
  private func put(_ value: String, _ from: Int64, _ until: Int64, for milliseconds: Int64? = nil) {
    ask(CacheAPI.put("k", Array(value.utf8), timeToLive: milliseconds.map { .milliseconds($0) }), Response(status: 201), from, until)
  }
  private func read(_ value: String?, _ from: Int64, _ until: Int64) {
    ask(CacheAPI.get("k"), value.map { Response(status: 200, body: Array($0.utf8)) } ?? Response(status: 404), from, until)
  }
  private func lock(_ token: UInt64, _ from: Int64, _ until: Int64, for milliseconds: Int64) {
    ask(
      CacheAPI.lock("k", owner: "x", for: .milliseconds(milliseconds)),
      LockGrant(token: token, owner: "x", remainingMilliseconds: milliseconds).response(201), from, until)
  }
  private func crash(_ from: Int64, _ until: Int64) {
    record.faults.append(
      FaultSpan(label: "crash", beganAt: instant(from), endedAt: instant(until), reach: .stops([record.id("cache")])))
  }
  private func failures(_ checker: some Checker) -> [String] { checker.judge(record).violations.map(\.summary) }

  @Test func valuesOfNow() {
    put("a", 0, 10, for: 100)
    read("a", 60, 70)
    // It was stored at 10 at the latest, so it may be there until 110.
    read("a", 109, 115)
    read(nil, 120, 121)
    put("b", 130, 140)
    // It may have been taken before the second was stored.
    put("c", 150, 170)
    read("b", 160, 180)
    read("c", 190, 200)
    ask(CacheAPI.delete("k"), Response(status: 204), 210, 220)
    read("c", 215, 219)
    read(nil, 230, 240)
    #expect(failures(ValuesInTime()) == [] && ValuesInTime().judge(record).examinedCount == 5)
  }

  @Test func valuesOfBefore() {
    put("a", 0, 10, for: 100)
    read("a", 111, 112)
    put("b", 130, 140)
    put("c", 150, 170)
    read("b", 171, 180)
    ask(CacheAPI.delete("k"), Response(status: 204), 210, 220)
    read("c", 221, 225)
    read("never", 230, 231)
    #expect(
      failures(ValuesInTime()) == [
        "k gave \"a\" 1 ms behind its time of 100 ms", "k gave \"b\", which was replaced before (170 ms)",
        "k gave \"c\", which was taken away before (220 ms)", "k gave \"never\", which nobody had stored",
      ])
  }

  /// Of what nobody knows whether it was done nothing is held against the cache.
  @Test func whatIsNotKnownIsNoViolation() {
    record.exchange("load", "cache", CacheAPI.put("k", [65], timeToLive: .milliseconds(50)), ended: .failed(.connectionLost), 0, 10)
    read("A", 500, 510)
    put("b", 520, 530)
    record.exchange("load", "cache", CacheAPI.delete("k"), ended: .pending, 540, 550)
    read("b", 600, 610)
    ask(CacheAPI.put("k", [66], if: .absent), Response(status: 412), 620, 630)
    read("b", 640, 650)
    #expect(failures(ValuesInTime()) == [])
  }

  @Test func locksOneBehindTheOther() {
    lock(1, 0, 10, for: 100)
    // The cache counts from 0 at the earliest.
    lock(2, 90, 101, for: 100)
    ask(CacheAPI.renew("k", token: 2, for: .milliseconds(300)), Response(status: 200), 150, 160)
    ask(CacheAPI.unlock("k", token: 2), Response(status: 204), 200, 210)
    lock(3, 205, 220, for: 1_000)
    crash(300, 310)
    lock(1 << 32, 400, 410, for: 100)
    #expect(failures(LocksFenced()) == [] && LocksFenced().judge(record).examinedCount == 4)
  }

  @Test func locksThatAreNone() {
    lock(5, 0, 10, for: 100)
    lock(6, 20, 30, for: 100)
    ask(CacheAPI.renew("k", token: 6, for: .milliseconds(300)), Response(status: 200), 100, 110)
    lock(7, 350, 360, for: 100)
    lock(4, 800, 810, for: 100)
    crash(900, 910)
    lock(7, 1_000, 1_010, for: 100)
    #expect(
      failures(LocksFenced()) == [
        "k was given with the token 6 while 5 held it for 70 ms more at least", "k was given with the token 4 behind 5",
        "k was given with the token 7 while 6 held it for 40 ms more at least", "k was given with the token 4 behind 6",
        "k was given with the token 4 behind 7", "k was given twice with the token 7",
      ])
  }

  @Test func counters() {
    func count(_ value: Int, _ from: Int64, _ until: Int64) {
      ask(CacheAPI.count("k"), Response(200, json: "{\"value\":\(value)}"), from, until)
    }
    count(1, 0, 10)
    count(3, 20, 40)
    count(2, 25, 35)
    #expect(failures(CountersCount()) == [] && CountersCount().judge(record).examinedCount == 3)
    crash(50, 60)
    count(1, 70, 80)
    #expect(failures(CountersCount()) == [])
    count(1, 90, 100)
    count(0, 110, 120)
    #expect(failures(CountersCount()) == ["the counter k told 1 twice", "the counter k told 0 behind 1", "the counter k told 0 behind 1"])
  }
}
