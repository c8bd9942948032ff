// The proof of messages between peers: each arrives as it was sent, once, and in order where the network keeps order;
// nothing that an outsider puts between them reaches a machine.
//
// Limits: messages may be lost. The simulated network may overtake messages that leave at the same time, so order is
// asked for only where nobody meddles: then they leave further apart than any of them travels.

import ProvingGround
import Vocabulary

/// Sends numbered messages to its peer, five milliseconds apart, and holds what comes against what the peer sends.
/// States as probe 1 how many it heard, once it has heard the last; as probe 2 what was none of its peer's; as probe 3
/// one that came again; as probe 4 one that was overtaken.
struct Correspondent: Machine {
  let peer: NodeID
  let count: UInt64
  private var sent: UInt64 = 0
  private var heard: Set<UInt64> = []
  private var latest: UInt64 = 0
  private var isDone = false

  init(peer: NodeID, count: UInt64) {
    self.peer = peer
    self.count = count
  }

  /// What `node` says in its message `number`: of many lengths, an empty one among them.
  static func message(_ number: UInt64, of node: NodeID) -> [UInt8] {
    if number == 3 { return [] }
    var random = RandomStream(seed: number &* 65_536 &+ UInt64(node.index))
    return (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } + random.bytes(Int(number * number % 700))
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.wake(after: .milliseconds(5)) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    switch event {
    case .timer:
      // Some more than are asked for: the last may be lost.
      sent += 1
      turn.message(to: peer, Self.message(sent, of: turn.node))
      if sent < count * 100 { _ = turn.wake(after: .milliseconds(5)) }
    case .message(let from, let bytes):
      let number = bytes.isEmpty ? 3 : bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
      guard from == peer, number > 0, number <= count * 100, bytes == Self.message(number, of: peer) else {
        return turn.observe(.probe, subject: 2, value: UInt64(bytes.count))
      }
      if !heard.insert(number).inserted { turn.observe(.probe, subject: 3, value: number) }
      if number < latest { turn.observe(.probe, subject: 4, value: number) }
      latest = max(latest, number)
      if latest >= count, !isDone {
        isDone = true
        turn.observe(.probe, subject: 1, value: UInt64(heard.count))
      }
    case .request, .response, .failed, .abandoned, .durable, .completed, .stream: break
    }
  }
}

/// Lets two nodes talk in `world` until each has heard the other's message `count`, and says what did not hold; empty if
/// all did. `meanwhile` is done once they talk. Where `isMeddledWith`, messages may be lost and be overtaken.
public func failuresOfPeerProof(
  in world: any HostedWorld, count: UInt64 = 200, limit: TimeSpan = .seconds(60), isMeddledWith: Bool = false,
  meanwhile: () async throws -> Void = {}
) async throws -> [String] {
  let nodes = [NodeID(0), NodeID(1)]
  for node in nodes {
    let peer = NodeID(1 - node.index)
    world.place(PlacedNode(node, name: "correspondent-\(node.index)", isServing: true) { Correspondent(peer: peer, count: count) })
  }
  // Until both run.
  _ = try await world.run(untilProbe: 9, of: nodes[0], limit: .milliseconds(100))
  try await meanwhile()
  var failures: [String] = []
  for node in nodes {
    guard let heard = try await world.run(untilProbe: 1, of: node, limit: limit) else {
      failures.append("\(node) did not hear its peer to the end")
      continue
    }
    if !isMeddledWith, heard < count { failures.append("\(node) heard \(heard) of \(count) messages") }
  }
  await world.end()
  failures += world.records.defects.map { "\($0.node): \($0.what)" }
  for record in world.records.observations where record.observation.fact == .probe {
    let value = record.observation.value
    switch record.observation.subject {
    case 2: failures.append("\(record.node) heard \(value) bytes that its peer did not send")
    case 3: failures.append("\(record.node) heard message \(value) twice")
    case 4 where !isMeddledWith: failures.append("\(record.node) heard message \(value) behind a later one")
    default: break
    }
  }
  return failures
}
