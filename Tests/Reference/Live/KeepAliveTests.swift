// That the kernel asks after quiet peers, on connections of servers and of callers: read off the sockets themselves, since
// no peer on this machine can vanish without a word.

import Glibc
import Live
import Testing
import Vocabulary

@Suite struct KeepAliveTests {
  /// What a socket is told about quiet peers.
  struct Asking: Equatable {
    var isOn: CInt
    var idleSeconds: CInt
    var intervalSeconds: CInt
    var probes: CInt
  }

  /// That of each connection of this process from port `local` to port `peer`; nil stands for any.
  private func asking(local: Int? = nil, peer: Int? = nil) -> [Asking] {
    (0..<CInt(1_024)).compactMap { descriptor in
      guard let mine = port(descriptor, getsockname), let other = port(descriptor, getpeername), local ?? mine == mine,
        peer ?? other == other
      else { return nil }
      let tcp = CInt(IPPROTO_TCP)
      return Asking(
        isOn: option(descriptor, SOL_SOCKET, SO_KEEPALIVE), idleSeconds: option(descriptor, tcp, TCP_KEEPIDLE),
        intervalSeconds: option(descriptor, tcp, TCP_KEEPINTVL), probes: option(descriptor, tcp, TCP_KEEPCNT))
    }
  }

  private func option(_ descriptor: CInt, _ level: CInt, _ name: CInt) -> CInt {
    var (value, length) = (CInt(-1), socklen_t(MemoryLayout<CInt>.size))
    return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : -1
  }

  private func port(
    _ descriptor: CInt, _ end: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
  ) -> Int? {
    var (address, length) = (sockaddr_in(), socklen_t(MemoryLayout<sockaddr_in>.size))
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { end(descriptor, $0, &length) }
    }
    return result == 0 && address.sin_family == sa_family_t(AF_INET) ? Int(UInt16(bigEndian: address.sin_port)) : nil
  }

  private let expected = Asking(isOn: 1, idleSeconds: 7, intervalSeconds: 3, probes: 2)
  private let limits = LiveLimits.changed {
    $0.keepAliveIdle = .seconds(7)
    $0.keepAliveInterval = .seconds(3)
    $0.keepAliveProbes = 2
  }

  @Test func serversHaveTheKernelAskAfterQuietClients() async throws {
    try await withNode(ReversingMachine(waitsFor: 1), limits) { port, _, _ in
      let client = try RawClient(port: port)
      client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
      #expect(client.readResponse()?.status == 200)
      #expect(asking(local: port) == [expected])
    }
  }

  @Test func callersHaveTheKernelAskAfterQuietServers() async throws {
    let server = try RawServer()
    var configuration = LiveConfiguration()
    configuration.limits = limits
    configuration.directory[Endpoint(7)] = Destination(.http, HostAndPort(host: "127.0.0.1", port: server.port), namedBy: .operator)
    let host = try LiveHost(
      [LiveNodeSpecification(NodeID(1), name: "caller") { CallingMachine([(Endpoint(7), Request(.get, "/x"))], patience: nil) }],
      configuration)
    try await host.start()
    let connection = try #require(server.accept())
    _ = connection.readRequestHead()
    #expect(asking(peer: server.port) == [expected])
    await host.stop(grace: .zero)
  }
}
