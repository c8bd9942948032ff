// Brokers that are made known while the cluster runs: their addresses are an entry of the registry, so that every broker finds them, also after a
// restart. Who belongs to a group is Raft's membership (RaftAdministration); being known comes before it.
//
// Limit: a broker that is admitted runs on the node of its own number. Requirement: MONITORING-10.

import MonitoringAPI
import Raft
import Vocabulary
import Wire

extension MessageQueue {
  mutating func admitBroker(_ exchange: ExchangeID, _ request: Request, _ turn: inout Turn) throws(RequestProblem) {
    let broker = try request.decoded(BrokerAddress.init(_:))
    guard server.isLeader(of: Self.registryGroup) else { return hand(exchange, request, toLeaderOf: Self.registryGroup, &turn) }
    propose(.broker(ServerID(broker.number), address: broker.address), .broker(exchange), exchange, &turn)
  }

  /// Finds the brokers that the registry knows.
  mutating func admitBrokers(_ turn: inout Turn) {
    for (number, address) in registry.addresses.sorted(by: { $0.key < $1.key }) where number != configuration.raft.server {
      let node = server.node(of: number) ?? NodeID(UInt16(truncatingIfNeeded: number.value))
      server.admit(number, on: node)
      turn.locate(Endpoint(node), at: address)
    }
  }

  func brokers() -> Response {
    let known = Set(configuration.raft.nodes.keys).union(registry.addresses.keys).union([configuration.raft.server])
    return .json(200) { writer in
      writer.beginObject()
      writer.name("brokers")
      writer.beginArray()
      for number in known.sorted() {
        writer.beginObject()
        writer.member("number", Int64(number.value))
        if let address = registry.addresses[number] { writer.member("address", address) }
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
  }
}
