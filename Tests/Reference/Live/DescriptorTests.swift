// More connections than a process may have open: all hear of it, and what is served goes on.

import Hosting
import Live
import Testing

@Suite(.serialized) struct DescriptorTests {
  @Test(arguments: [(1, 1), (2, 1), (5, 1), (10, 8)]) func sharesAddUp(shares: Int, loops: Int) {
    let needed = DescriptorShares.needed(shares: shares, loops: loops)
    #expect(DescriptorShares(of: needed - 1, shares: shares, loops: loops, LiveLimits()) == nil)
    for limit in Array(needed...needed + 2_000) + [20_000, 1_048_576, .max] {
      guard let parts = DescriptorShares(of: limit, shares: shares, loops: loops, LiveLimits()) else {
        Issue.record("\(limit) are refused")
        return
      }
      let open = shares * (parts.surplusConnections + parts.connectionsPerEndpoint + parts.openFiles)
      #expect(parts.connections < limit - open && parts.connectionsKept * shares <= parts.connections, "\(limit)")
      let bounded = parts.bounding(LiveLimits(), shares: shares)
      #expect(bounded.connections >= parts.connectionsKept || bounded.connections == LiveLimits().connections, "\(limit)")
      #expect(bounded.unprovedPeers >= 1 && bounded.connectionsPerEndpoint >= 16, "\(limit)")
    }
  }

  @Test func oneMachineWithTheUsualLimitsHasAllItsConnections() throws {
    let parts = try #require(DescriptorShares(of: 20_000, shares: 5, loops: 1, LiveLimits()))
    #expect(parts.bounding(LiveLimits(), shares: 5).connections == LiveLimits().connections)
  }

  @Test func whereDescriptorsAreFewSurplusConnectionsAreRefused() async throws {
    let directory = TemporaryDirectory()
    let process = try ServingProcess(directory: directory.path, descriptors: 100)
    func value(_ client: RawClient) -> Int? {
      client.send("GET /value HTTP/1.1\r\nhost: a\r\n\r\n")
      return client.readResponse()?.status
    }
    do {
      let clients = try (0..<150).map { _ in try RawClient(port: process.port) }
      let answers = clients.map { value($0) }
      #expect(answers.count { $0 == 200 } >= 16)
      #expect(answers.allSatisfy { $0 == 200 || $0 == 503 || $0 == nil } && answers.contains(503))
      #expect(zip(clients, answers).allSatisfy { $1 != nil || $0.isAtEnd }, "none waits for ever")
      for (client, answer) in zip(clients, answers) where answer == 200 { #expect(value(client) == 200) }
    }
    #expect(try await eventually { value(try RawClient(port: process.port)) == 200 }, "those that left make room")
  }

  @Test func tooFewDescriptorsToServeAreRefused() throws {
    let directory = TemporaryDirectory()
    #expect(throws: RawClient.Failure.self) { try ServingProcess(directory: directory.path, descriptors: 40) }
  }
}
