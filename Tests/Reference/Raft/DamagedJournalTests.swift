// A server whose journal was damaged while it was down: what it acknowledged stays protected until others have given it
// back.

import Durable
import Kernel
import Raft
import Testing
import Vocabulary
import World

private let one = ServerID(1)
private let two = ServerID(2)
private let three = ServerID(3)
private let first = GroupID(0)
private let second = GroupID(1)

/// The log that a leader has, and that the server was sent.
private struct LeaderLog {
  var term = Term(5)
  var entries: [LogEntry] = []
  var last: LogPosition { position(entries.count) }

  func position(_ count: Int) -> LogPosition {
    LogPosition(index: LogIndex(UInt64(count)), term: count == 0 ? .zero : entries[count - 1].term)
  }

  mutating func add(_ bytes: [UInt8]) { entries.append(LogEntry(term: term, kind: .command, bytes: bytes)) }

  /// What is sent to a server that has the log up to `previous`.
  func message(behind previous: LogPosition, commit: Int = 0) -> RaftMessage {
    RaftMessage(
      term: term,
      .append(
        .init(
          previous: previous, entries: Array(entries[Int(previous.index.value)...]), commit: LogIndex(UInt64(commit)), round: 0)))
  }
}

/// Sends one entry more.
private func feed(_ life: LoneServer, _ log: inout LeaderLog, _ group: GroupID, _ bytes: [UInt8]) {
  let previous = log.last
  log.add(bytes)
  life.receive(log.message(behind: previous), group, from: two)
}

/// Damages the byte of the disk's files in which `mark` begins, in those whose names begin with `files`.
private func damage(_ life: LoneServer, _ files: String, at mark: [UInt8]) throws {
  for file in life.disk.list() where file.text.hasPrefix(files) {
    let bytes = try life.disk.readAnyLength(file, at: 0, count: life.disk.size(of: file) ?? 0)
    for place in 0..<max(0, bytes.count - mark.count + 1) where Array(bytes[place..<place + mark.count]) == mark {
      try life.disk.write(file, at: place, [bytes[place] ^ 0x40])
      life.disk.sync(upTo: life.disk.position)
      return
    }
  }
  Issue.record("nothing to damage")
}

private func pattern(_ number: Int) -> [UInt8] { [0xEE, UInt8(number), 0xEE, UInt8(number), 0xEE] + Array(repeating: 1, count: 30) }

@Suite struct DamagedJournalTests {
  private func follower(_ groupCount: Int = 2) throws -> LoneServer { try LoneServer(groupCount: groupCount, servers: [one, two, three]) }

  @Test func aServerThatIsAloneRefusesToStartAndSaysWhere() throws {
    let life = try LoneServer()
    for number in 0..<20 {
      _ = try life.server.propose(pattern(number), to: first, life.disk)
      life.settle()
    }
    try damage(life, "journal", at: pattern(7))
    let refusal = #expect(throws: StartRefusal.self) { try life.start() }
    #expect(refusal?.description.contains("journal-0000000001.log, byte ") ?? false, "\(refusal?.description ?? "")")
  }

  @Test func theFloorIsTheLastEntryThatALaterRecordTells() throws {
    let life = try follower()
    var log = LeaderLog()
    for number in 0..<20 { feed(life, &log, first, pattern(number)) }
    try damage(life, "journal", at: pattern(7))
    try life.start()
    let group = try #require(life.server.group(first))
    #expect(group.last.index == LogIndex(7), "the log ends before the damage")
    #expect(group.hardState.floor == log.last)
    #expect(group.term == Term(6), "a leader of term 5 would count on what is gone")
    #expect(life.disk.list().contains { $0.text == "damaged-journal-0000000001.log" })

    // It is so after another restart too, which finds no damage any more.
    try life.start()
    #expect(life.server.group(first)?.hardState.floor == log.last)
    #expect(life.server.group(first)?.last.index == LogIndex(7))

    // The vote goes to nobody who has less, and the floor is gone when the log is there again.
    func isGranted(_ last: LogPosition) -> Bool {
      let term = (life.server.group(first)?.term ?? .zero).next
      life.receive(RaftMessage(term: term, .voteRequest(last: last, isTransfer: false)), first, from: three)
      return life.server.group(first)?.hardState.votedFor == three
    }
    #expect(!isGranted(log.position(19)))
    #expect(isGranted(log.last))
    log.term = (life.server.group(first)?.term ?? .zero).next
    log.add([1])
    life.receive(log.message(behind: log.position(7)), first, from: two)
    #expect(life.server.group(first)?.hardState.floor == nil)
    #expect(life.server.group(first)?.last == log.last)
  }

  @Test func aLogWhoseEndMayBeLostIsProtectedToItsTermsEnd() throws {
    let life = try follower()
    var logs = [LeaderLog(), LeaderLog()]
    for number in 0..<10 { feed(life, &logs[0], first, pattern(number)) }
    for number in 20..<30 { feed(life, &logs[1], second, pattern(number)) }
    try damage(life, "journal", at: pattern(9))
    try life.start()
    let floor = try #require(life.server.group(first)?.hardState.floor)
    #expect(floor.term == Term(5) && floor.index > LogIndex(1 << 60))
    // All of the second group stands behind the damage: nothing of it is missing.
    #expect(life.server.group(second)?.hardState.floor == nil)
    #expect(life.server.group(second)?.last == logs[1].last)
    #expect(life.server.group(second)?.term == Term(5))
    // Any entry of a later term's leader lifts it.
    logs[0].term = Term(7)
    logs[0].add([1])
    life.receive(logs[0].message(behind: logs[0].position(9)), first, from: three)
    #expect(life.server.group(first)?.hardState.floor == nil)
  }

  @Test func aVoteIsKnownByItsSecondCopyAndNotWithoutIt() throws {
    for isCopyDamaged in [false, true] {
      let life = try follower(1)
      life.receive(RaftMessage(term: Term(0x7777), .voteRequest(last: .zero, isTransfer: false)), first, from: three)
      #expect(life.server.group(first)?.hardState.votedFor == three)
      var log = LeaderLog(term: Term(0x7777))
      for number in 0..<3 { feed(life, &log, first, pattern(number)) }
      // The vote's record: the term as a varint, and the server's number plus one.
      let vote: [UInt8] = [0xF7, 0xEE, 0x01, 4]
      try damage(life, "journal", at: vote)
      guard isCopyDamaged else {
        try life.start()
        #expect(life.server.group(first)?.term == Term(0x7777), "the log is whole behind the damage")
        #expect(life.server.group(first)?.hardState.votedFor == three)
        continue
      }
      // Behind the copy stands another record, so that it does not look like a torn tail.
      try damage(life, "votes", at: vote)
      let refusal = #expect(throws: StartRefusal.self) { try life.start() }
      #expect(refusal?.description.contains("votes") ?? false)
    }
  }

  /// Random histories of two groups (entries, new leaders that replace some, snapshots, crashes), random damage:
  /// whatever the server holds afterwards is the leader's log, or a floor protects it; and it is whole again once it
  /// was sent.
  @Test func whatWasAcknowledgedIsHeldOrProtected() throws {
    var (damaged, floors) = (0, 0)
    for seed in UInt64(1)...250 {
      var random = RandomStream(seed: seed, name: "damage")
      let life = try LoneServer(seed: seed, groupCount: 2, servers: [one, two, three]) {
        $0.segmentBytes = random.chance(0.5) ? 700 : 1 << 20
        $0.journalLimitBytes = 4_000
        $0.recentLimitBytes = 0
      }
      var logs = [LeaderLog(), LeaderLog()]
      var commits = [0, 0]
      for life_ in 0..<3 {
        for _ in 0..<(10 + random.below(40)) {
          let index = Int(random.below(2))
          let group = GroupID(UInt16(index))
          logs[index].term = max(logs[index].term, life.server.group(group)?.term ?? .zero)
          if random.chance(0.1) {
            // Another leader, which may not have what is not committed.
            logs[index].term = logs[index].term.next
            let kept = max(commits[index], logs[index].entries.count - Int(random.below(4)))
            logs[index].entries.removeLast(logs[index].entries.count - kept)
          }
          for _ in 0...random.below(3) { logs[index].add(random.bytes(Int(random.below(60)))) }
          let start = life.server.group(group)?.start ?? .zero
          if random.chance(0.5) {
            commits[index] = logs[index].entries.count - Int(random.below(3)).clamped(to: logs[index].entries.count - commits[index])
          }
          life.receive(logs[index].message(behind: start, commit: commits[index]), group, from: two)
          #expect(life.server.group(group)?.last == logs[index].last, "seed \(seed): what is sent is taken")
          if random.chance(0.1), let commit = life.server.group(group)?.commitIndex {
            life.server.compact(group, upTo: commit, state: random.bytes(20), &life.turn)
          }
          life.tick()
          life.settle()
        }
        if random.chance(0.3) { life.disk.crash() }
        _ = life.disk.rot(filesStartingWith: random.chance(0.9) ? "journal" : "votes", bits: 1 + Int(random.below(4)))
        try life.start()
        if life.server.hasFoundDamage { damaged += 1 }
        for (index, log) in logs.enumerated() {
          let group = try #require(life.server.group(GroupID(UInt16(index))))
          if let floor = group.hardState.floor {
            floors += 1
            #expect(floor.isAtLeast(log.last), "seed \(seed), life \(life_): group \(index) promises \(floor), acknowledged \(log.last)")
            #expect(group.term > log.term, "seed \(seed): the leader must not go on")
          } else if group.last != log.last {
            // A log that was longer before its leader replaced its end: all that could be committed is in it.
            #expect(group.last.isAtLeast(log.last) && group.term > log.term, "seed \(seed), life \(life_): group \(index) lost \(log.last)")
          } else {
            let held = try life.server.entries(
              GroupID(UInt16(index)), from: group.firstIndex, count: log.entries.count - Int(group.start.index.value), life.disk)
            #expect(held == Array(log.entries[Int(group.start.index.value)...]), "seed \(seed), life \(life_)")
          }
          #expect(group.start.index.value <= UInt64(commits[index]))
        }
        // The next leader sends all.
        for index in logs.indices {
          let group = GroupID(UInt16(index))
          logs[index].term = max(logs[index].term, life.server.group(group)?.term ?? .zero).next
          logs[index].add([])
          life.receive(logs[index].message(behind: life.server.group(group)?.start ?? .zero, commit: commits[index]), group, from: three)
          #expect(life.server.group(group)?.hardState.floor == nil && life.server.group(group)?.last == logs[index].last, "seed \(seed)")
        }
      }
    }
    #expect(damaged > 200, "\(damaged) of 750 lives found damage")
    #expect(floors > 100)
  }
}

extension Int {
  fileprivate func clamped(to most: Int) -> Int { Swift.min(self, Swift.max(0, most)) }
}
