// Messages between nodes: they flow both ways, survive the crash of a peer, and are dropped rather than piled up.

import Hosting
import Live
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
}
