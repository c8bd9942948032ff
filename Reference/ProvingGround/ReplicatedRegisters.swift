// Named registers on Raft: the smallest replicated service. It proves the consensus by clients' eyes: every answer must
// fit one order of all operations (linearizability).
//
// PUT /registers/{name} sets the body (at most 64 KiB); GET answers it; POST /registers/{name}/swap?expect=TEXT sets it
// where it holds TEXT, else answers 409 with what it holds. Names are routed to groups by a checksum. A server that
// does not lead the group answers 421 with the header `leader`, where it knows one; 503 where it cannot be done now.
// 200 tells that it was done, 421 and 503 that nothing was; 504 and an end without an answer leave it open. An
// operator's routes (`/raft`) are on the page RaftAdministration.md of room Raft. Snapshots: every `snapshotEvery`
// entries of a group, so that logs are cut short. Requirement: MONITORING-10.

import Raft
import Vocabulary
import Wire

/// Named registers on Raft.
public struct ReplicatedRegisters: Machine {
  /// The longest value in bytes.
  public static let maximumValueBytes = 65_536

  private enum Route {
    case read, set, swap
    case administration(RaftAdministration.Route)
  }

  private static let routes = RouteTable<Route>(
    [.init(.get, "/registers/{name}", .read), .init(.put, "/registers/{name}", .set), .init(.post, "/registers/{name}/swap", .swap)]
      + RaftAdministration.rows { .administration($0) })

  private struct Pending {
    var exchange: ExchangeID
    var position: LogPosition
  }

  private struct Reading {
    var exchange: ExchangeID
    var name: String
    var upTo: LogIndex?
  }

  /// One group's registers.
  private struct Registers {
    var values: [ExactName: [UInt8]] = [:]
    var applied = LogIndex.zero
    /// Writes that wait for their entry, in the order of their places.
    var pending: [Pending] = []
    var readings: [UInt64: Reading] = [:]
    var sinceSnapshot = 0
  }

  private var server: RaftServer
  private var groups: [Registers]
  private var nextTicket: UInt64 = 0
  private let snapshotEvery: Int

  /// Registers on a server's groups.
  public init(_ configuration: RaftServerConfiguration, snapshotEvery: Int = 1_000) {
    server = RaftServer(configuration)
    groups = Array(repeating: Registers(), count: configuration.groupCount)
    self.snapshotEvery = snapshotEvery
  }

  public func intake(_ head: RequestHead) -> Intake {
    switch Self.routes.route(head) {
    case .administration(let route) where route.isChange: .administration(limitBytes: Self.maximumValueBytes)
    case .administration, .read, .set, .swap, nil: .whole(limitBytes: Self.maximumValueBytes)
    }
  }

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    try server.start(&turn)
    finish(&turn)
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    if !server.handle(event, &turn) {
      switch event {
      case .request(let exchange, let request):
        Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
          try take(match, exchange, request, &turn)
        }
      case .abandoned(let exchange):
        for index in groups.indices {
          groups[index].readings = groups[index].readings.filter { $0.value.exchange != exchange }
          groups[index].pending.removeAll { $0.exchange == exchange }
        }
      case .timer, .response, .failed, .message, .durable, .completed, .stream: break
      }
    }
    finish(&turn)
  }

  private mutating func finish(_ turn: inout Turn) {
    server.finish(&turn)
    for update in server.takeUpdates() { apply(update, &turn) }
  }

  // MARK: requests

  private func group(of name: String) -> GroupID {
    GroupID(UInt16(CRC32C.checksum(Array(name.utf8)[...]) % UInt32(groups.count)))
  }

  private mutating func take(
    _ match: RouteTable<Route>.Match, _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn
  ) throws(RequestProblem) {
    let name = match.parameter("name")
    let group = group(of: name)
    switch match.route {
    case .administration(let route):
      turn.reply(exchange, try RaftAdministration.answer(route, group: match.parameter("group"), request, &server, turn.now))
    case .read: read(name, group, exchange, &turn)
    case .set: write(.set(name, request.body), group, exchange, &turn)
    case .swap:
      RegisterBugs.strike(turn.planted, &nextTicket)
      let expected: String
      do throws(HTTPTargetError) { expected = try match.target.requiredItem("expect") } catch { throw RequestProblem(error) }
      write(.swap(name, expected: Array(expected.utf8), request.body), group, exchange, &turn)
    }
  }

  private mutating func write(_ command: RegisterCommand, _ group: GroupID, _ exchange: ExchangeID, _ turn: inout Turn) {
    do throws(ProposalRefusal) {
      let position = try server.propose(command.encoded(), to: group, turn.disk)
      groups[Int(group.value)].pending.append(Pending(exchange: exchange, position: position))
    } catch {
      switch error {
      case .notLeader(let leader): turn.reply(exchange, RaftAdministration.notLeader(leader))
      case .transferring, .full: turn.reply(exchange, .failure(503, code: "UNAVAILABLE", message: "try again later"))
      }
    }
  }

  private mutating func read(_ name: String, _ group: GroupID, _ exchange: ExchangeID, _ turn: inout Turn) {
    guard let raft = server.group(group), raft.isLeader else {
      return turn.reply(exchange, RaftAdministration.notLeader(server.group(group)?.leader))
    }
    nextTicket += 1
    groups[Int(group.value)].readings[nextTicket] = Reading(exchange: exchange, name: name, upTo: nil)
    server.read(group, ticket: nextTicket, turn.now)
  }

  // MARK: updates

  private mutating func apply(_ update: RaftUpdate, _ turn: inout Turn) {
    switch update {
    case .committed(let group, let upTo): apply(group, upTo: upTo, &turn)
    case .installed(let group, let snapshot):
      groups[Int(group.value)].values = RegisterCommand.values(in: snapshot.state) ?? [:]
      groups[Int(group.value)].applied = snapshot.last.index
      groups[Int(group.value)].sinceSnapshot = 0
    case .leads(let group, let isLeading, _):
      guard !isLeading else { return }
      // What was proposed may or may not come to be committed by the next leader: its clients are told that it is open.
      for pending in groups[Int(group.value)].pending {
        turn.reply(pending.exchange, .failure(504, code: "OPEN", message: "this server leads no longer; the write may have happened"))
      }
      groups[Int(group.value)].pending.removeAll()
    case .readable(let group, let ticket, let upTo):
      guard let upTo else {
        if let reading = groups[Int(group.value)].readings.removeValue(forKey: ticket) {
          turn.reply(reading.exchange, RaftAdministration.notLeader(nil))
        }
        return
      }
      groups[Int(group.value)].readings[ticket]?.upTo = upTo
      answerReadings(group, &turn)
    }
  }

  private mutating func apply(_ group: GroupID, upTo: LogIndex, _ turn: inout Turn) {
    let index = Int(group.value)
    while groups[index].applied < upTo {
      let next = groups[index].applied.next
      guard let entry = try? server.entries(group, from: next, count: 1, turn.disk).first else { return }
      groups[index].applied = next
      groups[index].sinceSnapshot += 1
      let answer = entry.kind == .command ? RegisterCommand(entry.bytes)?.apply(to: &groups[index].values) : nil
      while let first = groups[index].pending.first, first.position.index <= next {
        groups[index].pending.removeFirst()
        if first.position.index == next && first.position.term == entry.term, let answer {
          turn.reply(first.exchange, answer)
        } else {
          turn.reply(first.exchange, .failure(503, code: "SUPERSEDED", message: "another leader's entry took its place; it did not happen"))
        }
      }
    }
    if groups[index].sinceSnapshot >= snapshotEvery {
      groups[index].sinceSnapshot = 0
      server.compact(group, upTo: groups[index].applied, state: RegisterCommand.encoded(groups[index].values), &turn)
    }
    answerReadings(group, &turn)
  }

  private mutating func answerReadings(_ group: GroupID, _ turn: inout Turn) {
    let index = Int(group.value)
    for ticket in groups[index].readings.keys.sorted() {
      guard let reading = groups[index].readings[ticket], let upTo = reading.upTo, upTo <= groups[index].applied else { continue }
      groups[index].readings[ticket] = nil
      let value = groups[index].values[ExactName(reading.name)]
      turn.reply(reading.exchange, Response(status: value == nil ? 404 : 200, body: value ?? []))
    }
  }
}

/// What a register's entry says.
enum RegisterCommand {
  case set(String, [UInt8])
  case swap(String, expected: [UInt8], [UInt8])

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 64)
    switch self {
    case .set(let name, let value):
      writer.byte(1)
      writer.prefixedString(name)
      writer.prefixedBytes(value)
    case .swap(let name, let expected, let value):
      writer.byte(2)
      writer.prefixedString(name)
      writer.prefixedBytes(expected)
      writer.prefixedBytes(value)
    }
    return writer.finish()
  }

  init?(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    guard let kind = try? reader.byte(), let name = try? reader.prefixedString(maximumBytes: 8_192), let first = try? reader.prefixedBytes()
    else { return nil }
    if kind == 1 {
      self = .set(name, first)
    } else if let value = try? reader.prefixedBytes() {
      self = .swap(name, expected: first, value)
    } else {
      return nil
    }
  }

  func apply(to values: inout [ExactName: [UInt8]]) -> Response {
    switch self {
    case .set(let name, let value):
      values[ExactName(name)] = value
      return Response(status: 200)
    case .swap(let name, let expected, let value):
      let held = values[ExactName(name)] ?? []
      guard held == expected else { return Response(status: 409, body: held) }
      values[ExactName(name)] = value
      return Response(status: 200)
    }
  }

  static func encoded(_ values: [ExactName: [UInt8]]) -> [UInt8] {
    var writer = ByteWriter(capacity: 64 + values.count * 32)
    writer.count(values.count)
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      writer.prefixedString(name.text)
      writer.prefixedBytes(value)
    }
    return writer.finish()
  }

  static func values(in bytes: [UInt8]) -> [ExactName: [UInt8]]? {
    var reader = ByteReader(bytes)
    guard let count = try? reader.count() else { return nil }
    var values: [ExactName: [UInt8]] = [:]
    for _ in 0..<count {
      guard let name = try? reader.prefixedString(maximumBytes: 8_192), let value = try? reader.prefixedBytes() else { return nil }
      values[ExactName(name)] = value
    }
    return values
  }
}
