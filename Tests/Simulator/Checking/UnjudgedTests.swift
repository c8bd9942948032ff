// A check for which there is nothing to look at does not hold.

import Checking
import HandMadeRecords
import Testing

@Suite struct UnjudgedTests {
  @Test func itIsNamedAndDoesNotHold() {
    let judgement = Unjudged("alerts within 5 s", requirements: ["MONITORING-23"], because: "no rule reads a signal").judge(
      FlightRecord(of: ["load"]))
    #expect(!judgement.held && judgement.checker == "alerts within 5 s" && judgement.examined == "no rule reads a signal")
  }
}
