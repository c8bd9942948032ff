// `windtunnel bench kernel`: what an event costs in the simulator, through the shipped host, network, cost model and
// trace hash.
//
// The load: five nodes; the leader sends a 32-byte heartbeat to each follower every 10 ms of virtual time and each
// follower answers with 32 bytes. An event is one turn of a machine.

import ArgumentParser
import Console
import Foundation
import Kernel
import Vocabulary
import World

/// A leader that sends heartbeats, and followers that answer.
struct Heartbeat: Machine {
  let nodes: UInt16
  let isLeader: Bool
  var round: UInt64 = 0
  var answers: UInt64 = 0

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    if isLeader { _ = turn.wake(after: .milliseconds(10)) }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      round &+= 1
      for index in 1..<nodes { turn.message(to: NodeID(index), Self.payload(round)) }
      _ = turn.wake(after: .milliseconds(10))
    case .message(let from, let bytes):
      if isLeader { answers &+= 1 } else { turn.message(to: from, Self.payload(UInt64(bytes[0]))) }
    case .request, .response, .failed, .abandoned, .durable, .completed, .stream: break
    }
  }

  static func payload(_ round: UInt64) -> [UInt8] {
    func byte(_ index: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: round >> index) }
    let (a, b, c, d, e, f, g, h) = (byte(0), byte(1), byte(2), byte(3), byte(4), byte(5), byte(6), byte(7))
    // A literal: `Array(repeating:count:)` and `init(unsafeUninitializedCapacity:)` are not specialised, and look the
    // type of their storage up each time.
    return [a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h]
  }
}

struct KernelBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernel", abstract: "What an event costs in the simulator.",
    discussion: """
      EXAMPLES
        windtunnel bench kernel
        windtunnel bench kernel --seconds 1000
      """)

  @Option(help: "Simulated seconds to fly. (default: 20000)", transform: { try Bounds(1...10_000_000).read($0) }) var seconds = 20_000
  @Option(help: "The seed. (default: 1)", transform: { try SeedText.seed($0) }) var seed: UInt64 = 1

  func run() throws {
    let host = SimulatedHost(
      seed: seed,
      plans: (0..<5).map { index in
        NodePlan("node-\(index)") { Heartbeat(nodes: 5, isLeader: index == 0) }
      })
    host.startAll()
    let clock = ContinuousClock()
    let elapsed = clock.measure { host.run(until: Int64(seconds) * 1_000_000_000) }
    let nanoseconds = Double(elapsed.components.seconds) * 1e9 + Double(elapsed.components.attoseconds) / 1e9
    Output.line(MachineText.line)
    Output.line("\(host.turnsTaken) events, trace hash \(host.traceHash)")
    Output.line(String(format: "%.1f ns an event (measured)", nanoseconds / Double(max(1, host.turnsTaken))))
    Output.line(String(format: "%.0f simulated seconds a second (measured)", Double(seconds) / max(1, nanoseconds) * 1e9))
  }
}
