// How long the queue is away when a broker is killed: one alone is started again and reads its log; of several one is
// killed and stays so, and the others elect leaders. Measured from the kill to the answer that tells that a record of
// every partition is on a majority's disks.

import Console
import Foundation
import Launching
import Live
import MessageQueue
import MonitoringAPI
import Vocabulary
import Wire

/// What a kill cost.
struct BrokerRecovery {
  /// Seconds until every partition took records again.
  var seconds: Double
  /// Bytes of the killed broker's files.
  var logBytes: Int

  /// Longest wait in seconds.
  private static let patience = 60.0

  /// Kills the first broker of `cluster` with SIGKILL and waits. Throws where the partitions do not come back.
  static func measure(_ cluster: BrokerProcesses, folder: String) async throws -> BrokerRecovery {
    guard let killed = cluster.brokers.first, let asked = cluster.brokers.last else {
      throw InputProblem(description: "there is no broker to kill", exitCode: Exit.couldNotRun)
    }
    let logBytes = bytes(below: "\(folder)/queue-\(killed.number)")
    let request = ProduceRequest(topic: QueueAPI.inboundTopic, records: oneRecordForEachPartition()).request()
    let began = ContinuousClock.now
    await cluster.kill(killed.number)
    if cluster.brokers.count == 1 { try await cluster.start(killed.number) }
    while true {
      let answer = try await SingleCall.answer(to: request, at: asked.address, within: .seconds(10))
      let (seconds, attoseconds) = (ContinuousClock.now - began).components
      let elapsed = Double(seconds) + Double(attoseconds) / 1e18
      if answer?.head.status == 200 { return BrokerRecovery(seconds: elapsed, logBytes: logBytes) }
      guard elapsed < patience else {
        throw InputProblem(description: "the partitions did not come back within \(Int(patience)) s", exitCode: Exit.failed)
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  /// What `windtunnel bench queue` prints.
  func text(brokers: Int) -> String {
    let what =
      brokers == 1
      ? "to every partition taking records again: started at once, with \(logBytes >> 20) MiB of log to read"
      : "to every partition taking records again, without the killed one of \(brokers)"
    return String(format: "kill -9   %10.2f s ", seconds) + what
  }

  private static func oneRecordForEachPartition() -> [ProduceRecord] {
    var records: [Int: ProduceRecord] = [:]
    var number = 0
    while records.count < QueueAPI.partitionCount {
      let key = "after-a-kill-\(number)"
      records[PartitionRouting.partition(of: key, count: QueueAPI.partitionCount)] = ProduceRecord(key: key, value: .integer(1))
      number += 1
    }
    return records.sorted { $0.key < $1.key }.map(\.value)
  }

  private static func bytes(below folder: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.reduce(0) { total, name in
      let size = (try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)"))?[.size] as? Int
      return total + (size ?? 0)
    }
  }
}
