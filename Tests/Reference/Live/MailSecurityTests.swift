// Mail by TLS, in a build with the trait: by STARTTLS and from the first byte, with a password; and against servers, or
// somebody on the way to them, that would have it, or the mail, in the clear.

#if TLS

  import Hosting
  import Live
  import NIOSSL
  import Testing
  import Vocabulary

  @Suite(.serialized) struct MailSecurityTests {
    typealias Security = SMTPConfiguration.Security

    private static let message =
      #"{"from":"alerts@example.org","to":["ops@example.org"],"subject":"cpu high","text":"97.1","id":"m1"}"#
    /// `user` and `secret`, as AUTH PLAIN sends them.
    private static let proof = "AUTH PLAIN AHVzZXIAc2VjcmV0"

    private let certificates: Certificates
    private let agreed = AgreedProtocols()

    init() throws { certificates = try Certificates.made.get() }

    /// What a submission came to.
    private struct Outcome {
      var status: Int
      var text: String
      var server: MailServer

      /// Whether that was for want of security, as the message tells in `words`. Nobody is told where the library's sources lie.
      func isNotSecured(_ words: String = "the") -> Bool {
        status == 502 && text.contains("\"NOT_SECURED\"") && text.contains(words) && !text.contains("/")
      }
    }

    /// A server's side of TLS with a certificate. It would speak HTTP, too, were it asked to.
    private func speaking(_ certificate: String, only version: TLSVersion? = nil) throws -> @Sendable (RawClient) -> (any MailPeer)? {
      let identity = certificates.identity(certificate)
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: try NIOSSLCertificate.fromPEMFile(identity.certificateFile).map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(file: identity.keyFile, format: .pem)))
      configuration.applicationProtocols = ["http/1.1"]
      configuration.maximumTLSVersion = version
      let context = try NIOSSLContext(configuration: configuration)
      let agreed = agreed
      return { SecuredMailPeer($0, context, offered: agreed) }
    }

    /// The manners of a server that is in order.
    private func manners(_ security: Security, _ certificate: String = "good") throws -> MailServer.Manners {
      var manners = MailServer.Manners()
      manners.secure = try speaking(certificate)
      switch security {
      case .none: break
      case .startTLS: manners.offers += ["STARTTLS"]
      case .implicitTLS: manners.isSecuredAtOnce = true
      }
      manners.securedOffers += ["AUTH LOGIN PLAIN"]
      manners.answers["AUTH"] = "235 you are"
      return manners
    }

    private func submit(
      _ manners: MailServer.Manners, _ security: Security, withPassword: Bool = true, host: String = "127.0.0.1",
      believing authority: String = "authority"
    ) async throws -> Outcome {
      let server = try MailServer(manners)
      var configuration = LiveConfiguration()
      configuration.limits.adapterTimeout = .minutes(20)
      configuration.security.authorityFiles = [certificates.file("\(authority).pem")]
      let mail = try SMTPConfiguration(
        address: HostAndPort(host: host, port: server.port), security: security, name: "client.test",
        credentials: withPassword ? ("user", "secret") : nil)
      let request = Request(.post, "/messages", headers: ["content-type": "application/json"], body: Array(Self.message.utf8))
      let response = try #require(try await answersOfAdapter(to: [request], by: mail, configuration).first)
      return Outcome(status: response.status, text: String(decoding: response.body, as: UTF8.self), server: server)
    }

    private static let envelope = ["MAIL FROM:<alerts@example.org>", "RCPT TO:<ops@example.org>", "DATA"]

    @Test(arguments: [Security.startTLS, .implicitTLS], [true, false])
    func aMailIsSubmittedByTLS(_ security: Security, _ withPassword: Bool) async throws {
      let found = try await submit(try manners(security), security, withPassword: withPassword)
      #expect(found.status == 202 && found.text == #"{"id":"m1","refused":[]}"#, "\(found.text)")
      // All but the wish for TLS goes by TLS, the second greeting included.
      #expect(found.server.heardInTheClear == (security == .startTLS ? ["EHLO client.test", "STARTTLS"] : []))
      let begin = ["EHLO client.test"] + (withPassword ? [Self.proof] : []) + Self.envelope
      #expect(Array(found.server.heardSecured.prefix(begin.count)) == begin)
      #expect(found.server.heardSecured.contains("97.1"))
      #expect(agreed.all == [nil], "mail is not offered as HTTP")
    }

    /// A server's certificate, the name that it is called by, and who is believed.
    struct Unbelieved: Sendable {
      var certificate: String
      var host: String
      var authority: String
    }

    @Test(
      arguments: [Security.startTLS, .implicitTLS],
      [
        Unbelieved(certificate: "good", host: "127.0.0.1", authority: "stranger"),
        Unbelieved(certificate: "expired", host: "127.0.0.1", authority: "authority"),
        // One of the address that is reached is not one of the name that is meant.
        Unbelieved(certificate: "good", host: "localhost", authority: "authority"),
      ])
    func whoIsNotBelievedGetsNoMail(_ security: Security, _ who: Unbelieved) async throws {
      let found = try await submit(try manners(security, who.certificate), security, host: who.host, believing: who.authority)
      #expect(found.isNotSecured(), "\(found.text)")
      #expect(found.server.heardSecured == [] && found.server.heardInTheClear.count <= 2)
    }

    @Test(arguments: [Security.startTLS, .implicitTLS]) func anOlderVersionIsNotSpoken(_ security: Security) async throws {
      var manners = try manners(security)
      manners.secure = try speaking("good", only: .tlsv12)
      let found = try await submit(manners, security)
      #expect(found.isNotSecured(), "\(found.text)")
      #expect(found.server.heardSecured == [])
    }

    /// Somebody on the way took the offer out, or the answer to it is a refusal.
    @Test func withoutSTARTTLSNothingGoesInTheClear() async throws {
      var stripped = try manners(.startTLS)
      stripped.offers = ["SIZE 1000000", "AUTH PLAIN", "XSTARTTLS", "STARTTLSX"]
      let found = try await submit(stripped, .startTLS)
      #expect(found.isNotSecured("STARTTLS"), "\(found.text)")
      #expect(found.server.heard == ["EHLO client.test"])

      for refusal in ["454 not now", "502 no such command", "250 fine"] {
        var refusing = try manners(.startTLS)
        refusing.answers["STARTTLS"] = refusal
        let found = try await submit(refusing, .startTLS)
        #expect(found.isNotSecured(refusal), "\(refusal): \(found.text)")
        #expect(found.server.heard == ["EHLO client.test", "STARTTLS"])
      }
    }

    /// What came in the clear with the answer to STARTTLS is not taken for what TLS brings: nor what comes a moment
    /// later, which may be before the handshake or within. The server goes on as if nothing were, which is what somebody
    /// on the way would have it do.
    @Test func whatIsSaidInTheClearBeforeTheHandshakeIsNotTakenForWhatTLSBrings() async throws {
      for step in 0..<60 {
        var injecting = try manners(.startTLS)
        injecting.injected = "250-mail.test\r\n250 AUTH PLAIN\r\n235 you are\r\n250 fine\r\n"
        injecting.injectedAfterMicroseconds = Double(step * step) / 4
        let found = try await submit(injecting, .startTLS)
        #expect(found.isNotSecured(), "\(step): \(found.text)")
        #expect(found.server.heardSecured == [], "\(step)")
      }
    }

    @Test func whatIsSaidInTheClearBeforeTLSFromTheFirstByteIsNotTakenEither() async throws {
      for _ in 0..<20 {
        var injecting = try manners(.implicitTLS)
        injecting.injected = "220 mail.test\r\n"
        let found = try await submit(injecting, .implicitTLS)
        #expect(found.isNotSecured(), "\(found.text)")
        #expect(found.server.heardSecured == [])
      }
    }

    @Test(arguments: ["535 5.7.8 no", "454 4.7.0 not now", "334 ", "250 fine", "535 \(MailSecurityTests.proof)"])
    func aPasswordThatIsNotTakenSendsNoMail(_ answer: String) async throws {
      var refusing = try manners(.startTLS)
      refusing.answers["AUTH"] = answer
      let found = try await submit(refusing, .startTLS)
      #expect(found.isNotSecured(), "\(found.text)")
      // The server's words may repeat the password.
      #expect(!found.text.contains("AHVzZXIAc2VjcmV0"))
      #expect(found.server.heardSecured == ["EHLO client.test", Self.proof])
    }

    /// What was offered before TLS counts for nothing (RFC 3207, section 4.2).
    @Test(arguments: [["SIZE 1000000"], ["AUTH LOGIN CRAM-MD5"], ["AUTH PLAINER"], ["XAUTH PLAIN"]])
    func aPasswordGoesOnlyWhereItIsWantedByTLS(_ offers: [String]) async throws {
      var elsewhere = try manners(.startTLS)
      elsewhere.offers += ["AUTH PLAIN"]
      elsewhere.securedOffers = offers
      let found = try await submit(elsewhere, .startTLS)
      #expect(found.isNotSecured("AUTH PLAIN"), "\(found.text)")
      #expect(!found.server.heard.contains { $0.hasPrefix("AUTH") })
      #expect(found.server.heardSecured == ["EHLO client.test"])
    }

    @Test(arguments: [
      ("EHLO", 502, "NO_MAIL_SERVER"), ("STARTTLS", 502, "NO_MAIL_SERVER"), ("AUTH", 502, "NO_MAIL_SERVER"),
      ("MAIL", 502, "NO_MAIL_SERVER"), ("RCPT", 502, "NO_MAIL_SERVER"), ("DATA", 502, "NO_MAIL_SERVER"), ("data", 504, "OPEN"),
    ])
    func aServerThatGoesAwayInTheMiddle(_ at: String, _ status: Int, _ code: String) async throws {
      var leaving = try manners(.startTLS)
      if at == "data" { leaving.afterData = "" } else { leaving.answers[at] = "" }
      let found = try await submit(leaving, .startTLS)
      #expect(found.status == status && found.text.contains("\"\(code)\""), "\(at): \(found.text)")
    }

    @Test(arguments: [Security.startTLS, .implicitTLS]) func aServerThatGoesAwayInTheHandshake(_ security: Security) async throws {
      var leaving = try manners(security)
      leaving.secure = { client in
        _ = client.readMore()
        return nil
      }
      let found = try await submit(leaving, security)
      #expect(found.isNotSecured(), "\(found.text)")
    }
  }

#endif
