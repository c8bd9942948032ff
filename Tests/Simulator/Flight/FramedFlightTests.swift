// Flights in which all links between peers are really proved: to the machines, and so to all that is judged, they are
// the same flights.

import Flight
import Foundation
import Scenarios
import TestBench
import Testing
import Vocabulary

@Suite struct FramedFlightTests {
  private func scenario(_ name: String) throws -> Scenario {
    let file = Repository.file("Scenarios/registers/\(name).yaml")
    return try Scenario(yaml: String(contentsOf: file, encoding: .utf8), file: file.path, systems: systems)
  }

  /// Crashes, cuts, losses, repetitions and all else; and somebody who meddles.
  @Test(arguments: ["swarm-of-three", "meddled-links"]) func machinesSeeNothingOfFrames(_ name: String) throws {
    let scenario = try scenario(name)
    func flown(framed: Bool) -> FlightResult {
      var order = FlightOrder(scenario, seed: 1)
      order.framesAllPeerLinks = framed
      return Flight(order, systems: systems).fly()
    }
    let (plain, framed) = (flown(framed: false), flown(framed: true))
    #expect(plain.traceHash != nil && plain.traceHash == framed.traceHash, "\(name)")
    #expect(plain.verdict == .held && framed.verdict == .held, "\(plain.firstFailure?.summary ?? "")")
    #expect(plain.requests.count == framed.requests.count && plain.turns == framed.turns)
  }
}
