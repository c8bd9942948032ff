// Fixed inputs and fixed bytes: of the primitives, from their standards; of the handshake, the frames and the proof of
// administration, from a program in another language that was written by the pages beside the code.

import PeerAuthentication
import Testing
import Vocabulary

/// Gives the bytes 0, 1, 2 … in order.
struct CountingGenerator: RandomNumberGenerator {
  private var byte: UInt8

  init(from byte: UInt8 = 0) { self.byte = byte }

  mutating func next() -> UInt64 {
    (0..<8).reduce(0) { word, place in
      defer { byte &+= 1 }
      return word | UInt64(byte) << UInt64(8 * place)
    }
  }
}

func nonce(from byte: UInt8) -> PeerNonce {
  var generator = CountingGenerator(from: byte)
  return PeerNonce(using: &generator)
}

func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

@Suite struct PeerVectorTests {
  @Test func thePrimitivesAreThoseOfTheStandards() {
    // RFC 4231, cases 1, 2 and 6.
    #expect(
      hexadecimal(Primitives.hmac([UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8)))
        == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    #expect(
      hexadecimal(Primitives.hmac(Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(
      hexadecimal(
        Primitives.hmac([UInt8](repeating: 0xAA, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)))
        == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    // RFC 5869, cases 1 and 3.
    #expect(
      hexadecimal(
        Primitives.hkdf([UInt8](repeating: 0x0B, count: 22), salt: Array(0...12), info: Array(0xF0...0xF9), byteCount: 42))
        == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    #expect(
      hexadecimal(Primitives.hkdf([UInt8](repeating: 0x0B, count: 22), salt: [], info: [], byteCount: 42))
        == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
  }

  private let key = PeerKey("a-key-of-the-peers-0123456789")

  @Test func aLinkSaysTheseBytes() throws {
    let keys = PeerKeys(present: try #require(key))
    let opener = PeerLinkOpener(PeerLinkEnds(opener: NodeID(1), acceptor: NodeID(258)), keys, nonce(from: 0))
    #expect(
      hexadecimal(opener.hello)
        == "7774706c020101000201f1ee0de7ec26ddee000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
    let acceptor = try PeerLinkAcceptor(opener.hello, at: NodeID(258), keys, nonce(from: 32))
    #expect(
      hexadecimal(acceptor.challenge)
        == "7774706c020201000201f1ee0de7ec26ddee202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
        + "68598d0417fd892c512d37b753f2a894e2abbb4014d1a22fab2cbbb5d71bac35")
    var (proof, session) = try opener.answer(to: acceptor.challenge)
    #expect(hexadecimal(proof) == "7774706c02039b6ce42ded60fa3addf8e6f12138ba2b659254cf15b93040857fec671ae8c18a")
    var other = try acceptor.session(provedBy: proof)
    #expect(
      hexadecimal(session.seal(Array("first".utf8)))
        == "0000000000000000b239b2532a0572d6ece32ce1270095074c9720aaeb5065c913780e0390dea5d26669727374")
    #expect(
      hexadecimal(session.seal([])) == "01000000000000009f6ed33fe7f7b787b5bdad9aea853cb58bfc5226f67089f6017948f6587162b5")
    #expect(
      hexadecimal(other.seal(Array("back".utf8)))
        == "000000000000000021ac8f100aac26f85795fab6fe292040b8d8d1523532f5e1fec5b48f36e3a7e06261636b")
  }

  @Test func aProofOfAdministrationSaysTheseBytes() throws {
    let request = Request(.post, "/brokers", body: Array(#"{"number":9}"#.utf8))
    let proof = AdministrationProof(of: request, by: try #require(key), at: WallTime(milliseconds: 1_700_000_000_999), nonce(from: 0))
    #expect(
      proof.field
        == "Windtunnel f1ee0de7ec26ddee.1700000000.000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f."
        + "427b26525b545e2e2691be9462e7b25ae60bee1ca86960d5b3ba93131a95abe2."
        + "db6041fcadfca95f3dae816a7293ac8af1d6a7a6f73a231c7fb24b5259a70230")
    #expect(AdministrationProof(proof.field) == proof)
  }
}
