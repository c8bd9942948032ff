// Brokers of the message queue as processes of their own on loopback: started, killed, started again, cut off from each
// other. They are ended by their process ids, or with this process, by nothing else.
//
// Fault model: what a kill, a restart and a cut (`CutProxy`) do to real processes. Limit: a kill keeps the page cache;
// a loss of power is flown in the simulator. Serves MONITORING-9, 10.

import Console
import Foundation
import Launching
import Live
import Vocabulary

/// A cluster of broker processes. One caller at a time.
package final class BrokerProcesses {
  /// One broker.
  package struct Broker {
    /// Its number, from 1.
    package var number: UInt32
    /// Where it listens.
    package var address: NetworkAddress
    /// Where it listens for other brokers.
    package var peerAddress: NetworkAddress
    /// Its number and addresses as `--peers` and `brokers --add` take them.
    package var option: String { "\(number)=\(NodeAddresses(clients: address, peers: peerAddress))" }
    fileprivate var arguments: [String]
    /// Whatever ends this process closes the standard input of that one, and with it the broker.
    fileprivate var process: ChildProcess?
  }

  /// The brokers, by number.
  package private(set) var brokers: [Broker] = []
  private let executable: String
  private let folder: String
  /// By the numbers of who speaks and who listens; empty where brokers reach each other directly.
  private var proxies: [[UInt32]: [CutProxy]] = [:]
  private var keyFile: String { "\(folder)/peer.key" }

  /// The program that runs now.
  package static var thisProgram: String { OwnCommand.program }

  /// Starts `count` brokers with data below `folder`, by `executable serve queue`, on ports that the system gave. With
  /// `isCuttable` every link between two brokers goes through a proxy of its own. Throws where one does not come up.
  package init(count: Int, folder: String, executable: String = BrokerProcesses.thisProgram, isCuttable: Bool = false) async throws {
    self.executable = executable
    self.folder = folder
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var generator = SystemRandomNumberGenerator()
    let key = (0..<4).map { _ in String(generator.next() as UInt64 | 1 << 63, radix: 16) }.joined()
    try key.write(toFile: keyFile, atomically: true, encoding: .utf8)
    let addresses = try FreePorts.take(2 * count).map { NetworkAddress(host: "127.0.0.1", port: $0) }
    for own in 1...count {
      var peers: [String] = []
      for other in 1...count {
        var place = NodeAddresses(clients: addresses[other - 1], peers: addresses[count + other - 1])
        if isCuttable, other != own {
          let links = [try await CutProxy(to: NetworkAddress(place.clients)), try await CutProxy(to: NetworkAddress(place.peers))]
          proxies[[UInt32(own), UInt32(other)]] = links
          place = NodeAddresses(clients: links[0].address, peers: links[1].address)
        }
        peers.append("\(other)=\(place)")
      }
      brokers.append(
        Broker(
          number: UInt32(own), address: addresses[own - 1], peerAddress: addresses[count + own - 1],
          arguments: arguments(UInt32(own), ["--peers", peers.joined(separator: ",")])))
    }
    for broker in brokers { try await start(broker.number) }
  }

  /// Starts one broker more, which waits to be made a member; its number. The others are told of it by `windtunnel
  /// brokers`. Not where links are cuttable: it reaches the others directly.
  package func startJoining() async throws -> UInt32 {
    let addresses = try FreePorts.take(2).map { NetworkAddress(host: "127.0.0.1", port: $0) }
    let number = UInt32(brokers.count + 1)
    var broker = Broker(number: number, address: addresses[0], peerAddress: addresses[1], arguments: [])
    let peers = (brokers + [broker]).map(\.option).joined(separator: ",")
    broker.arguments = arguments(number, ["--join", "--peers", peers])
    brokers.append(broker)
    try await start(number)
    return number
  }

  private func arguments(_ number: UInt32, _ own: [String]) -> [String] {
    ["serve", "queue", "--until-input-ends", "--id", "\(number)"] + own
      + ["--peer-key-file", keyFile, "--data", "\(folder)/queue-\(number)"]
  }

  /// Runs `executable brokers` with these arguments and the proof that it may change this cluster; its exit status.
  package func administer(_ arguments: [String]) async throws -> Int32 {
    try await run(["brokers"] + arguments + ["--peer-key-file", keyFile])
  }

  /// Runs `executable` with these arguments to its end; its exit status.
  package func run(_ arguments: [String]) async throws -> Int32 {
    switch try await ChildProcess.started(executable, arguments).ended() {
    case .exited(let code): return code
    case .signalled(let signal): return 128 + signal
    }
  }

  private func place(_ number: UInt32) -> Int { Int(number) - 1 }

  /// Starts a broker that does not run, and waits until it serves.
  package func start(_ number: UInt32) async throws {
    let process = try await ChildProcess.started(executable, brokers[place(number)].arguments, input: .piped, output: .piped, errors: .none)
    brokers[place(number)].process = process
    var text: [UInt8] = []
    while !String(decoding: text, as: UTF8.self).contains("ready") {
      let more = process.read()
      guard !more.isEmpty else { throw LaunchFailure(description: "broker \(number) did not start") }
      text += more
    }
  }

  /// Kills a broker (SIGKILL), wherever it is in its work.
  package func kill(_ number: UInt32) async {
    brokers[place(number)].process?.signal(SIGKILL)
    await brokers[place(number)].process?.ended()
    brokers[place(number)].process = nil
  }

  /// Cuts a broker off from all others, or connects it again.
  package func setCut(_ number: UInt32, _ isCut: Bool) {
    for (link, both) in proxies where link.contains(number) { for proxy in both { proxy.setCut(isCut) } }
  }

  /// Ends all processes (SIGTERM) and waits for them.
  package func end() async {
    for broker in brokers { broker.process?.signal(SIGTERM) }
    for broker in brokers { await broker.process?.ended() }
    for proxy in proxies.values.joined() { await proxy.close() }
  }

  /// The largest resident memory of each so far, in bytes.
  package var peakMemoryBytes: [Int] {
    brokers.map { broker in broker.process.flatMap { ProcessFigures.peakResidentBytes($0.id) } ?? 0 }
  }

  /// Processor time of each so far, in seconds.
  package var processorSeconds: [Double] {
    brokers.map { broker in
      Double(broker.process.flatMap { ProcessFigures.processorTicks($0.id) } ?? 0) / Double(ProcessFigures.ticksPerSecond)
    }
  }
}
