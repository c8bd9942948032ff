// What a relational database does with a disk that is full, rots or is taken away, with schemas of other versions, with
// statements that are too long, and that one seed gives the same files.

import Kernel
import Relational
import Testing
import Vocabulary
import World

@Suite struct RelationalDatabaseTests {
  private func filled(_ disk: SimulatedDisk, seed: UInt64 = 1, items: Int = 300) throws -> RelationalDatabase {
    var turn = databaseTurn(disk, seed: seed)
    let database = try RelationalDatabase(databaseName, migrations: itemSchema, &turn)
    for number in 0..<items { try database.put("item-\(number)", Int64(number), body: [UInt8](repeating: 7, count: 200), &turn) }
    return database
  }

  /// The bytes of all files.
  private func image(_ disk: SimulatedDisk) throws -> [FileName: [UInt8]] {
    var image: [FileName: [UInt8]] = [:]
    for file in disk.list() { image[file] = try disk.readAnyLength(file, at: 0, count: disk.size(of: file) ?? 0) }
    return image
  }

  @Test func valuesComeBackAsTheyWere() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var turn = databaseTurn(disk)
    let database = try RelationalDatabase(databaseName, migrations: [Migration("CREATE TABLE t (v)")], &turn)
    let values: [RowValue] = [
      .null, .integer(.min), .integer(.max), .real(5e-324), .real(-1.797_693_134_862_315_7e308), .text(""), .text("é\u{0}ü"),
      .text("e\u{301}"), .blob([]), .blob([0, 255]),
    ]
    try database.write(&turn) { (transaction) throws(RelationalFailure) in
      for value in values { try transaction.run("INSERT INTO t VALUES (?)", [value]) }
    }
    let found = try database.read(&turn) { (transaction) throws(RelationalFailure) in try transaction.rows("SELECT v FROM t ORDER BY rowid")
    }
    #expect(found.map { $0.values[0] } == values)
    // What is not what its reader expects is no trap.
    #expect(throws: RelationalFailure.unexpected("column 0 of a row holds null in the place of an integer")) { try found[0].integer(0) }
    #expect(throws: RelationalFailure.self) { try found[1].integer(1) }
    let now = try database.read(&turn) { (transaction) throws(RelationalFailure) in
      try transaction.rows("SELECT datetime('now')").first?.text(0)
    }
    #expect(now == "2023-11-14 22:13:20", "the node's clock, not the machine's")
  }

  @Test func aConstraintUndoesItsTransaction() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    let database = try filled(disk, items: 1)
    var turn = databaseTurn(disk)
    #expect(throws: RelationalFailure.constraint("UNIQUE constraint failed: items.name")) {
      try database.write(&turn) { (transaction) throws(RelationalFailure) in
        try transaction.run("INSERT INTO items VALUES ('other', 2, x'')")
        try transaction.run("INSERT INTO items VALUES ('item-0', 3, x'')")
      }
    }
    #expect(try database.items(&turn) == ["item-0": 0])
    let goesOn = turn.effects.isEmpty
    #expect(goesOn, "a constraint is no reason to start anew")
  }

  @Test func aFullDiskRefusesAndLosesNothing() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    let database = try filled(disk, items: 10)
    disk.capacityBytes = disk.used + 20_000
    var turn = databaseTurn(disk)
    var stored: Int64 = 10
    var refused = 0
    for number in Int64(10)..<40 {
      do throws(RelationalFailure) {
        try database.put("item-\(number)", number, body: [UInt8](repeating: 1, count: 1_000), &turn)
        stored += 1
      } catch {
        #expect(error == .full)
        refused += 1
      }
    }
    #expect(refused > 10 && stored > 10)
    #expect(try database.items(&turn).count == Int(stored))
    disk.capacityBytes = 1 << 30
    try database.put("again", 1, &turn)
    #expect(try database.items(&turn)["again"] == 1)
    let goesOn = turn.effects.isEmpty
    #expect(goesOn, "the life goes on")
  }

  @Test func aPageThatRottedIsNamedAndNotGuessedAt() throws {
    for seed in UInt64(1)...10 {
      let disk = SimulatedDisk(random: RandomStream(seed: seed))
      do {
        _ = try filled(disk)
        // A life that begins carries the log over, so that all lies in the database.
        var turn = databaseTurn(disk)
        _ = try RelationalDatabase(databaseName, migrations: itemSchema, &turn)
      }
      disk.syncAll()
      let flipped = disk.rot(filesStartingWith: "rows.db", bits: 1)
      guard let (file, offset) = flipped.first, file == databaseName else { continue }
      var turn = databaseTurn(disk)
      let expected = RelationalFailure.file(.damaged(databaseName, offset: offset / 4_096 * 4_096))
      // The first bytes are read before any page is: what SQLite makes of them may be told first.
      if offset >= 100 {
        #expect(throws: expected, "seed \(seed)") { try RelationalDatabase(databaseName, migrations: itemSchema, &turn) }
      } else {
        #expect(throws: RelationalFailure.self, "seed \(seed)") { try RelationalDatabase(databaseName, migrations: itemSchema, &turn) }
      }
    }
  }

  @Test func whatRotsUnderALifeIsNotServed() throws {
    var found = 0
    for seed in UInt64(1)...6 {
      let disk = SimulatedDisk(random: RandomStream(seed: seed))
      var limits = RelationalDatabase.Limits()
      limits.cacheKibibytes = 16
      var turn = databaseTurn(disk)
      let database = try RelationalDatabase(databaseName, migrations: itemSchema, limits: limits, &turn)
      for number in 0..<300 { try database.put("item-\(number)", Int64(number), body: [UInt8](repeating: 7, count: 200), &turn) }
      disk.syncAll()
      // In the log as in the database.
      _ = disk.rot(filesStartingWith: "rows.db", bits: 8)
      do throws(RelationalFailure) {
        let items = try database.items(&turn)
        #expect(items.count == 300 && items.allSatisfy { $0.key == "item-\($0.value)" }, "seed \(seed)")
      } catch {
        guard case .file(.damaged) = error else {
          Issue.record("seed \(seed): \(error)")
          continue
        }
        found += 1
      }
    }
    #expect(found > 0)
  }

  @Test func aLifeThatIsOverTouchesNothing() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    let lease = DiskLease(of: disk)
    var turn = databaseTurn(lease)
    var database: RelationalDatabase? = try RelationalDatabase(databaseName, migrations: itemSchema, &turn)
    for number in 0..<50 { try database?.put("item-\(number)", Int64(number), &turn) }
    let before = try image(disk)
    lease.revoke()
    #expect(throws: RelationalFailure.self) { try database?.put("late", 1, &turn) }
    database = nil
    #expect(try image(disk) == before)
    // With its lease, a connection that is closed tidies up: the control.
    var second = databaseTurn(disk)
    var other: RelationalDatabase? = try RelationalDatabase(databaseName, migrations: itemSchema, &second)
    try other?.put("late", 1, &second)
    let open = try image(disk)
    other = nil
    #expect(try image(disk) != open)
  }

  @Test func oneSeedGivesTheSameFiles() throws {
    func run(_ seed: UInt64, beside: Bool) throws -> [FileName: [UInt8]] {
      let disk = SimulatedDisk(random: RandomStream(seed: 1))
      let otherDisk = SimulatedDisk(random: RandomStream(seed: 2))
      let other = beside ? try filled(otherDisk, seed: 9, items: 3) : nil
      var turn = databaseTurn(disk, seed: seed)
      var otherTurn = databaseTurn(otherDisk, seed: 9)
      let database = try RelationalDatabase(databaseName, migrations: itemSchema, &turn)
      for number in 0..<100 {
        try database.put("item-\(number)", Int64(number), &turn)
        try other?.put("item-\(number)", 0, &otherTurn)
      }
      _ = try database.write(&turn) { (transaction) throws(RelationalFailure) in
        try transaction.run("INSERT INTO items VALUES ('chance', random(), randomblob(9))")
      }
      return try withExtendedLifetime((database, other)) { try image(disk) }
    }
    let first = try run(5, beside: false)
    #expect(try run(5, beside: false) == first)
    #expect(try run(5, beside: true) == first, "another node's use of SQLite changes nothing")
    #expect(try run(6, beside: false) != first, "the control: another seed gives other salts")
  }

  @Test func versionsFollowEachOther() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    let more = itemSchema + [Migration("ALTER TABLE items ADD COLUMN note TEXT; UPDATE items SET note = 'old'")]
    do {
      var turn = databaseTurn(disk)
      let database = try filled(disk, items: 2)
      _ = try database.items(&turn)
    }
    do {
      var turn = databaseTurn(disk)
      let broken = itemSchema + [Migration("ALTER TABLE items ADD COLUMN note TEXT; INSERT INTO nowhere VALUES (1)")]
      #expect(throws: RelationalFailure.self) { try RelationalDatabase(databaseName, migrations: broken, &turn) }
    }
    do {
      var turn = databaseTurn(disk)
      let database = try RelationalDatabase(databaseName, migrations: more, &turn)
      let notes = try database.read(&turn) { (transaction) throws(RelationalFailure) in try transaction.rows("SELECT note FROM items") }
      #expect(notes == [Row([.text("old")]), Row([.text("old")])], "nothing of the broken one was kept")
    }
    var turn = databaseTurn(disk)
    #expect(throws: RelationalFailure.newer(version: 2, known: 1)) {
      try RelationalDatabase(databaseName, migrations: itemSchema, &turn)
    }
  }

  @Test func whatTakesTooLongIsStopped() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var limits = RelationalDatabase.Limits()
    limits.statementSteps = 100_000
    limits.rows = 1_000
    var turn = databaseTurn(disk)
    let database = try RelationalDatabase(databaseName, migrations: itemSchema, limits: limits, &turn)
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
    #expect(throws: RelationalFailure.tooLong(steps: 100_000)) {
      try database.read(&turn) { (transaction) throws(RelationalFailure) in try transaction.rows("\(endless) count(*) FROM n") }
    }
    let spent = turn.takeSpent()
    #expect(spent > .milliseconds(1), "it costs what it took")
    #expect(throws: RelationalFailure.unexpected("a query has more than 1000 rows")) {
      try database.read(&turn) { (transaction) throws(RelationalFailure) in try transaction.rows("\(endless) i FROM n") }
    }
    try database.put("after", 1, &turn)
    #expect(try database.items(&turn) == ["after": 1])
  }

  /// More kinds of statements than are kept ready.
  @Test func statementsOfManyKindsAreRun() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var turn = databaseTurn(disk)
    let database = try RelationalDatabase(databaseName, migrations: itemSchema, &turn)
    for number in 0..<1_200 {
      let found = try database.read(&turn) { (transaction) throws(RelationalFailure) in
        try transaction.rows("SELECT \(number) + ?", [.integer(1)]).first?.integer(0)
      }
      #expect(found == Int64(number) + 1)
    }
  }

  @Test func theLogIsCarriedOver() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var limits = RelationalDatabase.Limits()
    limits.logBytes = 100_000
    var turn = databaseTurn(disk)
    let database = try RelationalDatabase(databaseName, migrations: itemSchema, limits: limits, &turn)
    for number in 0..<2_000 { try database.put("item-\(number % 50)", Int64(number), &turn) }
    let log = try #require(FileName("rows.db-wal"))
    #expect((disk.size(of: log) ?? 0) < 200_000)
    #expect(try database.items(&turn)["item-49"] == 1_999)
  }
}
