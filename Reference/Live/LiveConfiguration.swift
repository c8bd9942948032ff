// What is hosted and how: the nodes, where endpoints are, clocks and bounds.

import Logging
import NIOCore
import PeerAuthentication
import Vocabulary

/// Where something listens.
public struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
  /// An IPv4 or IPv6 address, or a name to be resolved.
  public var host: String
  /// The TCP port.
  public var port: Int

  /// An address.
  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// The address that "host:port" or "[address]:port" says; nil where it says none.
  public init?(_ text: String) {
    guard let address = HostAndPort(text) else { return nil }
    self.init(address)
  }

  /// The address that was read from outside.
  public init(_ address: HostAndPort) { self.init(host: address.host, port: address.port) }

  /// This machine, at a port that the system chooses.
  public static let ephemeral = NetworkAddress(host: "127.0.0.1", port: 0)

  /// "127.0.0.1:8080".
  public var description: String { HostAndPort(host: host, port: port).text }
}

extension NetworkAddress {
  /// Whether only this machine reaches it: an address of loopback (also one of IPv4 as IPv6 writes it), or `localhost`.
  public var isLoopback: Bool {
    let mapped = "::ffff:"
    var name = host.lowercased()
    if name.hasPrefix(mapped) { name.removeFirst(mapped.count) }
    let octets = name.split(separator: ".", omittingEmptySubsequences: false)
    let isVersion4 = octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    return isVersion4 || name == "::1" || name == "localhost"
  }
}

extension Destination {
  /// What speaks HTTP at `address`, as an operator named it, over TLS where `scheme` says so.
  public init(_ address: NetworkAddress, by scheme: Scheme = .http) {
    self.init(scheme, HostAndPort(host: address.host, port: address.port), namedBy: .operator)
  }
}

extension NodeAddresses {
  /// The addresses of a node that listens at these.
  public init(clients: NetworkAddress, peers: NetworkAddress) {
    self.init(
      clients: HostAndPort(host: clients.host, port: clients.port), peers: HostAndPort(host: peers.host, port: peers.port))
  }
}

/// One node to be hosted.
public struct LiveNodeSpecification: Sendable {
  /// Which node. Its `Endpoint` has the same index.
  public var node: NodeID
  /// What people call it.
  public var name: String
  /// Where it listens for HTTP, or nil.
  public var listen: NetworkAddress?
  /// Where it listens for messages of its peers, on a port of its own, or nil where none may reach it.
  public var peerListen: NetworkAddress?
  /// The directory of its disk, made where it is missing, or nil for none.
  public var dataDirectory: String?
  /// Bytes that its disk may hold, or nil for all that the file system has.
  public var diskQuotaBytes: Int?
  /// An onlooker of its disk, or nil.
  public var witness: (any DiskWitness)?
  /// Planted bugs that are switched on.
  public var planted: PlantedBugs
  /// Whether its calls are recorded.
  public var isRecorded: Bool
  /// Makes the machine, once for each life.
  public var makeMachine: @Sendable () -> any Machine

  /// A node.
  public init(
    _ node: NodeID, name: String, listen: NetworkAddress? = nil, peerListen: NetworkAddress? = nil, dataDirectory: String? = nil,
    diskQuotaBytes: Int? = nil, witness: (any DiskWitness)? = nil, planted: PlantedBugs = .none, isRecorded: Bool = false,
    makeMachine: @escaping @Sendable () -> any Machine
  ) {
    self.node = node
    self.name = name
    self.listen = listen
    self.peerListen = peerListen
    self.dataDirectory = dataDirectory
    self.diskQuotaBytes = diskQuotaBytes
    self.witness = witness
    self.planted = planted
    self.isRecorded = isRecorded
    self.makeMachine = makeMachine
  }
}

/// How a `LiveHost` hosts.
public struct LiveConfiguration: Sendable {
  /// Event loops; nodes are assigned to them in turn.
  public var loops = 1
  /// Threads for `Work`: as many as there are cores.
  public var computeThreads = System.coreCount
  /// The nodes' wall clock.
  public var wallClock = LiveWallClock.system
  /// Seed of the nodes' chance; nil draws one from the system.
  public var seed: UInt64?
  /// Where endpoints are that are not hosted here. Endpoints of hosted nodes are filled in when they listen.
  public var directory: [Endpoint: Destination] = [:]
  /// What answers at endpoints without being a server: for what is no HTTP.
  public var adapters: [Endpoint: any Adapter] = [:]
  /// Where destinations may lead that users named.
  public var addressPolicy = AddressPolicy()
  /// The addresses of a host by its name, none where it is not known; called on threads of the host's own, and may
  /// block. The system's where nothing else is said.
  public var lookUp: @Sendable (String) -> [IPAddress] = { LiveConfiguration.systemAddresses(of: $0) }
  /// What this host proves by TLS, and whom it believes.
  public var security = TransportSecurity()
  /// Where nodes that are not hosted here listen for their peers. Hosted nodes are filled in when they listen. Only
  /// nodes that stand here, or that a machine locates (`Effect.locate`), are let in as peers.
  public var peerDirectory: [NodeID: NetworkAddress] = [:]
  /// What a peer has to prove. A new one is drawn where nothing else is said: then only nodes of this host are peers of
  /// each other, and nobody administers them over the network (`Intake.administration`).
  public var peerKeys = PeerKeys(present: .drawn())
  /// The bounds.
  public var limits = LiveLimits()
  /// Where what an operator should know is written: that a node went down or was restarted, and why (errors and
  /// warnings); where nodes listen and when their lives begin and end (info); each request that is answered (debug).
  public var log = LogLines.standardError(.text)

  /// One loop, the real wall clock, the ordinary bounds.
  public init() {}

  /// What the system says of a host's name. Blocks.
  public static func systemAddresses(of host: String) -> [IPAddress] { SystemNames.lookUp(host) }
}
