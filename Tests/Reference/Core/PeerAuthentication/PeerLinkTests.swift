// What a link between peers takes and what it refuses, step by step and byte by byte.

import PeerAuthentication
import Testing
import Vocabulary

@Suite struct PeerLinkTests {
  private static let old = PeerKey("an-old-key-0123456789")
  private static let new = PeerKey("a-new-key-0123456789")
  private let ends = PeerLinkEnds(opener: NodeID(1), acceptor: NodeID(2))

  /// One link that both ends have begun, with what passed.
  private struct Begun {
    var hello: [UInt8]
    var challenge: [UInt8]
    var proof: [UInt8]
    var opener: PeerSession
    var acceptor: PeerSession
  }

  private func keys(_ key: PeerKey? = PeerLinkTests.old) throws -> PeerKeys { PeerKeys(present: try #require(key)) }

  private func begun(_ first: UInt8 = 0, planted: PlantedBugs = .none) throws -> Begun {
    let opener = PeerLinkOpener(ends, try keys(), nonce(from: first), planted: planted)
    let acceptor = try PeerLinkAcceptor(opener.hello, at: ends.acceptor, try keys(), nonce(from: first &+ 100), planted: planted)
    let (proof, session) = try opener.answer(to: acceptor.challenge)
    return Begun(
      hello: opener.hello, challenge: acceptor.challenge, proof: proof, opener: session, acceptor: try acceptor.session(provedBy: proof))
  }

  /// Why `body` is refused; nil where it is not.
  private func refusal(_ body: () throws -> Void) -> PeerRefusal? {
    do { try body() } catch { return error as? PeerRefusal }
    return nil
  }

  @Test func messagesPassBothWaysUnchanged() throws {
    var link = try begun()
    for message: [UInt8] in [[], [1], Array("hello".utf8), [UInt8](repeating: 7, count: 100_000)] {
      #expect(try link.acceptor.open(link.opener.seal(message)) == message)
      #expect(try link.opener.open(link.acceptor.seal(message)) == message)
    }
  }

  /// Every byte of every step counts.
  @Test func noByteOfAHandshakeCanBeChanged() throws {
    for place in 0..<PeerLinkAcceptor.helloByteCount {
      let opener = PeerLinkOpener(ends, try keys(), nonce(from: 0))
      var hello = opener.hello
      hello[place] ^= 1
      // What a changed hello may still come to is a challenge, which its opener does not take.
      let why = refusal {
        _ = try opener.answer(to: try PeerLinkAcceptor(hello, at: ends.acceptor, try keys(), nonce(from: 9)).challenge)
      }
      #expect(why != nil, "byte \(place) of the hello")
    }
    for place in 0..<PeerLinkAcceptor.challengeByteCount {
      let opener = PeerLinkOpener(ends, try keys(), nonce(from: 0))
      var challenge = try PeerLinkAcceptor(opener.hello, at: ends.acceptor, try keys(), nonce(from: 9)).challenge
      challenge[place] ^= 1
      #expect(refusal { _ = try opener.answer(to: challenge) } != nil, "byte \(place) of the challenge")
    }
    for place in 0..<PeerLinkAcceptor.proofByteCount {
      let opener = PeerLinkOpener(ends, try keys(), nonce(from: 0))
      let acceptor = try PeerLinkAcceptor(opener.hello, at: ends.acceptor, try keys(), nonce(from: 9))
      var proof = try opener.answer(to: acceptor.challenge).proof
      proof[place] ^= 1
      #expect(refusal { _ = try acceptor.session(provedBy: proof) } != nil, "byte \(place) of the proof")
    }
  }

  @Test func refusalsSayWhatWasWrong() throws {
    let link = try begun()
    func taken(_ hello: [UInt8], at node: NodeID? = nil) throws -> PeerRefusal? {
      let keys = try keys()
      return refusal { _ = try PeerLinkAcceptor(hello, at: node ?? ends.acceptor, keys, nonce(from: 9)) }
    }
    #expect(try taken([]) == .malformed(step: "hello", byteCount: 0))
    #expect(try taken(Array("GET / HTTP/1.1".utf8)) == .malformed(step: "hello", byteCount: 14))
    #expect(try taken(link.hello + [0]) == .malformed(step: "hello", byteCount: 51))
    #expect(try taken(link.challenge) == .malformed(step: "hello", byteCount: 82))
    #expect(try taken(Array(link.hello.prefix(4)) + [1] + link.hello.dropFirst(5)) == .version(1))
    #expect(try taken(link.hello, at: NodeID(3)) == .addressedTo(NodeID(2)))
    var reflected = link.hello
    reflected.replaceSubrange(6..<10, with: [2, 0, 2, 0])
    #expect(try taken(reflected) == .comesFrom(NodeID(2)))
    let stranger = PeerLinkOpener(ends, try keys(Self.new), nonce(from: 0))
    #expect(try taken(stranger.hello) == .unknownKey(try #require(Self.new).name))
    // Who names the key and does not have it.
    let forged = PeerForgery.hello(as: ends, naming: link.hello, nonce(from: 50))
    let acceptor = try PeerLinkAcceptor(forged, at: ends.acceptor, try keys(), nonce(from: 9))
    let proof = PeerForgery.proof([UInt8](repeating: 1, count: 32))
    #expect(refusal { _ = try acceptor.session(provedBy: proof) } == .unproved(try #require(Self.old).name))
    #expect(PeerRefusal.version(1).description.contains("spoken is version 2"))
  }

  /// What was said in one session is worth nothing in another, nor in the other role.
  @Test func handshakesAreOfOneSessionAndRole() throws {
    let (first, second) = (try begun(0), try begun(40))
    let acceptor = try PeerLinkAcceptor(first.hello, at: ends.acceptor, try keys(), nonce(from: 77))
    #expect(refusal { _ = try acceptor.session(provedBy: first.proof) } == .unproved(try #require(Self.old).name), "replayed")
    let opener = PeerLinkOpener(ends, try keys(), nonce(from: 40))
    #expect(refusal { _ = try opener.answer(to: first.challenge) } == .unproved(try #require(Self.old).name), "of another hello")
    // The acceptor's own proof, sent back as the opener's.
    let own = PeerForgery.proof(Array(acceptor.challenge.suffix(32)))
    #expect(refusal { _ = try acceptor.session(provedBy: own) } == .unproved(try #require(Self.old).name))
    var (one, other) = (first, second)
    #expect(refusal { _ = try other.acceptor.open(one.opener.seal([1])) } == .forged(counter: 0))
  }

  @Test func framesAreTakenOnceAndInOrder() throws {
    var link = try begun()
    let frames = (0..<4).map { link.opener.seal([UInt8($0)]) }
    var replayed = link.acceptor
    #expect(try replayed.open(frames[0]) == [0])
    #expect(refusal { _ = try replayed.open(frames[0]) } == .replayed(counter: 0, expected: 1))
    #expect(refusal { _ = try replayed.open(frames[1]) } == .ended, "nothing is taken behind the end")
    #expect(replayed.end == .replayed(counter: 0, expected: 1))
    var lost = link.acceptor
    #expect(refusal { _ = try lost.open(frames[1]) } == .gap(counter: 1, expected: 0))
    var back = link.opener
    #expect(refusal { _ = try back.open(frames[0]) } == .reflected(counter: 0))
    #expect(refusal { _ = try link.acceptor.open([1, 2, 3]) } == .malformed(step: "frame", byteCount: 3))
  }

  @Test func noByteOfAFrameCanBeChanged() throws {
    var link = try begun()
    let frame = link.opener.seal(Array("message".utf8))
    for place in frame.indices {
      var changed = frame
      changed[place] ^= 0x80
      var acceptor = link.acceptor
      #expect(refusal { _ = try acceptor.open(changed) } != nil, "byte \(place)")
    }
    var (acceptor, shorter) = (link.acceptor, link.acceptor)
    #expect(refusal { _ = try acceptor.open(frame + [0]) } != nil)
    #expect(refusal { _ = try shorter.open(Array(frame.dropLast())) } != nil)
  }

  /// A key takes the place of another in three steps, at each of which any two nodes agree.
  @Test func keysAreChangedNodeByNode() throws {
    let (old, new) = (try #require(Self.old), try #require(Self.new))
    let stages = [PeerKeys(present: old), PeerKeys(present: old, next: new), PeerKeys(present: new, next: old), PeerKeys(present: new)]
    func agree(_ opener: PeerKeys, _ acceptor: PeerKeys) -> Bool {
      refusal {
        let opening = PeerLinkOpener(ends, opener, nonce(from: 0))
        let accepting = try PeerLinkAcceptor(opening.hello, at: ends.acceptor, acceptor, nonce(from: 9))
        _ = try accepting.session(provedBy: opening.answer(to: accepting.challenge).proof)
      } == nil
    }
    for (stage, next) in zip(stages, stages.dropFirst()) {
      for (one, other) in [(stage, stage), (stage, next), (next, stage), (next, next)] { #expect(agree(one, other)) }
    }
    #expect(agree(stages[0], stages[2]) && !agree(stages[2], stages[0]), "a step that is left out cuts nodes off")
    #expect(!agree(stages[0], stages[3]) && !agree(stages[3], stages[0]))
    #expect(agree(.none, .none) && !agree(.none, stages[0]) && !agree(stages[0], .none))
    #expect(old.name != new.name && "\(old.name)".count == 16)
  }

  /// Each planted bug takes what is refused without it.
  @Test func thePlantedBugsTakeWhatTheySay() throws {
    var any = try begun(planted: PlantedBugs([.peersAcceptAnyMAC]))
    #expect(try any.acceptor.open(PeerForgery.frame(0, [], [9])) == [9])
    var twice = try begun(planted: PlantedBugs([.peersCheckNoCounter]))
    let frame = twice.opener.seal([1])
    for _ in 0..<2 { #expect(try twice.acceptor.open(frame) == [1]) }
    var undirected = try begun(planted: PlantedBugs([.peersBindNoDirection]))
    #expect(try undirected.opener.open(undirected.opener.seal([1])) == [1])
    let planted = PlantedBugs([.peersRepeatNonce])
    let recorded = try begun(planted: planted)
    let again = try PeerLinkAcceptor(recorded.hello, at: ends.acceptor, try keys(), nonce(from: 200), planted: planted)
    #expect(refusal { _ = try again.session(provedBy: recorded.proof) } == nil)
  }
}
