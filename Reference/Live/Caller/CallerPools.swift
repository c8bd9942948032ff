// The connections of one node to the endpoints that it calls: kept alive, bounded in number, with a bounded queue
// before them.
//
// Fault model: a call that finds the queue full, or no connection within `connectTimeout`, fails as refused (it was not
// carried out); an endpoint without an address, or whose name is unknown, as unresolvable.

import NIOCore
import NIOPosix
import Vocabulary

/// All pools of one node; confined to its loop.
final class CallerPools {
  private final class Pool {
    var idle: [CallerConnection] = []
    var open: [ObjectIdentifier: CallerConnection] = [:]
    /// Connections that are open or being opened.
    var count = 0
    var waiting = CircularBuffer<CallExchange>()
  }

  private unowned let node: LiveNode
  private var pools: [Endpoint: Pool] = [:]
  private var streams: [ObjectIdentifier: CallerConnection] = [:]

  init(node: LiveNode) { self.node = node }

  // MARK: - Calls

  /// Sends a call on a free connection, or queues it. `onNewConnection`: not on one that has been idle.
  func submit(_ exchange: CallExchange, onNewConnection: Bool = false) {
    guard let address = node.shared.address(of: exchange.endpoint) else { return exchange.broke(.unresolvable) }
    let pool = pools[exchange.endpoint] ?? Pool()
    pools[exchange.endpoint] = pool
    let now = node.shared.clock.now
    while !onNewConnection, let connection = pool.idle.popLast() {
      guard connection.isIdle else { continue }
      // The sweep comes by too seldom for short time-outs.
      guard now - connection.idleSince <= node.limits.pooledIdleTimeout else {
        connection.close()
        continue
      }
      exchange.start(on: connection, host: address.description)
      return
    }
    if pool.waiting.count >= node.limits.waitingCallsPerEndpoint { pool.waiting.removeAll { $0.isDone } }
    pool.waiting.append(exchange)
    if pool.count < node.limits.connectionsPerEndpoint {
      open(pool, exchange.endpoint, address)
    } else if pool.waiting.count > node.limits.waitingCallsPerEndpoint {
      pool.waiting.removeLast()
      exchange.broke(.refused)
    }
  }

  private func open(_ pool: Pool, _ endpoint: Endpoint, _ address: NetworkAddress) {
    pool.count += 1
    connect(to: address) { result in
      switch result {
      case .failure(let failure):
        pool.count -= 1
        invariant(pool.count >= pool.open.count, "\(pool.count) connections to \(endpoint), of which \(pool.open.count) are open")
        // Each waiting call started an attempt of its own, or waits for one: this one fails with this attempt.
        if let exchange = self.nextWaiting(pool) { exchange.broke(failure) }
        self.openForWaiting(pool, endpoint)
      case .success(let connection):
        pool.open[ObjectIdentifier(connection)] = connection
        connection.whenFree = { connection, isUsable in
          if isUsable {
            self.use(connection, pool, endpoint)
          } else {
            pool.open[ObjectIdentifier(connection)] = nil
            pool.idle.removeAll { $0 === connection }
            pool.count -= 1
            invariant(pool.count >= pool.open.count, "\(pool.count) connections to \(endpoint), of which \(pool.open.count) are open")
            self.openForWaiting(pool, endpoint)
          }
        }
        self.use(connection, pool, endpoint)
      }
    }
  }

  private func nextWaiting(_ pool: Pool) -> CallExchange? {
    while let exchange = pool.waiting.popFirst() {
      if !exchange.isDone { return exchange }
    }
    return nil
  }

  private func use(_ connection: CallerConnection, _ pool: Pool, _ endpoint: Endpoint) {
    guard node.life != nil else { return connection.close() }
    if let exchange = nextWaiting(pool) {
      let host = node.shared.address(of: endpoint)?.description ?? ""
      exchange.start(on: connection, host: host)
    } else {
      pool.idle.append(connection)
    }
  }

  private func openForWaiting(_ pool: Pool, _ endpoint: Endpoint) {
    let attempts = pool.count - pool.open.count
    invariant(attempts >= 0, "\(attempts) attempts to connect to \(endpoint)")
    guard node.life != nil, pool.count < node.limits.connectionsPerEndpoint, pool.waiting.count > attempts,
      let address = node.shared.address(of: endpoint)
    else { return }
    open(pool, endpoint, address)
  }

  // MARK: - Connections

  /// Opens a connection and tells `whenDone`, on the loop, never before this returns.
  private func connect(to address: NetworkAddress, _ whenDone: @escaping (Result<CallerConnection, TransportFailure>) -> Void) {
    let node = self.node
    let bootstrap = ClientBootstrap(group: node.loop)
      .connectTimeout(.nanoseconds(node.limits.connectTimeout.nanoseconds))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(CallerConnection(node: node)) }
      }
    bootstrap.connect(host: address.host, port: address.port).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel):
        do {
          whenDone(.success(try channel.pipeline.syncOperations.handler(type: CallerConnection.self)))
        } catch {
          whenDone(.failure(.connectionLost))
        }
      case .failure(let error):
        whenDone(.failure(CallerPools.failure(of: error)))
      }
    }
  }

  /// Opens a connection of its own for a stream or for peer messages.
  func openStream(to address: NetworkAddress, _ whenDone: @escaping (Result<CallerConnection, TransportFailure>) -> Void) {
    connect(to: address) { result in
      if case .success(let connection) = result {
        self.streams[ObjectIdentifier(connection)] = connection
        connection.whenFree = { connection, isUsable in
          if isUsable { connection.close() } else { self.streams[ObjectIdentifier(connection)] = nil }
        }
      }
      whenDone(result)
    }
  }

  private static func failure(of error: any Error) -> TransportFailure {
    if let connection = error as? NIOConnectionError {
      let isUnknown = connection.connectionErrors.isEmpty && (connection.dnsAError != nil || connection.dnsAAAAError != nil)
      return isUnknown ? .unresolvable : .refused
    }
    return .refused
  }

  /// Closes what has been idle or stalled for too long.
  func sweep(_ now: Instant) {
    for endpoint in pools.keys.sorted() {
      guard let pool = pools[endpoint] else { continue }
      for connection in pool.idle where now - connection.idleSince > node.limits.pooledIdleTimeout { connection.close() }
      for connection in Array(pool.open.values) { connection.sweep(now) }
    }
    for connection in Array(streams.values) { connection.sweep(now) }
  }

  /// The life ended: nothing of it may go on.
  func closeAll() {
    for pool in pools.values {
      pool.waiting.removeAll()
      for connection in Array(pool.open.values) { connection.dropUser() }
    }
    for connection in Array(streams.values) { connection.dropUser() }
  }
}
