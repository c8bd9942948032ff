// `windtunnel serve queue`: one broker of the message queue on real sockets and real files; several of them are a
// cluster.

import ArgumentParser
import Foundation
import Live
import MonitoringAssembly
import Vocabulary

/// One broker's addresses: `2=127.0.0.1:7002`, or with the port for other brokers `2=127.0.0.1:7002@7102`.
struct PeerOption: ExpressibleByArgument {
  /// The broker's number.
  var number: UInt32
  /// Where it listens.
  var addresses: NodeAddresses

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2, let number = try? Bounds.brokerNumber.read(parts[0]), let addresses = NodeAddresses(parts[1]) else {
      return nil
    }
    self.number = UInt32(number)
    self.addresses = addresses
  }

  /// All of a list with commas between.
  static func list(_ text: String) throws -> [PeerOption] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let peer = PeerOption(argument: String(part)) else {
        throw ValidationError(
          "--peers: expected NUMBER=ADDRESSES[,…], found \"\(part)\"; NUMBER is \(Bounds.brokerNumber.words), ADDRESSES are \(NodeAddresses.words)"
        )
      }
      return peer
    }
  }
}

struct ServeQueueCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queue", abstract: "Serve one broker of the message queue; several of them are a cluster.",
    discussion: """
      Each broker is a process of its own. All are told all addresses; a message is on the disks of a majority before it is acknowledged. Any broker \
      takes any request. `kill -9` of a minority at any moment loses nothing that was acknowledged. A broker that joins a running cluster is started \
      with --join and then made a member by `windtunnel brokers`.

      Brokers reach each other on ports of their own, 10,000 above those of clients where nothing else is said (NUMBER=HOST:PORT@PORT). Who has the \
      key of --peer-key-file is a broker: all have the same one (`openssl rand -hex 32 > peer.key` makes one), and without it a broker listens for \
      others on loopback alone. Who has the key may also change who the brokers are (`windtunnel brokers`, POST /brokers, POST /raft/…); without one \
      that is taken from the broker's own machine alone. All else at the port of clients is anybody's who reaches it.

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
      """)

  @Option(help: "This broker's number.", transform: { UInt32(try Bounds.brokerNumber.read($0)) }) var id: UInt32 = 1
  @Option(help: "All brokers: NUMBER=HOST:PORT with commas between, or NUMBER=HOST:PORT@PORT with the port for other brokers.")
  var peers = "1=127.0.0.1:7001"
  @Option(
    help: "Listen for other brokers at this HOST:PORT instead of where --peers says that they reach this one.",
    transform: { try AddressText.read($0) })
  var peerListen: NetworkAddress?
  @Option(
    help: "A file with the key that all brokers share; or WINDTUNNEL_PEER_KEY in the environment.", transform: { try PathText.read($0) })
  var peerKeyFile: String?
  @Option(help: "The folder of this broker's data; made where it is missing.", transform: { try PathText.read($0) }) var data: String
  @Flag(help: "Wait to be made a member of a cluster that runs already, instead of founding one.") var join = false
  @Option(
    help:
      "Numbers of the brokers that found the cluster, with commas between; where it is not given, those that the folder knows, else all of --peers."
  )
  var founders: String?

  /// For who launches brokers as its children: a broker whose standard input ends, and so whose launcher has, however
  /// it did, ends too.
  @Flag(help: .hidden) var untilInputEnds = false

  /// Says where the brokers of --peers are not the folder's founders: both have a right reason and a wrong one.
  private func tellOfOthers(than founders: [UInt32], _ brokers: [UInt32]) {
    func list(_ numbers: [UInt32]) -> String { numbers.map { String($0) }.joined(separator: ", ") }
    let missing = founders.filter { !brokers.contains($0) }
    if !missing.isEmpty {
      Output.note(
        "note: \(data) belongs to a cluster founded by \(list(founders)); --peers does not tell of \(list(missing)): right if removed")
    }
    let others = brokers.filter { !founders.contains($0) }
    if !others.isEmpty {
      Output.note(
        "note: \(data) belongs to a cluster founded by \(list(founders)); \(list(others)) must have joined it (--join, brokers --add)")
    }
  }

  func run() async throws {
    let brokers = try PeerOption.list(peers)
    guard let own = brokers.first(where: { $0.number == id }) else {
      throw ValidationError("--peers does not tell the address of --id \(id)")
    }
    let allAddresses = brokers.flatMap { [$0.addresses.clients, $0.addresses.peers] }
    guard Set(brokers.map(\.number)).count == brokers.count, Set(allAddresses).count == allAddresses.count else {
      throw ValidationError("--peers names a broker or an address twice")
    }
    guard !join || founders == nil else { throw ValidationError("--join founds nothing: give it, or --founders") }
    let founding = try founders.map { text in
      try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        guard let number = try? UInt32(Bounds.brokerNumber.read(String(part))), brokers.contains(where: { $0.number == number }) else {
          throw ValidationError("--founders: \"\(part)\" is no broker of --peers")
        }
        return number
      }
    }
    guard founding.map({ Set($0).count == $0.count }) ?? true else { throw ValidationError("--founders names a broker twice") }
    // A folder keeps its founders: another --peers, or none, must not make another cluster of what it holds.
    let kept = DataFolders.founders(in: data)
    let founders = join ? [] : founding ?? kept ?? brokers.map(\.number)
    if let kept, !kept.isEmpty { tellOfOthers(than: kept, brokers.map(\.number)) }
    let assembly = QueueAssembly(
      brokers: brokers.map { ($0.number, NodeID(UInt16($0.number))) }, founders: founders,
      addresses: Dictionary(uniqueKeysWithValues: brokers.map { ($0.number, "\($0.addresses)") }))
    guard let node = assembly.node(id) else { throw ValidationError("--id \(id) is not in --peers") }
    var live = LiveConfiguration()
    for broker in brokers where broker.number != id {
      live.directory[Endpoint(NodeID(UInt16(broker.number)))] = NetworkAddress(broker.addresses.clients)
      live.peerDirectory[NodeID(UInt16(broker.number))] = NetworkAddress(broker.addresses.peers)
    }
    let listen = NetworkAddress(own.addresses.clients)
    let peerListen = peerListen ?? NetworkAddress(own.addresses.peers)
    live.peerKey = try PeerKeyOption.key(file: peerKeyFile, listeningAt: peerListen)
    try ServedFolders.claim(broker: id, founders: founders, data)
    Interruption.listen()
    if untilInputEnds { Interruption.askWhenInputEnds() }
    let host: LiveHost
    do {
      host = try LiveHost(
        [
          LiveNodeSpecification(
            node.id, name: node.name, listen: listen, peerListen: peerListen, dataDirectory: data, makeMachine: node.make)
        ], live)
      try await host.start()
    } catch let error as LiveHostError {
      throw InputProblem("the broker cannot start", error, address: "--peers", folder: "--data")
    }
    Output.line("queue-\(id) http://\(host.address(of: node.id) ?? listen); brokers at \(peerListen)")
    Output.line("ready; data in \(data)")
    let failure = await ServingEnd.untilAskedOrFailed(host)
    Output.line("stopping")
    await host.stop()
    if let failure { throw InputProblem("the broker cannot go on", failure, folder: "--data") }
  }
}
