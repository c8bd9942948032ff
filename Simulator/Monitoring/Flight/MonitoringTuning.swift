// How the platform's tunables are set in a flight.

import MonitoringAPI
import MonitoringAssembly
import Scenarios
import Vocabulary

/// The services' tunables.
enum MonitoringTuning {
  /// The tunables of the run of `seed`.
  static func configuration(_ tuning: Tuning, _ seed: UInt64) -> MonitoringConfiguration {
    var configuration = MonitoringConfiguration()
    switch tuning {
    case .small:
      configuration.storage.flushRows = 800
      configuration.storage.journalSegmentBytes = 8 << 10
      configuration.queue.raft.segmentBytes = 16 << 10
      configuration.queue.raft.recentLimitBytes = 4 << 10
      configuration.ingestion.drainRecords = 20
      configuration.ingestion.maximumClients = 300
      configuration.ingestion.spillLimitBytes = 2 << 20
      configuration.storage.pagePoints = 1_000
      return configuration
    case .served: return configuration
    case .drawn: break
    }
    var random = RandomStream(seed: seed, name: "tuning")
    configuration.storage.flushRows = [1_500, 4_000, 20_000, 262_144][Int(random.below(4))]
    configuration.storage.journalSegmentBytes = [16 << 10, 256 << 10, 8 << 20][Int(random.below(3))]
    configuration.queue.raft.segmentBytes = [64 << 10, 1 << 20, 8 << 20][Int(random.below(3))]
    configuration.queue.raft.recentLimitBytes = [16 << 10, 4 << 20][Int(random.below(2))]
    configuration.ingestion.drainRecords = [20, 500][Int(random.below(2))]
    configuration.storage.pagePoints = [500, 5_000, StorageAPI.pagePoints][Int(random.below(3))]
    return configuration
  }
}
