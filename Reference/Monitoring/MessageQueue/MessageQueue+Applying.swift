// What the groups of Raft tell: entries to apply, snapshots, leaderships won and lost, questions that may be answered;
// and the retention of what was applied.

import MonitoringAPI
import Raft
import Vocabulary
import Wire

extension MessageQueue {
  /// Applies an update of a group.
  mutating func apply(_ update: RaftUpdate, _ turn: inout Turn) {
    switch update {
    case .committed(let group, let upTo): apply(group, upTo: upTo, &turn)
    case .installed(let group, let snapshot):
      install(group, snapshot, &turn)
    case .leads(let group, let isLeading, _):
      if !isLeading { abdicate(group, &turn) }
      takeParked(&turn)
    case .readable(let group, let ticket, let upTo):
      guard let upTo else {
        return refuseReading(ticket, &turn)
      }
      readings[ticket]?.upTo = upTo
      goOn(group, &turn)
    }
  }

  /// How far a group's entries are applied.
  func applied(_ group: GroupID) -> LogIndex { group == Self.registryGroup ? registry.applied : logs[Int(group.value) - 1].applied }

  // MARK: applying

  /// Applies what is committed, a bounded part in one turn, of all groups together: logs that are read again after a
  /// restart must not keep the broker from its heartbeats.
  mutating func apply(_ group: GroupID, upTo: LogIndex, _ turn: inout Turn) {
    growLogs()
    let first = applied(group)
    while failure == nil, bytesLeftToApply > 0, applied(group) < upTo {
      let count = min(64, upTo - applied(group))
      let next = applied(group).next
      do {
        for (offset, entry) in try server.entries(group, from: next, count: count, turn.disk).enumerated() {
          if group == Self.registryGroup {
            try applyToRegistry(entry, at: next + offset, &turn)
          } else {
            try apply(entry, at: next + offset, group, &turn)
          }
          bytesLeftToApply -= entry.bytes.count + 64
        }
      } catch {
        // An entry that is committed and cannot be read: going on would lose it.
        fail("\(group), \(next): \(error)")
      }
    }
    if failure == nil, applied(group) < upTo {
      behind[group] = upTo
      if applyWake == nil { applyWake = turn.wake(at: turn.now) }
    } else {
      behind[group] = nil
    }
    guard applied(group) > first else { return }
    if group != Self.registryGroup { serveWaiters(group, &turn) }
    goOn(group, &turn)
  }

  /// This broker can serve no more: it falls silent, and asks to be started anew. A start finds damage, and gets what
  /// is lost from the others.
  private mutating func fail(_ reason: String) {
    failure = reason
    server.fallSilent(reason)
  }

  /// Goes on with what was left for later turns, beginning behind the group with which the last turn ended.
  mutating func applyMore(_ turn: inout Turn) {
    let groups = behind.keys.sorted()
    for group in groups.filter({ $0 > lastApplied }) + groups.filter({ $0 <= lastApplied }) {
      guard bytesLeftToApply > 0, let upTo = behind[group] else { break }
      lastApplied = group
      apply(group, upTo: upTo, &turn)
    }
    if !behind.isEmpty, applyWake == nil { applyWake = turn.wake(at: turn.now) }
  }

  /// Bytes of entries that are applied in one turn, beyond which it ends.
  static let mostAppliedBytesInATurn = 4 << 20

  private mutating func apply(_ entry: LogEntry, at index: LogIndex, _ group: GroupID, _ turn: inout Turn) throws {
    let place = Int(group.value) - 1
    let isCompacted = topic(of: group)?.isCompacted ?? false
    if turn.planted.contains(.queueSkipsAnOffset), turn.incarnation > 0, entry.kind == .noOperation, logs[place].nextOffset > 0,
      entry.term == server.group(group)?.term
    {
      logs[place].skipOffset()
    }
    invariant(index == logs[place].applied.next, "\(group) applies \(index) behind \(logs[place].applied)")
    let fates = try logs[place].apply(
      entry, at: index, isCompacted: isCompacted, forgetsProducers: turn.planted.contains(.queueForgetsProducers))
    while let first = proposed[Int(group.value)].first, first.position.index <= index {
      proposed[Int(group.value)].removeFirst()
      let isOurs = first.position.index == index && first.position.term == entry.term
      switch first.continuation {
      case .records(let ticket, let piece):
        if isOurs {
          settle(ticket, piece, fates, &turn)
        } else {
          settle(ticket, piece, refusal: Self.superseded)
          answerIfSettled(ticket, &turn)
        }
      case .trim: trimming.remove(group)
      case .topic, .offsets, .broker, .deletion, .upkeep:
        breakInvariant("\(group) goes on with what is the registry's: \(first.continuation)")
      }
    }
    // What the log gives up is taken step by step, a few entries for each that comes.
    giveUp(group, mostEntries: 2, &turn)
  }

  private mutating func applyToRegistry(_ entry: LogEntry, at index: LogIndex, _ turn: inout Turn) throws {
    invariant(index == registry.applied.next, "the registry applies \(index) behind \(registry.applied)")
    let before = registry.topics.count
    let addresses = registry.addresses
    try registry.apply(entry, at: index)
    if registry.topics.count > before { openGroups(from: before, &turn) }
    if registry.addresses != addresses { admitBrokers(&turn) }
    while let first = proposed[0].first, first.position.index <= index {
      proposed[0].removeFirst()
      let isOurs = first.position.index == index && first.position.term == entry.term
      switch first.continuation {
      case .topic(let exchange, let description):
        turn.reply(exchange, isOurs ? created(description, isNew: registry.topics.count > before) : Self.superseded, .immediately)
      case .offsets(let exchange):
        let done = Response.json(200) {
          $0.beginObject()
          $0.endObject()
        }
        turn.reply(exchange, isOurs ? done : Self.superseded, .immediately)
      case .broker(let exchange): turn.reply(exchange, isOurs ? brokers() : Self.superseded, .immediately)
      case .deletion(let exchange): turn.reply(exchange, isOurs ? Response(status: 204) : Self.superseded, .immediately)
      case .upkeep: break
      case .records, .trim: breakInvariant("the registry goes on with what is a partition's: \(first.continuation)")
      }
    }
    if registry.topics.count > before { takeParked(&turn) }
    sinceRegistrySnapshot += 1
    guard sinceRegistrySnapshot >= 1_000 else { return }
    sinceRegistrySnapshot = 0
    server.compact(Self.registryGroup, upTo: registry.applied, state: registry.encoded(), &turn)
  }

  private static let superseded = Response.failure(
    503, code: "SUPERSEDED", message: "another leader's entry took its place; it did not happen", retryAfter: .seconds(1))

  /// Every topic from `first` on has its groups, each by its own founders: a snapshot may bring several topics at once.
  /// Groups of earlier topics that are open are asked for again after a snapshot only, since damage may have taken
  /// their founders.
  private mutating func openGroups(from first: Int = 0, _ turn: inout Turn) {
    for number in registry.topics.indices.dropFirst(first) {
      let isNext = server.open(
        Int(group(topic: number, partition: 0).value)..<Int(group(topic: number + 1, partition: 0).value),
        founders: registry.topics[number].founders, &turn)
      invariant(isNext || server.hasFailed, "topic \(number) comes next, and \(server.groupCount) groups are open")
    }
    growLogs()
  }

  private mutating func install(_ group: GroupID, _ snapshot: RaftMessage.Snapshot, _ turn: inout Turn) {
    growLogs()
    do throws(ByteError) {
      if group == Self.registryGroup {
        // The snapshot of an empty group is of no bytes.
        guard !snapshot.state.isEmpty else { return }
        registry = try TopicRegistry(snapshot.state)
        openGroups(&turn)
        admitBrokers(&turn)
      } else {
        logs[Int(group.value) - 1].install(try PartitionState(snapshot.state))
      }
    } catch {
      fail("a snapshot of \(group): \(error)")
    }
    // What this broker proposed as an earlier leader: whether it is in the snapshot is not known here.
    abdicate(group, &turn)
    goOn(group, &turn)
  }

  // MARK: leadership

  private static let open = Response.failure(504, code: "OPEN", message: "this broker leads no longer; it may have happened")

  /// This broker leads a group no longer.
  private mutating func abdicate(_ group: GroupID, _ turn: inout Turn) {
    guard proposed.indices.contains(Int(group.value)) else { return }
    let unsettled = proposed[Int(group.value)]
    proposed[Int(group.value)].removeAll()
    trimming.remove(group)
    for one in unsettled {
      switch one.continuation {
      case .records(let ticket, let piece):
        settle(ticket, piece, refusal: Self.open)
        answerIfSettled(ticket, &turn)
      case .topic(let exchange, _), .offsets(let exchange), .broker(let exchange), .deletion(let exchange):
        turn.reply(exchange, Self.open, .immediately)
      case .trim, .upkeep: break
      }
    }
    if group == Self.registryGroup, !turn.planted.contains(.queueKeepsMembers) { consumerGroups.removeAll() }
    if group != Self.registryGroup { endWaits(of: group, &turn) }
  }

  /// Nothing that waits here will come to an end any more.
  mutating func giveUp(_ turn: inout Turn) {
    for group in proposed.indices { abdicate(GroupID(UInt16(group)), &turn) }
    for ticket in readings.keys.sorted() { refuseReading(ticket, &turn) }
    for (exchange, _) in answersBehindWrites { turn.reply(exchange, Self.open, .immediately) }
    answersBehindWrites.removeAll()
  }

  /// This broker leads no longer: nothing was told yet, so the whole request is taken up again, and goes to whoever
  /// leads now.
  private mutating func refuseReading(_ ticket: UInt64, _ turn: inout Turn) {
    guard let reading = readings.removeValue(forKey: ticket) else { return }
    take(reading.exchange, reading.request, &turn)
  }

  // MARK: retention

  /// Proposes what is to be given up of the partitions that this broker leads, and goes on giving up what was decided.
  mutating func retain(_ turn: inout Turn) {
    for place in logs.indices {
      let group = GroupID(UInt16(place + 1))
      giveUp(group, mostEntries: 8, &turn)
      guard let topic = topic(of: group), !topic.isCompacted, server.isLeader(of: group), !trimming.contains(group) else { continue }
      let oldest = topic.retentionMilliseconds == 0 ? nil : turn.wallClock.milliseconds - topic.retentionMilliseconds
      guard let offset = logs[place].trimOffset(bytes: topic.retentionBytes, takenBefore: oldest) else { continue }
      do throws(ProposalRefusal) {
        let position = try server.propose(PartitionEntry.trim(offset), to: group, turn.disk)
        proceed(at: position, of: group, with: .trim)
        trimming.insert(group)
      } catch {
        continue  // The next time.
      }
    }
  }

  /// Decides how much of a log is given up, and lets its base take a few of the entries; once it has them all the log
  /// is cut.
  private mutating func giveUp(_ group: GroupID, mostEntries: Int, _ turn: inout Turn) {
    let place = Int(group.value) - 1
    // After a start the records may be applied before the registry tells what topic they belong to.
    guard let isCompacted = topic(of: group)?.isCompacted else { return }
    logs[place].decide(cutBytes: configuration.cutBytes, cutEntries: configuration.cutEntries, isCompacted: isCompacted)
    guard logs[place].isGivingUp else { return }
    let forgetsProducers = turn.planted.contains(.queueCutsProducers)
    if logs[place].passEntries(
      isCompacted: isCompacted, endsAtTheEnd: turn.planted.contains(.queueCutsAtTheEnd), forgetsProducers: forgetsProducers)
    {
      let (base, log) = (logs[place].base, logs[place])
      invariant(
        !turn.planted.isEmpty || base.producers.isEmpty && base.nextOffset <= log.nextOffset && base.firstOffset <= base.nextOffset,
        "\(group): a base from \(base.firstOffset) to \(base.nextOffset) was passed to \(base.applied), and the partition ends at \(log.nextOffset)"
      )
      server.compact(group, upTo: logs[place].base.applied, state: logs[place].base.encoded(), &turn)
      return
    }
    let first = logs[place].base.applied.next
    do {
      let entries = try server.entries(group, from: first, count: min(mostEntries, logs[place].givingUpTo.next - first), turn.disk)
      for (offset, entry) in entries.enumerated() { try logs[place].takeIntoBase(entry, at: first + offset, isCompacted: isCompacted) }
    } catch {
      return  // A part that cannot be read is not cut off: it may be mended.
    }
    guard !logs[place].isGivingUp, logs[place].isBaseWritable else { return }
    server.compact(group, upTo: logs[place].base.applied, state: logs[place].base.encoded(), &turn)
  }
}
