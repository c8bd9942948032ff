// Resolution of names, off the loops: by the system (`getaddrinfo`), on a few threads of the host's own. What users named
// has threads of its own, and a bound of its own on what waits: whoever names hosts that resolve slowly, or not at all,
// keeps nothing of the operator's from being found.
//
// What was resolved is held against the address policy right here, between the resolver and the connector of NIO, which
// connects to what it is handed and to nothing else: so what is judged is what is connected to, at each connection.
// Nothing is kept from one connection to the next: whoever resolves for the system may keep what he likes.
//
// Fault model: a resolver may be slow, say nothing, or say something else each time. Limits: `connectTimeout` bounds
// resolution and connection together; a look-up that takes longer goes on behind it and keeps its thread, and beyond
// `waitingLookups` of them calls fail as refused.

import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Vocabulary

/// The names that the system knows.
enum SystemNames {
  /// The addresses of `host`, in the system's order; none where it is not known. Blocks.
  static func lookUp(_ host: String) -> [IPAddress] {
    var hints = addrinfo()
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var addresses: [IPAddress] = []
    var next = list
    while let entry = next {
      if let address = entry.pointee.ai_addr.flatMap({ address(of: $0) }), !addresses.contains(address) { addresses.append(address) }
      next = entry.pointee.ai_next
    }
    return addresses
  }

  private static func address(of socketAddress: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
    switch CInt(socketAddress.pointee.sa_family) {
    case AF_INET:
      return socketAddress.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        .version4(UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
      }
    case AF_INET6:
      return socketAddress.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { entry in
        withUnsafeBytes(of: entry.pointee.sin6_addr) { bytes in
          .version6(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
      }
    default: return nil
    }
  }
}

/// The threads on which names are looked up; safe on any thread.
final class NameLookup: Sendable {
  /// The look-ups of those names that the operator, or that users named.
  private final class Line: Sendable {
    let threads = NIOThreadPool(numberOfThreads: 4)
    let waiting = Atomic(0)
  }

  private let operators = Line()
  private let users = Line()
  private let lookUp: @Sendable (String) -> [IPAddress]
  private let waitingLimit: Int
  private let isEnded = Mutex(false)

  init(waitingLimit: Int, _ lookUp: @escaping @Sendable (String) -> [IPAddress]) {
    self.lookUp = lookUp
    self.waitingLimit = waitingLimit
  }

  /// Starts the threads; once.
  func start() {
    operators.threads.start()
    users.threads.start()
  }

  /// Ends them when what runs has ended, and waits for that no longer than `limit`: a resolver may take minutes. What
  /// is found behind it is told to nobody.
  func shutDown(within limit: TimeSpan) async {
    let (ended, end) = AsyncStream<Void>.makeStream()
    let pools = [operators.threads, users.threads]
    let ending = Task.detached {
      await withTaskGroup(of: Void.self) { ends in
        for threads in pools { ends.addTask { do { try await threads.shutdownGracefully() } catch {} } }
      }
      end.finish()
    }
    let waiting = Task.detached {
      do { try await Task.sleep(nanoseconds: UInt64(max(0, limit.nanoseconds))) } catch {}
      end.finish()
    }
    for await _ in ended {}
    isEnded.withLock { $0 = true }
    waiting.cancel()
    _ = ending
  }

  /// Looks `host` up and tells `whenDone`, on some thread: nil where too many wait already of what the same side named.
  func addresses(of host: String, namedBy namer: Destination.Namer, _ whenDone: @escaping @Sendable ([IPAddress]?) -> Void) {
    let line =
      switch namer {
      case .operator: operators
      case .user: users
      }
    guard line.waiting.add(1, ordering: .relaxed).newValue <= waitingLimit else {
      line.waiting.subtract(1, ordering: .relaxed)
      return whenDone(nil)
    }
    line.threads.submit { state in
      let found = state == .active ? self.lookUp(host) : nil
      line.waiting.subtract(1, ordering: .relaxed)
      // Under the lock: no loop is told anything once it may be gone.
      self.isEnded.withLock { if !$0 { whenDone(found) } }
    }
  }
}

/// Resolves one connection's host for NIO, and hands on only what the policy allows. Sendable because what changes in it
/// is used on the loop only.
final class JudgedResolver: Resolver, @unchecked Sendable {
  private let destination: Destination
  private let policy: AddressPolicy
  private let lookup: NameLookup
  private let loop: any EventLoop
  private let version4: EventLoopPromise<[SocketAddress]>
  private let version6: EventLoopPromise<[SocketAddress]>
  private var isPublished = false
  /// Whether there were addresses, of which the policy allows none.
  private(set) var isForbidden = false
  /// Whether the host has no address.
  private(set) var isUnknown = false

  init(_ destination: Destination, _ policy: AddressPolicy, _ lookup: NameLookup, _ loop: any EventLoop) {
    self.destination = destination
    self.policy = policy
    self.lookup = lookup
    self.loop = loop
    version4 = loop.makePromise()
    version6 = loop.makePromise()
  }

  // NIO asks for AAAA first, then for A; one look-up serves both, in one tick.
  func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
    if let address = IPAddress(host) {
      loop.execute { self.resolved([address], port) }
    } else if host.utf8.contains(UInt8(ascii: "%")) {
      // An address with a link of this machine's, which only the system can read.
      let isAllowed = policy.allows(destination)
      loop.execute { self.publish(isAllowed ? [try? SocketAddress.makeAddressResolvingHost(host, port: port)].compactMap { $0 } : []) }
    } else {
      lookup.addresses(of: host, namedBy: destination.namedBy) { found in
        self.loop.execute {
          guard let found else { return self.publish([]) }
          self.isUnknown = found.isEmpty
          self.resolved(found, port)
        }
      }
    }
    return version6.futureResult
  }

  func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { version4.futureResult }

  // Whoever asked waits no longer: what is found from now on is of no use.
  func cancelQueries() { publish([]) }

  private func resolved(_ addresses: [IPAddress], _ port: Int) {
    let allowed = addresses.filter { policy.allows($0, for: destination) }
    isForbidden = allowed.isEmpty && !addresses.isEmpty
    publish(allowed.compactMap { try? SocketAddress(ipAddress: $0.description, port: port) })
  }

  private func publish(_ addresses: [SocketAddress]) {
    guard !isPublished else { return }
    isPublished = true
    version6.succeed(addresses.filter { $0.protocol == .inet6 })
    version4.succeed(addresses.filter { $0.protocol == .inet })
  }
}
