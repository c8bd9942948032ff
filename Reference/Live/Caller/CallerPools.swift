// The connections of one node to whom it calls: kept alive, bounded in number, with a bounded queue before them. An
// endpoint has a pool of its own for good; of the pools of destinations those are kept that were used last.
//
// Fault model: a call that finds the queue full, or no connection within `connectTimeout`, fails as refused (it was not
// carried out); an endpoint without an address, or a host that is not known, as unresolvable; a user's destination that
// leads to where users' may not, as forbidden. An endpoint may move: nothing is begun any more where it was, and what is
// under way there ends as it does. An operator's destination and a user's that read alike have a pool each:
// no user's call goes over a connection that was judged as an operator's.

import NIOCore
import NIOPosix
import Vocabulary

/// All pools of one node; confined to its loop.
final class CallerPools {
  private final class Pool {
    let callee: Callee
    var destination: Destination
    /// What its requests say of whom they are for.
    var hostField: String
    var idle: [CallerConnection] = []
    var open: [ObjectIdentifier: CallerConnection] = [:]
    /// Connections that are open or being opened.
    var count = 0
    var waiting = CircularBuffer<CallExchange>()
    var usedAt: Instant

    init(_ callee: Callee, _ destination: Destination, hostField: String, now: Instant) {
      self.callee = callee
      self.destination = destination
      self.hostField = hostField
      usedAt = now
    }

    /// Whether nothing is lost with it.
    var isQuiet: Bool { count == idle.count && waiting.isEmpty }
  }

  private unowned let node: LiveNode
  private var pools: [Endpoint: Pool] = [:]
  private var poolsOfDestinations: [Destination: Pool] = [:]
  /// Connections of all of these together, those that are being opened included.
  private var connectionsToDestinations = 0
  private var streams: [ObjectIdentifier: CallerConnection] = [:]

  init(node: LiveNode) { self.node = node }

  // MARK: - Pools

  private func pool(of callee: Callee, _ now: Instant) throws(TransportFailure) -> Pool {
    switch callee {
    case .endpoint(let endpoint):
      guard let destination = node.shared.destination(of: endpoint) else { throw .unresolvable }
      guard let pool = pools[endpoint] else {
        let made = Pool(callee, destination, hostField: Self.hostField(of: destination), now: now)
        pools[endpoint] = made
        return made
      }
      follow(pool, to: destination)
      return pool
    case .destination(let destination):
      if let pool = poolsOfDestinations[destination] {
        pool.usedAt = now
        return pool
      }
      guard node.shared.addressPolicy.allows(destination) else { throw .forbidden }
      if poolsOfDestinations.count >= node.limits.destinations, !dropOldestQuietPool() { throw .refused }
      let made = Pool(callee, destination, hostField: destination.hostField, now: now)
      poolsOfDestinations[destination] = made
      return made
    }
  }

  /// Has a pool lead where its endpoint is now.
  private func follow(_ pool: Pool, to destination: Destination) {
    guard pool.destination != destination else { return }
    (pool.destination, pool.hostField) = (destination, Self.hostField(of: destination))
    let left = pool.idle
    pool.idle = []
    for connection in left { connection.close() }
  }

  /// An endpoint's requests name its port in any case, as they always did.
  private static func hostField(of destination: Destination) -> String {
    switch destination.place {
    case .network(_, let address): address.hostField
    case .localSocket: destination.hostField
    }
  }

  /// Forgets the pool of a destination that was not used for longest, of those in which nothing goes on.
  private func dropOldestQuietPool() -> Bool {
    let quiet = poolsOfDestinations.values.filter(\.isQuiet)
    guard let oldest = quiet.min(by: { ($0.usedAt, $0.destination.description) < ($1.usedAt, $1.destination.description) }) else {
      return false
    }
    drop(oldest)
    return true
  }

  private func drop(_ pool: Pool) {
    invariant(pool.isQuiet, "the pool of \(pool.destination) is dropped while it is in use")
    poolsOfDestinations[pool.destination] = nil
    for connection in pool.idle { connection.close() }
  }

  /// Whether the pool may open another connection.
  private func mayOpen(_ pool: Pool) -> Bool {
    switch pool.callee {
    case .endpoint: return pool.count < node.limits.connectionsPerEndpoint
    case .destination:
      guard pool.count < node.limits.connectionsPerDestination else { return false }
      if connectionsToDestinations < node.limits.connectionsToDestinations { return true }
      // One that serves nobody gives way: its descriptor is free once it is closed, which is soon.
      let resting = poolsOfDestinations.values.filter { $0 !== pool && !$0.idle.isEmpty }
      guard let oldest = resting.min(by: { ($0.usedAt, $0.destination.description) < ($1.usedAt, $1.destination.description) })
      else { return false }
      oldest.idle.removeFirst().close()
      return connectionsToDestinations <= node.limits.connectionsToDestinations
    }
  }

  private func count(_ change: Int, _ pool: Pool) {
    pool.count += change
    invariant(pool.count >= pool.open.count, "\(pool.count) connections to \(pool.destination), of which \(pool.open.count) are open")
    if case .destination = pool.callee { connectionsToDestinations += change }
    invariant(connectionsToDestinations >= 0, "\(connectionsToDestinations) connections to destinations")
  }

  // MARK: - Calls

  /// Sends a call on a free connection, or queues it. `onNewConnection`: not on one that has been idle.
  func submit(_ exchange: CallExchange, onNewConnection: Bool = false) {
    if case .endpoint(let endpoint) = exchange.callee, let desk = node.shared.desks[endpoint] { return exchange.start(at: desk) }
    let now = node.shared.clock.now
    let pool: Pool
    do throws(TransportFailure) { pool = try self.pool(of: exchange.callee, now) } catch { return exchange.broke(error) }
    while !onNewConnection, let connection = pool.idle.popLast() {
      guard connection.isIdle else { continue }
      // The sweep comes by too seldom for short time-outs.
      guard now - connection.idleSince <= node.limits.pooledIdleTimeout else {
        connection.close()
        continue
      }
      exchange.start(on: connection, host: pool.hostField)
      return
    }
    if pool.waiting.count >= node.limits.waitingCallsPerEndpoint { pool.waiting.removeAll { $0.isDone } }
    pool.waiting.append(exchange)
    if mayOpen(pool) {
      open(pool)
    } else if pool.waiting.count > node.limits.waitingCallsPerEndpoint || pool.count == 0 {
      // Where nothing is open nor being opened, nothing would ever take it up.
      pool.waiting.removeLast()
      exchange.broke(.refused)
    }
  }

  private func open(_ pool: Pool) {
    count(1, pool)
    let destination = pool.destination
    connect(to: destination) { result in
      switch result {
      case .failure(let failure):
        self.count(-1, pool)
        // Each waiting call started an attempt of its own, or waits for one: this one fails with this attempt, unless that
        // went to where the endpoint is no more.
        if self.isPlace(destination, of: pool), let exchange = self.nextWaiting(pool) { exchange.broke(failure) }
        self.openForWaiting(pool)
      case .success(let connection):
        guard self.node.life != nil, self.isPlace(destination, of: pool) else {
          // One that is closed before its handlers hear that it is there tells nobody that it is gone.
          connection.close()
          self.count(-1, pool)
          return self.openForWaiting(pool)
        }
        pool.open[ObjectIdentifier(connection)] = connection
        connection.whenFree = { connection, isUsable in
          if isUsable {
            self.use(connection, to: destination, pool)
          } else {
            pool.open[ObjectIdentifier(connection)] = nil
            pool.idle.removeAll { $0 === connection }
            self.count(-1, pool)
            self.openForWaiting(pool)
          }
        }
        self.use(connection, to: destination, pool)
      }
    }
  }

  private func nextWaiting(_ pool: Pool) -> CallExchange? {
    while let exchange = pool.waiting.popFirst() {
      if !exchange.isDone { return exchange }
    }
    return nil
  }

  /// Takes up what waits for a connection that leads to `destination`.
  private func use(_ connection: CallerConnection, to destination: Destination, _ pool: Pool) {
    // The next call may be the first to find that it moved.
    guard node.life != nil, isPlace(destination, of: pool) else { return connection.close() }
    if let exchange = nextWaiting(pool) {
      exchange.start(on: connection, host: pool.hostField)
    } else {
      pool.idle.append(connection)
    }
  }

  /// Whether `destination` is still where the pool's calls go.
  private func isPlace(_ destination: Destination, of pool: Pool) -> Bool {
    switch pool.callee {
    case .endpoint(let endpoint): node.shared.destination(of: endpoint) == destination
    case .destination: true
    }
  }

  private func openForWaiting(_ pool: Pool) {
    if case .endpoint(let endpoint) = pool.callee, let place = node.shared.destination(of: endpoint) { follow(pool, to: place) }

    let attempts = pool.count - pool.open.count
    invariant(attempts >= 0, "\(attempts) attempts to connect to \(pool.destination)")
    guard node.life != nil, pool.waiting.count > attempts else { return }
    if mayOpen(pool) { return open(pool) }
    guard pool.count == 0 else { return }
    while let exchange = nextWaiting(pool) { exchange.broke(.refused) }
  }

  // MARK: - Connections

  /// Opens a connection and tells `whenDone`, on the loop, never before this returns.
  private func connect(to destination: Destination, _ whenDone: @escaping (Result<CallerConnection, TransportFailure>) -> Void) {
    let node = self.node
    let bootstrap = ClientBootstrap(group: node.loop)
      .connectTimeout(.nanoseconds(node.limits.connectTimeout.nanoseconds))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(CallerConnection(node: node)) }
      }
    let resolver: JudgedResolver?
    let connecting: EventLoopFuture<any Channel>
    switch destination.place {
    case .network(let scheme, let address):
      let judging = JudgedResolver(destination, node.shared.addressPolicy, node.shared.names, node.loop)
      resolver = judging
      let plain = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).asking(KeepAlive(node.limits)).resolver(judging)
        .connect(host: address.host, port: address.port)
      switch scheme {
      case .http: connecting = plain
      case .https:
        let limit = node.limits.connectTimeout
        let isOwn = node.shared.isOwn(destination)
        connecting = plain.flatMap { channel in
          node.shared.security.secure(channel, for: .http, towards: address.host, isOwn: isOwn, within: limit).map { channel }
        }
      }
    case .localSocket(let path):
      resolver = nil
      connecting = bootstrap.connect(unixDomainSocketPath: path.text)
    }
    connecting.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel):
        do {
          whenDone(.success(try channel.pipeline.syncOperations.handler(type: CallerConnection.self)))
        } catch {
          whenDone(.failure(.connectionLost))
        }
      case .failure(let error):
        if let error = error as? SecurityFailure {
          node.tellUntrusted("\(destination): \(error)")
          return whenDone(.failure(.untrusted))
        }
        if let resolver, resolver.isForbidden { return whenDone(.failure(.forbidden)) }
        whenDone(.failure(resolver?.isUnknown == true ? .unresolvable : .refused))
      }
    }
  }

  /// Opens a connection of its own for a stream, and says what its request says of whom it is for.
  func openStream(to callee: Callee, _ whenDone: @escaping (Result<(CallerConnection, host: String), TransportFailure>) -> Void) {
    let (destination, host): (Destination, String)
    switch callee {
    case .endpoint(let endpoint):
      guard let known = node.shared.destination(of: endpoint) else { return whenDone(.failure(.unresolvable)) }
      (destination, host) = (known, Self.hostField(of: known))
    case .destination(let named):
      guard node.shared.addressPolicy.allows(named) else { return whenDone(.failure(.forbidden)) }
      (destination, host) = (named, named.hostField)
    }
    openStream(to: destination) { result in
      if case .endpoint(let endpoint) = callee, let place = self.node.shared.destination(of: endpoint), place != destination {
        // It moved meanwhile.
        if case .success(let connection) = result { connection.close() }
        return self.openStream(to: callee, whenDone)
      }
      whenDone(result.map { ($0, host: host) })
    }
  }

  /// Opens a connection of its own for a stream or for peer messages.
  func openStream(to destination: Destination, _ whenDone: @escaping (Result<CallerConnection, TransportFailure>) -> Void) {
    connect(to: destination) { result in
      if case .success(let connection) = result {
        self.streams[ObjectIdentifier(connection)] = connection
        connection.whenFree = { connection, isUsable in
          if isUsable { connection.close() } else { self.streams[ObjectIdentifier(connection)] = nil }
        }
      }
      whenDone(result)
      // One that is closed before its handlers hear that it is there tells nobody that it is gone.
      if case .success(let connection) = result, connection.isClosed { self.streams[ObjectIdentifier(connection)] = nil }
    }
  }

  /// Closes what has been idle or stalled for too long, and forgets destinations that were not called for as long.
  func sweep(_ now: Instant) {
    for endpoint in pools.keys.sorted() {
      if let pool = pools[endpoint] { sweep(pool, now) }
    }
    for pool in Array(poolsOfDestinations.values) {
      sweep(pool, now)
      if pool.count == 0, pool.waiting.isEmpty, now - pool.usedAt > node.limits.pooledIdleTimeout { drop(pool) }
    }
    for connection in Array(streams.values) { connection.sweep(now) }
  }

  private func sweep(_ pool: Pool, _ now: Instant) {
    for connection in pool.idle where now - connection.idleSince > node.limits.pooledIdleTimeout { connection.close() }
    for connection in Array(pool.open.values) { connection.sweep(now) }
  }

  /// The life ended: nothing of it may go on.
  func closeAll() {
    for pool in Array(pools.values) + Array(poolsOfDestinations.values) {
      pool.waiting.removeAll()
      for connection in Array(pool.open.values) { connection.dropUser() }
    }
    for connection in Array(streams.values) { connection.dropUser() }
  }
}
