// Who is a peer: what is proved at the port for peers, by raw bytes, and what keys and addresses are.

import Hosting
import Live
import PeerAuthentication
import ProvingGround
import Testing
import Vocabulary

/// Who may be a peer: raw bytes at both ports of a node.
@Suite(.serialized) struct PeerProofTests {
  private static let key = "a-key-of-the-peers-0123456789"

  /// Hosts node 0, whose one peer is node 1, and hands its two ports to `body`.
  private func withPeer(
    key: PeerKey? = PeerKey(PeerProofTests.key), _ limits: LiveLimits = LiveLimits(), notices: Notices = Notices(),
    _ body: (_ clients: Int, _ peers: Int, _ kept: KeptRecords) async throws -> Void
  ) async throws {
    var configuration = LiveConfiguration()
    configuration.log = notices.log
    configuration.limits = limits
    configuration.peerKeys = PeerKeys(present: try #require(key))
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

  private func status(_ port: Int, _ request: String) throws -> Int? {
    let client = try RawClient(port: port)
    client.send(request)
    return client.readResponse()?.status
  }

  /// A message of eight bytes, as `GossipMachine` sends.
  private let message: [UInt8] = [7, 0, 0, 0, 0, 0, 0, 0]

  private func heard(_ kept: KeptRecords) -> Bool { kept.records.observations.contains { $0.observation.fact == .probe } }

  @Test func aClientOfThePublicPortCannotBecomeAPeer() async throws {
    try await withPeer { clients, _, kept in
      #expect(try status(clients, RawPeer.request(from: 1)) == 404)
      #expect(try status(clients, "GET /_windtunnel/peer?from=1 HTTP/1.1\r\nhost: a\r\n\r\n") == 404)
      let client = try RawClient(port: clients)
      client.send(Array(RawPeer.request(from: 1).utf8) + RawPeer.frame(message))
      #expect(client.readResponse()?.status == 404)
      #expect(!heard(kept))
    }
  }

  /// The code and the reason with which the node closes.
  private func closing(_ peer: RawPeer) -> String {
    guard let frame = peer.readFrame(), frame.opcode == 8, frame.bytes.count >= 2 else { return "no close" }
    return "\(Int(frame.bytes[0]) << 8 | Int(frame.bytes[1])) \(String(decoding: frame.bytes.dropFirst(2), as: UTF8.self))"
  }

  @Test func onlyTheRightKeyOfAKnownPeerOpensALink() async throws {
    let notices = Notices()
    try await withPeer(notices: notices) { _, peers, kept in
      let right = try #require(PeerKey(Self.key))
      for wrong in [String(Self.key.dropLast()), Self.key + "9", Self.key + Self.key, Self.key.uppercased()] {
        let peer = try #require(try RawPeer(port: peers, from: 1))
        let key = try #require(PeerKey(wrong))
        #expect(!peer.prove(key), "\(wrong)")
      }
      let unkeyed = try #require(try RawPeer(port: peers, from: 1))
      #expect(!unkeyed.prove(.none))
      // Who names the right key, which anybody has heard, and does not have it.
      let named = try #require(try RawPeer(port: peers, from: 1))
      let heardHello = PeerLinkOpener(named.ends, PeerKeys(present: right), RawPeer.nonce()).hello
      #expect(named.challenge(to: PeerForgery.hello(as: named.ends, naming: heardHello, RawPeer.nonce())) != nil)
      named.send(PeerForgery.proof([UInt8](repeating: 3, count: 32)))
      named.send(PeerForgery.frame(0, [], message))
      #expect(closing(named) == "1008 no proof of the key named \(right.name)")
      // A message where a hello is due, and a hello of another node than the one that asked.
      let hasty = try #require(try RawPeer(port: peers, from: 1))
      hasty.send(message)
      #expect(closing(hasty) == "1008 8 bytes that are no hello")
      let other = try #require(try RawPeer(port: peers, from: 1))
      let ends = PeerLinkEnds(opener: NodeID(3), acceptor: NodeID(0))
      other.send(PeerLinkOpener(ends, PeerKeys(present: right), RawPeer.nonce()).hello)
      #expect(closing(other).hasPrefix("1008 a link that says to be node 3's"))
      let long = try #require(try RawPeer(port: peers, from: 1))
      long.send([UInt8](repeating: 0, count: 124))
      #expect(closing(long) == "1009 ", "little is taken before the proof")
      #expect(try status(peers, RawPeer.request(from: 2)) == 403, "nobody told of node 2")
      #expect(try status(peers, RawPeer.request(from: 0)) == 403, "no node is its own peer")
      #expect(try status(peers, RawPeer.request(from: 65_537)) == 400)
      #expect(try status(peers, "GET /value HTTP/1.1\r\nhost: a\r\n\r\n") == 404)
      #expect(!heard(kept))
      #expect(notices.all.contains { $0.contains("a link from node 1 is ended") })
      let peer = try #require(try RawPeer(port: peers, from: 1))
      #expect(peer.prove(right))
      peer.send(peer.seal(message))
      #expect(try await eventually { kept.records.probe(1, of: NodeID(0)) == 7 })
    }
  }

  @Test func aPeerOfTheVersionThatShowsTheKeyIsRefused() async throws {
    let notices = Notices()
    try await withPeer(notices: notices) { _, peers, kept in
      let client = try RawClient(port: peers)
      client.send(
        Array(RawPeer.request(from: 1, version: 1, extra: "authorization: Bearer \(Self.key)\r\n").utf8) + RawPeer.frame(message))
      let response = try #require(client.readResponse())
      #expect(response.status == 400 && response.text.contains("peers here speak version 2, not 1, which shows the key"))
      #expect(notices.all.contains { $0.contains("speaks version 1") })
      #expect(try status(peers, RawPeer.request(from: 1, version: 3)) == 400)
      #expect(!heard(kept))
    }
  }

  /// What is not the next frame of the session ends the link, and reaches nobody.
  @Test func whatIsForgedReplayedOrLeftOutEndsTheLink() async throws {
    try await withPeer { _, peers, kept in
      let key = try #require(PeerKey(Self.key))
      let one: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
      func begun() throws -> RawPeer {
        let peer = try #require(try RawPeer(port: peers, from: 1))
        #expect(peer.prove(key))
        return peer
      }
      let forger = try begun()
      forger.send(PeerForgery.frame(0, [UInt8](repeating: 5, count: 32), message))
      #expect(closing(forger) == "1008 frame 0 is forged, or of another session")
      let changer = try begun()
      var changed = changer.seal(one)
      changed[changed.count - 1] = 9
      changer.send(changed)
      #expect(closing(changer) == "1008 frame 0 is forged, or of another session")
      let leaver = try begun()
      _ = leaver.seal(one)
      leaver.send(leaver.seal(message))
      #expect(closing(leaver) == "1008 frame 1, where 0 is due")
      let short = try begun()
      short.send(one)
      #expect(closing(short) == "1008 8 bytes that are no frame")
      #expect(!heard(kept))
      let replayer = try begun()
      let frame = replayer.seal(one)
      replayer.send(frame)
      replayer.send(frame)
      #expect(closing(replayer) == "1008 frame 0 again, where 1 is due")
      // Of the session before.
      let later = try begun()
      later.send(frame)
      #expect(closing(later) == "1008 frame 0 is forged, or of another session")
      #expect(try await eventually { heard(kept) })
      #expect(kept.records.observations.filter { $0.observation.fact == .probe }.map(\.observation.value) == [1], "once")
    }
  }

  @Test func withoutAKeyThereIsNothingToProve() async throws {
    try await withPeer(key: PeerKey.none) { clients, peers, kept in
      let keyed = try #require(try RawPeer(port: peers, from: 1))
      let hasProved = keyed.prove(try #require(PeerKey(Self.key)))
      #expect(!hasProved, "one has a key and the other none: that is no agreement")
      #expect(try status(peers, RawPeer.request(from: 2)) == 403)
      #expect(try status(clients, RawPeer.request(from: 1)) == 404)
      // Any page of a browser on this machine can open a WebSocket to its ports; a browser says so.
      #expect(try status(peers, RawPeer.request(from: 1, extra: "origin: http://example.org\r\n")) == 403)
      let peer = try #require(try RawPeer(port: peers, from: 1))
      #expect(peer.prove(.none))
      peer.send(peer.seal(message))
      #expect(try await eventually { kept.records.probe(1, of: NodeID(0)) == 7 })
    }
  }

  @Test func whoProvesNothingTakesLittle() async throws {
    let limits = LiveLimits.changed {
      $0.unprovedPeers = 2
      $0.headTimeout = .seconds(1)
      $0.peerMessageBytes = 1_000
    }
    try await withPeer(limits) { _, peers, kept in
      let key = try #require(PeerKey(Self.key))
      // Two that say nothing take all places, until their time is over or others come.
      let silent = [try RawClient(port: peers), try RawClient(port: peers)]
      #expect(try status(peers, RawPeer.request(from: 1)) == 101)
      for client in silent { #expect(client.readToEnd() == "" && client.isAtEnd) }
      let long = try RawClient(port: peers)
      long.send(RawPeer.request(from: 1, extra: "x: \(String(repeating: "y", count: 3_000))\r\n"))
      #expect(long.readResponse()?.status == 431)
      long.close()
      // One that has its WebSocket and then says nothing has as little time.
      let hushed = try #require(try RawPeer(port: peers, from: 1))
      #expect(hushed.client.readToEnd() == "" && hushed.client.isAtEnd)
      // A peer that has proved to be one is bounded too, and its newer link takes the place of the older: once it is
      // proved, not before.
      let older = try #require(try RawPeer(port: peers, from: 1))
      #expect(older.prove(key))
      let unproved = try #require(try RawPeer(port: peers, from: 1))
      older.send(older.seal(message))
      #expect(try await eventually { heard(kept) })
      unproved.client.close()
      let newer = try #require(try RawPeer(port: peers, from: 1))
      #expect(newer.prove(key))
      #expect(older.client.readToEnd() == "" && older.client.isAtEnd)
      newer.send(newer.seal([UInt8](repeating: 0, count: 1_001)))
      #expect(closing(newer) == "1009 ", "closed with 1009, too large")
    }
  }

  /// Whoever keeps all places taken with connections that say nothing keeps no peer out.
  @Test func theOldestThatProvedNothingGivesWay() async throws {
    let limits = LiveLimits.changed {
      $0.unprovedPeers = 3
      $0.headTimeout = .seconds(600)
    }
    try await withPeer(limits) { _, peers, _ in
      let key = try #require(PeerKey(Self.key))
      let proved = try #require(try RawPeer(port: peers, from: 1))
      #expect(proved.prove(key))
      proved.send(proved.seal(message))
      var silent: [RawClient] = []
      for _ in 0..<3 { silent.append(try RawClient(port: peers)) }
      for round in 0..<3 {
        // A head that is not complete proves nothing either, nor does a WebSocket.
        let further = try RawClient(port: peers)
        further.send("GET /_windtunnel/peer")
        #expect(silent[round].readToEnd() == "" && silent[round].isAtEnd, "the oldest is closed: \(round)")
        silent.append(further)
      }
      // The three that are left are those that came last, and each may still go on; the link that was open stays open
      // until another is proved.
      silent[5].send(String(RawPeer.request(from: 1).dropFirst("GET /_windtunnel/peer".count)))
      #expect(silent[5].readResponse()?.status == 101)
      let newer = try #require(try RawPeer(port: peers, from: 1))
      #expect(newer.prove(key))
      #expect(proved.client.readToEnd() == "" && proved.client.isAtEnd, "by its newer link alone")
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
