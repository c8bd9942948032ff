// Links between peers in the simulated world: the handshake and the frames of the live host (`PeerAuthentication`), on
// those links where they can make a difference.
//
// The rule. A message on a link that no fault has meddled with passes as it is: what its sender would compute its
// receiver would compute too, and the only outcome is that it passes. Once a fault forges, replays or reflects on a link,
// that link runs in truth from then on, each message sealed at one end and opened at the other; with
// `framesAllPeerLinks` all links do, from the beginning. Machines see the same either way (tested), since machines' chance
// is not touched and what the network does to a message is drawn as ever.
//
// Fault model. A link keeps the order of its frames, as TCP does below the live host's: a message is sealed, passes
// whoever listens, and is opened, at its departure; after that the network delays, loses, repeats and reorders messages
// as it does everywhere (`Network`), which is more than links of the live host let through. So what the network does never
// ends a link. What a meddler does may: the receiver ends the link at the first frame that is not the next one. Its
// sender goes on for a moment, and that is lost; then it keeps what is sent, tries again after a growing pause, and begins
// a new session, which needs both processes up and the network between them whole. The same holds whenever either
// process starts anew; but a link that nobody has meddled with is set up at once. What a meddler puts in that is taken is
// a defect of who took it: this host knows who sent what. Limits: setting up a link costs no time; one meddler for each
// link, who sees each frame, holds none back and changes none under way.

import Kernel
import PeerAuthentication
import Vocabulary

extension SimulatedHost {
  // MARK: sending

  /// Sends a message where links run in truth: this one may.
  func sendFramed(_ node: SimulatedNode, _ to: NodeID, _ bytes: [UInt8], _ departure: Int64) {
    guard to != node.id, let link = link(node, to) else { return sendDatagram(node, to, bytes, departure) }
    if link.waitingLife != node.incarnation {
      // What an earlier life left waiting went with it.
      link.dropWaiting()
      link.waitingLife = node.incarnation
      link.deafUntil = nil
      link.failuresInARow = 0
    }
    if let deafUntil = link.deafUntil {
      if departure >= deafUntil { link.wait(bytes) }
      return
    }
    guard isSetUp(link) else {
      link.wait(bytes)
      return pause(link)
    }
    pass(link, node, bytes, departure)
  }

  private func link(_ node: SimulatedNode, _ to: NodeID) -> SimulatedPeerLink? {
    if let link = peerLinks.link(from: node.id, to: to) { return link }
    guard framesAllPeerLinks else { return nil }
    return addLink(node, to)
  }

  private func addLink(_ node: SimulatedNode, _ to: NodeID) -> SimulatedPeerLink {
    let link = SimulatedPeerLink(from: node, to: state(to), seed: seed)
    link.waitingLife = node.incarnation
    peerLinks.add(link)
    return link
  }

  /// Seals a message, lets it pass, and opens it at the other end, from where the network carries it.
  private func pass(_ link: SimulatedPeerLink, _ node: SimulatedNode, _ bytes: [UInt8], _ departure: Int64) {
    guard let frame = link.session?.opener.seal(bytes) else { return }
    link.recording?.note(frame)
    let message: [UInt8]?
    do throws(PeerRefusal) { message = try link.session?.acceptor.open(frame) } catch {
      // With a planted bug somebody else's frame had its counter.
      return end(link, error, at: link.to)
    }
    guard let message else { return }
    sendDatagram(node, link.to, message, departure)
    if network.condition(from: link.from, to: link.to).isAttacked { meddle(link, after: bytes, departure) }
  }

  // MARK: sessions

  /// Whether there is a session between the lives of now; begins one where it can be begun.
  private func isSetUp(_ link: SimulatedPeerLink) -> Bool {
    let (opener, acceptor) = (state(link.from), state(link.to))
    if let session = link.session {
      if session.openerLife == opener.incarnation, session.acceptorLife == acceptor.incarnation { return true }
      forget(link)
    }
    if link.wasAttacked {
      guard acceptor.isUp, !network.cutsOff(from: link.from, to: link.to), !network.cutsOff(from: link.to, to: link.from) else {
        return false
      }
    }
    let ends = PeerLinkEnds(opener: link.from, acceptor: link.to)
    let hello = PeerLinkOpener(ends, peerLinks.keys, PeerNonce(using: &link.openerNonces), planted: opener.plan.planted)
    do throws(PeerRefusal) {
      let challenged = try PeerLinkAcceptor(
        hello.hello, at: link.to, peerLinks.keys, PeerNonce(using: &link.acceptorNonces), planted: acceptor.plan.planted)
      let answer = try hello.answer(to: challenged.challenge)
      link.session = SimulatedPeerLink.Session(
        opener: answer.session, acceptor: try challenged.session(provedBy: answer.proof), openerLife: opener.incarnation,
        acceptorLife: acceptor.incarnation)
      if link.wasAttacked { link.recording = SimulatedPeerLink.Recording(hello: hello.hello, proof: answer.proof) }
      return true
    } catch { breakInvariant("two peers with one key do not agree: \(error)") }
  }

  private func forget(_ link: SimulatedPeerLink) {
    link.session = nil
    if let recording = link.recording { link.earlierRecording = recording }
    link.recording = nil
  }

  /// One end does not take what came.
  private func end(_ link: SimulatedPeerLink, _ reason: PeerRefusal, at place: NodeID) {
    mixHost(state(place), 10, digests[Int((place == link.to ? link.from : link.to).index)])
    traceSink?.trace(at: now, node: place, "ends the link from \(name(of: link.from)): \(reason)")
    forget(link)
    link.failuresInARow = 0
    pause(link)
    // Until it hears of that, the sender goes on, if it is not the one that ended the link.
    if place == link.to { link.deafUntil = now + link.pauses.span(in: .microseconds(50)...(.microseconds(500))).nanoseconds }
  }

  /// The link is tried again after a while.
  private func pause(_ link: SimulatedPeerLink) {
    let ceiling = TimeSpan.milliseconds(20 << Int64(min(link.failuresInARow, 6)))
    link.failuresInARow += 1
    link.deafUntil = now
    link.attempt += 1
    let node = state(link.from)
    let at = now + link.pauses.span(in: TimeSpan(nanoseconds: ceiling.nanoseconds / 2)...ceiling).nanoseconds
    schedule(.peerLink(from: link.from, to: link.to, incarnation: node.incarnation, attempt: link.attempt), at: at, node)
  }

  func tryAgain(_ from: NodeID, _ to: NodeID, _ incarnation: UInt32, _ attempt: UInt64) {
    let node = state(from)
    guard node.isUp, node.incarnation == incarnation, let link = peerLinks.link(from: from, to: to), link.attempt == attempt else { return }
    link.deafUntil = nil
    guard !link.waiting.isEmpty else { return }
    guard isSetUp(link) else { return pause(link) }
    // A meddler may end the link again in the midst of it; then the rest waits on.
    while link.deafUntil == nil, let next = link.nextWaiting() { pass(link, node, next, now) }
  }

  // MARK: meddling

  /// Somebody begins to meddle with these links. Their connections are reset, which whoever is between two nodes can do,
  /// so that he hears the next session from its beginning.
  func meddle(with links: Links, _ damage: LinkCondition) {
    links.begin(self, damage)
    for one in links.each(self) {
      let link = peerLinks.link(from: one.from, to: one.to) ?? addLink(state(one.from), one.to)
      link.wasAttacked = true
      if link.recording == nil { link.session = nil }
    }
  }

  /// A message has passed: whoever meddles does what he does.
  private func meddle(_ link: SimulatedPeerLink, after message: [UInt8], _ departure: Int64) {
    let condition = network.condition(from: link.from, to: link.to)
    if link.attacks.chance(condition.forgeProbability) { forge(link, like: message, departure) }
    if link.attacks.chance(condition.replayProbability) { replay(link, departure) }
    if link.attacks.chance(condition.reflectProbability) { reflect(link, departure) }
  }

  /// Puts a frame of his own on the link, or opens one of his own and puts it there.
  private func forge(_ link: SimulatedPeerLink, like message: [UInt8], _ departure: Int64) {
    guard let recording = link.recording else { return }
    network.act(\.forgeProbability, from: link.from, to: link.to)
    var forged = message
    if !forged.isEmpty { forged[Int(link.attacks.below(UInt64(forged.count)))] ^= UInt8(1 + link.attacks.below(255)) }
    let code = link.attacks.bytes(32)
    if link.attacks.chance(0.5), let session = link.session {
      return put(PeerForgery.frame(session.acceptor.nextReceived, code, forged), on: link, "forged", departure)
    }
    let hello = PeerForgery.hello(
      as: PeerLinkEnds(opener: link.from, acceptor: link.to), naming: recording.hello, PeerNonce(using: &link.attacks))
    openAnother(link, hello, PeerForgery.proof(code), [PeerForgery.frame(0, code, forged)], "forged", departure)
  }

  /// Puts a frame on the link that was there before; or opens a link as it was opened in the session before, and says all
  /// that was said then.
  private func replay(_ link: SimulatedPeerLink, _ departure: Int64) {
    let recorded = link.recording?.frames ?? []
    guard !recorded.isEmpty || link.earlierRecording != nil else { return }
    network.act(\.replayProbability, from: link.from, to: link.to)
    if link.attacks.chance(0.5), let earlier = link.earlierRecording {
      let due = link.session?.acceptor.nextReceived
      if link.attacks.chance(0.5), let frame = earlier.frames.first(where: { PeerSession.counter(of: $0) == due }) {
        return put(frame, on: link, "replayed", departure)
      }
      return openAnother(link, earlier.hello, earlier.proof, earlier.frames, "replayed", departure)
    }
    guard !recorded.isEmpty else { return }
    put(recorded[Int(link.attacks.below(UInt64(recorded.count)))], on: link, "replayed", departure)
  }

  /// Sends a frame back to its sender, one that has the counter that is due there where there is one.
  private func reflect(_ link: SimulatedPeerLink, _ departure: Int64) {
    guard let frames = link.recording?.frames, let session = link.session else { return }
    let due = session.opener.nextReceived
    guard let frame = frames.first(where: { PeerSession.counter(of: $0) == due }) ?? frames.last else { return }
    network.act(\.reflectProbability, from: link.from, to: link.to)
    do throws(PeerRefusal) {
      guard let message = try link.session?.opener.open(frame) else { return }
      take(message, at: link.from, as: link.to, "reflected", departure)
    } catch { end(link, error, at: link.from) }
  }

  private func put(_ frame: [UInt8], on link: SimulatedPeerLink, _ what: String, _ departure: Int64) {
    do throws(PeerRefusal) {
      guard let message = try link.session?.acceptor.open(frame) else { return }
      take(message, at: link.to, as: link.from, what, departure)
    } catch { end(link, error, at: link.to) }
  }

  /// Opens a link as the sender, beside the one there is. One that is proved takes the place of that.
  private func openAnother(
    _ link: SimulatedPeerLink, _ hello: [UInt8], _ proof: [UInt8], _ frames: [[UInt8]], _ what: String, _ departure: Int64
  ) {
    let acceptor = state(link.to)
    guard acceptor.isUp else { return }
    do throws(PeerRefusal) {
      var session = try PeerLinkAcceptor(
        hello, at: link.to, peerLinks.keys, PeerNonce(using: &link.attacks), planted: acceptor.plan.planted
      ).session(provedBy: proof)
      for frame in frames { take(try session.open(frame), at: link.to, as: link.from, what, departure) }
      end(link, .ended, at: link.to)
    } catch {
      mixHost(acceptor, 11)
      traceSink?.trace(at: now, node: link.to, "refuses a link that says to be \(name(of: link.from))'s: \(error)")
    }
  }

  /// A message that no peer sent is taken for one: it reaches the machine, unless that is down.
  private func take(_ message: [UInt8], at place: NodeID, as sender: NodeID, _ what: String, _ departure: Int64) {
    defect(state(place), "took a \(what) frame for a message of its peer")
    sendDatagram(state(sender), place, message, departure)
  }
}
