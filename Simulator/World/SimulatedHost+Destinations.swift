// Calls and streams to destinations in the simulated world: the resolver is asked, what it says is held against the
// address policy, and the exchange goes on to who listens there, as to any endpoint.
//
// Every exchange is one connection here, so every one is resolved and judged by itself: stricter than a real host, which
// keeps connections. What the machine does with an exchange while its name is looked up waits for the answer. Fault
// model: see `NameTable`. An address at which nobody is answers nothing, so the caller waits for all of
// `HostLimits.connectSeconds`; a box at which nobody listens refuses at once.

import Kernel
import Vocabulary

/// An exchange whose destination is being looked up.
struct ResolvingExchange {
  var destination: Destination
  var request: Request
  /// What it carries; nil of a call.
  var form: StreamForm?
  var record: ExchangeRecord?
  var streamRecord: StreamRecord?
  /// Whose connections a whole call takes one of.
  var pool: CallPool?
  /// Whether it waits for one, so that nothing was looked up yet.
  var isWaiting = false
  /// What the machine asked of it meanwhile, in order.
  var postponed: [Effect] = []
}

/// Where a destination led.
enum Resolution {
  /// To this node.
  case node(NodeID)
  /// Nowhere, for this reason.
  case failed(TransportFailure)
  /// To where nobody answers.
  case silence
}

extension SimulatedHost {
  /// How long the refusal of a box takes at which nobody listens, in nanoseconds.
  private static var refusalNanoseconds: Int64 { 200_000 }
  private static var connectNanoseconds: Int64 { HostLimits.connectSeconds * 1_000_000_000 }

  /// Begins a call (`form` is nil) or a stream to a destination.
  func beginResolving(
    _ node: SimulatedNode, _ id: ExchangeID, _ destination: Destination, _ request: Request, _ form: StreamForm?, _ departure: Int64
  ) {
    guard node.outbound[id] == nil, node.resolving[id] == nil else { return defect(node, "called twice with one id") }
    var exchange = ResolvingExchange(destination: destination, request: request, form: form)
    if recorder != nil {
      let at = Instant(nanoseconds: departure)
      if let form {
        exchange.streamRecord = StreamRecord(
          caller: node.id, endpoint: .elsewhere, destination: destination, id: id, request: request, form: form, openedAt: at)
      } else {
        exchange.record = ExchangeRecord(
          caller: node.id, endpoint: .elsewhere, destination: destination, id: id, request: request, startedAt: at)
      }
    }
    if form == nil {
      let pool = node.pools.pool(of: destination)
      exchange.pool = pool
      switch admit(node, id, to: pool, nil) {
      case .goes: break
      case .waits: exchange.isWaiting = true
      case .refused:
        endRecord(node, exchange, .failed(.refused), .failed(.refused))
        return schedule(.hostEvent(node.id, incarnation: node.incarnation, .failed(id, .refused)), at: departure, node)
      }
    }
    node.resolving[id] = exchange
    if !exchange.isWaiting { lookUp(node, id, departure) }
  }

  /// Asks the resolver, where there is a name.
  func lookUp(_ node: SimulatedNode, _ id: ExchangeID, _ departure: Int64) {
    guard let destination = node.resolving[id]?.destination else { return }
    var answersAt = departure
    if addressPolicy.allows(destination), case .network(_, let address) = destination.place, IPAddress(address.host) == nil {
      let span = names.latency.draw(&node.nameRandom) + names.lateness()
      guard span.nanoseconds < Self.connectNanoseconds else {
        return schedule(
          .connectFailed(node.id, incarnation: node.incarnation, id, .refused), at: departure + Self.connectNanoseconds, node)
      }
      answersAt += span.nanoseconds
    }
    schedule(.resolved(node.id, incarnation: node.incarnation, id), at: answersAt, node)
  }

  /// The resolver has answered, or none was to be asked.
  func takeResolved(_ node: SimulatedNode, _ id: ExchangeID) {
    guard let exchange = node.resolving[id] else { return }
    let resolution = resolve(exchange.destination, node)
    switch resolution {
    case .node(let server):
      mixHost(node, 11, digests[Int(server.index)])
      traceSink?.trace(at: now, node: node.id, "\(exchange.destination) leads to \(name(of: server))")
      connect(node, id, exchange, server)
    case .failed(.refused):
      schedule(.connectFailed(node.id, incarnation: node.incarnation, id, .refused), at: now + Self.refusalNanoseconds, node)
    case .failed(let failure): failResolving(node, id, failure)
    case .silence:
      schedule(.connectFailed(node.id, incarnation: node.incarnation, id, .refused), at: now + Self.connectNanoseconds, node)
    }
  }

  private func resolve(_ destination: Destination, _ node: SimulatedNode) -> Resolution {
    guard addressPolicy.allows(destination) else { return .failed(.forbidden) }
    switch destination.place {
    case .localSocket(let path):
      guard let server = names.listener(atSocket: path), state(server).box === node.box else { return .failed(.refused) }
      return .node(server)
    case .network(_, let address):
      guard let found = IPAddress(address.host).map({ [$0] }) ?? names.lookUp(address.host, by: node.id) else {
        return .failed(.unresolvable)
      }
      let allowed = found.filter { addressPolicy.allows($0, for: destination) }
      guard !allowed.isEmpty else { return .failed(found.isEmpty ? .unresolvable : .forbidden) }
      for address in allowed where Self.isLoopback(address) {
        // The box's own.
        if let server = names.listener(at: names.address(of: node.id, in: self), port: destination.port) { return .node(server) }
      }
      if let server = allowed.lazy.compactMap({ self.names.listener(at: $0, port: destination.port) }).first { return .node(server) }
      return allowed.contains { names.isThere($0) || Self.isLoopback($0) } ? .failed(.refused) : .silence
    }
  }

  private static func isLoopback(_ address: IPAddress) -> Bool {
    switch address.unmapped {
    case .version4(let bits): bits >> 24 == 127
    case .version6(let high, let low): high == 0 && low == 1
    }
  }

  private func connect(_ node: SimulatedNode, _ id: ExchangeID, _ exchange: ResolvingExchange, _ server: NodeID) {
    node.resolving[id] = nil
    let isRecorded = node.plan.isRecorded || state(server).plan.isRecorded
    var (record, streamRecord) = isRecorded ? (exchange.record, exchange.streamRecord) : (nil, nil)
    record?.endpoint = Endpoint(server)
    streamRecord?.endpoint = Endpoint(server)
    if let form = exchange.form {
      openStream(node, id, Endpoint(server), server, exchange.request, form, streamRecord, now)
    } else {
      node.outbound[id] = OutboundExchange(
        server: server, endpoint: Endpoint(server), manner: .whole, pool: exchange.pool, record: record)
      sendCall(node, id, exchange.request, to: server, now)
    }
    for effect in exchange.postponed { carryOut(node, effect, now) }
  }

  /// The exchange came to nothing before there was a connection.
  func failResolving(_ node: SimulatedNode, _ id: ExchangeID, _ failure: TransportFailure) {
    guard let exchange = node.resolving.removeValue(forKey: id) else { return }
    mixHost(node, 12, EventText.code(failure))
    traceSink?.trace(at: now, node: node.id, "\(exchange.destination) leads nowhere: \(failure)")
    endRecord(node, exchange, .failed(failure), .failed(failure))
    if let pool = exchange.pool { leave(node, pool, now) }
    offer(node, .failed(id, failure))
  }

  private func endRecord(_ node: SimulatedNode, _ exchange: ResolvingExchange, _ outcome: ExchangeOutcome, _ ofStream: StreamOutcome) {
    guard node.plan.isRecorded else { return }
    record(exchange.record, outcome, exchange.streamRecord, ofStream)
  }

  /// Keeps what a machine asks of an exchange that is being looked up until that is known. False where it is none.
  func postpones(_ node: SimulatedNode, _ id: ExchangeID, _ effect: @autoclosure () -> Effect) -> Bool {
    guard !node.resolving.isEmpty, node.resolving[id] != nil else { return false }
    node.resolving[id]?.postponed.append(effect())
    return true
  }

  /// Gives up an exchange that is being looked up. False where it is none.
  func dropsResolving(_ node: SimulatedNode, _ id: ExchangeID, _ closure: StreamClosure, _ departure: Int64) -> Bool {
    guard !node.resolving.isEmpty, let exchange = node.resolving.removeValue(forKey: id) else { return false }
    endRecord(node, exchange, .cancelled, .cancelled(closure))
    if let pool = exchange.pool, !exchange.isWaiting { leave(node, pool, departure) }
    return true
  }

  /// Writes down, as `pending`, the records of exchanges that are being looked up.
  func closeResolving(_ node: SimulatedNode) {
    guard node.plan.isRecorded else { return }
    for id in node.resolving.keys.sorted() {
      if let record = node.resolving[id]?.record { recorder?.record(record) }
      if let record = node.resolving[id]?.streamRecord { recorder?.record(record) }
    }
  }
}

extension Destination {
  /// Its port; 0 of a socket.
  fileprivate var port: Int {
    switch place {
    case .network(_, let address): address.port
    case .localSocket: 0
    }
  }
}
