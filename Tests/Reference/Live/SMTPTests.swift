// Mail against a small server of the test's own: what goes over the wire, what is refused before it does, and what each
// answer of a mail server becomes.

import Hosting
import Live
import Testing
import Vocabulary

@Suite(.serialized) struct SMTPTests {
  private static let message =
    #"{"from":"alerts@example.org","to":["ops@example.org","boss@example.org"],"subject":"cpu high","text":"a\n.b\n..\nc","id":"m1"}"#

  /// Has the requests made of an adapter for `port`, one by one where the limits say one at a time; returns the answers.
  private func answers(
    to bodies: [String], port: Int, _ limits: LiveLimits = .changed { $0.adapterTimeout = .minutes(20) }, target: String = "/messages",
    method: Vocabulary.Method = .post,
    deadline: TimeSpan? = nil
  ) async throws -> [Response] {
    var configuration = LiveConfiguration()
    configuration.limits = limits
    let mail = try SMTPConfiguration(address: HostAndPort(host: "127.0.0.1", port: port), security: .none, name: "client.test")
    let requests = bodies.map { Request(method, target, headers: ["content-type": "application/json"], body: Array($0.utf8)) }
    return try await answersOfAdapter(to: requests, by: mail, configuration, within: deadline)
  }

  private func answer(_ manners: MailServer.Manners, _ body: String = SMTPTests.message) async throws -> (
    status: Int, text: String, heard: [String]
  ) {
    let server = try MailServer(manners)
    let response = try #require(try await answers(to: [body], port: server.port).first)
    return (response.status, String(decoding: response.body, as: UTF8.self), server.heard)
  }

  @Test func aMailIsSubmitted() async throws {
    let (status, text, heard) = try await answer(MailServer.Manners())
    #expect(status == 202)
    #expect(text == #"{"id":"m1","refused":[]}"#)
    #expect(
      heard.prefix(5) == [
        "EHLO client.test", "MAIL FROM:<alerts@example.org>", "RCPT TO:<ops@example.org>", "RCPT TO:<boss@example.org>", "DATA",
      ])
    #expect(heard.contains("From: <alerts@example.org>") && heard.contains("To: <ops@example.org>, <boss@example.org>"))
    #expect(heard.contains("Subject: cpu high") && heard.contains("Message-ID: <m1@example.org>"))
    #expect(heard.contains { $0.hasPrefix("Date: ") && $0.hasSuffix(" +0000") })
    // Dots that begin a line are doubled, the one that ends the message is not among them.
    let empty = try #require(heard.firstIndex(of: ""))
    #expect(Array(heard[(empty + 1)...]).prefix(4) == ["a", "..b", "...", "c"])
    #expect(heard.contains("Content-Transfer-Encoding: 7bit"))
  }

  @Test func whatIsNoASCIIIsEncoded() async throws {
    let (status, _, heard) = try await answer(
      MailServer.Manners(),
      #"{"from":"a@b.example","to":["c@d.example"],"subject":"Überlast «cpu» — ziemlich lange schon, und noch länger","text":"grün\r\n.\r\nx","id":"m"}"#
    )
    #expect(status == 202)
    let subject = try #require(heard.firstIndex { $0.hasPrefix("Subject: =?utf-8?B?") })
    #expect(heard[subject + 1].hasPrefix(" =?utf-8?B?") && heard[subject].utf8.count <= 76)
    #expect(heard.contains("Content-Transfer-Encoding: base64") && heard.contains("Z3LDvG4NCi4NCng="))
  }

  @Test(arguments: [
    #""from":"alerts@example.org\r\nRCPT TO:<x@y.example>""#, #""from":"a b@example.org""#, #""from":"a@b@example.org>""#,
    #""from":"<a@example.org>""#,
    #""from":"a@[127.0.0.1]""#, #""from":"a@127.0.0.1""#, #""from":"ä@example.org""#, #""from":".a@example.org""#,
    #""from":"a@example.org:25""#,
    #""to":["x@y.example\nBcc: z@y.example"]"#, #""to":[]"#, #""to":["x"]"#, #""subject":"a\r\nBcc: x@y.example""#, #""subject":"a\u0000""#,
    #""subject":"a\u2028b""#, #""id":"a>\r\nX: y""#, #""id":"""#, #""text":"\u0000""#, #""headers":{}"#,
  ])
  func whatWouldBecomeALineIsRefused(_ member: String) async throws {
    let server = try MailServer()
    let name = member.prefix { $0 != ":" }
    let members = [
      #""from":"a@example.org""#, #""to":["b@example.org"]"#, #""subject":"s""#, #""text":"t""#, #""id":"i""#,
    ].filter { !$0.hasPrefix(name) }
    let found = try await answers(to: ["{\((members + [member]).joined(separator: ","))}"], port: server.port)
    #expect(found.map(\.status) == [400], "\(found.map { String(decoding: $0.body, as: UTF8.self) })")
    #expect(server.heard.isEmpty)
  }

  @Test(arguments: [
    ("greeting", "554 no", 422, "REFUSED"), ("greeting", "421 later", 503, "TRY_LATER"), ("greeting", "SSH-2.0-x", 502, "NO_MAIL_SERVER"),
    ("greeting", "200 x", 502, "NO_MAIL_SERVER"), ("EHLO", "502 what", 422, "REFUSED"), ("MAIL", "550 not you", 422, "REFUSED"),
    ("MAIL", "451 busy", 503, "TRY_LATER"), ("MAIL", "", 502, "NO_MAIL_SERVER"), ("RCPT", "550 unknown", 422, "REFUSED"),
    ("RCPT", "450 greylisted", 503, "TRY_LATER"), ("DATA", "554 no", 422, "REFUSED"), ("data", "552 too big", 422, "REFUSED"),
    ("data", "452 full", 503, "TRY_LATER"), ("data", "", 504, "OPEN"),
    ("EHLO", String(repeating: "2", count: 2_000), 502, "NO_MAIL_SERVER"),
  ])
  func whatAServerSaysHasItsStatus(_ at: String, _ says: String, _ status: Int, _ code: String) async throws {
    var manners = MailServer.Manners()
    switch at {
    case "greeting": manners.greeting = says
    case "data": manners.afterData = says
    default: manners.answers[at] = says
    }
    let found = try await answer(manners)
    #expect(found.status == status && found.text.contains("\"\(code)\""), "\(found.text)")
  }

  @Test func someRecipientsAreRefused() async throws {
    let found = try await answer(MailServer.Manners(answers: ["RCPT TO:<boss": "550 no such user"]))
    #expect(found.status == 202)
    #expect(found.text == #"{"id":"m1","refused":[{"address":"boss@example.org","reply":"550 no such user"}]}"#)
  }

  @Test func nobodyListens() async throws {
    let port = try RawServer().port
    let found = try await answers(to: [Self.message], port: port)
    #expect(found.map(\.status) == [502])
  }

  @Test func aSlowServerIsGivenUp() async throws {
    let server = try MailServer(MailServer.Manners(silentAt: "MAIL"))
    let limits = LiveLimits.changed { $0.adapterTimeout = .milliseconds(200) }
    #expect(try await answers(to: [Self.message], port: server.port, limits).map(\.status) == [504])
    let other = try MailServer(MailServer.Manners(silentAt: "MAIL"))
    #expect(try await answers(to: [Self.message], port: other.port, deadline: .milliseconds(200)).map(\.status) == [504])
  }

  @Test func noMoreAreUnderWayThanMayBe() async throws {
    let server = try MailServer(MailServer.Manners(silentAt: "MAIL"), connections: 2)
    let limits = LiveLimits.changed {
      $0.adapterRequests = 2
      $0.adapterTimeout = .milliseconds(300)
      $0.adapterBodyBytes = 2_000
    }
    let long = #"{"text":"\#(String(repeating: "a", count: 2_000))"}"#
    let found = try await answers(to: [Self.message, Self.message, Self.message, long], port: server.port, limits)
    #expect(found.map(\.status).sorted() == [413, 503, 504, 504])
  }

  @Test func whatIsNoMessageIsToldSo() async throws {
    let port = try RawServer().port
    #expect(try await answers(to: ["{"], port: port).map(\.status) == [400])
    #expect(try await answers(to: [""], port: port, target: "/x").map(\.status) == [404])
    #expect(try await answers(to: [""], port: port, method: .get).map(\.status) == [405])
  }

  @Test func aPasswordIsNeverSentInTheClear() {
    let address = HostAndPort(host: "127.0.0.1", port: 25)
    #expect(throws: SecurityFailure.self) { try SMTPConfiguration(address: address, security: .none, credentials: ("u", "p")) }
    guard !TransportSecurity.isBuiltIn else { return }
    let failure = #expect(throws: SecurityFailure.self) { try SMTPConfiguration(address: address, security: .startTLS) }
    #expect(failure?.description.contains("--traits TLS") == true)
  }
}
