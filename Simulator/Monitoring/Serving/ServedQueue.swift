// How the message queue is served: one broker in a process; several of them are a cluster.

import ArgumentParser
import Console
import Live
import MonitoringAssembly
import Vocabulary

/// One broker's addresses: `2=127.0.0.1:7002`, or with the port for other brokers `2=127.0.0.1:7002@7102`.
package struct PeerOption: ExpressibleByArgument {
  /// The broker's number.
  package var number: UInt32
  /// Where it listens.
  package var addresses: NodeAddresses

  package init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2, let number = try? Bounds.brokerNumber.read(parts[0]), let addresses = NodeAddresses(parts[1]) else {
      return nil
    }
    self.number = UInt32(number)
    self.addresses = addresses
  }

  /// One broker. Throws what was expected.
  package static func read(_ text: String) throws -> PeerOption {
    guard let peer = PeerOption(argument: text) else { throw ValidationError("expected NUMBER=ADDRESSES: \(words)") }
    return peer
  }

  private static let words = "NUMBER is \(Bounds.brokerNumber.words), ADDRESSES are \(NodeAddresses.words)"

  /// All of a list with commas between.
  static func list(_ text: String) throws -> [PeerOption] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let peer = PeerOption(argument: String(part)) else {
        throw ValidationError(
          "--peers: expected NUMBER=ADDRESSES[,…], found \"\(part)\"; \(words)"
        )
      }
      return peer
    }
  }
}

/// The message queue as it is served.
package enum ServedQueue: ServedForm {
  /// Its options.
  package struct Options: ParsableArguments {
    @Option(help: "This broker's number. (default: 1)", transform: { UInt32(try Bounds.brokerNumber.read($0)) }) package var id: UInt32 = 1
    @Option(help: "All brokers: NUMBER=HOST:PORT with commas between, or NUMBER=HOST:PORT@PORT with the port for other brokers.")
    package var peers = "1=127.0.0.1:7001"
    @Option(
      help: "Listen for other brokers at this HOST:PORT instead of where --peers says that they reach this one.",
      transform: { try AddressText.read($0) })
    package var peerListen: NetworkAddress?
    @Option(
      help:
        "A file with the key that all brokers share, and on a second line one that is taken besides while keys are changed; or WINDTUNNEL_PEER_KEY in the environment.",
      transform: { try PathText.read($0) })
    package var peerKeyFile: String?
    @Flag(help: "Wait to be made a member of a cluster that runs already, instead of founding one.") package var join = false
    @Option(
      help:
        "Numbers of the brokers that found the cluster, with commas between; where it is not given, those that the folder knows, else all of --peers."
    )
    package var founders: String?

    package init() {}
  }

  package static let name = "queue"
  package static let abstract = "Serve one broker of the message queue; several of them are a cluster."
  package static let discussion = """
    Each broker is a process of its own. All are told all addresses; a message is on the disks of a majority before it is acknowledged. Any broker \
    takes any request. `kill -9` of a minority at any moment loses nothing that was acknowledged. A broker that joins a running cluster is started \
    with --join and then made a member by `windtunnel brokers`.

    Brokers reach each other on ports of their own, 10,000 above those of clients where nothing else is said (NUMBER=HOST:PORT@PORT). Who has the \
    key of --peer-key-file is a broker: all have the same one (`openssl rand -hex 32 > peer.key` makes one), and without it a broker listens for \
    others on loopback alone. Who has the key may also change who the brokers are (`windtunnel brokers`, POST /brokers, POST /raft/…); without one \
    that is taken from the broker's own machine alone. All else at the port of clients is anybody's who reaches it. The key does not cross the network; \
    what brokers tell each other is proved by it and not hidden. With --tls-certificate brokers hand clients' requests on to each other by TLS too: each \
    must then prove to be the host that --peers names, to an authority of the system's or of --tls-authority.

    EXAMPLES
      windtunnel serve queue --data ./q
      peers=1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003
      windtunnel serve queue --id 1 --peers $peers --data ./q1
      curl localhost:7001/produce \\
        -d '{"topic":"metrics.inbound","key":"a","value":1}'
      curl 'localhost:7002/consume?partition=3&offset=0&count=10'
      windtunnel brokers --at 127.0.0.1:7001
      peers=1=10.0.0.1:7001,2=10.0.0.2:7001,3=10.0.0.3:7001
      windtunnel serve queue --peers $peers --peer-key-file peer.key --data q1
    """
  package static var mutants: [Mutant] { queueMutants + queueBlindMutants }

  package static func plan(_ options: Options, _ hosting: ServedHosting) throws -> ServedPlan {
    let (id, path) = (options.id, hosting.folder.path)
    let brokers = try PeerOption.list(options.peers)
    guard let own = brokers.first(where: { $0.number == id }) else {
      throw ValidationError("--peers does not tell the address of --id \(id)")
    }
    let allAddresses = brokers.flatMap { [$0.addresses.clients, $0.addresses.peers] }
    guard Set(brokers.map(\.number)).count == brokers.count, Set(allAddresses).count == allAddresses.count else {
      throw ValidationError("--peers names a broker or an address twice")
    }
    guard !options.join || options.founders == nil else { throw ValidationError("--join founds nothing: give it, or --founders") }
    let founding = try options.founders.map { text in
      try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        guard let number = try? UInt32(Bounds.brokerNumber.read(String(part))), brokers.contains(where: { $0.number == number }) else {
          throw ValidationError("--founders: \"\(part)\" is no broker of --peers")
        }
        return number
      }
    }
    guard founding.map({ Set($0).count == $0.count }) ?? true else { throw ValidationError("--founders names a broker twice") }
    // A folder keeps its founders: another --peers, or none, must not make another cluster of what it holds.
    let kept = hosting.folder.founders
    let founders = options.join ? [] : founding ?? kept ?? brokers.map(\.number)
    let assembly = QueueAssembly(
      brokers: brokers.map { ($0.number, NodeID(UInt16($0.number))) }, founders: founders,
      addresses: Dictionary(uniqueKeysWithValues: brokers.map { ($0.number, "\($0.addresses)") }))
    guard let node = assembly.node(id) else { throw ValidationError("--id \(id) is not in --peers") }
    let peerListen = options.peerListen ?? NetworkAddress(own.addresses.peers)
    let specification = LiveNodeSpecification(
      node.id, name: "\(name)/\(node.name)", listen: NetworkAddress(own.addresses.clients), peerListen: peerListen, dataDirectory: path,
      planted: hosting.planted, makeMachine: node.make)
    var plan = ServedPlan(
      "broker", nodes: [specification], folders: MonitoringFolders.folders(broker: id, founders: founders), addressOption: "--peers")
    for broker in brokers where broker.number != id {
      plan.directory[Endpoint(NodeID(UInt16(broker.number)))] = Destination(NetworkAddress(broker.addresses.clients), by: hosting.scheme)
      plan.peerDirectory[NodeID(UInt16(broker.number))] = NetworkAddress(broker.addresses.peers)
    }
    plan.peerKey = ServedPlan.PeerKeySource(file: options.peerKeyFile, listening: peerListen)
    if let kept, !kept.isEmpty { plan.notes = others(than: kept, brokers.map(\.number), path) }
    return plan
  }

  /// Says where the brokers of --peers are not the folder's founders: both have a right reason and a wrong one.
  private static func others(than founders: [UInt32], _ brokers: [UInt32], _ path: String) -> [String] {
    func list(_ numbers: [UInt32]) -> String { numbers.map { String($0) }.joined(separator: ", ") }
    let missing = founders.filter { !brokers.contains($0) }
    let others = brokers.filter { !founders.contains($0) }
    var notes: [String] = []
    if !missing.isEmpty {
      notes.append("\(path) belongs to a cluster founded by \(list(founders)); --peers does not tell of \(list(missing)): right if removed")
    }
    if !others.isEmpty {
      notes.append(
        "\(path) belongs to a cluster founded by \(list(founders)); \(list(others)) must have joined it (--join, brokers --add)")
    }
    return notes
  }
}
