// The seam's proof in the simulated world: the key-value store under crashes at every moment, torn writes, failing
// syncs, a full disk and a bad network; its client judges. A seed that fails prints the line that repeats it.

import Kernel
import ProvingGround
import Testing
import Vocabulary
import World

/// Flies one seed; returns what went wrong, or nil.
func flyKeyValue(seed: UInt64) -> (failure: String?, hash: TraceHash) {
  var random = RandomStream(seed: seed, name: "plan")
  let notebook = Notebook()
  let host = SimulatedHost(
    seed: seed,
    plans: [
      NodePlan("store") { KeyValueStore(journalLimitBytes: 2_048) },
      NodePlan("client", cost: .client) {
        KeyValueClient(store: Endpoint(NodeID(0)), keyCount: 6, writesPerKey: 60, pause: .milliseconds(20))
      },
    ])
  host.recorder = notebook
  let store = NodeID(0)
  let links = Links(from: [NodeID(1)], to: [store])
  var faults: [PlannedFault] = []
  for _ in 0..<8 {
    let at = random.span(in: .milliseconds(1)...(.seconds(1)))
    let span = random.span(in: .milliseconds(5)...(.milliseconds(150)))
    let fault: any Fault =
      switch random.below(8) {
      case 0, 1: ProcessCrash(of: store)
      case 2: ProcessCrash(of: store, .duringSync(downtime: span))
      case 3: FailingSync(of: store, probability: 0.2)
      case 4: FullDisk(of: store, bytesLeft: Int(random.below(600)))
      case 5: Partition(links)
      case 6: LinkImpairment(.loss, links, probability: 0.3)
      default: ProcessPause(of: store, for: span)
      }
    faults.append(PlannedFault(at: at, for: span, fault))
  }
  host.plan(faults)
  // Whatever happened, all is well from here on: the store must come back.
  host.onAlarm = { _ in host.restart(store, after: .zero) }
  host.alarm(0, at: 3_000_000_000)
  host.startAll()
  host.run(until: 20_000_000_000)
  let probes = notebook.probes(of: 1)
  if let defect = notebook.defects.first { return ("defect of \(host.name(of: defect.node)): \(defect.what)", host.traceHash) }
  guard let last = probes.last(where: { $0.subject == 0 }) else { return ("the client did not come to its end", host.traceHash) }
  if last.value != 1 {
    let keys = probes.filter { $0.subject > 0 }.map { "key-\($0.subject - 1)" }
    return ("acknowledged writes were lost: \(keys.joined(separator: ", "))", host.traceHash)
  }
  return (nil, host.traceHash)
}

@Suite struct KeyValueUnderFaults {
  @Test func whatWasAcknowledgedSurvives() {
    for seed in UInt64(1)...300 {
      let flight = flyKeyValue(seed: seed)
      #expect(flight.failure == nil, "seed \(seed): \(flight.failure ?? ""); repeat with flyKeyValue(seed: \(seed))")
    }
  }

  @Test func oneSeedGivesOneTrace() {
    #expect(flyKeyValue(seed: 7).hash == flyKeyValue(seed: 7).hash)
    #expect(flyKeyValue(seed: 7).hash != flyKeyValue(seed: 8).hash)
  }
}
