// `windtunnel bench store`: how many rows a node commits a second on this machine, each in a transaction and a turn of its
// own, on the real host with its files, its group commits and its syncs.
//
// Two rates, which are two things. In the first no turn waits for the disk: the host writes and syncs beside the turns, as
// it always does, and what it measures is the way of a row through turn, transaction and file system of SQLite. In the
// second each row is begun once the one before is durable, as one client alone would see it: that is the disk's sync.

import ArgumentParser
import Checking
import Console
import Foundation
import Launching
import Live
import Relational
import Reports
import Vocabulary
import Wire

package struct StoreBench: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "store", abstract: "How many rows a node commits a second, each in a turn and a transaction of its own.",
    discussion: """
      EXAMPLES
        windtunnel bench store
        windtunnel bench store --rows 100000 --data .

      Side by side with SQLite as Python has it: Reports/Peers/stores/rows.sh
      """)

  @Option(help: "Rows that do not wait for the disk. (default: 200000)", transform: { try Bounds(1...10_000_000).read($0) })
  var rows = 200_000
  @Option(
    help: "Rows of which each waits until the one before is durable. (default: 2000)", transform: { try Bounds(1...100_000).read($0) })
  var durable = 2_000
  @Option(help: "Bytes of a row's text. (default: 100)", transform: { try Bounds(1...100_000).read($0) }) var bytes = 100
  @Option(
    help: "A folder on the disk that is to be measured; not one that a service keeps its data in.", transform: { try PathText.read($0) })
  var data: String?
  @Flag(help: "Print one JSON object instead of text.") var json = false

  package init() {}

  package func run() async throws {
    Interruption.listen()
    let own = try RunFolder("bench", below: data, option: "--data")
    defer { own.remove() }
    let free = try await rate(rows, waits: false, "\(own.path)/free")
    try Interruption.check("a part of the measurements: nothing is told of them")
    let waiting = try await rate(durable, waits: true, "\(own.path)/durable")
    try Interruption.check("a part of the measurements: nothing is told of them")
    if json {
      let members: [JSON.Member] = [
        .init("bytes", .integer(Int64(bytes))), .init("commits_per_second", .integer(Int64(free.rounded()))),
        .init("durable_commits_per_second", .integer(Int64(waiting.rounded()))),
      ]
      Output.line(try JSON.object([.init("machine", MachineText.json)] + ProductVersion.members + members).serializedText())
      return
    }
    Output.line(MachineText.line)
    Output.line("rows of \(bytes) bytes, each in a turn and a transaction of its own, on the live host's files (measured):")
    Output.line(String(format: "%8.0f commits/s where no turn waits for the disk (%d rows)", free, rows))
    Output.line(String(format: "%8.0f commits/s where each row waits until the one before is durable (%d rows)", waiting, durable))
  }

  /// Commits a second of a node that does nothing else.
  private func rate(_ rows: Int, waits: Bool, _ folder: String) async throws -> Double {
    let (node, bytes) = (NodeID(0), bytes)
    let record = GuardedRecord(FlightRecord(nodes: [FlightNode(id: node, name: "rows")]))
    let host = try LiveHost(
      [
        LiveNodeSpecification(node, name: "rows", listen: nil, dataDirectory: folder, isRecorded: false) {
          RowCommits(rows: rows, bytes: bytes, waits: waits)
        }
      ], recorder: record)
    try await host.start()
    let end = ContinuousClock.now + .seconds(300)
    while !Interruption.isAsked, ContinuousClock.now < end, host.failure == nil, !record.hasStated(.rowsCommitted, node) {
      try await Task.sleep(for: .milliseconds(20))
    }
    await host.stop(grace: .zero)
    if let failure = host.failure { throw InputProblem(description: "\(failure)", exitCode: Exit.couldNotRun) }
    guard let found = record.record.observations.first(where: { $0.observation.fact == .rowsCommitted }) else {
      if Interruption.isAsked { return 0 }
      throw InputProblem(description: "\(rows) rows were not committed within five minutes", exitCode: Exit.couldNotRun)
    }
    return Double(found.observation.subject) / max(1e-9, Double(found.observation.value) / 1e9)
  }
}

extension Fact {
  /// So many rows (subject) were committed in so many nanoseconds (value).
  static let rowsCommitted = Fact("bench/rows-committed")
}

/// Commits rows, one in each turn.
struct RowCommits: Machine {
  private let rows: Int
  private let text: String
  private let waits: Bool
  private var database: RelationalDatabase?
  private var next = 0
  private var begun = Instant(nanoseconds: 0)

  /// Commits so many rows with a text of so many bytes; `waits` where each waits until the one before is durable.
  init(rows: Int, bytes: Int, waits: Bool) {
    self.rows = rows
    self.waits = waits
    text = String(repeating: "x", count: bytes)
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    do throws(RelationalFailure) {
      database = try RelationalDatabase(
        FileName(fixed: "rows.db"), migrations: [Migration("CREATE TABLE entries (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")], &turn)
    } catch { throw StartRefusal("\(error)") }
    _ = turn.notifyWhenDurable()
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .durable: commit(&turn)
    case .request, .response, .failed, .abandoned, .message, .timer, .completed, .stream: break
    }
  }

  private mutating func commit(_ turn: inout Turn) {
    if next == 0 { begun = turn.now }
    guard next < rows, let database else {
      turn.observe(.rowsCommitted, subject: UInt64(next), value: UInt64(max(0, (turn.now - begun).nanoseconds)))
      return
    }
    next += 1
    let values: [RowValue] = [.integer(Int64(next)), .text(text)]
    do throws(RelationalFailure) {
      _ = try database.write(&turn) { (transaction) throws(RelationalFailure) in
        try transaction.run("INSERT INTO entries VALUES (?, ?)", values)
      }
    } catch {
      turn.restart("a row was not committed: \(error)")
      return
    }
    if waits {
      _ = turn.notifyWhenDurable()
    } else {
      // What waits for nothing comes at once, in a turn of its own.
      turn.ask(.notifyWhenDurable(.zero), .immediately)
    }
  }
}
