// All groups of one server: it carries their actions out over one journal and the messages of the machine's host, so
// that one sync makes the entries of all groups durable and one batch carries what they have to say to another server.
//
// A machine owns one, gives it every event first, and calls `finish` at the end of each of its turns. What the groups
// have to tell the machine (entries to apply, reads to answer, leaderships won and lost) it takes by `takeUpdates`.
// Parts: +Starting (recovery, also of damaged journals), +Discarding, +Carrying, +Reach (who is heard). Fault model:
// that of Journal and RaftGroup; a journal that is damaged while the server is down is repaired from the other servers.
// Terms and votes stand in a second journal too (VoteBook.swift), so that one damage never takes a vote away. Limits:
// an entry that becomes unreadable while the server runs and is not in memory is neither sent nor applied: the server
// asks its host for a restart, which finds the damage. Requirements: MONITORING-9, 10.

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
  /// The groups that it keeps from its first start on, from 0; `RaftServer.open` adds more.
  public var groupCount: Int
  /// Who votes in a group that has nothing on disk yet; the same on all of them. Empty on a server that waits to be
  /// added.
  public var founders: [ServerID]
  /// How the groups keep time and how much they send.
  public var raft = RaftConfiguration()
  /// How often time-outs are looked at.
  public var tickInterval = TimeSpan.milliseconds(10)
  /// How long the disk may fail to read what another server lacks, before a start is asked for, which gets it from the
  /// others.
  public var readPatience = TimeSpan.seconds(10)
  /// Length of one journal segment in bytes.
  public var segmentBytes = 32 << 20
  /// Bytes of the newest entries that stay in memory, for each group.
  public var recentLimitBytes = 8 << 20
  /// Length of the journal's files in bytes beyond which entries of quiet groups are carried forward, so that old
  /// segments can go. Never before the oldest segment is needed for a quarter or less: each byte that is freed costs a
  /// third of a byte written at most.
  public var journalLimitBytes = 256 << 20

  /// The defaults.
  public init(server: ServerID, nodes: [ServerID: NodeID], groupCount: Int = 1, founders: [ServerID]) {
    self.server = server
    self.nodes = nodes
    self.groupCount = groupCount
    self.founders = founders
  }
}

/// What a group has to tell its machine.
public enum RaftUpdate: Sendable {
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
  struct Awaited {
    enum Progress {
      case entries(GroupID, upTo: LogIndex)
      case state(GroupID, Term)
      /// Everything that is needed stands behind this place.
      case checkpoint(JournalPosition)
      /// All terms and votes stand behind this place of their own journal.
      case votes(JournalPosition)
    }
    var disk: DiskPosition
    var progress: Progress
  }

  /// How it is set up.
  public let configuration: RaftServerConfiguration
  var journal: Journal?
  var votes: VoteBook?
  var groups = OpenGroups()
  var stores: [EntryStore] = []
  var snapshots: [RaftMessage.Snapshot?] = []
  var awaited = Deque<Awaited>()
  private var isNotifyAsked = false
  var ticker: TimerID?
  private var heartbeatAt = Instant(nanoseconds: 0)
  var lastState = DiskPosition.zero
  private var outbox = RaftOutbox()
  var updates: [RaftUpdate] = []
  var isDiscarding = false
  /// By group: where the newest record of its state and of its snapshot stand.
  var standing: [Standing] = []
  /// Whether a part of the vote book was found damaged, so that it is written anew.
  var isVoteBookDamaged = false
  /// From where on in the journal it is worth to look again for something to carry.
  var searchAgainAt = JournalPosition(0)
  /// The search for entries to be carried forward, while one is under way.
  var carrying: Carrying?
  private var serverOfNode: [NodeID: ServerID]
  private var nodes: [ServerID: NodeID]
  /// Whether its journal was found damaged at the start.
  public internal(set) var hasFoundDamage = false
  /// Why nothing more is said until the node starts again, which `finish` asks the host for: the disk refused what Raft
  /// had to write, does not give back what Raft has promised, or the machine cannot go on. After a start a full disk
  /// may have room, and damage is repaired from others.
  public private(set) var failure: String?
  /// Whether nothing more is said until the node starts again.
  public var hasFailed: Bool { failure != nil }
  /// A server that lags in a group which this one leads.
  private struct Lag: Hashable {
    var group: GroupID
    var server: ServerID
  }
  /// Since when it could not be read what a server lacks.
  private var unreadableSince: [Lag: Instant] = [:]
  /// When each other server was last heard.
  var heardAt: [ServerID: Instant] = [:]
  /// When this life began.
  var startedAt = Instant(nanoseconds: 0)
  /// When this server says next that it is there.
  var keepAliveAt = Instant(nanoseconds: .min)
  /// Whether the host was asked to start the machine anew.
  private var isRestartAsked = false

  /// A server that has not started.
  public init(_ configuration: RaftServerConfiguration) {
    self.configuration = configuration
    var servers: [NodeID: ServerID] = [:]
    for (server, node) in configuration.nodes { servers[node] = server }
    serverOfNode = servers
    nodes = configuration.nodes
  }

  // MARK: what the machine may ask

  /// How many groups are open here, from 0 on.
  public var groupCount: Int { groups.count }
  /// Bytes that the journal's files take.
  public var journalBytes: Int { journal?.fileBytes ?? 0 }

  /// Opens the groups of these numbers, each empty and with these founders; every group of a range has the same
  /// founders, so groups of other founders are opened by a call of their own. Of those that are open already nothing
  /// changes, but for one whose founders were lost by damage to the journal: it is told them again. Groups are opened
  /// in the order of their numbers: a range that begins behind the next one is refused, and nothing is done (false),
  /// since nobody would know who founded those between. It is durable with this turn; a restart opens them again.
  /// Called on every server of the groups, with the same founders. Where the disk refuses it, `failure` is set.
  @discardableResult
  public mutating func open(_ numbers: Range<Int>, founders: [ServerID], _ turn: inout Turn) -> Bool {
    guard numbers.lowerBound >= 0, numbers.lowerBound <= groups.count, numbers.upperBound <= Int(UInt16.max) + 1 else { return false }
    let membership = Membership(voters: founders)
    for number in numbers where !hasFailed && journal != nil {
      let id = GroupID(UInt16(number))
      let founding = RaftMessage.Snapshot(last: .zero, membership: membership, state: [])
      if number < groups.count {
        guard groups[number].found(by: membership) else { continue }
        if write(.snapshot(id, founding), &turn) != nil { snapshots[number] = founding }
        continue
      }
      guard write(.installed(id, founding), &turn) != nil else { break }
      var group = RaftGroup(
        server: configuration.server, configuration: configuration.raft, planted: turn.planted, hard: HardState(), start: .zero,
        membership: membership, random: RandomStream(seed: turn.random.next()), now: turn.now)
      RaftFact.recovered(group: id.value, start: 0, last: 0, term: 0).state(&turn)
      group.tick(turn.now)
      groups.append(group)
      stores.append(EntryStore(recentLimitBytes: configuration.recentLimitBytes))
      snapshots.append(founding)
      invariant(
        groups.count == number + 1 && stores.count == groups.count && snapshots.count == groups.count,
        "\(id) is one of \(groups.count), with \(stores.count) stores and \(snapshots.count) snapshots")
    }
    return true
  }

  /// Proposes a command; it goes out with `finish`.
  public mutating func propose(_ bytes: [UInt8], to group: GroupID, _ disk: any Disk) throws(ProposalRefusal) -> LogPosition {
    if let left = disk.availableBytes, left < bytes.count + Self.reserveBytes { throw .full }
    guard groups.indices.contains(Int(group.value)) else { throw .notLeader(nil) }
    return try groups[Int(group.value)].propose(bytes)
  }

  /// Asks from when on a read may be answered; `RaftUpdate.readable` with `ticket` tells.
  public mutating func read(_ group: GroupID, ticket: UInt64, _ now: Instant) {
    guard groups.indices.contains(Int(group.value)) else { return updates.append(.readable(group, ticket: ticket, nil)) }
    groups[Int(group.value)].read(ticket: ticket, now)
  }

  /// Changes who belongs to a group.
  public mutating func change(_ group: GroupID, to membership: Membership, _ now: Instant) throws(MembershipRefusal) {
    guard groups.indices.contains(Int(group.value)) else { throw .notLeader(nil) }
    _ = try groups[Int(group.value)].change(to: membership, now)
  }

  /// Transfers a group's leadership.
  public mutating func transfer(_ group: GroupID, to target: ServerID, _ now: Instant) -> Bool {
    groups.indices.contains(Int(group.value)) && groups[Int(group.value)].transfer(to: target, now)
  }

  /// Whether a group's leadership could be transferred to `target` at once; see `RaftGroup.canTakeOver`.
  public func canTakeOver(_ group: GroupID, _ target: ServerID, within distance: Int, _ now: Instant) -> Bool {
    groups.indices.contains(Int(group.value)) && groups[Int(group.value)].canTakeOver(target, within: distance, now)
  }

  /// Whether a group's leadership is being transferred by this server: it takes no proposals meanwhile.
  public func isTransferring(_ group: GroupID) -> Bool {
    groups.indices.contains(Int(group.value)) && groups[Int(group.value)].isTransferring
  }

  /// Whether the membership of any group is being changed, as far as this server knows.
  public var isChanging: Bool { groups.contains { $0.isChanging } }

  /// Who votes in a group, in order; nobody where there is none of this number.
  public func voters(of group: GroupID) -> [ServerID] {
    groups.indices.contains(Int(group.value)) ? groups[Int(group.value)].membership.voters : []
  }

  /// Says nothing more until the node starts again, which `finish` asks the host for: for a machine that cannot apply
  /// what is committed, so that another server leads. The first reason counts.
  public mutating func fallSilent(_ reason: String) { if failure == nil { failure = reason } }

  /// Makes a server known that the configuration did not name: it may belong to groups from now on.
  public mutating func admit(_ server: ServerID, on node: NodeID) {
    nodes[server] = node
    serverOfNode[node] = server
  }

  /// The node of a server; nil where it is not known.
  public func node(of server: ServerID) -> NodeID? { nodes[server] }

  /// Whether this server leads a group.
  public func isLeader(of group: GroupID) -> Bool { groups.indices.contains(Int(group.value)) && groups[Int(group.value)].isLeader }

  /// Who leads a group, where it is known; this server itself where it does.
  public func leader(of group: GroupID) -> ServerID? {
    guard groups.indices.contains(Int(group.value)) else { return nil }
    return groups[Int(group.value)].isLeader ? configuration.server : groups[Int(group.value)].leader
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
  public mutating func takeUpdates() -> [RaftUpdate] {
    defer { updates.removeAll(keepingCapacity: true) }
    return updates
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
    let ledCount = groups.count { $0.isLeader }
    for index in groups.indices {
      groups[index].divideBytesUnderWay(among: ledCount)
      groups[index].tick(turn.now)
      stores[index].forgetOld(upTo: groups[index].commitIndex)
    }
    carry(&turn)
    sendKeepAlives(&turn)
    if votes?.isLong ?? false { writeAllVotes(&turn) }
    guard turn.now >= heartbeatAt else { return }
    heartbeatAt = turn.now + configuration.raft.heartbeatInterval
    for index in groups.indices { groups[index].sendHeartbeats(turn.now) }
  }

  private mutating func becameDurable(_ position: DiskPosition, _ disk: any Disk, _ now: Instant) {
    isNotifyAsked = false
    while let first = awaited.first, first.disk <= position {
      awaited.removeFirst()
      switch first.progress {
      case .entries(let group, let index): groups[Int(group.value)].stored(upTo: index, now)
      case .state(let group, let term):
        invariant(
          term <= groups[Int(group.value)].term, "\(term) of \(group) is durable, and it is in \(groups[Int(group.value)].term)")
        groups[Int(group.value)].storedState(of: term, now)
      case .checkpoint(let position):
        invariant(isDiscarding, "a checkpoint before \(position.bytes) is durable that nobody awaits")
        isDiscarding = false
        // What cannot be deleted now is deleted the next time.
        try? journal?.discard(before: position, on: disk)
      case .votes(let position): votes?.discard(before: position, on: disk)
      }
    }
  }

  /// Bytes that an entry takes in the journal beside its own, about: the journal's record header, and a record of Raft
  /// with one entry (RaftRecord.md). Entries that are written together share some of it.
  public static let entryFramingBytes = Journal.recordHeaderBytes + 12

  /// Space that must be left on the disk beside a batch's own bytes: for votes, and for what frames the entries.
  static let reserveBytes = 64 << 10

  /// A batch of another server. What does not read is dropped whole: the network may lose it as well. So is what the
  /// disk has no room for: a server that cannot write takes no part.
  private mutating func receive(_ bytes: [UInt8], from node: NodeID, _ disk: any Disk, _ now: Instant) {
    guard let sender = serverOfNode[node], sender != configuration.server, let messages = try? RaftBatch.messages(in: bytes) else { return }
    heardAt[sender] = now
    if let left = disk.availableBytes, left < bytes.count + Self.reserveBytes { return }
    for (group, message) in messages where groups.indices.contains(Int(group.value)) {
      groups[Int(group.value)].receive(message, from: sender, now)
    }
  }

  // MARK: the end of a turn

  /// Carries out what the groups asked for in this turn. Called once, at the end of each turn of the machine.
  public mutating func finish(_ turn: inout Turn) {
    for index in groups.takeTouched() where !hasFailed {
      for action in groups.settle(index, turn.now) where !hasFailed { carryOut(action, GroupID(UInt16(index)), &turn) }
      let (outlined, held) = (groups[index].last.index, stores[index].endIndex.previous)
      invariant(
        hasFailed || outlined == held, "\(configuration.server), group \(index): a log that ends at \(outlined) holds entries up to \(held)"
      )
    }
    if let failure {
      // What this turn was about to say may build on what was not written.
      outbox.removeAll()
      if !isRestartAsked { turn.restart(failure) }
      isRestartAsked = true
      return
    }
    outbox.send(&turn, lastState: lastState) { nodes[$0] }
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
      awaitDurable(.state(group, state.term), turn.disk)
    case .append(let first, let entries):
      invariant(
        first >= stores[index].firstIndex && first <= stores[index].endIndex && !entries.isEmpty,
        "\(group) appends \(entries.count) entries from \(first) on to \(stores[index].firstIndex) up to \(stores[index].endIndex)")
      guard let location = write(.entries(group, first: first, entries), &turn) else { return }
      forgetAwaited(group, from: first)
      stores[index].append(entries, first: first, at: location)
      // What the machine has had the time to apply need not stay in memory.
      stores[index].forgetOld(upTo: groups[index].commitIndex)
      let last = first + (entries.count - 1)
      awaitDurable(.entries(group, upTo: last), turn.disk)
      for (offset, entry) in entries.enumerated() {
        RaftFact.appended(group: group.value, index: (first + offset).value, term: entry.term.value, digest: RaftFact.digest(entry.bytes))
          .state(&turn)
      }
    case .send(let server, let message, let condition): outbox.put(message, group, to: server, condition)
    case .sendEntries(let server, let term, let previous, let count, let commit, let round):
      guard let journal else { return }
      let entries: [LogEntry]
      do throws(JournalError) {
        entries = try stores[index].entries(from: previous.index.next, count: count, journal, turn.disk)
      } catch {
        couldNotRead(error, previous.index.next, Lag(group: group, server: server), turn.now)
        return
      }
      if !unreadableSince.isEmpty { unreadableSince[Lag(group: group, server: server)] = nil }
      let append = RaftMessage.Append(previous: previous, entries: entries, commit: commit, round: round)
      outbox.put(RaftMessage(term: term, .append(append)), group, to: server, .afterState)
    case .sendSnapshot(let server, let term, let round):
      guard let snapshot = snapshots[index] else { return }
      outbox.put(RaftMessage(term: term, .snapshot(snapshot, round: round)), group, to: server, .afterState)
    case .commit(let upTo):
      invariant(
        upTo < stores[index].endIndex && upTo <= groups[index].commitIndex || !turn.planted.isEmpty,
        "\(group) hands on up to \(upTo), with \(groups[index].commitIndex) committed of entries before \(stores[index].endIndex)")
      RaftFact.committed(group: group.value, index: upTo.value, term: groups[index].term.value).state(&turn)
      updates.append(.committed(group, upTo: upTo))
    case .install(let snapshot):
      guard write(.installed(group, snapshot), &turn) != nil else { return }
      forgetAwaited(group, from: .zero)
      stores[index].restart(at: snapshot.last.index.next)
      snapshots[index] = snapshot
      RaftFact.installed(group: group.value, index: snapshot.last.index.value, term: snapshot.last.term.value).state(&turn)
      updates.append(.installed(group, snapshot))
    case .leads(let isLeading, let term):
      if isLeading {
        RaftFact.led(group: group.value, term: term.value, server: configuration.server.value).state(&turn)
      } else {
        unreadableSince = unreadableSince.filter { $0.key.group != group }
        RaftFact.ceased(group: group.value, term: term.value, server: configuration.server.value).state(&turn)
      }
      updates.append(.leads(group, isLeading, term))
    case .stands(let term, let isTransfer):
      RaftFact.stood(group: group.value, term: term.value, server: configuration.server.value, isTransfer: isTransfer).state(&turn)
    case .readable(let ticket, let upTo): updates.append(.readable(group, ticket: ticket, upTo))
    }
  }

  /// Who cannot say what it promised falls silent: the others choose another leader, and a start repairs the damage. A
  /// disk that cannot read now may read soon: it has some time.
  private mutating func couldNotRead(_ error: JournalError, _ index: LogIndex, _ lag: Lag, _ now: Instant) {
    switch error {
    case .damaged: fallSilent("\(lag.group), \(index): \(error)")
    case .disk, .notHeld, .payloadTooLong:
      let since = unreadableSince[lag] ?? now
      unreadableSince[lag] = since
      guard now - since >= configuration.readPatience else { return }
      fallSilent("\(lag.group), \(index) could not be read for \(configuration.readPatience.seconds) s: \(error)")
    }
  }

  /// Notes what is done once the disk has all that was written so far.
  mutating func awaitDurable(_ progress: Awaited.Progress, _ disk: any Disk) {
    let position = disk.position
    invariant(
      awaited.last.map { $0.disk <= position } ?? true, "\(configuration.server) awaits position \(position.value) behind a later one")
    awaited.append(Awaited(disk: position, progress: progress))
  }

  /// Entries that were replaced are not durable when the disk has what was written of them.
  private mutating func forgetAwaited(_ group: GroupID, from index: LogIndex) {
    for place in awaited.indices {
      if case .entries(group, let upTo) = awaited[place].progress, upTo >= index {
        awaited[place].progress = .entries(group, upTo: index.previous)
      }
    }
  }

  mutating func write(_ record: RaftRecord, _ turn: inout Turn) -> JournalLocation? {
    do throws(JournalError) {
      if case .state = record { try votes?.append(record, turn.disk) }
      guard let location = try journal?.append(record.encoded(), to: turn.disk) else { return nil }
      note(record, at: location.position)
      return location
    } catch {
      // What was promised cannot be kept: silence is safe, and a restart finds what the disk has.
      fallSilent("the disk refused a write: \(error)")
      return nil
    }
  }

  /// Writes all terms and votes anew into their own journal, so that what is old there can go.
  mutating func writeAllVotes(_ turn: inout Turn) {
    let states = groups.enumerated().map { (GroupID(UInt16($0.offset)), $0.element.hardState) }
    do throws(JournalError) {
      guard let begin = try votes?.writeAll(states, turn.disk) else { return }
      awaitDurable(.votes(begin), turn.disk)
    } catch {
      fallSilent("the disk refused a write: \(error)")
    }
  }
}
