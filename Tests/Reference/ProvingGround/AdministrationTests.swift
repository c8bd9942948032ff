// What an operator asks of servers on Raft, over HTTP: how the groups stand, transfers, changes of the membership, and
// what is refused.

import ProvingGround
import Raft
import TestBench
import Testing
import Vocabulary
import Wire
import World

private let servers = (1...4).map { ServerID(UInt32($0)) }

/// Servers 1 to 3 keep the groups; server 4 waits to be added.
private func bench() -> TestBench {
  let nodes = Dictionary(uniqueKeysWithValues: servers.map { ($0, NodeID(UInt16($0.value - 1))) })
  let bench = TestBench(
    servers.map { id in
      NodePlan("server-\(id.value)") {
        ReplicatedRegisters(
          RaftServerConfiguration(server: id, nodes: nodes, groupCount: 1, founders: id == servers[3] ? [] : Array(servers.prefix(3))))
      }
    })
  bench.run(for: .seconds(2))
  return bench
}

private func endpoint(_ server: Int) -> Endpoint { Endpoint(UInt16(server - 1)) }

/// The one group, as a server tells it.
private func group(_ bench: TestBench, on server: Int) -> JSON? {
  guard let response = bench.ask(endpoint(server), Request(.get, "/raft")), response.status == 200,
    case .array(let groups)? = try? JSON(parsing: response.body)["groups"]
  else { return nil }
  return groups.first
}

private func leader(_ bench: TestBench) -> Int? {
  for _ in 0..<50 {
    for server in 1...4 where group(bench, on: server)?["role"] == .string("leader") { return server }
    bench.run(for: .milliseconds(100))
  }
  return nil
}

private func post(_ bench: TestBench, _ server: Int, _ path: String, _ body: String) -> Response? {
  bench.ask(endpoint(server), Request(.post, path, body: Array(body.utf8)))
}

/// The error's code.
private func code(_ response: Response?) -> JSON? { response.flatMap { try? JSON(parsing: $0.body)["error"]?["code"] } }

@Suite struct AdministrationTests {
  @Test func leadershipIsTransferred() throws {
    let bench = bench()
    let old = try #require(leader(bench))
    let target = old % 3 + 1
    let begun = post(bench, old, "/raft/groups/0/transfer", "{\"to\":\(target)}")
    #expect(begun?.status == 202)
    bench.run(for: .milliseconds(200))
    #expect(leader(bench) == target)
    let refused = post(bench, old, "/raft/groups/0/transfer", "{\"to\":\(old)}")
    #expect(refused?.status == 421 && code(refused) == .string("NOT_LEADER"))
    #expect(refused?.head.headers["leader"] == "\(target)")
    #expect(post(bench, target, "/raft/groups/0/transfer", "{\"to\":\(target)}")?.status == 202, "it leads already")
  }

  @Test func aServerIsAddedAndAnotherLeaves() throws {
    let bench = bench()
    let old = try #require(leader(bench))
    #expect(post(bench, old, "/raft/groups/0/membership", "{\"voters\":[1,2,3],\"learners\":[4]}")?.status == 202)
    bench.run(for: .milliseconds(500))
    #expect(group(bench, on: 4)?["learners"] == .array([.integer(4)]))
    // The leader itself leaves.
    let rest = [1, 2, 3, 4].filter { $0 != old }
    #expect(post(bench, old, "/raft/groups/0/membership", "{\"voters\":[\(rest.map(String.init).joined(separator: ","))]}")?.status == 202)
    bench.run(for: .seconds(2))
    let new = try #require(leader(bench))
    #expect(new != old)
    let found = group(bench, on: new)
    #expect(found?["voters"] == .array(rest.map { .integer(Int64($0)) }))
    #expect(found?["outgoing"] == .array([]) && found?["changing"] == .bool(false))
  }

  @Test func aSecondChangeWaitsForTheFirst() throws {
    let bench = bench()
    let old = try #require(leader(bench))
    // Without a majority nothing comes to an end.
    for other in 1...3 where other != old { bench.host.crash(NodeID(UInt16(other - 1))) }
    #expect(post(bench, old, "/raft/groups/0/membership", "{\"voters\":[1,2,3],\"learners\":[4]}")?.status == 202)
    let refused = post(bench, old, "/raft/groups/0/membership", "{\"voters\":[1,2,3]}")
    #expect(refused?.status == 409 && code(refused) == .string("BUSY"))
  }

  @Test(arguments: [
    ("/raft/groups/0/transfer", "{\"to\":\"two\"}", 400, "INVALID_FIELD"), ("/raft/groups/0/transfer", "", 400, "MALFORMED_JSON"),
    ("/raft/groups/0/transfer", "{\"to\":4}", 422, "NOT_A_VOTER"), ("/raft/groups/9/transfer", "{\"to\":1}", 404, "NOT_FOUND"),
    ("/raft/groups/-1/membership", "{\"voters\":[1]}", 404, "NOT_FOUND"),
    ("/raft/groups/0/membership", "{\"voters\":[]}", 400, "INVALID_FIELD"),
    ("/raft/groups/0/membership", "{\"voters\":[1,1]}", 400, "INVALID_FIELD"),
    ("/raft/groups/0/membership", "{\"voters\":[1],\"learners\":[1]}", 400, "INVALID_FIELD"),
    ("/raft/groups/0/membership", "{\"voters\":[1,2,77]}", 422, "UNKNOWN_SERVER"),
  ]) func aMistakeIsNamed(_ path: String, _ body: String, _ status: Int, _ expected: String) throws {
    let bench = bench()
    let response = post(bench, try #require(leader(bench)), path, body)
    #expect(response?.status == status)
    #expect(code(response) == .string(expected))
  }
}
