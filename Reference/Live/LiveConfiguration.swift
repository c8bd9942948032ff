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
}

/// One node to be hosted.
public struct LiveNodeSpecification: Sendable {
  /// Which node. Its `Endpoint` has the same index.
  public var node: NodeID
  /// What people call it.
  public var name: String
  /// Where it listens for HTTP, or nil.
  public var listen: NetworkAddress?
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
    _ node: NodeID, name: String, listen: NetworkAddress? = nil, dataDirectory: String? = nil, diskQuotaBytes: Int? = nil,
    witness: (any DiskWitness)? = nil, planted: PlantedBugs = .none, isRecorded: Bool = false,
    makeMachine: @escaping @Sendable () -> any Machine
  ) {
    self.node = node
    self.name = name
    self.listen = listen
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
  /// Where endpoints are that are not hosted here, and nodes that are not hosted here (by `Endpoint` of the same index). Endpoints of
  /// hosted nodes are filled in when they listen.
  public var directory: [Endpoint: NetworkAddress] = [:]
  /// The bounds.
  public var limits = LiveLimits()
  /// Told what an operator should know: a node that went down or was restarted, and why.
  public var notice: @Sendable (NodeID, String) -> Void = { node, text in
    LiveConfiguration.printNotice(node, text)
  }

  /// One loop, the real wall clock, the ordinary bounds.
  public init() {}
}
