// What the server promises to honest and to slow clients: order, bounds, time-outs, the graceful stop.

import Hosting
import Live
import ProvingGround
import Testing
import Vocabulary

@Suite(.serialized) struct ServerTests {
  @Test func pipelinedAnswersComeInTheOrderOfTheRequests() async throws {
    try await withNode(ReversingMachine(waitsFor: 16)) { port, _, _ in
      let client = try RawClient(port: port)
      client.send((0..<32).map { "GET /\($0) HTTP/1.1\r\nhost: a\r\n\r\n" }.joined())
      for number in 0..<32 { #expect(client.readResponse()?.text == "/\(number)") }
    }
  }

  @Test func pipelinesAreBounded() async throws {
    // The machine waits for one request more than the depth: it never gets it, so nothing is answered, and the host
    // goes on.
    try await withNode(ReversingMachine(waitsFor: 17)) { port, _, _ in
      let client = try RawClient(port: port)
      client.send((0..<17).map { "GET /\($0) HTTP/1.1\r\nhost: a\r\n\r\n" }.joined())
      #expect(!client.readMore(patienceMilliseconds: 200))
      let other = try RawClient(port: port)
      other.send("GET /x HTTP/1.1\r\nhost: a\r\n\r\n")
      #expect(other.readResponse()?.text == "/x")
      for number in 0..<16 { #expect(client.readResponse()?.text == "/\(number)") }
    }
  }

  @Test func aFullMailboxRefusesWithRetryAfter() async throws {
    try await withNode(StubbornMachine(), .changed { $0.mailboxEvents = 4 }) { port, _, _ in
      let client = try RawClient(port: port)
      client.send((0..<10).map { _ in "GET /echo HTTP/1.1\r\nhost: a\r\n\r\n" }.joined())
      let answers = (0..<10).compactMap { _ in client.readResponse() }
      #expect(answers.count == 10)
      #expect(answers.filter { $0.status == 200 }.count >= 4)
      let refused = answers.filter { $0.status == 503 }
      #expect(!refused.isEmpty && refused.allSatisfy { $0.field("retry-after") == "1" && $0.text.contains("OVERLOADED") })
    }
  }

  @Test func surplusConnectionsAreRefused() async throws {
    try await withNode(StubbornMachine(), .changed { $0.connections = 2 }) { port, _, _ in
      let kept = [try RawClient(port: port), try RawClient(port: port)]
      for client in kept {
        client.send("GET /echo HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(client.readResponse()?.status == 200)
      }
      let surplus = try RawClient(port: port)
      #expect(surplus.readResponse()?.status == 503)
      #expect(surplus.readToEnd() == "")
    }
  }

  @Test func versionsMethodsAndExpectations() async throws {
    try await withNode(StubbornMachine()) { port, _, _ in
      let old = try RawClient(port: port)
      old.send("POST /echo HTTP/1.0\r\ncontent-length: 2\r\n\r\nok")
      let response = old.readResponse()
      #expect(response?.text == "ok" && response?.field("connection") == "close")
      #expect(old.readToEnd() == "")

      let patient = try RawClient(port: port)
      patient.send("POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
      #expect(patient.readResponse()?.status == 100)
      patient.send("body")
      #expect(patient.readResponse()?.text == "body")
      patient.send("POST /small HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 40\r\n\r\n")
      #expect(patient.readResponse()?.status == 413, "refused before the body is sent")

      let head = try RawClient(port: port)
      head.send("HEAD /received HTTP/1.1\r\nhost: a\r\n\r\nGET /received HTTP/1.1\r\nhost: a\r\n\r\n")
      #expect(head.readResponse(hasBody: false)?.field("content-length") == "1")
      #expect(head.readResponse()?.text == "0")
    }
  }

  @Test func slowHeadsAndBodiesAreCutOff() async throws {
    let short = LiveLimits.changed {
      $0.headTimeout = .milliseconds(60)
      $0.bodyWindow = .milliseconds(60)
      $0.idleTimeout = .milliseconds(120)
    }
    try await withNode(StubbornMachine(), short) { port, _, _ in
      let slowHead = try RawClient(port: port)
      slowHead.send("GET /echo HT")
      #expect(slowHead.readResponse()?.status == 408)
      #expect(slowHead.readToEnd() == "")
      let slowBody = try RawClient(port: port)
      slowBody.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\nabc")
      #expect(slowBody.readResponse()?.status == 408)
      #expect(slowBody.readToEnd() == "")
      let idle = try RawClient(port: port)
      #expect(idle.readToEnd() == "", "an idle connection is closed without a word")
      let waiting = try RawClient(port: port)
      waiting.send("GET /later HTTP/1.1\r\nhost: a\r\n\r\n")
      #expect(waiting.readResponse()?.text == "ok", "waiting for the machine is not idleness")
    }
  }

  @Test func bodiesOfAllConnectionsTogetherAreBounded() async throws {
    let limits = LiveLimits.changed {
      $0.requestBodyBytes = 1_000
      $0.pressedBodyWindow = .seconds(600)
    }
    try await withNode(StubbornMachine(), limits) { port, _, _ in
      // Head and body in one piece, so that the host reads them at once.
      func sent(_ bytes: Int, of length: Int) throws -> RawClient {
        let client = try RawClient(port: port)
        let body = String(repeating: "a", count: bytes)
        client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: \(length)\r\n\r\n\(body)")
        return client
      }
      func status(ofBody bytes: Int) throws -> Int? { try sent(bytes, of: bytes).readResponse()?.status }

      let first = try sent(600, of: 601)
      // One that goes through shows that what came before it was read.
      #expect(try status(ofBody: 10) == 200)
      let second = try sent(600, of: 600)
      let refusal = second.readResponse()
      #expect(refusal?.status == 503 && refusal?.field("retry-after") == "1" && refusal?.field("connection") == "close")
      #expect(refusal?.text.contains("\"code\":\"OVERLOADED\"") == true)
      #expect(second.readToEnd() == "")
      #expect(try status(ofBody: 300) == 200, "what there is room for is taken")
      first.send("a")
      #expect(first.readResponse()?.body.count == 601, "a body that came first is not harmed")

      let left = try sent(900, of: 1_000)
      #expect(try status(ofBody: 10) == 200)
      #expect(try status(ofBody: 600) == 503)
      left.close()
      #expect(try await eventually { try status(ofBody: 1_000) == 200 }, "a body that broke off gives its room back")
      for _ in 0..<5 { #expect(try status(ofBody: 1_000) == 200, "so does one that was taken") }
    }
  }

  @Test func aReaderThatStandsStillIsCutOff() async throws {
    try await withNode(StubbornMachine(), .changed { $0.writeStallTimeout = .milliseconds(100) }) { port, _, _ in
      let client = try RawClient(port: port, receiveBufferBytes: 4_096)
      client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
      // Thirty times as long as it may stand still, for a machine that is busy with other things.
      try await Task.sleep(nanoseconds: 3_000_000_000)
      #expect(client.readToEnd().utf8.count < 50_000_000)
    }
  }

  @Test func readingStopsWithTheCredit() async throws {
    try await withNode(StubbornMachine()) { port, _, kept in
      let client = try RawClient(port: port)
      client.send("POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n")
      let taken = client.send([UInt8](repeating: 0x61, count: 100_000_000), patienceMilliseconds: 300)
      #expect(taken < 100_000_000, "the sender must be stopped by the socket")
      let received = kept.records.observations.reduce(0) { $0 + $1.observation.value }
      #expect(received == UInt64(initialStreamCreditBytes))
      let other = try RawClient(port: port)
      other.send("GET /received HTTP/1.1\r\nhost: a\r\n\r\n")
      #expect(other.readResponse()?.text == String(initialStreamCreditBytes))
    }
  }

  @Test func aPeerThatLeavesALongPollIsNoticed() async throws {
    try await withNode(StreamProbe()) { port, _, _ in
      let waiting = try RawClient(port: port)
      waiting.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
      let other = try RawClient(port: port)
      func abandoned() -> String? {
        other.send("GET /abandoned HTTP/1.1\r\nhost: a\r\n\r\n")
        return other.readResponse()?.text
      }
      #expect(abandoned() == "0")
      waiting.close()
      #expect(try await eventually { abandoned() == "1" })
    }
  }

  @Test func aGracefulStopWaitsForNothingButWhatIsServed() async throws {
    try await withNode(ReversingMachine(waitsFor: 2)) { port, host, _ in
      let served = try RawClient(port: port)
      served.send("GET /served HTTP/1.1\r\nhost: a\r\n\r\n")
      // Before the others, since connections are taken in their order: it is taken when they are answered.
      let halfHead = try RawClient(port: port)
      halfHead.send("GET /ha")
      let halves = try ["", "expect: 100-continue\r\n"].map { field in
        let client = try RawClient(port: port)
        client.send("POST /half HTTP/1.1\r\nhost: a\r\n\(field)content-length: 10\r\n\r\n" + (field.isEmpty ? "abc" : ""))
        if !field.isEmpty { #expect(client.readResponse()?.status == 100, "all that came before it has been read") }
        return client
      }
      // As long as the served request is not answered: what ends before that was not waited for.
      async let stopped: Void = host.stop(grace: .seconds(20))
      #expect(halfHead.readToEnd() == "")
      for half in halves {
        let answer = half.readResponse()
        #expect(answer?.status == 503 && answer?.text.contains("STOPPING") == true && answer?.field("connection") == "close")
        #expect(half.readToEnd() == "", "though its client does not leave")
      }
      #expect(!served.readMore(patienceMilliseconds: 0) && !served.isAtEnd, "what is served is waited for")
      served.close()
      await stopped
    }
  }

  @Test func aGracefulStopAnswersWhatHasCome() async throws {
    // The first request is answered only when the second is complete, and that is after the stop has begun.
    try await withNode(ReversingMachine(waitsFor: 2), .changed { $0.stoppingTimeout = .seconds(20) }) { port, host, _ in
      let idle = try RawClient(port: port)
      let waiting = try RawClient(port: port)
      waiting.send("GET /waiting HTTP/1.1\r\nhost: a\r\n\r\n")
      let sending = try RawClient(port: port)
      sending.send("POST /sending HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
      #expect(sending.readResponse()?.status == 100, "its head has come, and so has the other request")
      async let stopped: Void = host.stop(grace: .seconds(20))
      #expect(idle.readToEnd() == "", "idle connections are closed")
      sending.send("body")
      for (client, target) in [(sending, "/sending"), (waiting, "/waiting")] {
        let answer = client.readResponse()
        #expect(answer?.text == target && answer?.field("connection") == "close")
        #expect(client.readToEnd() == "")
        client.close()
      }
      await stopped
      #expect(throws: RawClient.Failure.self) { try RawClient(port: port) }
    }
  }

  @Test func defectsAreRecorded() async throws {
    try await withNode(DefectiveMachine()) { port, _, kept in
      for (target, words) in [("/twice", "twice"), ("/credit", "credit"), ("/unaccepted", "not accepted")] {
        let client = try RawClient(port: port)
        client.send("GET \(target) HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(try await eventually { kept.records.defects.contains { $0.what.contains(words) } }, "\(target)")
        if target != "/twice" { _ = client.readToEnd() }
      }
      let client = try RawClient(port: port)
      client.send("GET /injection HTTP/1.1\r\nhost: a\r\n\r\n")
      let response = client.readResponse()
      #expect(response?.field("x-other") == nil && response?.text == "ok", "a value cannot become a field, nor a length lie")
    }
  }
}
