// A relational database beside a map, over random transactions and crashes: what a life finds is the state behind one of the
// commits, and behind none before the last that was durable. With a control: without barriers it is not so.

import Kernel
import Relational
import Testing
import Vocabulary
import World

@Suite struct RelationalModelTests {
  /// What a trial came to.
  private struct Trial {
    var transactions = 0
    var lives = 0
    var crashes = 0
    /// Transactions for which there was no room.
    var refused = 0
    /// What did not hold; the trial ends with it.
    var failure: String?
  }

  /// Lives of a database on one disk, until it took `transactions`; with `isFilled`, of a disk that is full now and then.
  private func trial(_ seed: UInt64, transactions: Int, isOrdered: Bool, isFilled: Bool = false) -> Trial {
    var random = RandomStream(seed: seed)
    let disk = SimulatedDisk(random: RandomStream(seed: seed &+ 1))
    var trial = Trial()
    // The states behind the commits, from the last durable one on.
    var states: [[String: Int64]] = [[:]]
    var limits = RelationalDatabase.Limits()
    limits.logBytes = 60_000
    while trial.transactions < transactions {
      trial.lives += 1
      let lease = DiskLease(of: isOrdered ? disk : DisorderedDisk(disk))
      // There is room for the first life to make it.
      disk.capacityBytes = isFilled && trial.lives > 1 && random.chance(0.5) ? disk.used + Int(random.below(40_000)) : 1 << 40
      do throws(RelationalFailure) {
        var turn = databaseTurn(lease, seed: random.next())
        let database = try RelationalDatabase(databaseName, migrations: itemSchema, limits: limits, &turn)
        let found = try database.items(&turn)
        guard let place = states.lastIndex(of: found) else {
          trial.failure = "seed \(seed), life \(trial.lives): \(found.count) items are those of no commit"
          return trial
        }
        states = [states[place]]
        var durable: [(state: Int, position: DiskPosition)] = []
        for _ in 0..<random.below(200) {
          let state: [String: Int64]?
          do throws(RelationalFailure) { state = try transact(database, states[states.count - 1], &random, &turn) } catch {
            guard isFilled, error == .full else { throw error }
            state = nil
            trial.refused += 1
          }
          if let state { states.append(state) }
          trial.transactions += 1
          durable.append((states.count - 1, disk.position))
          while random.chance(0.3), disk.isDirty { disk.sync(upTo: disk.syncTarget) }
        }
        let first = durable.last { $0.position <= disk.durablePosition }?.state ?? 0
        states.removeFirst(first)
        withExtendedLifetime(database) { lease.revoke() }
      } catch {
        trial.failure = "seed \(seed), life \(trial.lives): \(error)"
        return trial
      }
      if random.chance(0.2) { disk.syncAll() }
      if disk.isDirty {
        disk.crash()
        trial.crashes += 1
      } else {
        states = [states[states.count - 1]]
      }
    }
    return trial
  }

  /// One transaction of some changes; nil where it was undone.
  private func transact(
    _ database: RelationalDatabase, _ before: [String: Int64], _ random: inout RandomStream, _ turn: inout Turn
  ) throws(RelationalFailure) -> [String: Int64]? {
    let undone = RelationalFailure.constraint("undone by the test")
    var state = before
    let isUndone = random.chance(0.05)
    let changes = 1 + random.below(5)
    do throws(RelationalFailure) {
      try database.write(&turn) { (transaction) throws(RelationalFailure) in
        for _ in 0..<changes {
          let name = "item-\(random.below(200))"
          if random.chance(0.2) {
            let count = try transaction.run("DELETE FROM items WHERE name = ?", [.text(name)])
            if count != (state[name] == nil ? 0 : 1) { throw .unexpected("\(count) rows were deleted of \(name)") }
            state[name] = nil
          } else {
            let value = Int64(random.below(1_000_000))
            let body = random.bytes(Int(random.below(900)))
            try transaction.run("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", [.text(name), .integer(value), .blob(body)])
            state[name] = value
          }
        }
        if isUndone { throw undone }
      }
    } catch {
      if error == undone { return nil }
      throw error
    }
    return state
  }

  @Test func aLifeFindsWhatACommitLeft() {
    var sum = Trial()
    for seed in UInt64(1)...20 {
      let trial = trial(seed, transactions: 1_000, isOrdered: true)
      #expect(trial.failure == nil)
      sum.transactions += trial.transactions
      sum.lives += trial.lives
      sum.crashes += trial.crashes
    }
    #expect(sum.transactions >= 20_000 && sum.crashes >= 100, "\(sum.transactions) transactions, \(sum.crashes) crashes")
  }

  /// Crashes of a disk that is full: what is torn of a page that the log could not be carried over to is read in the log.
  @Test func aFullDiskAndACrashLoseNothing() {
    var (refused, crashes) = (0, 0)
    for seed in UInt64(101)...115 {
      let trial = trial(seed, transactions: 600, isOrdered: true, isFilled: true)
      #expect(trial.failure == nil)
      refused += trial.refused
      crashes += trial.crashes
    }
    #expect(refused > 200 && crashes > 30, "\(refused) transactions were refused, in \(crashes) crashes")
  }

  /// The control: the same without order is found out.
  @Test func withoutOrderALifeFindsSomethingElse() {
    let failures = (UInt64(1)...10).filter { trial($0, transactions: 1_000, isOrdered: false).failure != nil }
    #expect(!failures.isEmpty)
  }
}
