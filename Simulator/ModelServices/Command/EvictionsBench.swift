// `windtunnel bench evictions`: which share of looks the context manager's memory answers at several sizes, on recorded keys
// or on drawn ones, beside other ways to decide what goes; and what a look costs.
//
// The shares follow from the keys alone, and are the same on every machine; what a look costs is measured.

import ArgumentParser
import Console
import Foundation
import ModelServicesLoad
import Reports
import Vocabulary
import Wire

package struct EvictionsBench: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "evictions", abstract: "Which share of looks the memory of context answers at several sizes, beside other policies.",
    discussion: """
      Replays the keys of a recording through the context manager's memory, through exact least recently used, through S3-FIFO, and through the \
      optimum, which knows what comes (Belady). A recording has an object a line: {"timestamp": milliseconds, "input_length", "output_length", \
      "hash_ids": [keys]}, as the public Mooncake traces have it. Without one, keys are drawn of which each is the rarer the higher it is.

      EXAMPLES
        windtunnel bench evictions
        windtunnel bench evictions conversation.jsonl --capacity 1000 10000
      """)

  @Argument(help: "A recording; without it keys are drawn.", transform: { try PathText.read($0) }) var recording: String?
  @Option(
    name: .customLong("capacity"), parsing: .upToNextOption,
    help: "Entries that the memory has room for; several may be given. (default: 100 1000 3000 10000 20000 40000)",
    transform: { try Bounds(1...10_000_000).read($0) })
  var capacities: [Int] = []
  @Option(help: "Requests that are drawn where no recording is given. (default: 12000)", transform: { try Bounds(1...1_000_000).read($0) })
  var requests = 12_000
  @Option(help: "The seed of what is drawn. (default: 1)", transform: { try SeedText.seed($0) }) var seed: UInt64 = 1
  @Flag(help: "Print one JSON object instead of text.") var json = false

  package init() {}

  /// The policies, with what they are called.
  private static let policies: [(policy: EvictionReplay.Policy, words: String, member: String)] = [
    (.ours, "ours", "ours"), (.leastRecentlyUsed, "LRU", "least_recently_used"), (.simpleQueues, "S3-FIFO", "s3_fifo"),
    (.furthestNextUse, "optimum", "optimum"),
  ]

  private struct Row {
    var capacity: Int
    /// In the order of the policies.
    var shares: [Double]
    var nanoseconds: Double

    /// Of the best that there is.
    var ofOptimum: Double { shares[shares.count - 1] > 0 ? shares[0] / shares[shares.count - 1] : 1 }
  }

  package func run() throws {
    Interruption.listen()
    let read = try recording.map { try TaskRecordingOptions.read($0) }
    let taken = read ?? TaskRecording.synthetic(seed: seed, tasks: requests)
    let replay = EvictionReplay(taken.keys)
    guard replay.looks > 0 else {
      throw InputProblem(description: "\(recording ?? "the keys"): expected requests with hash_ids, whose keys are replayed, found none")
    }
    let origin = read == nil ? "synthetic" : "recorded"
    if !json {
      Output.line(MachineText.line)
      Output.line(
        "\(replay.looks) looks for \(replay.distinct) keys of \(taken.tasks.count) requests, \(origin)"
          + (recording.map { ": \($0)" } ?? " (seed \(seed))"))
      Output.line("share of looks that find their key, by what goes where there is no room; what a look costs is measured")
      Output.line("  capacity" + Self.policies.map { Self.padded($0.words) }.joined() + Self.padded("ours/opt.") + Self.padded("ns a look"))
    }
    var rows: [JSON] = []
    for capacity in capacities.isEmpty ? [100, 1_000, 3_000, 10_000, 20_000, 40_000] : capacities {
      try Interruption.check("a part of the sizes")
      let row = Self.row(replay, capacity)
      if json {
        rows.append(
          .object(
            [.init("capacity", .integer(Int64(capacity)))] + zip(Self.policies, row.shares).map { .init($0.member, .double($1)) }
              + [.init("ours_of_optimum", .double(row.ofOptimum)), .init("nanoseconds_per_look", .double(row.nanoseconds))]))
      } else {
        Output.line(
          String(format: "%10d", capacity) + row.shares.map { String(format: "%10.4f", $0) }.joined()
            + String(format: "%10.3f%10.0f", row.ofOptimum, row.nanoseconds))
      }
    }
    guard json else { return }
    let members: [JSON.Member] = [
      .init("keys_are", .string(origin)), .init("looks", .integer(Int64(replay.looks))), .init("keys", .integer(Int64(replay.distinct))),
      .init("sizes", .array(rows)),
    ]
    Output.line(try JSON.object([.init("machine", MachineText.json)] + ProductVersion.members + members).serializedText())
  }

  private static func row(_ replay: EvictionReplay, _ capacity: Int) -> Row {
    var shares: [Double] = []
    var nanoseconds = 0.0
    for (policy, _, _) in policies {
      let began = ContinuousClock.now
      shares.append(Double(replay.hits(policy, capacity: capacity)) / Double(replay.looks))
      guard policy == .ours else { continue }
      let parts = (ContinuousClock.now - began).components
      nanoseconds = (Double(parts.seconds) * 1e9 + Double(parts.attoseconds) / 1e9) / Double(replay.looks)
    }
    return Row(capacity: capacity, shares: shares, nanoseconds: nanoseconds)
  }

  private static func padded(_ text: String) -> String { String(repeating: " ", count: max(1, 10 - text.count)) + text }
}
