// All groups of one server: it carries their actions out over one journal and the messages of the machine's host, so that one sync makes the
// entries of all groups durable and one letter carries what they have to say to another server.
//
// A machine owns one, gives it every event first, and calls `finish` at the end of each of its turns. What the groups have to tell the machine
// (entries to apply, reads to answer, offices won and lost) it takes by `takeNews`.
// Fault model: that of Journal and RaftGroup. Limit: a server whose journal is damaged refuses to start and says where; it does not yet set a
// floor (`HardState.floor`) to be given by others what is missing. Requirements: MONITORING-9, 10.

import DequeModule
import Durable
import Vocabulary
import Wire

/// How a server is set up.
public struct RaftServerConfiguration: Sendable {
  /// This server.
  public var server: ServerID
  /// Every server that may belong to a group, and the node that it runs on.
  public var nodes: [ServerID: NodeID]
  /// The groups that it keeps, from 0.
  public var groupCount: Int
  /// Who votes in a group that has nothing on disk yet; the same on all of them. Empty on a server that waits to be added.
  public var founders: [ServerID]
  /// How the groups keep time and how much they send.
  public var raft = RaftConfiguration()
  /// How often time-outs are looked at.
  public var tickInterval = TimeSpan.milliseconds(10)
  /// Length of one journal segment in bytes.
  public var segmentBytes = 64 << 20
  /// Bytes of the newest entries that stay in memory, for each group.
  public var recentLimitBytes = 8 << 20

  /// The defaults.
  public init(server: ServerID, nodes: [ServerID: NodeID], groupCount: Int = 1, founders: [ServerID]) {
    self.server = server
    self.nodes = nodes
    self.groupCount = groupCount
    self.founders = founders
  }
}

/// What a group has to tell its machine.
public enum RaftNews: Sendable {
  /// All up to here is committed; `RaftServer.entries` has the entries.
  case committed(GroupID, upTo: LogIndex)
  /// The state machine becomes this, and goes on with the entry behind it.
  case installed(GroupID, RaftMessage.Snapshot)
  /// This server leads, or no longer does.
  case leads(GroupID, Bool, Term)
  /// A read may be answered once all up to the index is applied; nil where it cannot be known.
  case readable(GroupID, ticket: UInt64, LogIndex?)
}

/// All groups of one server.
public struct RaftServer {
  /// Something that becomes durable with the disk.
  private struct Awaited {
    enum Matter {
      case entries(GroupID, upTo: LogIndex)
      case state(GroupID, Term)
      /// Everything that is needed stands behind this place.
      case checkpoint(JournalPosition)
    }
    var disk: DiskPosition
    var matter: Matter
  }

  /// How it is set up.
  public let configuration: RaftServerConfiguration
  private var journal: Journal?
  private var groups: [RaftGroup] = []
  private var stores: [EntryStore] = []
  private var snapshots: [RaftMessage.Snapshot?] = []
  private var awaited = Deque<Awaited>()
  private var isNotifyAsked = false
  private var ticker: TimerID?
  private var heartbeatAt = Instant(nanoseconds: 0)
  private var lastState = DiskPosition.zero
  private var outbox = RaftOutbox()
  private var news: [RaftNews] = []
  private var isDiscarding = false
  private let serverOfNode: [NodeID: ServerID]
  /// Set where the disk refused what Raft had to write: nothing more is said until the node starts again.
  public private(set) var hasFailed = false

  /// A server that has not started.
  public init(_ configuration: RaftServerConfiguration) {
    self.configuration = configuration
    var servers: [NodeID: ServerID] = [:]
    for (server, node) in configuration.nodes { servers[node] = server }
    serverOfNode = servers
  }

  // MARK: start

  /// What was found of a group in the journal.
  private struct Found {
    var state = HardState()
    var snapshot: RaftMessage.Snapshot?
    var first = LogIndex(1)
    var entries: [(term: Term, byteCount: Int, membership: Membership?)] = []
    var store: EntryStore
    /// Whether what came before the first entry is known: older segments are gone, and the snapshot that covers them comes later.
    var isVouched = true

    /// Takes a record in its turn; false where it does not fit those before it.
    mutating func take(_ record: RaftRecord, _ location: JournalLocation) -> Bool {
      switch record {
      case .entries(_, let index, let new):
        if index > first + entries.count || index < first {
          // What is missing was discarded with its segment, which only happens once a snapshot that covers it stands further on.
          guard index > first || !isVouched else { return false }
          isVouched = false
          first = index
          entries.removeAll()
          store.restart(at: index)
        }
        entries.removeLast(first + entries.count - index)
        for entry in new {
          entries.append((entry.term, entry.bytes.count, entry.kind == .membership ? try? Membership(entry.bytes) : nil))
        }
        store.append(new, first: index, at: location)
        store.forgetOld(upTo: index + new.count)
      case .state(_, let state): self.state = state
      case .snapshot(_, let snapshot):
        let place = snapshot.last.index.value >= first.value ? Int(snapshot.last.index.value - first.value) : -1
        if entries.indices.contains(place), entries[place].term == snapshot.last.term {
          entries.removeFirst(place + 1)
          store.discard(upTo: snapshot.last.index)
        } else if !isVouched && snapshot.last.index < first {
          // A later one covers what is missing in between, unless nothing is.
          isVouched = snapshot.last.index.next == first
          self.snapshot = snapshot
          return true
        } else if self.snapshot?.last != snapshot.last {
          entries.removeAll()
          store.restart(at: snapshot.last.index.next)
        }
        first = snapshot.last.index.next
        isVouched = true
        self.snapshot = snapshot
      }
      return true
    }
  }

  /// Recovers the groups from the disk, and begins to keep time. The machine calls `finish` after it, as after any turn.
  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    let empty = Found(store: EntryStore(recentLimitBytes: configuration.recentLimitBytes))
    var found = Array(repeating: empty, count: configuration.groupCount)
    do throws(JournalError) {
      let recovered = try Journal.recover(from: turn.disk, segmentBytes: configuration.segmentBytes) {
        (location, payload) throws(JournalError) in
        let record: RaftRecord
        do throws(ByteError) { record = try RaftRecord(payload) } catch {
          throw .damaged(FileName(fixed: "journal"), offset: Int(location.position.bytes), "not a record of Raft: \(error)")
        }
        let group = Int(record.group.value)
        guard found.indices.contains(group), found[group].take(record, location) else {
          throw .damaged(FileName(fixed: "journal"), offset: Int(location.position.bytes), "a record that does not fit the ones before it")
        }
      }
      journal = recovered.journal
      turn.observe(.journalRecovered, subject: UInt64(recovered.recovery.records), value: UInt64(recovered.recovery.tornBytes))
    } catch {
      throw StartRefusal("the log of Raft cannot be recovered: \(error)")
    }
    for (number, found) in found.enumerated() {
      guard found.isVouched else {
        throw StartRefusal(
          "the log of Raft cannot be recovered: group \(number) begins at \(found.first) and no snapshot covers what was before")
      }
      let start = found.snapshot?.last ?? .zero
      let group = RaftGroup(
        server: configuration.server, configuration: configuration.raft, planted: turn.planted, hard: found.state, start: start,
        membership: found.snapshot?.membership ?? Membership(voters: configuration.founders), entries: found.entries,
        random: RandomStream(seed: turn.random.next()), now: turn.now)
      groups.append(group)
      stores.append(found.store)
      snapshots.append(found.snapshot)
      if let snapshot = found.snapshot { news.append(.installed(GroupID(UInt16(number)), snapshot)) }
      RaftFact.recovered(group: UInt16(number), start: start.index.value, last: group.last.index.value, term: group.last.term.value, &turn)
    }
    lastState = turn.disk.position
    ticker = turn.wake(after: configuration.tickInterval)
    for index in groups.indices { groups[index].tick(turn.now) }
  }

  // MARK: what the machine may ask

  /// Proposes a command; it goes out with `finish`.
  public mutating func propose(_ bytes: [UInt8], to group: GroupID, _ disk: any Disk) throws(ProposalRefusal) -> LogPosition {
    if let left = disk.availableBytes, left < bytes.count + Self.reserveBytes { throw .full }
    guard groups.indices.contains(Int(group.value)) else { throw .notLeader(nil) }
    return try groups[Int(group.value)].propose(bytes)
  }

  /// Asks from when on a read may be answered; `RaftNews.readable` with `ticket` tells.
  public mutating func read(_ group: GroupID, ticket: UInt64, _ now: Instant) {
    guard groups.indices.contains(Int(group.value)) else { return news.append(.readable(group, ticket: ticket, nil)) }
    groups[Int(group.value)].read(ticket: ticket, now)
  }

  /// Changes who belongs to a group.
  public mutating func change(_ group: GroupID, to membership: Membership, _ now: Instant) throws(MembershipRefusal) {
    guard groups.indices.contains(Int(group.value)) else { throw .notLeader(nil) }
    _ = try groups[Int(group.value)].change(to: membership, now)
  }

  /// Hands a group's office over.
  public mutating func transfer(_ group: GroupID, to target: ServerID, _ now: Instant) -> Bool {
    groups.indices.contains(Int(group.value)) && groups[Int(group.value)].transfer(to: target, now)
  }

  /// One group, to look at; nil where there is none of this number.
  public func group(_ group: GroupID) -> RaftGroup? {
    groups.indices.contains(Int(group.value)) ? groups[Int(group.value)] : nil
  }

  /// Entries of a group.
  public func entries(_ group: GroupID, from first: LogIndex, count: Int, _ disk: any Disk) throws(JournalError) -> [LogEntry] {
    guard let journal, stores.indices.contains(Int(group.value)) else { throw .notHeld(JournalPosition(0)) }
    return try stores[Int(group.value)].entries(from: first, count: count, journal, disk)
  }

  /// Takes what the groups have to tell.
  public mutating func takeNews() -> [RaftNews] {
    defer { news.removeAll(keepingCapacity: true) }
    return news
  }

  /// Forgets a group's entries up to `index`, which must be applied: `state` is what they came to. Segments of the journal that nothing needs
  /// any more are deleted.
  public mutating func compact(_ group: GroupID, upTo index: LogIndex, state: [UInt8], _ turn: inout Turn) {
    let place = Int(group.value)
    guard groups.indices.contains(place), index > groups[place].start.index, index <= groups[place].commitIndex,
      let term = groups[place].term(at: index)
    else { return }
    let snapshot = RaftMessage.Snapshot(
      last: LogPosition(index: index, term: term), membership: groups[place].membership(at: index), state: state)
    guard write(.snapshot(group, snapshot), &turn) != nil else { return }
    snapshots[place] = snapshot
    groups[place].discard(upTo: index)
    stores[place].discard(upTo: index)
    discardSegments(&turn)
  }

  private mutating func discardSegments(_ turn: inout Turn) {
    guard !isDiscarding, let journal else { return }
    let needed = stores.compactMap { $0.oldestLocation?.position }.min() ?? journal.end
    guard journal.canDiscard(before: needed) else { return }
    // States and snapshots may stand in what goes: they are written again first.
    for index in groups.indices {
      let group = GroupID(UInt16(index))
      guard write(.state(group, groups[index].hardState), &turn) != nil else { return }
      if let snapshot = snapshots[index], write(.snapshot(group, snapshot), &turn) == nil { return }
    }
    isDiscarding = true
    awaited.append(Awaited(disk: turn.disk.position, matter: .checkpoint(needed)))
  }

  // MARK: events

  /// Gives an event to the server. True where it was its own.
  public mutating func handle(_ event: Event, _ turn: inout Turn) -> Bool {
    switch event {
    case .message(let node, let bytes):
      receive(bytes, from: node, turn.disk, turn.now)
      return true
    case .timer(let timer):
      guard timer == ticker else { return false }
      tick(&turn)
      return true
    case .durable(let position):
      becameDurable(position, turn.disk, turn.now)
      return true
    case .request, .response, .failed, .abandoned, .completed, .stream: return false
    }
  }

  private mutating func tick(_ turn: inout Turn) {
    ticker = turn.wake(after: configuration.tickInterval)
    for index in groups.indices { groups[index].tick(turn.now) }
    guard turn.now >= heartbeatAt else { return }
    heartbeatAt = turn.now + configuration.raft.heartbeatInterval
    for index in groups.indices { groups[index].sendHeartbeats(turn.now) }
  }

  private mutating func becameDurable(_ position: DiskPosition, _ disk: any Disk, _ now: Instant) {
    isNotifyAsked = false
    while let first = awaited.first, first.disk <= position {
      awaited.removeFirst()
      switch first.matter {
      case .entries(let group, let index): groups[Int(group.value)].stored(upTo: index, now)
      case .state(let group, let term): groups[Int(group.value)].storedState(of: term, now)
      case .checkpoint(let position):
        isDiscarding = false
        // What cannot be deleted now is deleted the next time.
        try? journal?.discard(before: position, on: disk)
      }
    }
  }

  /// Space that must be left on the disk beside a letter's own bytes: for votes, and for what frames the entries.
  private static let reserveBytes = 64 << 10

  /// A letter of another server. What does not read is dropped whole: the network may lose it as well. So is what the disk has no room for: a
  /// server that cannot write takes no part.
  private mutating func receive(_ bytes: [UInt8], from node: NodeID, _ disk: any Disk, _ now: Instant) {
    guard let sender = serverOfNode[node], let messages = try? RaftLetter.messages(in: bytes) else { return }
    if let left = disk.availableBytes, left < bytes.count + Self.reserveBytes { return }
    for (group, message) in messages where groups.indices.contains(Int(group.value)) {
      groups[Int(group.value)].receive(message, from: sender, now)
    }
  }

  // MARK: the end of a turn

  /// Carries out what the groups asked for in this turn. Called once, at the end of each turn of the machine.
  public mutating func finish(_ turn: inout Turn) {
    guard !hasFailed else { return }
    for index in groups.indices {
      groups[index].flush(turn.now)
      guard groups[index].hasActions else { continue }
      let group = GroupID(UInt16(index))
      for action in groups[index].takeActions() { carryOut(action, group, &turn) }
    }
    outbox.send(&turn, lastState: lastState) { configuration.nodes[$0] }
    if !isNotifyAsked, !awaited.isEmpty {
      isNotifyAsked = true
      _ = turn.notifyWhenDurable()
    }
  }

  private mutating func carryOut(_ action: RaftAction, _ group: GroupID, _ turn: inout Turn) {
    let index = Int(group.value)
    switch action {
    case .save(let state):
      guard write(.state(group, state), &turn) != nil else { return }
      lastState = turn.disk.position
      awaited.append(Awaited(disk: turn.disk.position, matter: .state(group, state.term)))
    case .append(let first, let entries):
      guard let location = write(.entries(group, first: first, entries), &turn) else { return }
      forgetAwaited(group, from: first)
      stores[index].append(entries, first: first, at: location)
      let last = first + (entries.count - 1)
      awaited.append(Awaited(disk: turn.disk.position, matter: .entries(group, upTo: last)))
      for (offset, entry) in entries.enumerated() {
        RaftFact.appended(group: group.value, index: (first + offset).value, term: entry.term.value, entry.bytes, &turn)
      }
    case .send(let server, let message, let utterance): outbox.put(message, group, to: server, utterance)
    case .sendEntries(let server, let term, let previous, let count, let commit, let round):
      guard let journal,
        let entries = try? stores[index].entries(from: previous.index.next, count: count, journal, turn.disk)
      else { return }
      let append = RaftMessage.Append(previous: previous, entries: entries, commit: commit, round: round)
      outbox.put(RaftMessage(term: term, .append(append)), group, to: server, .afterState)
    case .sendSnapshot(let server, let term, let round):
      guard let snapshot = snapshots[index] else { return }
      outbox.put(RaftMessage(term: term, .snapshot(snapshot, round: round)), group, to: server, .afterState)
    case .commit(let upTo):
      RaftFact.committed(group: group.value, index: upTo.value, term: groups[index].term.value, &turn)
      news.append(.committed(group, upTo: upTo))
    case .install(let snapshot):
      guard write(.snapshot(group, snapshot), &turn) != nil else { return }
      forgetAwaited(group, from: .zero)
      stores[index].restart(at: snapshot.last.index.next)
      snapshots[index] = snapshot
      RaftFact.installed(group: group.value, index: snapshot.last.index.value, term: snapshot.last.term.value, &turn)
      news.append(.installed(group, snapshot))
    case .leads(let isLeading, let term):
      if isLeading {
        RaftFact.led(group: group.value, term: term.value, server: configuration.server.value, &turn)
      } else {
        RaftFact.ceased(group: group.value, term: term.value, server: configuration.server.value, &turn)
      }
      news.append(.leads(group, isLeading, term))
    case .stands(let term, let isTransfer):
      RaftFact.stood(group: group.value, term: term.value, server: configuration.server.value, isTransfer: isTransfer, &turn)
    case .readable(let ticket, let upTo): news.append(.readable(group, ticket: ticket, upTo))
    }
  }

  /// Entries that were replaced are not durable when the disk has what was written of them.
  private mutating func forgetAwaited(_ group: GroupID, from index: LogIndex) {
    for place in awaited.indices {
      if case .entries(group, let upTo) = awaited[place].matter, upTo >= index {
        awaited[place].matter = .entries(group, upTo: index.previous)
      }
    }
  }

  private mutating func write(_ record: RaftRecord, _ turn: inout Turn) -> JournalLocation? {
    do throws(JournalError) {
      return try journal?.append(record.encoded(), to: turn.disk)
    } catch {
      // What was promised cannot be kept: silence is safe, and a restart finds what the disk has.
      hasFailed = true
      return nil
    }
  }
}
