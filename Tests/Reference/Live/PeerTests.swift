// Messages between nodes: they flow both ways, survive the crash of a peer, and are dropped rather than piled up.

import Hosting
import Live
import PeerAuthentication
import Testing
import Vocabulary

@Suite(.serialized) struct PeerTests {
  @Test func messagesFlowAndTheLinkComesBack() async throws {
    let directory = TemporaryDirectory()
    let world = LiveWorld(directory: directory.path)
    let nodes = [NodeID(0), NodeID(1)]
    for node in nodes {
      let peer = NodeID(1 - node.index)
      world.place(PlacedNode(node, name: "gossip", isServing: true) { GossipMachine(peer: peer) })
    }
    for node in nodes { #expect(try await world.run(untilProbe: 1, of: node, limit: .seconds(60)) != nil) }
    await world.crash(nodes[1])
    // The second life of node 1 hears node 0 and is heard by it: its numbers begin again.
    func heard(_ node: NodeID, _ incarnation: UInt32) -> Bool {
      world.records.observations.contains { $0.node == node && $0.incarnation == incarnation }
    }
    #expect(try await eventually { heard(nodes[1], 1) })
    let before = world.records.observations.count
    #expect(try await eventually { world.records.observations[before...].contains { $0.node == nodes[0] } })
    await world.end()
    #expect(!world.records.observations.contains { $0.observation.subject == 2 }, "each knows who speaks")
    #expect(world.records.defects == [])
  }

  /// A peer that is elsewhere from now on is spoken to there, though the link to where it was still holds.
  @Test func aPeerThatMovesIsSpokenToWhereItIs() async throws {
    let keys = PeerKeys(present: .drawn())
    func host(_ node: UInt16, _ peers: [NodeID: NetworkAddress], _ kept: KeptRecords, _ machine: @escaping @Sendable () -> any Machine)
      throws
      -> LiveHost
    {
      var configuration = LiveConfiguration()
      configuration.log = Notices().log
      configuration.peerKeys = keys
      configuration.peerDirectory = peers
      let node = LiveNodeSpecification(NodeID(node), name: "gossip", peerListen: .ephemeral, makeMachine: machine)
      return try LiveHost([node], configuration, recorder: kept)
    }
    let nowhere = [NodeID(0): NetworkAddress(host: "127.0.0.1", port: 1)]
    let (heardThere, heardHere) = (KeptRecords(), KeptRecords())
    let old = try host(1, nowhere, heardThere) { GossipMachine(peer: NodeID(0)) }
    let new = try host(1, nowhere, heardHere) { GossipMachine(peer: NodeID(0)) }
    try await old.start()
    try await new.start()
    let there = try #require(old.peerAddress(of: NodeID(1)))
    let port = try #require(new.peerAddress(of: NodeID(1))?.port)
    let speaker = try host(0, [NodeID(1): there], KeptRecords()) { MovingGossip(peer: NodeID(1), to: "127.0.0.1:1@\(port)") }
    try await speaker.start()
    #expect(try await eventually { !heardThere.records.observations.isEmpty })
    #expect(try await eventually { !heardHere.records.observations.isEmpty }, "it is spoken to where it was")
    for host in [speaker, old, new] { await host.stop(grace: .zero) }
  }
}

/// Sends a message to its peer every millisecond, and says after 300 of them that the peer is elsewhere.
private struct MovingGossip: Machine {
  let peer: NodeID
  let address: String
  private var next: UInt8 = 0
  private var sent = 0

  init(peer: NodeID, to address: String) {
    self.peer = peer
    self.address = address
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(1)) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .timer = event else { return }
    sent += 1
    if sent == 300 { turn.locate(Endpoint(peer), at: address) }
    turn.message(to: peer, [1, 0, 0, 0, 0, 0, 0, 0])
    _ = turn.wake(after: .milliseconds(1))
  }
}
