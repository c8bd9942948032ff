// The proofs that run in both hosts, here in the simulator, over seeds.

import Hosting
import Testing
import Vocabulary
import World

@Suite struct HostProofs {
  @Test func everyFormOfExchangeWorks() async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfStreamProof(in: SimulatedWorld(seed: seed))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func destinationsAreResolvedAndJudged() async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfDestinationProof(in: SimulatedWorld(seed: seed))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func redirectsAreJudgedAnew() async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfRedirectProof(in: SimulatedWorld(seed: seed))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func theLongestMessagePasses() async throws {
    #expect(try await failuresOfStreamProof(in: SimulatedWorld(seed: 1), longMessageBytes: StreamLimits().messageBytes) == [])
  }

  @Test func aQuietStreamIsLeftAloneAndAnOverrunIsNot() async throws {
    for seed in UInt64(1)...5 {
      let failures = try await failuresOfQuietStreamProof(in: SimulatedWorld(seed: seed), messageBytes: 1_000_000, pause: .seconds(20))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func refusalsHaveTheWordsOfBothHosts() async throws {
    for seed in UInt64(1)...5 {
      let failures = try await failuresOfRefusalProof(in: SimulatedWorld(seed: seed))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test(arguments: [false, true]) func callsWaitForConnectionsAndAreBounded(_ toDestination: Bool) async throws {
    for seed in UInt64(1)...3 {
      let failures = try await failuresOfCallPoolProof(in: SimulatedWorld(seed: seed), toDestination: toDestination)
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test(arguments: [false, true]) func callsThatWereGivenUpKeepNoPlace(_ toDestination: Bool) async throws {
    for seed in UInt64(1)...3 {
      let failures = try await failuresOfGivenUpRowProof(in: SimulatedWorld(seed: seed), toDestination: toDestination)
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func peersTakeMessagesUpToABound() async throws {
    #expect(try await failuresOfPeerMessageBoundProof(in: SimulatedWorld(seed: 1)) == [])
  }

  @Test func whoHasClosedGetsNothingBeyondItsCredit() async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfSocketCloseProof(in: SimulatedWorld(seed: seed))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test(arguments: KeyValueKeeping.allCases) func whatWasAcknowledgedSurvivesCrashes(_ keeping: KeyValueKeeping) async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfKeyValueProof(in: SimulatedWorld(seed: seed), keptIn: keeping, crashes: 5)
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func worksGiveWhatTheySayAndCanBeGivenUp() async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfWorkProof(in: SimulatedWorld(seed: seed))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func noWorkWritesOverAFile() async throws {
    #expect(try await failuresOfOverwritingProof(in: SimulatedWorld(seed: 1)) == [])
  }

  @Test func whatBreaksARuleIsBrokenOffAlone() async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfRuleProof(in: SimulatedWorld(seed: seed))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func nothingThatADyingMachineDoesReachesItsFiles() async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfLeaseProof(in: SimulatedWorld(seed: seed))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test(arguments: [false, true]) func peersHearEachOther(_ framesAllPeerLinks: Bool) async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfPeerProof(in: SimulatedWorld(seed: seed, framesAllPeerLinks: framesAllPeerLinks))
      #expect(failures == [], "seed \(seed)")
    }
  }

  @Test func phasesBecomeDurableOneAfterTheOther() async throws {
    for seed in UInt64(1)...20 {
      let failures = try await failuresOfBarrierProof(in: SimulatedWorld(seed: seed))
      #expect(failures == [], "seed \(seed)")
    }
  }
}
