// Who changes the cluster: a broker of the message queue behind its port for clients, by raw bytes. What a client from
// another machine hears is asked of the rule alone (`AdministrationRule`): tests speak over loopback.

import Hosting
import Live
import MonitoringAssembly
import PeerAuthentication
import Testing
import Vocabulary

@Suite(.serialized) struct AdministrationProofTests {
  private static let key = "a-key-of-the-peers-0123456789"

  /// Hosts a cluster of one broker and hands its port for clients to `body`.
  private func withBroker(_ key: PeerKey, _ body: (_ port: Int) async throws -> Void) async throws {
    let directory = TemporaryDirectory()
    let assembly = QueueAssembly(brokers: [(1, NodeID(1))])
    let node = try #require(assembly.node(1))
    var configuration = LiveConfiguration()
    configuration.log = Notices().log
    configuration.peerKeys = PeerKeys(present: key)
    let host = try LiveHost(
      [
        LiveNodeSpecification(
          node.id, name: node.name, listen: .ephemeral, peerListen: .ephemeral, dataDirectory: directory.path, makeMachine: node.make)
      ], configuration)
    try await host.start()
    do { try await body(try #require(host.address(of: node.id)).port) } catch {
      await host.stop(grace: .zero)
      throw error
    }
    await host.stop(grace: .zero)
  }

  /// The value of the field that proves a request.
  private func proof(_ target: String, _ body: String, key: String = AdministrationProofTests.key) -> String {
    PeerKey(key)?.proving(Request(.post, target, body: Array(body.utf8))).head.headers["authorization"] ?? ""
  }

  private func status(_ port: Int, _ target: String, _ body: String, proofs: [String] = []) throws -> Int? {
    let client = try RawClient(port: port)
    client.send(
      "POST \(target) HTTP/1.1\r\nhost: a\r\n" + proofs.map { "authorization: \($0)\r\n" }.joined()
        + "content-length: \(body.utf8.count)\r\n\r\n" + body)
    return client.readResponse()?.status
  }

  /// What makes a broker known at whose addresses somebody else listens.
  private func known(at port: Int) -> String { #"{"number":9,"address":"127.0.0.1:1@127.0.0.1:\#(port)"}"# }
  private let joined = #"{"voters":[1],"learners":[9]}"#

  @Test func whoProvesNothingChangesNothingAndHearsNoKey() async throws {
    try await withBroker(try #require(PeerKey(Self.key))) { port in
      let listener = try RawServer()
      let wrongProofs = [
        [], ["Bearer wrong"], ["Bearer \(Self.key)"], ["Basic \(Self.key)"], ["Windtunnel \(Self.key)"],
        [proof("/raft", "{}"), proof("/raft", "{}")], [proof("/elsewhere", joined)], [proof("/brokers", joined, key: Self.key + "9")],
      ]
      for proofs in wrongProofs {
        for target in ["/brokers", "/v1/brokers", "/%62rokers", "/brokers?a=b"] {
          #expect(try status(port, target, known(at: listener.port), proofs: proofs) == 401, "\(target) \(proofs)")
        }
        for target in ["/raft/groups/3/membership", "/v1/raft/groups/3/membership", "/raft/groups/0/m%65mbership"] {
          #expect(try status(port, target, joined, proofs: proofs) == 401, "\(target) \(proofs)")
        }
        #expect(try status(port, "/raft/groups/3/transfer", #"{"to":1}"#, proofs: proofs) == 401)
      }
      #expect(listener.accept(patienceMilliseconds: 500) == nil, "nobody speaks to the address")
      let client = try RawClient(port: port)
      client.send("GET /brokers HTTP/1.1\r\nhost: a\r\n\r\nGET /raft HTTP/1.1\r\nhost: a\r\n\r\n")
      let shown = try #require(client.readResponse())
      #expect(shown.status == 200 && !shown.text.contains("9"), "to look needs no proof: \(shown.text)")
      #expect(client.readResponse()?.status == 200)
      // The same is done for who proves the key, and then whoever listens at the address hears of it: the refusals are
      // what keeps it. It does not hear the key.
      let body = known(at: listener.port)
      #expect(try await eventually { try status(port, "/brokers", body, proofs: [proof("/brokers", body)]) == 200 })
      let target = "/raft/groups/3/membership"
      #expect(try await eventually { try status(port, target, joined, proofs: [proof(target, joined)]) == 202 })
      let heard = try #require(listener.accept()?.readRequestHead())
      #expect(heard.contains("/_windtunnel/peer?from=1&version=2") && !heard.contains(Self.key))
    }
  }

  /// A proof is good for the request that it was made for, once.
  @Test func aProofIsTakenOnceForItsRequest() async throws {
    try await withBroker(try #require(PeerKey(Self.key))) { port in
      let body = known(at: 1)
      #expect(try await eventually { try status(port, "/brokers", body, proofs: [proof("/brokers", body)]) == 200 })
      let once = proof("/brokers", body)
      #expect(try status(port, "/brokers", known(at: 2), proofs: [once]) == 401, "another body")
      #expect(try status(port, "/v1/brokers", body, proofs: [once]) == 401, "another target")
      #expect(try status(port, "/brokers", body, proofs: [once]) == 200)
      #expect(try status(port, "/brokers", body, proofs: [once]) == 409, "again")
      var system = SystemRandomNumberGenerator()
      let late = AdministrationProof(
        of: Request(.post, "/brokers", body: Array(body.utf8)), by: try #require(PeerKey(Self.key)),
        at: WallTime(milliseconds: 1_700_000_000_000), PeerNonce(using: &system))
      #expect(try status(port, "/brokers", body, proofs: [late.field]) == 401, "of another time")
    }
  }

  /// Neither the address nor the key of whoever looks at a page is the page's.
  @Test(arguments: [PeerKey.none, PeerKey(Self.key)]) func aPageOfABrowserChangesNothing(key: PeerKey?) async throws {
    try await withBroker(try #require(key)) { port in
      let body = known(at: 1)
      for proof in ["", "authorization: \(proof("/brokers", body))\r\n"] {
        let client = try RawClient(port: port)
        client.send(
          "POST /brokers HTTP/1.1\r\nhost: a\r\norigin: http://127.0.0.1:\(port)\r\n\(proof)content-length: \(body.utf8.count)\r\n\r\n"
            + body)
        let response = client.readResponse()
        #expect(response?.status == 403 && response?.text.contains("NOT_FROM_A_PAGE") == true)
        #expect(response?.text.contains("key") == false, "nothing is said of what was not looked at")
      }
    }
  }

  @Test func aNodeWithoutAKeyIsAdministeredFromItsOwnMachine() async throws {
    try await withBroker(PeerKey.none) { (port: Int) async throws -> Void in
      #expect(try await eventually { try status(port, "/brokers", known(at: 1)) == 200 })
      #expect(try status(port, "/brokers", known(at: 1), proofs: [proof("/brokers", known(at: 1))]) == 200)
    }
    let now = WallTime(milliseconds: 1_700_000_000_000)
    let key = try #require(PeerKey(Self.key))
    func verdict(_ request: Request, _ host: String?, _ keys: PeerKeys) -> AdministrationRule.Verdict {
      AdministrationRule.verdict(request.head, from: host, keys, at: now)
    }
    let plain = Request(.post, "/brokers", headers: ["authorization": "Bearer another"])
    var proved = plain
    var system = SystemRandomNumberGenerator()
    let given = AdministrationProof(of: plain, by: key, at: now, PeerNonce(using: &system))
    proved.head.headers = Headers([Headers.Field(name: "authorization", value: given.field)])
    for (host, isHere) in [
      ("127.0.0.1", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false), ("::ffff:10.0.0.1", false), ("fe80::1", false),
    ] {
      for request in [plain, proved] { #expect(verdict(request, host, .none) == (isHere ? .allowed : .notFromHere), "\(host)") }
    }
    #expect(verdict(plain, nil, .none) == .notFromHere)
    for host: String? in ["127.0.0.1", "10.0.0.1", nil] {
      #expect(verdict(proved, host, PeerKeys(present: key)) == .allowedFor(given))
      #expect(verdict(proved, host, PeerKeys(present: .drawn(), next: key)) == .allowedFor(given), "while keys are changed")
      #expect(verdict(plain, host, PeerKeys(present: key)) == .unproved)
      #expect(verdict(proved, host, PeerKeys(present: .drawn())) == .unproved, "a key that was drawn is nobody's")
    }
    let request = key.proving(plain)
    #expect(request.head.headers.count(of: "authorization") == 1, "the proof takes the place of another")
    #expect(request.head.headers["authorization"].flatMap { AdministrationProof($0) } != nil)
    #expect(PeerKey.none.proving(plain) == plain)
  }
}
