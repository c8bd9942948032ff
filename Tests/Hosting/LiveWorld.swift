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
  private var ports: [NodeID: Int] = [:]
  private var names: [String: [NodeID]] = [:]

  /// A world whose disks are directories in `directory`.
  public init(directory: String, configuration: LiveConfiguration = LiveConfiguration()) {
    self.directory = directory
    self.configuration = configuration
  }

  public func place(_ node: PlacedNode) { placed.append(node) }

  /// A free one, which another process may take before the node listens there; seldom enough.
  public func port(of node: NodeID) -> Int {
    if let port = ports[node] { return port }
    let port = Self.freePort()
    ports[node] = port
    return port
  }

  private static func freePort() -> Int {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) { entry in
      entry.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    } ? Int(UInt16(bigEndian: address.sin_port)) : 0
  }

  public func name(_ host: String, _ nodes: [NodeID]) { names[host] = nodes }

  /// Nodes that others name stand at 127.0.0.1, which is made an address that users may name, where they are of the
  /// outside world, and else at 127.0.0.2.
  private func address(of node: NodeID) -> NetworkAddress? {
    guard let port = ports[node] else { return nil }
    return NetworkAddress(host: placed.first { $0.node == node }?.isOutside == true ? "127.0.0.1" : "127.0.0.2", port: port)
  }

  private func named() -> LiveConfiguration {
    var configuration = configuration
    configuration.addressPolicy.allowedBlocks += [AddressBlock("127.0.0.1/32")].compactMap { $0 }
    let answers = names.mapValues { nodes in nodes.compactMap { self.address(of: $0).flatMap { IPAddress($0.host) } } }
    let asked = LookUpCounts()
    configuration.lookUp = { host in
      guard let all = answers[host], let first = all.first, let last = all.last else { return [] }
      return [asked.count(host) == 1 ? first : last]
    }
    return configuration
  }

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
          node.node, name: node.name, listen: node.isServing ? address(of: node.node) ?? .ephemeral : nil,
          peerListen: node.isServing ? .ephemeral : nil,
          dataDirectory: node.hasDisk ? "\(directory)/node-\(node.node.index)" : nil, planted: node.planted, isRecorded: node.isRecorded,
          makeMachine: node.makeMachine)
      }, named(), recorder: kept)
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

/// How often names were looked up; safe on any thread.
private final class LookUpCounts: Sendable {
  private let counts = Mutex<[String: Int]>([:])

  /// Counts another look-up.
  func count(_ host: String) -> Int {
    counts.withLock {
      $0[host, default: 0] += 1
      return $0[host, default: 0]
    }
  }
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
