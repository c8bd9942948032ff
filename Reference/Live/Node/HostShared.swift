// What all nodes of one host share: clock, bounds, the directory of endpoints, the recorder and the compute threads.

import Logging
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
  let log: Logger
  let peerKeys: PeerKeys
  let descriptors: DescriptorShares
  let commonConnections: CommonConnections
  /// Where users' destinations may lead.
  let addressPolicy: AddressPolicy
  let names: NameLookup
  /// What stands at endpoints and is no server.
  let desks: [Endpoint: AdapterDesk]
  let security: HostSecurity
  let ticks: LoopTicks
  private let directory: Mutex<[Endpoint: Destination]>
  private let own = Mutex<Set<Destination>>([])
  private let peerDirectory: Mutex<[NodeID: NetworkAddress]>
  private let recorder: RecorderBox
  private let firstFailure = Mutex<LiveHostError?>(nil)
  /// The nodes that are down for good, as they go down; ends with the host.
  let failures: AsyncStream<LiveHostError>
  private let failing: AsyncStream<LiveHostError>.Continuation

  /// For nodes that count as `shares` of `descriptors`.
  init(
    _ configuration: LiveConfiguration, _ descriptors: DescriptorShares, _ security: HostSecurity, group: any EventLoopGroup,
    ticks: LoopTicks, shares: Int, recorder: (any Recorder)?
  ) {
    self.ticks = ticks
    desks = configuration.adapters.mapValues { AdapterDesk($0, group) }
    self.security = security
    addressPolicy = configuration.addressPolicy
    names = NameLookup(waitingLimit: configuration.limits.waitingLookups, configuration.lookUp)
    clock = LiveClock(wall: configuration.wallClock)
    self.descriptors = descriptors
    commonConnections = CommonConnections(descriptors, shares: shares)
    limits = descriptors.bounding(configuration.limits, shares: shares)
    computePool = ComputePool(threads: configuration.computeThreads)
    var system = SystemRandomNumberGenerator()
    seed = configuration.seed ?? system.next()
    log = configuration.log
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

  func destination(of endpoint: Endpoint) -> Destination? { directory.withLock { $0[endpoint] } }
  func setDestination(_ destination: Destination, of endpoint: Endpoint) { directory.withLock { $0[endpoint] = destination } }
  /// What listens at `address` as this host's own nodes do: by TLS where they do.
  func sibling(at address: NetworkAddress) -> Destination { Destination(address, by: security.isServing ? .https : .http) }
  /// Notes where a node of this host listens for clients.
  func setOwn(_ address: NetworkAddress, of node: NodeID) {
    let destination = sibling(at: address)
    setDestination(destination, of: Endpoint(node))
    own.withLock { _ = $0.insert(destination) }
  }
  /// Whether a node of this host listens there, as the operator said.
  func isOwn(_ destination: Destination) -> Bool { own.withLock { $0.contains(destination) } }
  /// Where a node listens for its peers; nil where it is not known, which is also whether it is let in as one.
  func peerAddress(of node: NodeID) -> NetworkAddress? { peerDirectory.withLock { $0[node] } }
  func setPeerAddress(_ address: NetworkAddress, of node: NodeID) { peerDirectory.withLock { $0[node] = address } }

  func record(_ exchange: ExchangeRecord) { recorder.tell { $0.record(exchange) } }
  func record(_ stream: StreamRecord) { recorder.tell { $0.record(stream) } }
  func record(_ observation: ObservationRecord) { recorder.tell { $0.record(observation) } }
  func record(_ defect: DefectRecord) { recorder.tell { $0.record(defect) } }
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
