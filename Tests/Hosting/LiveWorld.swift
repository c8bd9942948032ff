// `HostedWorld` on the real host: sockets on 127.0.0.1, directories under a temporary one, real time.

import Glibc
import Live
import ProvingGround
import Synchronization
import Vocabulary

/// Keeps all records; safe on any thread.
public final class KeptRecords: Recorder, Sendable {
  private let kept = Mutex(WorldRecords())

  /// Nothing kept yet.
  public init() {}

  /// All records so far.
  public var records: WorldRecords { kept.withLock { $0 } }
  public func record(_ exchange: ExchangeRecord) { kept.withLock { $0.exchanges.append(exchange) } }
  public func record(_ stream: StreamRecord) { kept.withLock { $0.streams.append(stream) } }
  public func record(_ observation: ObservationRecord) { kept.withLock { $0.observations.append(observation) } }
  public func record(_ defect: DefectRecord) { kept.withLock { $0.defects.append(defect) } }
}

/// A world on the real host.
public final class LiveWorld: HostedWorld {
  private let directory: String
  private let configuration: LiveConfiguration
  private let kept = KeptRecords()
  private var placed: [PlacedNode] = []
  private var host: LiveHost?

  /// A world whose disks are directories in `directory`.
  public init(directory: String, configuration: LiveConfiguration = LiveConfiguration()) {
    self.directory = directory
    self.configuration = configuration
  }

  public func place(_ node: PlacedNode) { placed.append(node) }

  public func run(untilProbe subject: UInt64, of node: NodeID, limit: TimeSpan) async throws -> UInt64? {
    let host = try await started()
    let end = host.now + limit
    while host.now < end {
      if let value = records.probe(subject, of: node) { return value }
      try await Task.sleep(nanoseconds: 2_000_000)
    }
    return records.probe(subject, of: node)
  }

  private func started() async throws -> LiveHost {
    if let host { return host }
    let made = try LiveHost(
      placed.map { node in
        LiveNodeSpecification(
          node.node, name: node.name, listen: node.isServing ? .ephemeral : nil, peerListen: node.isServing ? .ephemeral : nil,
          dataDirectory: node.hasDisk ? "\(directory)/node-\(node.node.index)" : nil, planted: node.planted, isRecorded: node.isRecorded,
          makeMachine: node.makeMachine)
      }, configuration, recorder: kept)
    try await made.start()
    host = made
    return made
  }

  /// Where a node listens for its peers, once it runs.
  public func peerAddress(of node: NodeID) -> NetworkAddress? { host?.peerAddress(of: node) }

  public func crash(_ node: NodeID) async { await host?.crash(node) }

  public var records: WorldRecords { kept.records }

  public func end() async { await host?.stop(grace: .milliseconds(500)) }
}

/// A directory that goes away with its owner; for tests.
public final class TemporaryDirectory {
  /// Its path.
  public let path: String

  /// Makes one.
  public init() {
    var template = Array("/tmp/windtunnel-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    precondition(path != "/tmp", "no temporary directory could be made")
  }

  deinit { remove(path) }

  private func remove(_ path: String) {
    if let stream = opendir(path) {
      while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
          field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { remove("\(path)/\(name)") }
      }
      closedir(stream)
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}
