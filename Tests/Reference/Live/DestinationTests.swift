// Destinations on the real host: the proofs that run in both hosts; sockets of this machine; slow resolvers; and how many
// destinations are kept.

import Glibc
import Hosting
import Live
import Synchronization
import Testing
import Vocabulary

@Suite(.serialized) struct DestinationTests {
  /// Keeps a connection for no time, so that each call is a new one.
  private var forgetful: LiveConfiguration {
    var configuration = LiveConfiguration()
    configuration.limits.pooledIdleTimeout = .milliseconds(1)
    return configuration
  }

  @Test func destinationsAreResolvedAndJudged() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfDestinationProof(in: LiveWorld(directory: directory.path, configuration: forgetful)) == [])
  }

  @Test func redirectsAreJudgedAnew() async throws {
    let directory = TemporaryDirectory()
    #expect(try await failuresOfRedirectProof(in: LiveWorld(directory: directory.path, configuration: forgetful)) == [])
  }

  /// Makes the calls at once, and returns how they ended, in the order of their ends.
  private func outcomes(
    of calls: [(Callee, Request)], _ configuration: LiveConfiguration, _ serve: () throws -> Void = {}
  ) async throws -> [ExchangeRecord] {
    let kept = KeptRecords()
    let host = try LiveHost(
      [LiveNodeSpecification(NodeID(0), name: "caller", isRecorded: true) { CalleeMachine(calls) }], configuration, recorder: kept)
    try await host.start()
    try serve()
    _ = try await eventually { kept.records.exchanges.count == calls.count }
    await host.stop(grace: .zero)
    return kept.records.exchanges
  }

  @Test func aSocketOfThisMachineIsCalled() async throws {
    let directory = TemporaryDirectory()
    let path = "\(directory.path)/service.sock"
    let server = try RawLocalServer(path: path)
    var configuration = LiveConfiguration()
    configuration.directory[Endpoint(9)] = Destination(localSocket: path)
    let heads = Mutex<[String]>([])
    let calls: [(Callee, Request)] = [
      (.endpoint(Endpoint(9)), Request(.get, "/a")),
      (.destination(try Destination("unix:\(path)", namedBy: .operator)), Request(.get, "/b")),
    ]
    let found = try await outcomes(of: calls, configuration) {
      for _ in calls {
        let connection = try #require(server.accept())
        if let head = connection.readRequestHead() { heads.withLock { $0.append(head) } }
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
      }
    }
    #expect(
      found.map(\.outcome)
        == Array(repeating: .answered(Response(status: 200, headers: ["content-length": "2"], body: [0x6F, 0x6B])), count: 2))
    #expect(heads.withLock { $0.allSatisfy { $0.contains("host: localhost") } })
  }

  @Test func aSlowResolverIsNotWaitedForLongerThanForAConnection() async throws {
    var configuration = LiveConfiguration()
    configuration.limits.connectTimeout = .milliseconds(50)
    let late = Released()
    configuration.lookUp = { _ in
      late.wait()
      return []
    }
    let found = try await outcomes(
      of: [(.destination(try Destination("http://slow.test", namedBy: .user)), Request(.get, "/"))], configuration
    ) {}
    late.release()
    #expect(found.map(\.outcome) == [.failed(.refused)])
  }

  /// Users name hosts that resolve slowly, more than there are threads for and more than may wait: what the operator named
  /// is found all the same.
  @Test func whatUsersNameKeepsNothingOfTheOperatorsWaiting() async throws {
    let server = try RawServer()
    var configuration = LiveConfiguration()
    configuration.limits.waitingLookups = 8
    let late = Released()
    configuration.lookUp = { host in
      if host.hasPrefix("slow") { late.wait() }
      return [IPAddress(127, 0, 0, 1)]
    }
    var calls: [(Callee, Request)] = try (0..<12).map {
      (.destination(try Destination("http://slow-\($0).test", namedBy: .user)), Request(.get, "/"))
    }
    calls.append((.destination(try Destination("http://mail.test:\(server.port)", namedBy: .operator)), Request(.get, "/")))
    let found = try await outcomes(of: calls, configuration) {
      if let connection = server.accept(patienceMilliseconds: 3_000) {
        _ = connection.readRequestHead()
        connection.send("HTTP/1.1 204 No Content\r\n\r\n")
      }
      late.release()
    }
    #expect(found.filter { $0.outcome == .answered(Response(status: 204)) }.count == 1)
    #expect(found.filter { $0.outcome == .failed(.refused) }.count >= 4, "beyond what may wait")
  }

  @Test func ofSeveralAddressesOnlyThoseThatAreAllowedAreCalled() async throws {
    let server = try RawServer()
    var configuration = LiveConfiguration()
    configuration.addressPolicy = AddressPolicy(allowedBlocks: [AddressBlock("127.0.0.1")].compactMap { $0 })
    configuration.lookUp = { _ in [IPAddress(127, 0, 0, 9), IPAddress(127, 0, 0, 1)] }
    let destination = try Destination("http://both.test:\(server.port)", namedBy: .user)
    let found = try await outcomes(of: [(.destination(destination), Request(.get, "/"))], configuration) {
      let connection = try #require(server.accept())
      #expect(connection.readRequestHead()?.contains("host: both.test:\(server.port)") == true)
      connection.send("HTTP/1.1 204 No Content\r\n\r\n")
    }
    #expect(found.map(\.outcome) == [.answered(Response(status: 204))])
  }

  @Test func aHostThatIsAllowedByNameMayLeadAnywhere() async throws {
    let server = try RawServer()
    var configuration = LiveConfiguration()
    configuration.addressPolicy = AddressPolicy(allowedHosts: ["Hook.test."])
    configuration.lookUp = { _ in [IPAddress(127, 0, 0, 1)] }
    let calls: [(Callee, Request)] = try ["hook.test", "other.test"].map { host in
      (.destination(try Destination("http://\(host):\(server.port)", namedBy: .user)), Request(.get, "/"))
    }
    let found = try await outcomes(of: calls, configuration) {
      let connection = try #require(server.accept())
      _ = connection.readRequestHead()
      connection.send("HTTP/1.1 204 No Content\r\n\r\n")
    }
    #expect(Set(found.map(\.outcome)) == [.failed(.forbidden), .answered(Response(status: 204))])
  }

  @Test func thereAreNoMoreConnectionsToDestinationsThanThereMayBe() async throws {
    var configuration = LiveConfiguration()
    configuration.limits.destinations = 4
    configuration.limits.connectionsToDestinations = 3
    configuration.limits.connectTimeout = .milliseconds(300)
    configuration.lookUp = { _ in
      usleep(20_000)
      return []
    }
    // None of them resolves; the fourth finds no connection free, the fifth no room for another destination.
    let calls: [(Callee, Request)] = try (1...5).map { number in
      (.destination(try Destination("http://host-\(number).test", namedBy: .operator)), Request(.get, "/"))
    }
    let found = try await outcomes(of: calls, configuration)
    #expect(found.filter { $0.outcome == .failed(.refused) }.count == 2)
    #expect(found.filter { $0.outcome == .failed(.unresolvable) }.count == 3)
  }

  @Test func withoutTLSNothingIsSentInTheClear() async throws {
    guard !TransportSecurity.isBuiltIn else { return }
    let server = try RawServer()
    let notices = Notices()
    var configuration = LiveConfiguration()
    configuration.log = notices.log
    let destination = try Destination("https://127.0.0.1:\(server.port)", namedBy: .operator)
    let found = try await outcomes(of: [(.destination(destination), Request(.get, "/"))], configuration)
    #expect(found.map(\.outcome) == [.failed(.untrusted)])
    #expect(notices.all.contains { $0.contains("--traits TLS") })
    var wanting = LiveConfiguration()
    wanting.security.authorityFiles = ["/nowhere"]
    let node = LiveNodeSpecification(NodeID(0), name: "node") { CalleeMachine([]) }
    let error = #expect(throws: LiveHostError.self) { try LiveHost([node], wanting) }
    #expect(error?.description.contains("--traits TLS") == true)
  }
}

/// Makes calls at once.
private struct CalleeMachine: Machine {
  let calls: [(Callee, Request)]

  init(_ calls: [(Callee, Request)]) { self.calls = calls }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    for (callee, request) in calls { _ = turn.call(callee, request) }
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {}
}

/// A listening socket of this machine.
private final class RawLocalServer {
  private let descriptor: CInt

  init(path: String) throws {
    let listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    descriptor = listener
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { field in
      for (place, byte) in path.utf8.enumerated() where place < field.count - 1 { field[place] = byte }
    }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 ? listen(listener, 16) : -1
      }
    }
    guard result == 0 else { throw RawClient.Failure(what: "listen at \(path): errno \(errno)") }
  }

  deinit { close(descriptor) }

  func accept(patienceMilliseconds: CInt = 10_000) -> RawClient? {
    var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, patienceMilliseconds) > 0 else { return nil }
    let accepted = Glibc.accept(descriptor, nil, nil)
    return accepted < 0 ? nil : RawClient(descriptor: accepted)
  }
}
