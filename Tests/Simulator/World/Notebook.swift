// What a test reads of a run: a recorder that keeps all, and small machines to script.

import ProvingGround
import Vocabulary
import World

/// Keeps all that the host writes down.
final class Notebook: Recorder {
  var exchanges: [ExchangeRecord] = []
  var streams: [StreamRecord] = []
  var observations: [ObservationRecord] = []
  var defects: [DefectRecord] = []

  func record(_ exchange: ExchangeRecord) { exchanges.append(exchange) }
  func record(_ stream: StreamRecord) { streams.append(stream) }
  func record(_ observation: ObservationRecord) { observations.append(observation) }
  func record(_ defect: DefectRecord) { defects.append(defect) }

  /// Probe observations of a node, in order.
  func probes(of node: UInt16) -> [Observation] {
    observations.filter { $0.node.index == node && $0.observation.fact == .probe }.map(\.observation)
  }
}

/// A machine made of two closures, for tests that need no more.
struct Scripted: Machine {
  var onStart: (inout Turn) -> Void = { _ in }
  var onEvent: (Event, inout Turn) -> Void = { _, _ in }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { onStart(&turn) }
  mutating func handle(_ event: Event, _ turn: inout Turn) { onEvent(event, &turn) }
}

/// Sends a numbered message to node 1 every millisecond.
struct Ticker: Machine {
  var count: UInt64 = 0

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(1)) }
  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .timer = event else { return }
    count += 1
    turn.message(to: NodeID(1), [UInt8](String(count).utf8))
    _ = turn.wake(after: .milliseconds(1))
  }
}

/// States each message it gets as a probe: subject the number, value the milliseconds of its own clock.
struct Listener: Machine {
  mutating func start(_ turn: inout Turn) throws(StartRefusal) {}
  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .message(_, let bytes) = event, let number = UInt64(String(decoding: bytes, as: UTF8.self)) else { return }
    turn.observe(.probe, subject: number, value: UInt64(turn.now.nanoseconds / 1_000_000))
  }
}

/// A ticker (node 0) and a listener (node 1), flown for a second under one fault from 200 ms to 600 ms.
func flyTicker(seed: UInt64 = 1, under faults: [PlannedFault]) -> (heard: [UInt64], notebook: Notebook, host: SimulatedHost) {
  let notebook = Notebook()
  let host = SimulatedHost(
    seed: seed, plans: [NodePlan("ticker", cost: .client) { Ticker() }, NodePlan("listener", cost: .client) { Listener() }])
  host.recorder = notebook
  host.plan(faults)
  host.startAll()
  host.run(until: 1_000_000_000)
  return (notebook.probes(of: 1).map(\.subject), notebook, host)
}

/// The window in which `flyTicker`'s fault is in force.
func window(_ fault: any Fault) -> [PlannedFault] { [PlannedFault(at: .milliseconds(200), for: .milliseconds(400), fault)] }

let tickerToListener = Links(from: [NodeID(0)], to: [NodeID(1)], bothWays: false)
