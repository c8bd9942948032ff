// One test for each fault of somebody who stands between peers and does not have their key: what he puts there reaches no
// machine, and with the planted bug that lets him in it does. Links that are really proved change nothing that machines
// see.

import Hosting
import PeerAuthentication
import Testing
import Vocabulary
import World

@Suite struct MeddlingFaults {
  private static let both = Links(from: [NodeID(0)], to: [NodeID(1)])

  /// From half a second to two seconds, while the correspondents talk.
  private func planned(_ fault: any Fault) -> [PlannedFault] { [PlannedFault(at: .milliseconds(500), for: .milliseconds(1_500), fault)] }

  /// What did not hold over seeds, and in how many of them.
  private func failures(_ fault: any Fault, planted: [Mutant] = []) async throws -> (seeds: Int, all: [String]) {
    var (seeds, all) = (0, [String]())
    for seed in UInt64(1)...5 {
      let world = SimulatedWorld(seed: seed, faults: planned(fault), planted: PlantedBugs(planted))
      let found = try await failuresOfPeerProof(in: world, count: 500, isMeddledWith: true)
      all += found
      if !found.isEmpty { seeds += 1 }
    }
    return (seeds, all)
  }

  @Test func forgedFramesReachNobody() async throws {
    let fault = LinkImpairment(.forging, Self.both, probability: 0.05)
    #expect(try await failures(fault).all == [])
    #expect(try await failures(fault, planted: [.peersAcceptAnyMAC]).seeds >= 4)
  }

  @Test func replayedFramesReachNobody() async throws {
    let fault = LinkImpairment(.replaying, Self.both, probability: 0.05)
    #expect(try await failures(fault).all == [])
    #expect(try await failures(fault, planted: [.peersCheckNoCounter]).seeds >= 4)
    #expect(try await failures(fault, planted: [.peersRepeatNonce]).seeds >= 4, "a whole session")
  }

  @Test func reflectedFramesReachNobody() async throws {
    let fault = LinkImpairment(.reflecting, Self.both, probability: 0.05)
    #expect(try await failures(fault).all == [])
    #expect(try await failures(fault, planted: [.peersBindNoDirection]).seeds >= 4)
  }

  /// Links are ended by it, and come back.
  @Test func aLinkThatIsMeddledWithComesBack() {
    var ends = 0
    final class Sink: TraceSink {
      var ends = 0
      func trace(at time: Int64, node: NodeID, _ line: @autoclosure () -> String) { if line().hasPrefix("ends the link") { ends += 1 } }
    }
    let (notebook, sink) = (Notebook(), Sink())
    let host = SimulatedHost(seed: 1, plans: [NodePlan("ticker") { Ticker() }, NodePlan("listener") { Listener() }])
    host.recorder = notebook
    host.traceSink = sink
    host.plan(planned(LinkImpairment(.forging, Self.both, probability: 0.02)))
    host.startAll()
    host.run(until: 3_000_000_000)
    ends = sink.ends
    let heard = Set(notebook.probes(of: 1).map(\.subject))
    #expect(ends > 3)
    #expect((2_100...2_900).allSatisfy { heard.contains($0) }, "after the fault all arrives")
    // Most of what is sent meanwhile waits for the link; what its end caught under way is lost.
    let lost = (500...2_000).count { !heard.contains(UInt64($0)) }
    #expect(lost > 0 && lost < 10 * ends, "\(lost) lost with \(ends) links")
    #expect(notebook.defects.isEmpty)
  }

  /// Without a meddler, frames are nothing that a machine could see; with one, it makes no difference on which other
  /// links there are frames.
  @Test func framesOfAllLinksChangeNothing() {
    func hash(_ faults: [PlannedFault], framed: Bool) -> UInt64 {
      let host = SimulatedHost(
        seed: 7, plans: [NodePlan("ticker") { Ticker() }, NodePlan("listener") { Listener() }, NodePlan("other") { Ticker() }])
      host.framesAllPeerLinks = framed
      host.plan(faults)
      host.startAll()
      host.run(until: 3_000_000_000)
      return host.traceHash.value
    }
    let crash = PlannedFault(at: .milliseconds(700), for: .milliseconds(100), ProcessCrash(of: NodeID(1)))
    let blur = PlannedFault(at: .milliseconds(100), for: .seconds(2), LinkImpairment(.duplication, Self.both, probability: 0.3))
    for faults in [[], [crash, blur], planned(LinkImpairment(.replaying, Self.both, probability: 0.05)) + [crash, blur]] {
      #expect(hash(faults, framed: false) == hash(faults, framed: true))
    }
    #expect(hash([], framed: false) != hash(planned(LinkImpairment(.forging, Self.both, probability: 0.05)), framed: false))
  }
}
