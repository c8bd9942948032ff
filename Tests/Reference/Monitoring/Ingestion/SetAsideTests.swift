// What the queue refused for good: kept within its limits, and the same after a restart.

import MonitoringAPI
import Testing
import Vocabulary
import Wire
import World

@testable import Ingestion

private func entry(_ number: Int, bytes: Int = 10) -> SetAside.Entry {
  SetAside.Entry(
    record: ProduceRecord(
      key: "client", value: .string(String(repeating: "x", count: bytes)),
      identity: ProducerSequence(producer: "p", sequence: Int64(number))),
    status: 400, code: "INVALID_FIELD", message: "number \(number)")
}

/// The sequences that are shown, and how many were dropped.
private func shown(_ aside: SetAside) throws -> (sequences: [Int64], dropped: Int64) {
  let document = try JSON(parsing: aside.response().body)
  guard case .array(let records)? = document["records"], case .integer(let dropped)? = document["dropped"] else {
    Issue.record("not the answer's shape")
    return ([], 0)
  }
  return (records.compactMap { if case .integer(let sequence)? = $0["sequence"] { sequence } else { nil } }, dropped)
}

struct SetAsideTests {
  @Test(arguments: [(1_200, 10, 1_000), (30, 500_000, 8)]) func theNewestStayAndARestartChangesNothing(
    count: Int, bytes: Int, expected: Int
  ) throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var aside = try SetAside(from: disk)
    for number in 1...count {
      try aside.add(entry(number, bytes: bytes), to: disk)
      // Twice the same is one.
      try aside.add(entry(number, bytes: bytes), to: disk)
    }
    let live = try shown(aside)
    #expect(live.sequences == Array(Int64(count - expected + 1)...Int64(count)))
    #expect(live.dropped == Int64(count - expected))
    let recovered = try shown(try SetAside(from: disk))
    #expect(recovered == live)
    // What was dropped takes no room for long.
    let fileBytes = disk.list().reduce(0) { $0 + (disk.size(of: $1) ?? 0) }
    #expect(fileBytes <= SetAside.maximumBytes + (1 << 20) + 100 * expected)
  }

  @Test func oneMoreCostsWhatItHolds() throws {
    let disk = SimulatedDisk(random: RandomStream(seed: 1))
    var aside = try SetAside(from: disk)
    for number in 1...100 { try aside.add(entry(number, bytes: 5_000), to: disk) }
    let before = disk.list().reduce(0) { $0 + (disk.size(of: $1) ?? 0) }
    try aside.add(entry(101, bytes: 100), to: disk)
    let after = disk.list().reduce(0) { $0 + (disk.size(of: $1) ?? 0) }
    #expect(after - before < 400)
  }
}
