// What a proof of administration is good for: one request, as it was made, about when it was made.

import PeerAuthentication
import Testing
import Vocabulary

@Suite struct AdministrationProofTests {
  private let time = WallTime(milliseconds: 1_700_000_000_000)
  private let request = Request(.post, "/brokers", body: [1, 2, 3])

  @Test func aProofIsOfOneRequest() throws {
    let key = try #require(PeerKey("a-key-of-the-peers-0123456789"))
    let other = try #require(PeerKey("another-key-0123456789"))
    let proof = AdministrationProof(of: request, by: key, at: time, nonce(from: 0))
    #expect(proof.isMade(for: request.head, by: PeerKeys(present: key)) && proof.isOf(body: [1, 2, 3]))
    #expect(proof.isMade(for: request.head, by: PeerKeys(present: other, next: key)), "while keys are changed, either counts")
    #expect(!proof.isMade(for: request.head, by: PeerKeys(present: other)) && !proof.isMade(for: request.head, by: .none))
    #expect(!proof.isOf(body: []) && !proof.isOf(body: [1, 2, 4]))
    for head in [
      RequestHead(method: .put, target: "/brokers"), RequestHead(method: .post, target: "/brokers?"),
      RequestHead(method: .post, target: "/raft"),
    ] { #expect(!proof.isMade(for: head, by: PeerKeys(present: key)), "\(head)") }
    // Whatever is changed in the field, it is none, or not made by the key.
    for place in proof.field.utf8.indices {
      var text = Array(proof.field.utf8)
      text[proof.field.utf8.distance(from: proof.field.utf8.startIndex, to: place)] ^= 1
      let changed = AdministrationProof(String(decoding: text, as: UTF8.self))
      #expect(changed?.isMade(for: request.head, by: PeerKeys(present: key)) != true)
    }
    for text in ["", "Windtunnel ", "Bearer a-key-of-the-peers-0123456789", proof.field + "0", proof.field + ".0"] {
      #expect(AdministrationProof(text) == nil, "\(text)")
    }
    let unkeyed = AdministrationProof(of: request, by: .none, at: time, nonce(from: 0))
    #expect(!unkeyed.isMade(for: request.head, by: .none), "no key proves nothing")
  }

  @Test func aProofIsOfItsTimeAndTakenOnce() throws {
    let key = try #require(PeerKey("a-key-of-the-peers-0123456789"))
    let proof = AdministrationProof(of: request, by: key, at: time, nonce(from: 0))
    let differences: [(Int64, Bool)] = [(0, true), (120, true), (-120, true), (122, false), (-122, false), (100_000, false)]
    for (seconds, isTimely) in differences {
      #expect(proof.isTimely(at: time + .seconds(seconds)) == isTimely, "\(seconds)")
    }
    var taken = TakenProofs()
    let isTaken = [taken.take(proof, at: time), taken.take(proof, at: time)]
    #expect(isTaken == [true, false])
    // As many as there is room for; and room again once their time is over.
    for index in 1..<TakenProofs.limit {
      var random = RandomStream(seed: UInt64(index))
      let isTaken = taken.take(AdministrationProof(of: request, by: key, at: time, PeerNonce(using: &random)), at: time)
      #expect(isTaken)
    }
    let late = AdministrationProof(of: request, by: key, at: time + .seconds(200), nonce(from: 1))
    let isFull = !taken.take(AdministrationProof(of: request, by: key, at: time, nonce(from: 2)), at: time)
    let isRoomAgain = taken.take(late, at: time + .seconds(200))
    #expect(isFull && isRoomAgain)
    // The first was forgotten when room was made, and is not taken a second time all the same.
    let isTakenAgain = taken.take(proof, at: time + .seconds(200))
    #expect(!isTakenAgain)
  }
}
