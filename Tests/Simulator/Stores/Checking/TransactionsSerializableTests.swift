// The checker of transactions on records made by hand: what it must pass, and what it must fail.

import Checking
import HandMadeRecords
import StoresAPI
import StoresChecking
import StoresLoad
import Testing
import Vocabulary

@Suite struct TransactionsSerializableTests {
  private let record = FlightRecord(of: ["store", "load", "probe"])

  private func rows(_ accounts: [(Int, Int)]) -> String {
    accounts.enumerated().map { #"{"id":\#($0.offset),"balance":\#($0.element.0),"version":\#($0.element.1)}"# }.joined(separator: ",")
  }
  private func transfer(_ id: String, leaves accounts: [(Int, Int)], _ from: Int64, _ until: Int64) {
    let steps = #"{"steps":[{"insert":"transfers","row":{"id":"\#(id)","source":0,"target":1,"amount":5}},{"select":"accounts"}]}"#
    let answer = #"{"results":[{"changed":1},{"rows":[\#(rows(accounts))]}]}"#
    record.exchange("load", "store", Request(.post, "/transactions", json: steps), Response(200, json: answer), from, until)
  }
  private func read(_ accounts: [(Int, Int)], _ from: Int64, _ until: Int64) {
    record.exchange(
      "load", "store", StoreLoadPlan.readAll, Response(200, json: #"{"results":[{"rows":[\#(rows(accounts))]}]}"#), from, until)
  }
  private func end(_ accounts: [(Int, Int)], _ transfers: [String], _ from: Int64) {
    let list = transfers.map { #"{"id":"\#($0)","source":0,"target":1,"amount":5}"# }.joined(separator: ",")
    let answer = #"{"results":[{"rows":[\#(rows(accounts))]},{"rows":[\#(list)]}]}"#
    record.exchange("probe", "store", StoreLoadPlan.readBack, Response(200, json: answer), from, from + 1)
  }
  private var failures: [String] { TransactionsSerializable(accounts: 2).judge(record).violations.map(\.summary) }

  @Test func oneBehindTheOther() {
    transfer("a", leaves: [(995, 1), (1_005, 1)], 0, 10)
    read([(995, 1), (1_005, 1)], 15, 20)
    // Two at once, answered in the other order.
    transfer("c", leaves: [(985, 3), (1_015, 3)], 30, 40)
    transfer("b", leaves: [(990, 2), (1_010, 2)], 31, 45)
    // One of which nobody knows, and that took place.
    record.exchange("load", "store", Request(.post, "/transactions", json: #"{"steps":[]}"#), ended: .failed(.connectionLost), 50, 55)
    end([(980, 4), (1_020, 4)], ["a", "b", "c", "lost"], 100)
    #expect(failures == [] && TransactionsSerializable(accounts: 2).judge(record).examinedCount == 5)
  }

  @Test func whatIsNot() {
    transfer("a", leaves: [(995, 1), (1_005, 1)], 0, 10)
    transfer("b", leaves: [(990, 1), (1_010, 1)], 12, 20)
    read([(990, 2), (1_005, 1)], 30, 40)
    read([(995, 1), (1_005, 1)], 50, 60)
    end([(990, 2), (1_010, 2)], ["a"], 100)
    #expect(
      failures == [
        "all accounts hold 1995 together, and 2000 at first", "a and b both left account 0 in version 1",
        "the transfer b left account 0 in version 1, and version 1 had been answered before",
        "a read found account 0 in version 1, and version 2 had been answered before", "a and b both left account 1 in version 1",
        "the transfer b left account 1 in version 1, and version 1 had been answered before",
        "the transfer b was answered and is not there in the end", "account 0 is in version 2 in the end, behind 1 transfers",
        "account 1 is in version 2 in the end, behind 1 transfers",
      ])
  }
}
