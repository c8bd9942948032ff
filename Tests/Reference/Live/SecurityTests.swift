// TLS 1.3 on the real host, in a build with the trait: who is believed, and who is not. A peer that speaks something older
// is a server of the `openssl` command's.

#if TLS

  import Foundation
  import Glibc
  import Hosting
  import Live
  import Synchronization
  import Testing
  import Vocabulary

  @Suite(.serialized) struct SecurityTests {
    private let certificates: Certificates

    init() throws { certificates = try Certificates.made.get() }

    /// Makes one call of a host that believes `authority`, and returns how it ended and what the operator was told.
    private func call(
      _ text: String, believing authority: String? = "authority"
    ) async throws -> (outcome: ExchangeOutcome?, notices: [String]) {
      var configuration = LiveConfiguration()
      let notices = Notices()
      configuration.log = notices.log
      configuration.security.authorityFiles = authority.map { [certificates.file("\($0).pem")] } ?? []
      configuration.lookUp = { _ in [IPAddress(127, 0, 0, 1)] }
      let kept = KeptRecords()
      let destination = Callee.destination(try Destination(text, namedBy: .operator))
      let host = try LiveHost(
        [LiveNodeSpecification(NodeID(0), name: "caller", isRecorded: true) { SecuredCaller(callee: destination) }], configuration,
        recorder: kept)
      try await host.start()
      _ = try await eventually { kept.records.exchanges.count == 1 }
      await host.stop(grace: .zero)
      return (kept.records.exchanges.first?.outcome, notices.all)
    }

    /// Serves with a certificate.
    private func serving<Value>(_ name: String, _ body: (Int) async throws -> Value) async throws -> Value {
      var configuration = LiveConfiguration()
      configuration.log = Notices().log
      configuration.security.identity = certificates.identity(name)
      let host = try LiveHost([LiveNodeSpecification(NodeID(0), name: "server", listen: .ephemeral) { SecuredServer() }], configuration)
      try await host.start()
      let port = try #require(host.address(of: NodeID(0))?.port)
      do {
        let value = try await body(port)
        await host.stop(grace: .zero)
        return value
      } catch {
        await host.stop(grace: .zero)
        throw error
      }
    }

    @Test func whoIsBelievedIsCalled() async throws {
      for host in ["good.test", "GOOD.test.", "127.0.0.1"] {
        let found = try await serving("good") { try await call("https://\(host):\($0)") }
        #expect(
          found.outcome
            == .answered(Response(status: 200, headers: ["content-length": "6"], body: Array("secret".utf8))).withDate(of: found.outcome),
          "\(host) \(found.notices)")
      }
    }

    @Test(
      arguments: [
        ("good", "bad.test", "authority"), ("good", "good.test", "stranger"), ("good", "good.test", nil),
        ("expired", "good.test", "authority"),
      ] as [(String, String, String?)])
    func whoIsNotBelievedIsNotCalled(_ certificate: String, _ host: String, _ authority: String?) async throws {
      let found = try await serving(certificate) { try await call("https://\(host):\($0)", believing: authority) }
      #expect(found.outcome == .failed(.untrusted))
      #expect(found.notices.contains { $0.contains("https://\(host)") }, "\(found.notices)")
    }

    /// Has a server of OpenSSL's listen; the port is free again when `body` returns.
    private func openSSLServer<Value>(_ arguments: [String], _ body: (Int) async throws -> Value) async throws
      -> Value
    {
      let port = try RawServer().port
      let process = OpenSSL.process(
        ["s_server", "-accept", "127.0.0.1:\(port)", "-cert", "good.pem", "-key", "good.key"] + arguments, in: certificates.path)
      let inputs = Pipe()
      process.standardInput = inputs
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      // The child may have inherited that SIGTERM is held back.
      defer { kill(process.processIdentifier, SIGKILL) }
      _ = try await eventually { (try? RawClient(port: port)) != nil }
      return try await body(port)
    }

    @Test func anOlderVersionIsNotSpoken() async throws {
      let found = try await openSSLServer(["-tls1_2", "-www"]) { try await call("https://good.test:\($0)") }
      #expect(found.outcome == .failed(.untrusted))
      // The control: the same server with 1.3.
      let newer = try await openSSLServer(["-tls1_3", "-www"]) { try await call("https://good.test:\($0)") }
      guard case .answered(let response) = newer.outcome else {
        Issue.record("\(String(describing: newer))")
        return
      }
      #expect(response.status == 200)
      // And as a server.
      for (version, isTaken) in [("-tls1_2", false), ("-tls1_3", true)] {
        let result = try await serving("good") { port in
          try OpenSSL.run(
            ["s_client", "-connect", "127.0.0.1:\(port)", version, "-CAfile", "authority.pem", "-verify_return_error", "-brief"],
            in: certificates.path)
        }
        #expect((result.status == 0) == isTaken, "\(version): \(result.text)")
      }
    }

    @Test func whoSaysNothingIsNotWaitedFor() async throws {
      let server = try RawServer()
      var configuration = LiveConfiguration()
      configuration.limits.connectTimeout = .milliseconds(200)
      configuration.log = Notices().log
      let kept = KeptRecords()
      let destination = Callee.destination(try Destination("https://127.0.0.1:\(server.port)", namedBy: .operator))
      let host = try LiveHost(
        [LiveNodeSpecification(NodeID(0), name: "caller", isRecorded: true) { SecuredCaller(callee: destination) }], configuration,
        recorder: kept)
      try await host.start()
      let connection = server.accept()
      _ = try await eventually { kept.records.exchanges.count == 1 }
      await host.stop(grace: .zero)
      _ = connection
      #expect(kept.records.exchanges.map(\.outcome) == [.failed(.untrusted)])
    }

    @Test func inTheClearNothingIsAnswered() async throws {
      let said = try await serving("good") { port in
        let client = try RawClient(port: port)
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        return client.readToEnd()
      }
      #expect(!said.contains("HTTP/1.1"))
    }

    @Test func everyFormOfExchangeWorksOverTLS() async throws {
      let directory = TemporaryDirectory()
      var configuration = LiveConfiguration()
      configuration.security.identity = certificates.identity("good")
      // Nodes of one host believe their own certificate, whatever authority it is of.
      let failures = try await failuresOfStreamProof(in: LiveWorld(directory: directory.path, configuration: configuration))
      #expect(failures == [])
    }

    @Test func filesThatAreNoneAreTold() throws {
      for change in [
        { (security: inout TransportSecurity) in security.authorityFiles = ["/nowhere.pem"] },
        { security in security.authorityFiles = [certificates.file("good.key")] },
        { security in
          security.identity = TransportSecurity.Identity(
            certificateFile: certificates.file("good.pem"), keyFile: certificates.file("good.pem"))
        },
        { security in
          security.identity = TransportSecurity.Identity(
            certificateFile: certificates.file("good.pem"), keyFile: certificates.file("stranger.key"))
        },
      ] {
        var configuration = LiveConfiguration()
        change(&configuration.security)
        let node = LiveNodeSpecification(NodeID(0), name: "node") { SecuredServer() }
        #expect(throws: LiveHostError.self) { try LiveHost([node], configuration) }
      }
    }
  }

  extension ExchangeOutcome {
    /// The same with the date of another, which differs from call to call.
    fileprivate func withDate(of other: ExchangeOutcome?) -> ExchangeOutcome {
      guard case .answered(var mine) = self, case .answered(let theirs) = other else { return self }
      mine.head.headers = theirs.head.headers
      return .answered(mine)
    }
  }

  private struct SecuredServer: Machine {
    mutating func start(_ turn: inout Turn) throws(StartRefusal) {}
    mutating func handle(_ event: Event, _ turn: inout Turn) {
      if case .request(let id, _) = event { turn.reply(id, Response(status: 200, body: Array("secret".utf8))) }
    }
  }

  /// Makes one call.
  private struct SecuredCaller: Machine {
    let callee: Callee
    var request = Request(.get, "/")
    mutating func start(_ turn: inout Turn) throws(StartRefusal) { _ = turn.call(callee, request) }
    mutating func handle(_ event: Event, _ turn: inout Turn) {}
  }

#endif
