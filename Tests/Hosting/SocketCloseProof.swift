// The proof that a WebSocket that its machine has closed brings it nothing beyond the credit that it granted, in both
// hosts.

import ProvingGround
import Vocabulary

/// Grants half a window after a whole one came, and closes once that has come too; states what it received altogether.
struct ClosingReceiver: Machine {
  static let messageBytes = 1_024
  /// A window and half of one.
  static let grantedBytes = initialStreamCreditBytes * 3 / 2
  private var receivedBytes = 0

  init() {}

  func start(_ turn: inout Turn) throws(StartRefusal) {}

  func intake(_ head: RequestHead) -> Intake { .webSocket(limitBytes: 100_000) }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .stream(let id, let part) = event else { return }
    switch part {
    case .opened: turn.accept(id, ResponseHead(status: 101))
    case .received(let bytes, _):
      receivedBytes += bytes.count
      if receivedBytes == initialStreamCreditBytes { turn.grant(id, Self.grantedBytes - initialStreamCreditBytes) }
      if receivedBytes == Self.grantedBytes { turn.finish(id) }
    case .finished, .aborted: turn.observe(.probe, subject: 1, value: UInt64(receivedBytes))
    case .accepted, .credit: break
    }
  }
}

/// Sends a window, and another once it may.
struct EagerSender: Machine {
  let server: Endpoint
  private var windows = 0

  init(server: Endpoint) { self.server = server }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    _ = turn.open(server, RequestHead(method: .get, target: "/socket"), webSocket: true)
  }

  private mutating func send(_ id: ExchangeID, _ turn: inout Turn) {
    windows += 1
    guard windows <= 2 else { return }
    for _ in 0..<(initialStreamCreditBytes / ClosingReceiver.messageBytes) {
      turn.send([id], [UInt8](repeating: 0x65, count: ClosingReceiver.messageBytes))
    }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .stream(let id, let part) = event else { return }
    switch part {
    case .accepted, .credit: send(id, &turn)
    case .finished, .aborted: turn.observe(.probe, subject: 1, value: UInt64(windows))
    case .opened, .received: break
    }
  }
}

/// Runs the script in `world`, ends the world, and says what did not hold.
public func failuresOfSocketCloseProof(in world: any HostedWorld) async throws -> [String] {
  let (server, client) = (NodeID(0), NodeID(1))
  world.place(PlacedNode(server, name: "server", isServing: true) { ClosingReceiver() })
  world.place(PlacedNode(client, name: "client") { EagerSender(server: Endpoint(server)) })
  let received = try await world.run(untilProbe: 1, of: server, limit: .seconds(60))
  let windows = try await world.run(untilProbe: 1, of: client, limit: .seconds(10))
  await world.end()
  var failures = world.records.defects.map { "\($0.node): \($0.what)" }
  if windows.map({ $0 >= 2 }) != true { failures.append("\(windows ?? 0) windows were sent") }
  if received != UInt64(ClosingReceiver.grantedBytes) {
    failures.append("the receiver got \(received ?? 0) bytes, not what it had granted")
  }
  return failures
}
