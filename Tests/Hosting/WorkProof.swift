// The proof that both hosts mean the same by a work: what it gives has its type, one that is given up completes as
// cancelled whether it waits for the disk, waits for a core or runs, a node with many works does not keep another's
// waiting for all of them, and none writes over a file that is there.

import ProvingGround
import Vocabulary

/// Gives its number, once a file of its own is durable.
struct Numbered: Work {
  let number: Int

  func run(_ files: any WorkFiles) throws(WorkFailure) -> Int {
    files.spend(.milliseconds(5))
    try files.create(FileName("numbered", number: UInt64(number), suffix: "work"), [UInt8(truncatingIfNeeded: number)])
    let copied = try files.read(FileName("numbered", number: UInt64(number), suffix: "work"), at: 0, count: 1)
    return Int(copied[0])
  }
}

/// Makes a file that another work made.
struct Overwriting: Work {
  let file: FileName

  func run(_ files: any WorkFiles) throws(WorkFailure) -> Int {
    try files.create(file, [9])
    return 0
  }
}

/// Makes a file, makes it again by another work, and states whether that came to nothing and the file is as it was.
struct OverwritingAsker: Machine {
  private static let number = 7
  private let file = FileName("numbered", number: UInt64(Self.number), suffix: "work")
  private var first: WorkTicket<Int>?
  private var second: WorkTicket<Int>?

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { first = turn.compute(Numbered(number: Self.number)) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .completed(let id, let outcome) = event else { return }
    if first?.result(of: outcome, id) != nil {
      second = turn.compute(Overwriting(file: file))
    } else if let result = second?.result(of: outcome, id) {
      var isAsItWas = false
      do throws(DiskError) { isAsItWas = try turn.disk.read(file, at: 0, count: 1) == [UInt8(Self.number)] } catch {}
      if case .failure(.damaged(file, _)) = result {} else { isAsItWas = false }
      turn.observe(.probe, subject: 0, value: isAsItWas ? 1 : 0)
    }
  }
}

/// Runs `OverwritingAsker` in `world`, ends the world, and says what did not hold; empty if all did.
public func failuresOfOverwritingProof(in world: any HostedWorld, limit: TimeSpan = .seconds(60)) async throws -> [String] {
  let node = NodeID(0)
  world.place(PlacedNode(node, name: "asker", hasDisk: true) { OverwritingAsker() })
  let result = try await world.run(untilProbe: 0, of: node, limit: limit)
  await world.end()
  var failures = world.records.defects.map { "\($0.node): \($0.what)" }
  if result != 1 { failures.append("a work made a file that was there: \(result.map(String.init) ?? "no end")") }
  return failures
}

/// Asks for works and gives one of them up at each of its stages; states how many gave what they should, and how many
/// completed as cancelled.
struct WorkAsker: Machine {
  private var asked: [WorkTicket<Int>] = []
  private var givenUp: [WorkTicket<Int>] = []
  private var given = 0
  private var cancelled = 0

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    do throws(DiskError) { try turn.disk.write(FileName(fixed: "own"), at: 0, [1]) } catch { throw StartRefusal("\(error)") }
    // Waits for the disk, and is given up before it is handed over.
    let early = turn.compute(Numbered(number: 100))
    turn.cancelCompute(early)
    givenUp.append(early)
    for number in 0..<40 { asked.append(turn.compute(Numbered(number: number), .immediately)) }
    // Waits for a core, behind forty others.
    let late = turn.compute(Numbered(number: 101), .immediately)
    turn.cancelCompute(late)
    givenUp.append(late)
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .completed(let id, let outcome) = event else { return }
    for (number, ticket) in asked.enumerated() {
      if case .success(number) = ticket.result(of: outcome, id) { given += 1 }
    }
    for ticket in givenUp {
      if case .failure(.cancelled) = ticket.result(of: outcome, id) { cancelled += 1 }
    }
    turn.observe(.probe, subject: 1, value: UInt64(given))
    turn.observe(.probe, subject: 2, value: UInt64(cancelled))
    if given == asked.count && cancelled == givenUp.count {
      let strays = turn.disk.list().filter { $0.text.contains("0000000100") || $0.text.contains("0000000101") }
      turn.observe(.probe, subject: 0, value: UInt64(strays.count))
    }
  }
}

/// Runs `WorkAsker` in `world`, ends the world, and says what did not hold; empty if all did.
public func failuresOfWorkProof(in world: any HostedWorld, limit: TimeSpan = .seconds(60)) async throws -> [String] {
  let node = NodeID(0)
  world.place(PlacedNode(node, name: "asker", hasDisk: true) { WorkAsker() })
  let strays = try await world.run(untilProbe: 0, of: node, limit: limit)
  await world.end()
  let records = world.records
  var failures = records.defects.map { "\($0.node): \($0.what)" }
  if strays == nil {
    failures.append(
      "\(records.probe(1, of: node) ?? 0) of 40 works gave their number, \(records.probe(2, of: node) ?? 0) of 2 were cancelled")
  }
  if let strays, strays > 0 { failures.append("works that were given up before they had a core left \(strays) files") }
  return failures
}
