// A machine that asks to be started anew: it crashes as any process does, and its pauses grow.

import ProvingGround
import Testing
import Vocabulary
import World

private let file = FileName(fixed: "kept")

/// Writes a byte at its start and one more when its time has come, and asks to be started anew before that one is
/// synced.
private struct Failing: Machine {
  var lifetime: TimeSpan

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    let found = turn.disk.size(of: file) ?? 0
    turn.observe(.probe, subject: UInt64(turn.incarnation), value: UInt64(found))
    if found == 0 { _ = try? turn.disk.write(file, at: 0, [1]) }
    _ = turn.wake(after: lifetime)
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .timer = event else { return }
    // More than any part of it that a crash may keep would end here.
    _ = try? turn.disk.write(file, at: 1, [2])
    turn.observe(.probe, subject: 1_000, value: UInt64(turn.incarnation))
    turn.ask(.message(to: NodeID(0), [7]))
    turn.restart("it fails each time")
  }
}

private final class Lines: TraceSink {
  var starts: [Int64] = []
  var asks: [(at: Int64, line: String)] = []

  func trace(at time: Int64, node: NodeID, _ line: @autoclosure () -> String) {
    let text = line()
    if text.hasPrefix("starts") { starts.append(time) }
    if text.hasPrefix("asks") { asks.append((time, text)) }
  }
}

private func fly(lifetime: TimeSpan, for span: TimeSpan) -> (lines: Lines, notebook: Notebook, host: SimulatedHost) {
  let host = SimulatedHost(seed: 3, plans: [NodePlan("failing") { Failing(lifetime: lifetime) }])
  let (lines, notebook) = (Lines(), Notebook())
  host.traceSink = lines
  host.recorder = notebook
  host.startAll()
  host.run(until: span.nanoseconds)
  return (lines, notebook, host)
}

@Suite struct AskedRestartTests {
  @Test func theProcessCrashesAndItsPausesGrow() {
    let (lines, notebook, host) = fly(lifetime: .milliseconds(50), for: .seconds(8))
    let pauses = zip(lines.asks, lines.starts.dropFirst()).map { ask, start in (start - ask.at) / 1_000_000 }
    // A start waits for the sync of what the crash left, a few milliseconds at most.
    #expect(pauses.prefix(7).map { $0 / 50 * 50 } == [100, 200, 400, 800, 1_600, 1_600, 1_600], "\(pauses)")
    #expect(lines.asks.first?.line == "asks to be started anew, in 100 ms: it fails each time")
    #expect(notebook.defects.isEmpty)
    // What was synced is there in each life after the first; the message waited for a sync that did not come.
    let later = notebook.probes(of: 0).filter { $0.subject > 0 && $0.subject < 1_000 }
    #expect(!later.isEmpty && later.allSatisfy { $0.value >= 1 })
    #expect(host.traceHash == fly(lifetime: .milliseconds(50), for: .seconds(8)).host.traceHash)
  }

  @Test func aLongLifeBeginsTheRowAnew() {
    let (lines, _, _) = fly(lifetime: .seconds(7), for: .seconds(30))
    let pauses = zip(lines.asks, lines.starts.dropFirst()).map { ask, start in (start - ask.at) / 1_000_000 }
    #expect(pauses.count >= 3 && pauses.allSatisfy { (100..<150).contains($0) }, "\(pauses)")
  }
}
