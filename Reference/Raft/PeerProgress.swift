// How far a leader is with one other server: what it is known to have, what was sent to it, and how much of that is
// under way.
//
// Three states, as in etcd's raft: probing (one message at a time until a common place is found), replicating (entries
// go out without waiting, within bounds), and a snapshot under way. Lost messages are found by silence: where nothing
// is acknowledged for a while that was sent, the server is probed again.

import DequeModule
import Vocabulary

/// A leader's view of one other server.
struct PeerProgress {
  /// What is done next.
  enum State: Equatable {
    /// One message is sent, and nothing more until it is answered or silence has lasted.
    case probing(isWaiting: Bool)
    /// Entries are sent as they come.
    case replicating
    /// A snapshot that ends here was sent.
    case sendingSnapshot(upTo: LogIndex)
  }

  /// Entries under way.
  struct InFlight {
    var last: LogIndex
    var byteCount: Int
    var sentAt: Instant
  }

  let server: ServerID
  var state = State.probing(isWaiting: false)
  /// It has the leader's log up to here, durably. Never goes back within a term.
  private(set) var matched = LogIndex.zero
  /// The first entry that is sent next.
  var next: LogIndex
  private var inFlights = Deque<InFlight>()
  private(set) var bytesUnderWay = 0
  /// The latest question of the leader that it answered.
  var answeredRound: UInt64 = 0
  /// When it was last heard.
  var heardAt: Instant
  /// When it was last sent a probe or a snapshot.
  var probedAt = Instant(nanoseconds: .min)

  init(_ server: ServerID, next: LogIndex, now: Instant) {
    self.server = server
    self.next = next
    heardAt = now
  }

  /// Messages under way.
  var inFlightCount: Int { inFlights.count }

  /// When the oldest entries under way were sent.
  var oldestSentAt: Instant? { inFlights.first?.sentAt }

  /// Entries up to `last` were sent.
  mutating func sent(upTo last: LogIndex, byteCount: Int, at now: Instant) {
    invariant(last >= next && byteCount >= 0, "\(server) was sent \(byteCount) bytes up to \(last), and \(next) was next")
    next = last.next
    inFlights.append(InFlight(last: last, byteCount: byteCount, sentAt: now))
    bytesUnderWay += byteCount
  }

  /// It has the log up to `index`. False where that was known.
  mutating func acknowledge(upTo index: LogIndex, isMonotonic: Bool = true) -> Bool {
    while let first = inFlights.first, first.last <= index {
      bytesUnderWay -= first.byteCount
      inFlights.removeFirst()
    }
    invariant(
      bytesUnderWay >= 0 && (!inFlights.isEmpty || bytesUnderWay == 0),
      "\(inFlights.count) messages of \(bytesUnderWay) bytes are under way to \(server)")
    guard index > matched || !isMonotonic else { return false }
    matched = index
    next = max(next, index.next)
    invariant(next > matched, "\(server) has \(matched) and is sent \(next) next")
    return true
  }

  /// What is under way counts as lost: the next message asks where the two logs agree.
  mutating func probe(from index: LogIndex, isBounded: Bool = true) {
    state = .probing(isWaiting: false)
    next = isBounded ? max(matched.next, index) : max(LogIndex(1), index)
    invariant(next > matched || !isBounded, "\(server) has \(matched) and is asked for what stands before \(next)")
    inFlights.removeAll(keepingCapacity: true)
    bytesUnderWay = 0
  }

  /// The two logs agree at a known place: entries flow from there.
  mutating func replicate() {
    state = .replicating
    next = matched.next
    inFlights.removeAll(keepingCapacity: true)
    bytesUnderWay = 0
  }
}
