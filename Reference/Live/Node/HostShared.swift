// What all nodes of one host share: clock, bounds, the directory of endpoints, the recorder and the compute threads.

import NIOCore
import NIOPosix
import PeerAuthentication
import Synchronization
import Vocabulary

/// Shared by all nodes of a host; safe on any thread.
final class HostShared: Sendable {
  let clock: LiveClock
  let limits: LiveLimits
  let computePool: ComputePool
  let seed: UInt64
  let notice: @Sendable (NodeID, String) -> Void
  let peerKeys: PeerKeys
  let descriptors: DescriptorShares
  let commonConnections: CommonConnections
  private let directory: Mutex<[Endpoint: NetworkAddress]>
  private let peerDirectory: Mutex<[NodeID: NetworkAddress]>
  private let recorder: RecorderBox
  private let firstFailure = Mutex<LiveHostError?>(nil)
  /// The nodes that are down for good, as they go down; ends with the host.
  let failures: AsyncStream<LiveHostError>
  private let failing: AsyncStream<LiveHostError>.Continuation

  /// For nodes that count as `shares` of `descriptors`.
  init(_ configuration: LiveConfiguration, _ descriptors: DescriptorShares, shares: Int, recorder: (any Recorder)?) {
    clock = LiveClock(wall: configuration.wallClock)
    self.descriptors = descriptors
    commonConnections = CommonConnections(descriptors, shares: shares)
    limits = descriptors.bounding(configuration.limits, shares: shares)
    computePool = ComputePool(threads: configuration.computeThreads)
    var system = SystemRandomNumberGenerator()
    seed = configuration.seed ?? system.next()
    notice = configuration.notice
    directory = Mutex(configuration.directory)
    peerDirectory = Mutex(configuration.peerDirectory)
    peerKeys = configuration.peerKeys
    self.recorder = RecorderBox(recorder)
    (failures, failing) = AsyncStream<LiveHostError>.makeStream()
  }

  /// The node that went down for good first, and why.
  var failure: LiveHostError? { firstFailure.withLock { $0 } }

  /// A node is down for good.
  func fail(_ error: LiveHostError) {
    firstFailure.withLock { $0 = $0 ?? error }
    failing.yield(error)
  }

  /// No node will go down any more.
  func endFailures() { failing.finish() }

  func address(of endpoint: Endpoint) -> NetworkAddress? { directory.withLock { $0[endpoint] } }
  func setAddress(_ address: NetworkAddress, of endpoint: Endpoint) { directory.withLock { $0[endpoint] = address } }
  /// Where a node listens for its peers; nil where it is not known, which is also whether it is let in as one.
  func peerAddress(of node: NodeID) -> NetworkAddress? { peerDirectory.withLock { $0[node] } }
  func setPeerAddress(_ address: NetworkAddress, of node: NodeID) { peerDirectory.withLock { $0[node] = address } }

  func record(_ exchange: ExchangeRecord) { recorder.tell { $0.record(exchange) } }
  func record(_ stream: StreamRecord) { recorder.tell { $0.record(stream) } }
  func record(_ observation: ObservationRecord) { recorder.tell { $0.record(observation) } }
  func record(_ defect: DefectRecord) {
    notice(defect.node, "defect: \(defect.what)")
    recorder.tell { $0.record(defect) }
  }
}

/// A recorder that the loops take turns to call. Sendable because every call to it is made under the lock.
private final class RecorderBox: @unchecked Sendable {
  private let recorder: (any Recorder)?
  private let lock = Mutex(())

  init(_ recorder: (any Recorder)?) { self.recorder = recorder }

  func tell(_ body: (any Recorder) -> Void) {
    guard let recorder else { return }
    lock.withLock { _ in body(recorder) }
  }
}
