// Three brokers of one cluster in the simulated world, for the tests of what they do together.

import MessageQueue
import MonitoringAPI
import Raft
import TestBench
import Testing
import Vocabulary
import Wire
import World

/// A suite about three brokers.
protocol QueueClusterSuite {}

extension QueueClusterSuite {
  var brokers: [Endpoint] { (0..<3).map { Endpoint(UInt16($0)) } }

  func bench(seed: UInt64 = 1, _ change: (inout MessageQueueConfiguration) -> Void = { _ in }) -> TestBench {
    let servers = (1...3).map { ServerID(UInt32($0)) }
    let nodes = Dictionary(uniqueKeysWithValues: servers.map { ($0, NodeID(UInt16($0.value - 1))) })
    let plans = servers.map { server in
      var configuration = MessageQueueConfiguration(raft: RaftServerConfiguration(server: server, nodes: nodes, founders: servers))
      change(&configuration)
      let fixed = configuration
      return NodePlan("queue-\(server.value)") { MessageQueue(fixed) }
    }
    return TestBench(seed: seed, plans)
  }

  func produce(_ value: Int64, key: String = "k", topic: String = QueueAPI.inboundTopic, sequence: Int64? = nil) -> Request {
    let identity = sequence.map { ProducerSequence(producer: "p", sequence: $0) }
    return ProduceRequest(topic: topic, records: [ProduceRecord(key: key, value: .integer(value), identity: identity)]).request()
  }

  func placeOf(_ response: Response?) throws -> RecordPlace {
    let response = try #require(response)
    #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
    return try #require(try ProduceResponse(response.document()).places.first)
  }

  func values(_ bench: TestBench, _ broker: Endpoint, _ partition: Int, topic: String = QueueAPI.inboundTopic) throws -> [Int64] {
    let response = try #require(bench.insist(broker, ConsumeRequest(topic: topic, partition: partition, offset: 0, count: 1_000).request()))
    return try ConsumeResponse(response.document()).messages.map { try JSONField($0.value).integer() }
  }
}
