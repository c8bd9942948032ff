// `windtunnel serve queue`: one broker of the message queue on real sockets and real files; several of them are a cluster.

import ArgumentParser
import Foundation
import Live
import MonitoringAssembly
import Vocabulary

/// One broker's address: `2=127.0.0.1:7002`.
struct PeerOption: ExpressibleByArgument {
  /// The broker's number.
  var number: UInt32
  /// Where it listens.
  var address: NetworkAddress

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2, let number = UInt32(parts[0]), (1...65_535).contains(number), let address = NetworkAddress(parts[1]) else {
      return nil
    }
    self.number = number
    self.address = address
  }

  /// All of a list with commas between.
  static func list(_ text: String) throws -> [PeerOption] {
    try text.split(separator: ",").map { part in
      guard let peer = PeerOption(argument: String(part)) else {
        throw ValidationError("--peers: expected NUMBER=HOST:PORT[,…], each number and port from 1 to 65535, found \"\(part)\"")
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

      EXAMPLES
        windtunnel serve queue --data ./q
        peers=1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003
        windtunnel serve queue --id 1 --peers $peers --data ./q1
        curl localhost:7001/produce \\
          -d '{"topic":"metrics.inbound","key":"a","value":1}'
        curl 'localhost:7002/consume?partition=3&offset=0&count=10'
        windtunnel brokers --at 127.0.0.1:7001
      """)

  @Option(help: "This broker's number.", transform: { UInt32(try Bounds.brokerNumber.read($0)) }) var id: UInt32 = 1
  @Option(help: "All brokers: NUMBER=HOST:PORT with commas between.") var peers = "1=127.0.0.1:7001"
  @Option(help: "The folder of this broker's data; made where it is missing.", transform: { try PathText.read($0) }) var data: String
  @Flag(help: "Wait to be made a member of a cluster that runs already, instead of founding one.") var join = false
  @Option(help: "Numbers of the brokers that found the cluster, with commas between; all of --peers where it is not given.")
  var founders: String?

  /// A folder belongs to one broker: another one on its votes and promises could break them.
  private func claimFolder() throws {
    let mark = "\(data)/.broker"
    if let text = try? String(contentsOfFile: mark, encoding: .utf8) {
      let owner = text.trimmingCharacters(in: .whitespacesAndNewlines)
      guard owner == "\(id)" else { throw InputProblem(description: "--data \(data) is the folder of broker \(owner), not of \(id)") }
      return
    }
    try? FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    // Where it cannot be written the host tells why.
    try? "\(id)\n".write(toFile: mark, atomically: true, encoding: .utf8)
  }

  func run() async throws {
    let brokers = try PeerOption.list(peers)
    guard let own = brokers.first(where: { $0.number == id }) else {
      throw ValidationError("--peers does not tell the address of --id \(id)")
    }
    guard Set(brokers.map(\.number)).count == brokers.count, Set(brokers.map(\.address)).count == brokers.count else {
      throw ValidationError("--peers names a broker or an address twice")
    }
    guard !join || founders == nil else { throw ValidationError("--join founds nothing: give it, or --founders") }
    let founding = try founders.map { text in
      try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        guard let number = UInt32(part), brokers.contains(where: { $0.number == number }) else {
          throw ValidationError("--founders: \"\(part)\" is no broker of --peers")
        }
        return number
      }
    }
    guard founding.map({ Set($0).count == $0.count }) ?? true else { throw ValidationError("--founders names a broker twice") }
    let assembly = QueueAssembly(
      brokers: brokers.map { ($0.number, NodeID(UInt16($0.number))) }, founders: join ? [] : founding,
      addresses: Dictionary(uniqueKeysWithValues: brokers.map { ($0.number, "\($0.address)") }))
    guard let node = assembly.node(id) else { throw ValidationError("--id \(id) is not in --peers") }
    var live = LiveConfiguration()
    for broker in brokers where broker.number != id { live.directory[Endpoint(NodeID(UInt16(broker.number)))] = broker.address }
    try claimFolder()
    let host = LiveHost(
      [LiveNodeSpecification(node.id, name: node.name, listen: own.address, dataDirectory: data, makeMachine: node.make)], live)
    do {
      try await host.start()
    } catch let error as LiveHostError {
      throw InputProblem("the broker cannot start", error, address: "--peers", folder: "--data")
    }
    Output.line("queue-\(id) http://\(host.address(of: node.id) ?? own.address)")
    Output.line("ready; data in \(data)")
    let failure = await ServingEnd.untilAskedOrFailed(host)
    Output.line("stopping")
    await host.stop()
    if let failure { throw InputProblem("the broker cannot go on", failure, folder: "--data") }
  }
}
