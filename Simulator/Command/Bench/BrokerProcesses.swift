// Brokers of the message queue as processes of their own on loopback, for measurements and tests by command. Each is this very program with
// `serve queue`. They are ended by their process ids, by nothing else.

import Foundation
import Live
import Vocabulary

/// A cluster of broker processes.
final class BrokerProcesses {
  /// One broker.
  struct Broker {
    var number: UInt32
    var address: NetworkAddress
    var process: Process
  }

  /// The brokers, by number.
  private(set) var brokers: [Broker] = []

  /// Starts `count` brokers with data below `folder`, on ports that the system gave. Throws where one does not come up.
  init(count: Int, folder: String) throws {
    let ports = try Self.freePorts(count)
    let peers = ports.enumerated().map { "\($0.offset + 1)=127.0.0.1:\($0.element)" }.joined(separator: ",")
    for (index, port) in ports.enumerated() {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      process.arguments = ["serve", "queue", "--id", "\(index + 1)", "--peers", peers, "--data", "\(folder)/queue-\(index + 1)"]
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      brokers.append(Broker(number: UInt32(index + 1), address: NetworkAddress(host: "127.0.0.1", port: port), process: process))
      var text = Data()
      while !String(decoding: text, as: UTF8.self).contains("ready") {
        let more = output.fileHandleForReading.availableData
        guard !more.isEmpty else {
          end()
          throw InputProblem(description: "broker \(index + 1) did not start", exitCode: Exit.couldNotRun)
        }
        text += more
      }
    }
  }

  /// Ends all processes and waits for them.
  func end() {
    for broker in brokers where broker.process.isRunning { broker.process.terminate() }
    for broker in brokers { broker.process.waitUntilExit() }
  }

  /// The largest resident memory of each so far, in bytes.
  var peakMemoryBytes: [Int] {
    brokers.map { broker in
      let status = (try? String(contentsOfFile: "/proc/\(broker.process.processIdentifier)/status", encoding: .utf8)) ?? ""
      let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }
  }

  /// Processor time of each so far, in seconds.
  var processorSeconds: [Double] {
    brokers.map { broker in
      let stat = (try? String(contentsOfFile: "/proc/\(broker.process.processIdentifier)/stat", encoding: .utf8)) ?? ""
      let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
      guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
      return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
  }

  /// Ports that were free a moment ago.
  private static func freePorts(_ count: Int) throws -> [Int] {
    var descriptors: [Int32] = []
    defer { for descriptor in descriptors { close(descriptor) } }
    return try (0..<count).map { _ in
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      descriptors.append(descriptor)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
      }
      guard isBound else { throw InputProblem(description: "no port is free on 127.0.0.1", exitCode: Exit.couldNotRun) }
      return Int(UInt16(bigEndian: address.sin_port))
    }
  }
}
