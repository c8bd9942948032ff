// The proof of the streams, on the real host. The same script runs in the simulator.

import Hosting
import Live
import Testing
import Vocabulary

@Suite struct StreamProofTests {
  @Test func everyFormOfExchangeWorks() async throws {
    let directory = TemporaryDirectory()
    let failures = try await failuresOfStreamProof(in: LiveWorld(directory: directory.path))
    #expect(failures == [])
  }

  @Test func anOverrunHasItsAccount() async throws {
    let directory = TemporaryDirectory()
    var configuration = LiveConfiguration()
    configuration.limits.streams.accountBytes = 8 * 16_777_216
    let world = LiveWorld(directory: directory.path, configuration: configuration)
    #expect(try await failuresOfOverrunProof(in: world, messageBytes: 12_000_000) == [])
  }

  @Test func aQuietStreamIsLeftAloneAndAnOverrunIsNot() async throws {
    let directory = TemporaryDirectory()
    var configuration = LiveConfiguration()
    // What bodies that are kept, and whole answers, would be cut off by.
    configuration.limits.bodyWindow = .milliseconds(100)
    configuration.limits.writeStallTimeout = .milliseconds(100)
    configuration.limits.streams.overrunTimeout = .seconds(4)
    let world = LiveWorld(directory: directory.path, configuration: configuration)
    let failures = try await failuresOfQuietStreamProof(in: world, messageBytes: 12_000_000, pause: .milliseconds(600))
    #expect(failures == [])
  }

  @Test func refusalsHaveTheWordsOfBothHosts() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfRefusalProof(in: LiveWorld(directory: directory.path)) == [])
  }

  @Test(arguments: [false, true]) func callsWaitForConnectionsAndAreBounded(_ toDestination: Bool) async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfCallPoolProof(in: LiveWorld(directory: directory.path), toDestination: toDestination) == [])
  }

  @Test(arguments: [false, true]) func callsThatWereGivenUpKeepNoPlace(_ toDestination: Bool) async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfGivenUpRowProof(in: LiveWorld(directory: directory.path), toDestination: toDestination) == [])
  }

  @Test func peersTakeMessagesUpToABound() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfPeerMessageBoundProof(in: LiveWorld(directory: directory.path)) == [])
  }

  @Test func whoHasClosedGetsNothingBeyondItsCredit() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfSocketCloseProof(in: LiveWorld(directory: directory.path)) == [])
  }

  @Test func theLongestMessagePasses() async throws {
    let directory = TemporaryDirectory()
    let failures = try await failuresOfStreamProof(in: LiveWorld(directory: directory.path), longMessageBytes: StreamLimits().messageBytes)
    #expect(failures == [])
  }

  @Test func everyFormOfExchangeWorksOnTwoLoops() async throws {
    let directory = TemporaryDirectory()
    var configuration = LiveConfiguration()
    configuration.loops = 2
    let failures = try await failuresOfStreamProof(in: LiveWorld(directory: directory.path, configuration: configuration))
    #expect(failures == [])
  }
}

@Suite struct RuleProofTests {
  @Test func whatBreaksARuleIsBrokenOffAlone() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfRuleProof(in: LiveWorld(directory: directory.path)) == [])
  }
}

@Suite struct KeyValueProofTests {
  @Test(arguments: KeyValueKeeping.allCases) func whatWasAcknowledgedSurvivesCrashes(_ keeping: KeyValueKeeping) async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfKeyValueProof(in: LiveWorld(directory: directory.path), keptIn: keeping, crashes: 5) == [])
  }
}

@Suite struct WorkProofTests {
  @Test func worksGiveWhatTheySayAndCanBeGivenUp() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfWorkProof(in: LiveWorld(directory: directory.path)) == [])
  }

  @Test func noWorkWritesOverAFile() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfOverwritingProof(in: LiveWorld(directory: directory.path)) == [])
  }

  @Test func nothingThatADyingMachineDoesReachesItsFiles() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfLeaseProof(in: LiveWorld(directory: directory.path)) == [])
  }
}

@Suite struct BarrierProofTests {
  @Test func phasesBecomeDurableOneAfterTheOther() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfBarrierProof(in: LiveWorld(directory: directory.path)) == [])
  }
}
