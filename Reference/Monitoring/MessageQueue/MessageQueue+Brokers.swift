// Brokers that are made known while the cluster runs: their addresses are an entry of the registry, so that every
// broker finds them, also after a restart. Who belongs to a group is Raft's membership (RaftAdministration); being
// known comes before it.
//
// A broker that this one was told of at its start (`--peers`) is where it was told: no entry moves it, since a wrong
// address would stay in the registry and could cut the cluster off from a majority that is there. Whoever moves such a
// broker starts the others with its new address. Of the others one that votes stays where it is known to be, for the same
// reason: it is taken out of its groups first. One that does not vote yet may move, since its address may have been a
// mistake.
//
// Whoever makes a broker known has this one open links to the address: it is administration (`Intake.administration`).
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
    if isConfigured(ServerID(broker.number)), configuration.addresses[ServerID(broker.number)] != broker.address {
      let known = configuration.addresses[ServerID(broker.number)].map { "at \($0)" } ?? "on a node of its own"
      throw RequestProblem(
        409, code: "ADDRESS_CONFIGURED",
        message: "broker \(broker.number) is \(known), as broker \(configuration.raft.server.value) was told at its start; "
          + "to move it, start the brokers with its new address",
        field: "address")
    }
    if let known = registry.addresses[ServerID(broker.number)], known != broker.address, votes(ServerID(broker.number)) {
      throw RequestProblem(
        409, code: "ADDRESS_IN_USE",
        message: "broker \(broker.number) is at \(known) and votes there: at another address nobody would hear it; "
          + "to move it, take it out of the groups first, and make it known anew",
        field: "address")
    }
    propose(.broker(ServerID(broker.number), address: broker.address), .broker(exchange), exchange, &turn)
  }

  /// Whether a broker has a vote in any group, as far as this one knows.
  private func votes(_ broker: ServerID) -> Bool {
    (0..<server.groupCount).contains { server.group(GroupID(UInt16($0)))?.membership.isVoter(broker) ?? false }
  }

  /// Whether this broker was told of that one at its start.
  private func isConfigured(_ number: ServerID) -> Bool {
    number == configuration.raft.server || configuration.raft.nodes[number] != nil
  }

  /// Finds the brokers that the registry alone knows.
  mutating func admitBrokers(_ turn: inout Turn) {
    for (number, address) in registry.addresses.sorted(by: { $0.key < $1.key }) where !isConfigured(number) {
      let node = server.node(of: number) ?? NodeID(UInt16(truncatingIfNeeded: number.value))
      server.admit(number, on: node)
      turn.locate(Endpoint(node), at: address)
    }
  }

  /// Finds the brokers that stand in the registry's log, but not in what is applied of it. A broker that starts does
  /// not know which entries are committed before a leader tells it, and the leader may be one that it could not know
  /// otherwise. Should such an entry never be committed, the broker is known for nothing.
  mutating func admitLoggedBrokers(_ turn: inout Turn) {
    guard let group = server.group(Self.registryGroup) else { return }
    var logged: [ServerID: String] = [:]
    var index = group.firstIndex
    while index <= group.last.index {
      // What cannot be read now is told by a leader later.
      guard let entry = try? server.entries(Self.registryGroup, from: index, count: 1, turn.disk).first else { break }
      if entry.kind == .command, case .broker(let number, let address)? = try? RegistryEntry(entry.bytes) { logged[number] = address }
      index = index.next
    }
    for (number, address) in logged.sorted(by: { $0.key < $1.key }) where !isConfigured(number) {
      let node = NodeID(UInt16(truncatingIfNeeded: number.value))
      server.admit(number, on: server.node(of: number) ?? node)
      turn.locate(Endpoint(server.node(of: number) ?? node), at: address)
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
        let address = isConfigured(number) ? configuration.addresses[number] ?? registry.addresses[number] : registry.addresses[number]
        if let address { writer.member("address", address) }
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
  }
}
