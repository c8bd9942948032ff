// Links between peers on real sockets: what both hosts prove of them, what somebody between two nodes can do, and how
// keys are changed while nodes run.

import Foundation
import Hosting
import Live
import PeerAuthentication
import Synchronization
import Testing
import Vocabulary

@Suite(.serialized) struct PeerLinkTests {
  @Test func peersHearEachOther() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfPeerProof(in: LiveWorld(directory: directory.path)) == [])
  }

  /// Somebody who has no key opens links as each of the two, again and again, while they talk.
  @Test func nothingOfAnOutsiderReachesAMachine() async throws {
    let directory = TemporaryDirectory()
    var configuration = LiveConfiguration()
    let notices = Notices()
    configuration.log = notices.log
    let world = LiveWorld(directory: directory.path, configuration: configuration)
    let failures = try await failuresOfPeerProof(in: world) {
      for round in 0..<10 {
        for node: UInt16 in [0, 1] {
          let port = try #require(world.peerAddress(of: NodeID(node))?.port)
          let peer = try #require(try RawPeer(port: port, from: 1 - node, to: node))
          if round % 2 == 0 {
            let hasProved = peer.prove(.drawn())
            #expect(!hasProved)
          } else {
            peer.send(PeerForgery.frame(0, [1, 2, 3], [UInt8](repeating: 0, count: 16)))
          }
        }
      }
    }
    #expect(failures == [])
    // An operator hears of it, of whichever came first in ten seconds.
    #expect(!notices.all.isEmpty)
  }

  private typealias Heard = @Sendable (NodeID) -> [UInt64]

  /// Two nodes of one key, each in a host of its own; node 0 reaches node 1 at `relay`.
  private func withTwo(
    _ deed: @escaping @Sendable (Int) -> MeddlingRelay.Deed, planted: Mutant? = nil, limits: LiveLimits = LiveLimits(),
    of machine: @escaping @Sendable (_ peer: NodeID) -> any Machine = { GossipMachine(peer: $0) },
    _ body: (_ heard: Heard, _ notices: Notices) async throws -> Void
  ) async throws {
    let (notices, kept) = (Notices(), KeptRecords())
    let keys = PeerKeys(present: .drawn())
    func host(_ node: UInt16, _ peers: [NodeID: NetworkAddress]) throws -> LiveHost {
      var configuration = LiveConfiguration()
      configuration.log = notices.log
      configuration.limits = limits
      configuration.peerKeys = keys
      configuration.peerDirectory = peers
      return try LiveHost(
        [
          LiveNodeSpecification(NodeID(node), name: "gossip", peerListen: .ephemeral, planted: PlantedBugs(planted.map { [$0] } ?? [])) {
            machine(NodeID(1 - node))
          }
        ], configuration, recorder: kept)
    }
    // Node 1 is not heard by node 0, which has no address of its own there: only one link is looked at.
    let second = try host(1, [NodeID(0): NetworkAddress(host: "127.0.0.1", port: 1)])
    try await second.start()
    let port = try #require(second.peerAddress(of: NodeID(1))?.port)
    let relay = try MeddlingRelay(to: port, deed)
    let first = try host(0, [NodeID(1): NetworkAddress(host: "127.0.0.1", port: relay.port)])
    try await first.start()
    let heard: Heard = { node in
      kept.records.observations.filter { $0.node == node && $0.observation.fact == .probe }.map(\.observation.value)
    }
    do { try await body(heard, notices) } catch {
      relay.end()
      await first.stop(grace: .zero)
      await second.stop(grace: .zero)
      throw error
    }
    relay.end()
    await first.stop(grace: .zero)
    await second.stop(grace: .zero)
  }

  /// Whatever is done with a frame, the link ends with the reason, comes back, and no machine sees anything of it.
  @Test(arguments: [
    (1, "again, where"), (2, "is forged"), (3, "is due"), (4, "this node's own, sent back"),
  ]) func whoStandsBetweenCanOnlyEndTheLink(_ number: Int, _ reason: String) async throws {
    let rounds = Mutex(0)
    // The handshake passes; of each of the first three sessions the fifth frame meets its fate.
    let deed: @Sendable (Int) -> MeddlingRelay.Deed = { place in
      guard place == 7 else { return .pass }
      let round = rounds.withLock { rounds in
        rounds += 1
        return rounds
      }
      let deeds: [MeddlingRelay.Deed] = [.pass, .repeated, .changed, .drop, .reflected]
      return round <= 3 ? deeds[number] : .pass
    }
    try await withTwo(deed) { (heard: Heard, notices: Notices) async throws -> Void in
      #expect(try await eventually { rounds.withLock { $0 } > 3 && heard(NodeID(1)).count > 100 })
      let values = heard(NodeID(1))
      #expect(zip(values, values.dropFirst()).allSatisfy { $0 < $1 }, "each once, in order")
      #expect(heard(NodeID(0)).isEmpty, "nothing comes back")
      #expect(notices.all.contains { $0.contains(reason) }, "\(notices.all)")
    }
  }

  /// What a link had not handed to the system when it broke is no burden of the next one, which would else have no room
  /// to send anything.
  @Test func aLinkThatBreaksWhileItIsFullComesBackEmpty() async throws {
    let isBroken = Mutex(false)
    // Behind the handshake of the first link its peer stands still.
    let deed: @Sendable (Int) -> MeddlingRelay.Deed = { place in
      guard place == 2 else { return .pass }
      return isBroken.withLock { isBroken in
        defer { isBroken = true }
        return isBroken ? .pass : .standStill
      }
    }
    // Two messages and a half, so that what is left over is never just the bound.
    let limits = LiveLimits.changed { $0.peerBufferBytes = Shouter.messageBytes * 5 / 2 }
    let shouter: @Sendable (NodeID) -> any Machine = { Shouter(peer: $0) }
    try await withTwo(deed, limits: limits, of: shouter) { (heard: Heard, _: Notices) async throws -> Void in
      #expect(try await eventually { heard(NodeID(1)).count > 10 })
      #expect(isBroken.withLock { $0 } && heard(NodeID(1)).allSatisfy { $0 == UInt64(Shouter.messageBytes) })
    }
  }

  /// With the planted bugs it is heard: what the test above looks for would be seen.
  @Test func thePlantedBugsLetItThrough() async throws {
    let repeated: @Sendable (Int) -> MeddlingRelay.Deed = { $0 == 7 ? .repeated : .pass }
    try await withTwo(repeated, planted: .peersCheckNoCounter) { (heard: Heard, _: Notices) async throws -> Void in
      #expect(try await eventually { Set(heard(NodeID(1))).count < heard(NodeID(1)).count })
    }
    let changed: @Sendable (Int) -> MeddlingRelay.Deed = { $0 == 7 ? .changed : .pass }
    try await withTwo(changed, planted: .peersAcceptAnyMAC) { (heard: Heard, _: Notices) async throws -> Void in
      #expect(try await eventually { heard(NodeID(1)).contains { $0 > 1 << 50 } })
    }
    let reflected: @Sendable (Int) -> MeddlingRelay.Deed = { $0 == 2 ? .reflected : .pass }
    try await withTwo(reflected, planted: .peersBindNoDirection) { (heard: Heard, _: Notices) async throws -> Void in
      #expect(try await eventually { !heard(NodeID(0)).isEmpty })
    }
  }
}

/// Sends its peer long messages, more than a socket takes in a second, and states how long those are that it hears.
private struct Shouter: Machine {
  static let messageBytes = 100_000
  let peer: NodeID

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(5)) }
  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      turn.message(to: peer, [UInt8](repeating: 1, count: Self.messageBytes))
      _ = turn.wake(after: .milliseconds(5))
    case .message(_, let bytes): turn.observe(.probe, subject: 1, value: UInt64(bytes.count))
    case .request, .response, .failed, .abandoned, .durable, .completed, .stream: break
    }
  }
}

/// Tells all its peers a number each 5 milliseconds, and states whom it hears: probe 10 and its number.
private struct Town: Machine {
  let peers: [NodeID]

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(5)) }
  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      for peer in peers { turn.message(to: peer, [UInt8](repeating: 1, count: 20)) }
      _ = turn.wake(after: .milliseconds(5))
    case .message(let from, _): turn.observe(.probe, subject: 10 + UInt64(from.index))
    case .request, .response, .failed, .abandoned, .durable, .completed, .stream: break
    }
  }
}

@Suite(.serialized) struct PeerRotationTests {
  /// Three nodes, each in a host of its own, started anew one after the other with the keys of the next stage.
  @Test func aKeyTakesThePlaceOfAnotherNodeByNode() async throws {
    let (old, new) = (PeerKey.drawn(), PeerKey.drawn())
    let stages = [PeerKeys(present: old), PeerKeys(present: old, next: new), PeerKeys(present: new, next: old), PeerKeys(present: new)]
    let town = try await Hosts(stages[0])
    let start = town.refusals
    #expect(start == [])
    for stage in stages.dropFirst() {
      for node in 0..<3 {
        try await town.restart(node, stage)
        #expect(try await town.allHearAll(), "node \(node)")
      }
    }
    #expect(town.refusals == [], "no link was refused at any time")
    // A stage that is left out: those that have only the other key are not heard, and each says why.
    try await town.restart(0, stages[0])
    #expect(try await eventually { town.refusals.contains { $0.contains("which this node does not have") } })
    await town.end()
  }

  private final class Hosts {
    private var ports: [Int] = []
    private var hosts: [LiveHost?] = [nil, nil, nil]
    private var kept: [KeptRecords] = []
    private let notices = Notices()

    /// Three hosts at ports below those that the system gives to outgoing connections: a port of its choice that is let go for
    /// a moment may be somebody's own end of a connection when it is wanted again.
    init(_ keys: PeerKeys) async throws {
      kept = (0..<3).map { _ in KeptRecords() }
      let first = 20_000 + Int(ProcessInfo.processInfo.processIdentifier % 3_000) * 3
      for attempt in 0..<20 {
        ports = (0..<3).map { first + attempt * 3 + $0 }
        do {
          for node in 0..<3 { try await restart(node, keys) }
          break
        } catch  where attempt < 19 {
          await end()
          hosts = [nil, nil, nil]
        }
      }
      _ = try await allHearAll()
    }

    var refusals: [String] { notices.all.filter { $0.contains("refuse") || $0.contains("is ended") } }

    func restart(_ node: Int, _ keys: PeerKeys) async throws {
      await hosts[node]?.stop(grace: .zero)
      var configuration = LiveConfiguration()
      configuration.log = notices.log
      configuration.peerKeys = keys
      let others = (0..<3).filter { $0 != node }
      for other in others { configuration.peerDirectory[NodeID(UInt16(other))] = NetworkAddress(host: "127.0.0.1", port: ports[other]) }
      let peers = others.map { NodeID(UInt16($0)) }
      let host = try LiveHost(
        [
          LiveNodeSpecification(
            NodeID(UInt16(node)), name: "town", peerListen: NetworkAddress(host: "127.0.0.1", port: ports[node])
          ) { Town(peers: peers) }
        ], configuration, recorder: kept[node])
      try await host.start()
      hosts[node] = host
    }

    /// Whether each comes to hear each other, from now on.
    func allHearAll() async throws -> Bool {
      let before = kept.map { $0.records.observations.count }
      return try await eventually {
        (0..<3).allSatisfy { node in
          let heard = Set(self.kept[node].records.observations[before[node]...].map(\.observation.subject))
          return (0..<3).allSatisfy { $0 == node || heard.contains(10 + UInt64($0)) }
        }
      }
    }

    func end() async { for host in hosts { await host?.stop(grace: .zero) } }
  }
}
