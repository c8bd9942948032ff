// What is hosted and how: the nodes, where endpoints are, clocks and bounds.

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

  /// The host as it stands before a port.
  var hostText: String { host.contains(":") ? "[\(host)]" : host }
}

extension NetworkAddress {
  /// Whether only this machine reaches it: an address of loopback, or `localhost`.
  public var isLoopback: Bool {
    let name = host.lowercased()
    let octets = name.split(separator: ".", omittingEmptySubsequences: false)
    let isVersion4 = octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    return isVersion4 || name == "::1" || name == "localhost"
  }
}

/// Where a node of a cluster is reached: by clients, and by its peers. As text `host:port`, `host:port@port` or `host:port@host:port`, with the
/// peers' part behind the `@`; without it peers are at the same host, `defaultDistance` ports above.
public struct NodeAddresses: Hashable, Sendable, CustomStringConvertible {
  /// How far above the clients' port the peers' is where nothing else is said.
  public static let defaultDistance = 10_000

  /// Where clients reach it.
  public var clients: NetworkAddress
  /// Where its peers reach it.
  public var peers: NetworkAddress

  /// The addresses of a node.
  public init(clients: NetworkAddress, peers: NetworkAddress) {
    self.clients = clients
    self.peers = peers
  }

  /// What `text` says; nil where it says none, or where the default port of the peers would be beyond 65,535.
  public init?(_ text: String) {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let first = parts.first, let clients = NetworkAddress(first) else { return nil }
    self.clients = clients
    guard parts.count == 2 else {
      guard clients.port <= 65_535 - Self.defaultDistance else { return nil }
      peers = NetworkAddress(host: clients.host, port: clients.port + Self.defaultDistance)
      return
    }
    guard
      let peers = NetworkAddress(
        parts[1].utf8.contains(UInt8(ascii: ":")) ? parts[1] : "\(NetworkAddress(host: clients.host, port: 0).hostText):\(parts[1])")
    else { return nil }
    self.peers = peers
  }

  /// The shortest text that says the same.
  public var description: String {
    guard peers.host == clients.host else { return "\(clients)@\(peers)" }
    return peers.port == clients.port + Self.defaultDistance ? "\(clients)" : "\(clients)@\(peers.port)"
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
  /// Threads for `Work`.
  public var computeThreads = 1
  /// The nodes' wall clock.
  public var wallClock = LiveWallClock.system
  /// Seed of the nodes' chance; nil draws one from the system.
  public var seed: UInt64?
  /// Where endpoints are that are not hosted here. Endpoints of hosted nodes are filled in when they listen.
  public var directory: [Endpoint: NetworkAddress] = [:]
  /// Where nodes that are not hosted here listen for their peers. Hosted nodes are filled in when they listen. Only nodes that stand here, or that
  /// a machine locates (`Effect.locate`), are let in as peers.
  public var peerDirectory: [NodeID: NetworkAddress] = [:]
  /// What a peer has to prove. A new one is drawn where nothing else is said: then only nodes of this host are peers of each other.
  public var peerKey = PeerKey.drawn()
  /// The bounds.
  public var limits = LiveLimits()
  /// Told what an operator should know: a node that went down or was restarted, and why.
  public var notice: @Sendable (NodeID, String) -> Void = { node, text in
    LiveConfiguration.printNotice(node, text)
  }

  /// One loop, the real wall clock, the ordinary bounds.
  public init() {}
}
