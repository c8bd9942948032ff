// Registers on Raft in the simulated world: an election, writes, reads, crashes.

import ProvingGround
import Raft
import TestBench
import Testing
import Vocabulary
import World

private func bench(servers: Int, seed: UInt64 = 1) -> TestBench {
  let ids = (1...servers).map { ServerID(UInt32($0)) }
  let nodes = Dictionary(uniqueKeysWithValues: ids.map { ($0, NodeID(UInt16($0.value - 1))) })
  return TestBench(
    seed: seed,
    ids.map { id in
      NodePlan("server-\(id.value)") {
        ReplicatedRegisters(RaftServerConfiguration(server: id, nodes: nodes, groupCount: 2, founders: ids), snapshotEvery: 20)
      }
    })
}

@Suite struct RegistersTests {
  /// Asks one server after the other until one answers.
  private func ask(_ bench: TestBench, _ request: Request, servers: Int) -> Response? {
    for _ in 0..<50 {
      for server in 0..<servers {
        if let response = bench.ask(Endpoint(UInt16(server)), request), response.status != 421, response.status != 503 { return response }
      }
      bench.run(for: .milliseconds(100))
    }
    return nil
  }

  @Test func namesThatLookAlikeAreDifferentRegisters() {
    let bench = bench(servers: 1)
    for (name, value) in [("caf%C3%A9", "1"), ("cafe%CC%81", "2")] {
      #expect(ask(bench, Request(.put, "/registers/\(name)", body: Array(value.utf8)), servers: 1)?.status == 200)
    }
    #expect(ask(bench, Request(.get, "/registers/caf%C3%A9"), servers: 1)?.body == Array("1".utf8))
    #expect(ask(bench, Request(.get, "/registers/cafe%CC%81"), servers: 1)?.body == Array("2".utf8))
  }

  @Test(arguments: [1, 3, 5]) func whatIsWrittenIsRead(_ servers: Int) {
    let bench = bench(servers: servers)
    bench.run(for: .seconds(2))
    for number in 0..<60 {
      let name = "/registers/k\(number % 3)"
      #expect(ask(bench, Request(.put, name, body: Array("v\(number)".utf8)), servers: servers)?.status == 200)
      #expect(ask(bench, Request(.get, name), servers: servers).map { String(decoding: $0.body, as: UTF8.self) } == "v\(number)")
    }
    for server in 0..<servers { bench.host.crash(NodeID(UInt16(server))) }
    for server in 0..<servers { bench.host.restart(NodeID(UInt16(server)), after: .milliseconds(10)) }
    bench.run(for: .seconds(2))
    #expect(ask(bench, Request(.get, "/registers/k2"), servers: servers).map { String(decoding: $0.body, as: UTF8.self) } == "v59")
  }
}
