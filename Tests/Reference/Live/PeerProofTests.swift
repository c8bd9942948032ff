// Who is a peer: what is proved at the port for peers, by raw bytes, and what keys and addresses are.

import Hosting
import Live
import ProvingGround
import Testing
import Vocabulary

/// Who may be a peer: raw bytes at both ports of a node.
@Suite(.serialized) struct PeerProofTests {
  private static let key = "a-key-of-the-peers-0123456789"

  /// Hosts node 0, whose one peer is node 1, and hands its two ports to `body`.
  private func withPeer(
    key: PeerKey? = PeerKey(PeerProofTests.key), _ limits: LiveLimits = LiveLimits(),
    _ body: (_ clients: Int, _ peers: Int, _ kept: KeptRecords) async throws -> Void
  ) async throws {
    var configuration = LiveConfiguration()
    configuration.log = Notices().log
    configuration.limits = limits
    configuration.peerKey = try #require(key)
    configuration.peerDirectory = [NodeID(1): NetworkAddress(host: "127.0.0.1", port: 1)]
    let kept = KeptRecords()
    let host = try LiveHost(
      [
        LiveNodeSpecification(NodeID(0), name: "node", listen: .ephemeral, peerListen: .ephemeral) { GossipMachine(peer: NodeID(1)) }
      ], configuration, recorder: kept)
    try await host.start()
    let ports = try #require(
      host.address(of: NodeID(0)).flatMap { clients in host.peerAddress(of: NodeID(0)).map { (clients.port, $0.port) } })
    do { try await body(ports.0, ports.1, kept) } catch {
      await host.stop(grace: .zero)
      throw error
    }
    await host.stop(grace: .zero)
  }

  private func opening(from node: Int, key: String? = PeerProofTests.key, version: Int = 1, extra: String = "") -> String {
    "GET /_windtunnel/peer?from=\(node)&version=\(version) HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
      + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      + (key.map { "authorization: Bearer \($0)\r\n" } ?? "") + extra + "\r\n"
  }

  private func status(_ port: Int, _ request: String) throws -> Int? {
    let client = try RawClient(port: port)
    client.send(request)
    return client.readResponse()?.status
  }

  /// A masked binary frame of eight bytes, as `GossipMachine` sends.
  private let message: [UInt8] = [0x82, 0x88, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]

  private func heard(_ kept: KeptRecords) -> Bool { kept.records.observations.contains { $0.observation.fact == .probe } }

  @Test func aClientOfThePublicPortCannotBecomeAPeer() async throws {
    try await withPeer { clients, _, kept in
      #expect(try status(clients, opening(from: 1)) == 404)
      #expect(try status(clients, "GET /_windtunnel/peer?from=1 HTTP/1.1\r\nhost: a\r\n\r\n") == 404)
      #expect(try status(clients, "POST /_windtunnel/peer HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n") == 404)
      let client = try RawClient(port: clients)
      client.send(Array(opening(from: 1).utf8) + message)
      #expect(client.readResponse()?.status == 404)
      #expect(!heard(kept))
    }
  }

  @Test func onlyTheRightKeyOfAKnownPeerOpensALink() async throws {
    try await withPeer { _, peers, kept in
      for wrong in [nil, "", "wrong", String(Self.key.dropLast()), Self.key + "9", Self.key + Self.key, Self.key.uppercased()] {
        let client = try RawClient(port: peers)
        client.send(Array(opening(from: 1, key: wrong).utf8) + message)
        #expect(client.readResponse()?.status == 401, "\(wrong ?? "none")")
      }
      #expect(try status(peers, opening(from: 1, key: nil, extra: "authorization: Basic \(Self.key)\r\n")) == 401)
      #expect(try status(peers, opening(from: 1, extra: "authorization: Bearer \(Self.key)\r\n")) == 401, "two proofs are none")
      #expect(try status(peers, opening(from: 2)) == 403, "nobody told of node 2")
      #expect(try status(peers, opening(from: 0)) == 403, "no node is its own peer")
      #expect(try status(peers, opening(from: 65_537)) == 400)
      #expect(try status(peers, opening(from: 1, version: 2)) == 400)
      #expect(try status(peers, "GET /value HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \(Self.key)\r\n\r\n") == 404)
      #expect(!heard(kept))
      let client = try RawClient(port: peers)
      client.send(Array(opening(from: 1).utf8) + message)
      #expect(client.readResponse()?.status == 101)
      #expect(try await eventually { kept.records.probe(1, of: NodeID(0)) == 7 })
    }
  }

  @Test func withoutAKeyThereIsNothingToProve() async throws {
    try await withPeer(key: PeerKey.none) { clients, peers, _ in
      let proved = try status(peers, opening(from: 1))
      #expect(proved == 401, "one has a key and the other none: that is no agreement")
      #expect(try status(peers, opening(from: 2, key: nil)) == 403)
      #expect(try status(peers, opening(from: 1, key: nil)) == 101)
      #expect(try status(clients, opening(from: 1, key: nil)) == 404)
      // Any page of a browser on this machine can open a WebSocket to its ports; a browser says so.
      #expect(try status(peers, opening(from: 1, key: nil, extra: "origin: http://example.org\r\n")) == 403)
    }
  }

  @Test func whoProvesNothingTakesLittle() async throws {
    let limits = LiveLimits.changed {
      $0.unprovedPeers = 2
      $0.headTimeout = .seconds(1)
      $0.peerMessageBytes = 1_000
    }
    try await withPeer(limits) { _, peers, kept in
      // Two that say nothing take all places, until their time is over or others come.
      let silent = [try RawClient(port: peers), try RawClient(port: peers)]
      #expect(try status(peers, opening(from: 1)) == 101)
      for client in silent { #expect(client.readToEnd() == "" && client.isAtEnd) }
      let long = try RawClient(port: peers)
      long.send(opening(from: 1, extra: "x: \(String(repeating: "y", count: 3_000))\r\n"))
      #expect(long.readResponse()?.status == 431)
      long.close()
      // A peer that has proved to be one is bounded too, and its newer link takes the place of the older.
      let older = try RawClient(port: peers)
      older.send(opening(from: 1))
      #expect(older.readResponse()?.status == 101)
      let newer = try RawClient(port: peers)
      newer.send(opening(from: 1))
      #expect(newer.readResponse()?.status == 101)
      #expect(older.readToEnd() == "" && older.isAtEnd)
      newer.send([0x82, 0xFE, 0x04, 0x00, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 1_024))
      #expect(newer.read(4) == [0x88, 0x02, 0x03, 0xF1], "closed with 1009, too large")
      #expect(!heard(kept))
    }
  }

  /// Whoever keeps all places taken with connections that say nothing keeps no peer out.
  @Test func theOldestThatProvedNothingGivesWay() async throws {
    let limits = LiveLimits.changed {
      $0.unprovedPeers = 3
      $0.headTimeout = .seconds(600)
    }
    try await withPeer(limits) { _, peers, _ in
      let proved = try RawClient(port: peers)
      proved.send(opening(from: 1))
      #expect(proved.readResponse()?.status == 101)
      var silent: [RawClient] = []
      for _ in 0..<3 { silent.append(try RawClient(port: peers)) }
      for round in 0..<3 {
        // A head that is not complete proves nothing either.
        let further = try RawClient(port: peers)
        further.send("GET /_windtunnel/peer")
        #expect(silent[round].readToEnd() == "" && silent[round].isAtEnd, "the oldest is closed: \(round)")
        silent.append(further)
      }
      // The three that are left are those that came last, and each may still prove itself; the link that was open
      // stayed open until then.
      silent[5].send(String(opening(from: 1).dropFirst("GET /_windtunnel/peer".count)))
      #expect(silent[5].readResponse()?.status == 101)
      #expect(proved.readToEnd() == "" && proved.isAtEnd, "by its newer link alone")
      #expect(try status(peers, opening(from: 1)) == 101)
    }
  }

  @Test func keysAndAddressesAreReadAsTheyAreWritten() {
    #expect(PeerKey("fifteen-letters") == nil && PeerKey("with a space in it") == nil && PeerKey("sixteen--letters") != nil)
    #expect(PeerKey(String(repeating: "é", count: 20)) == nil && PeerKey(String(repeating: "k", count: 513)) == nil)
    #expect(NodeAddresses("127.0.0.1:7001")?.peers == HostAndPort(host: "127.0.0.1", port: 17_001))
    #expect(NodeAddresses("127.0.0.1:7001@7101")?.peers == HostAndPort(host: "127.0.0.1", port: 7_101))
    #expect(NodeAddresses("a:7001@b:7101")?.peers == HostAndPort(host: "b", port: 7_101))
    #expect(NodeAddresses("[::1]:7001@7101")?.peers == HostAndPort(host: "::1", port: 7_101))
    for text in [
      "127.0.0.1:60000", "127.0.0.1", "a:1@", "a:1@b", "a:1@0", "@1", "a:1@b:70000", "a/b:+80@h:+9", "a:1@+9", "a:1@b:2@c:3", "a:1@ 9",
    ] {
      #expect(NodeAddresses(text) == nil, "\(text)")
    }
    for text in ["127.0.0.1:7001", "127.0.0.1:7001@7101", "a:7001@b:7101", "[::1]:7001@7101", "127.0.0.1:60000@7"] {
      #expect(NodeAddresses(text)?.description == text)
    }
    #expect(NodeAddresses("127.0.0.1:7001@17001")?.description == "127.0.0.1:7001")
    for (host, isLoopback) in [
      ("127.0.0.1", true), ("127.1.2.3", true), ("::1", true), ("localhost", true), ("::ffff:127.0.0.1", true), ("::ffff:10.0.0.1", false),
      ("::ffff:0:1", false),
      ("0.0.0.0", false), ("::", false),
      ("127.evil.example", false),
      ("10.0.0.1", false), ("127.0.0.1.example.org", false),
    ] { #expect(NetworkAddress(host: host, port: 1).isLoopback == isLoopback, "\(host)") }
  }
}
