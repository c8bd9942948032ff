// Bytes that no honest client sends. Each gets one clear answer with a JSON body, or a closed connection, and the node
// serves on.

import Hosting
import Live
import ProvingGround
import Testing
import Vocabulary

/// A message that must be refused.
struct Nasty: Sendable, CustomTestStringConvertible {
  var name: String
  var bytes: String
  var status: Int
  var testDescription: String { name }

  init(_ name: String, _ status: Int, _ bytes: String) {
    self.name = name
    self.status = status
    self.bytes = bytes
  }
}

private let chunked = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
private let smallChunked = "POST /small HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"

private let nasties: [Nasty] = [
  Nasty("TLS", 400, "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\n\n"),
  Nasty("words", 400, "hello\r\n\r\n"),
  Nasty("no host", 400, "GET /value HTTP/1.1\r\n\r\n"),
  Nasty("two hosts", 400, "GET /value HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"),
  Nasty("a path in the host", 400, "GET /value HTTP/1.1\r\nhost: a/b\r\n\r\n"),
  Nasty("a user in the host", 400, "GET /value HTTP/1.1\r\nhost: a/b@c\r\n\r\n"),
  Nasty("two hosts in one field", 400, "GET /value HTTP/1.1\r\nhost: a b\r\n\r\n"),
  Nasty("a scheme in the host", 400, "GET /value HTTP/1.1\r\nhost: http://a\r\n\r\n"),
  Nasty("a host of UTF-8", 400, "GET /value HTTP/1.1\r\nhost: ä\r\n\r\n"),
  Nasty("a port of letters", 400, "GET /value HTTP/1.1\r\nhost: a:b\r\n\r\n"),
  Nasty("two ports", 400, "GET /value HTTP/1.1\r\nhost: a:1:2\r\n\r\n"),
  Nasty("half an escape in the host", 400, "GET /value HTTP/1.1\r\nhost: a%4\r\n\r\n"),
  Nasty("an IPv6 address without brackets", 400, "GET /value HTTP/1.1\r\nhost: ::1\r\n\r\n"),
  Nasty("a bracket that does not close", 400, "GET /value HTTP/1.1\r\nhost: [::1\r\n\r\n"),
  Nasty("a name in brackets", 400, "GET /value HTTP/1.1\r\nhost: [a]\r\n\r\n"),
  Nasty("words behind a bracket", 400, "GET /value HTTP/1.1\r\nhost: [::1]a\r\n\r\n"),
  Nasty("a bad host in 1.0", 400, "GET /value HTTP/1.0\r\nhost: a/b@c\r\n\r\n"),
  Nasty("a user in the target", 400, "GET http://u@a/value HTTP/1.1\r\nhost: a\r\n\r\n"),
  Nasty("no host in the target", 400, "GET http:///value HTTP/1.1\r\nhost: a\r\n\r\n"),
  Nasty("a port alone in the target", 400, "GET http://:80/value HTTP/1.1\r\nhost: a\r\n\r\n"),
  Nasty("length and encoding", 400, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
  Nasty("two lengths", 400, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
  Nasty("a list of lengths", 400, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc"),
  Nasty("negative length", 400, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -3\r\n\r\nabc"),
  Nasty("signed length", 400, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc"),
  Nasty("hexadecimal length", 400, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 0x3\r\n\r\nabc"),
  Nasty("empty length", 400, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\nabc"),
  Nasty("overflowing length", 400, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n"),
  Nasty("huge length", 413, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 999999999999999999\r\n\r\n"),
  Nasty("unknown encoding", 501, "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n"),
  Nasty("two encodings", 501, "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
  Nasty("encoding in 1.0", 400, "POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
  Nasty("bare line feeds", 400, "GET /value HTTP/1.1\nhost: a\n\n"),
  Nasty("one bare line feed", 400, "GET /value HTTP/1.1\r\nhost: a\nx: y\r\n\r\n"),
  Nasty("folded field", 400, "GET /value HTTP/1.1\r\nhost: a\r\n b\r\n\r\n"),
  Nasty("space before colon", 400, "GET /value HTTP/1.1\r\nhost : a\r\n\r\n"),
  Nasty("no colon", 400, "GET /value HTTP/1.1\r\nhost a\r\n\r\n"),
  Nasty("no name", 400, "GET /value HTTP/1.1\r\nhost: a\r\n: b\r\n\r\n"),
  Nasty("zero byte", 400, "GET /value HTTP/1.1\r\nhost: a\u{0}b\r\n\r\n"),
  Nasty("control byte in the target", 400, "GET /va\u{1}lue HTTP/1.1\r\nhost: a\r\n\r\n"),
  Nasty("raw UTF-8 in the target", 400, "GET /välue HTTP/1.1\r\nhost: a\r\n\r\n"),
  Nasty("spaces in the target", 400, "GET /va lue HTTP/1.1\r\nhost: a\r\n\r\n"),
  Nasty("no path", 400, "GET value HTTP/1.1\r\nhost: a\r\n\r\n"),
  Nasty("HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Nasty("HTTP/1.2", 505, "GET /value HTTP/1.2\r\nhost: a\r\n\r\n"),
  Nasty("not HTTP", 400, "GET /value SPDY/1\r\nhost: a\r\n\r\n"),
  Nasty("long target", 414, "GET /\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\nhost: a\r\n\r\n"),
  Nasty("endless target", 414, "GET /\(String(repeating: "a", count: 60_000))"),
  Nasty("large head", 431, "GET /value HTTP/1.1\r\nhost: a\r\nx: \(String(repeating: "a", count: 17_000))\r\n\r\n"),
  Nasty("endless head", 431, "GET /value HTTP/1.1\r\nhost: a\r\n\(String(repeating: "x: y\r\n", count: 5_000))"),
  Nasty("many fields", 431, "GET /value HTTP/1.1\r\nhost: a\r\n\(String(repeating: "x:y\r\n", count: 101))\r\n"),
  Nasty("chunk size of letters", 400, chunked + "zz\r\n"),
  Nasty("negative chunk size", 400, chunked + "-1\r\n"),
  Nasty("empty chunk size", 400, chunked + "\r\n"),
  Nasty("Kelvin in an encoding", 501, "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chun\u{212A}ed\r\n\r\n0\r\n\r\n"),
  Nasty("CR in an extension", 400, chunked + "1;a\rb\r\nx\r\n0\r\n\r\n"),
  Nasty("two sizes", 400, chunked + "1 2\r\nx\r\n0\r\n\r\n"),
  Nasty("words behind a size", 400, chunked + "1\t zz\r\nx\r\n0\r\n\r\n"),
  Nasty("NUL in an extension", 400, chunked + "1;\u{0}\r\nx\r\n0\r\n\r\n"),
  Nasty("a request as a trailer", 400, chunked + "0\r\nGET /x HTTP/1.1\r\n\r\n"),
  Nasty("NUL in a trailer", 400, chunked + "0\r\nA: b\u{0}\r\n\r\n"),
  Nasty("overflowing chunk size", 400, chunked + "ffffffffffffffff\r\n"),
  Nasty("chunk without end", 400, chunked + "3\r\nabcde\r\n"),
  Nasty("endless chunk size", 400, chunked + "\(String(repeating: "0", count: 300))"),
  Nasty("huge chunk", 413, smallChunked + "b\r\n12345678901\r\n0\r\n\r\n"),
  Nasty("many chunks", 413, smallChunked + "\(String(repeating: "1\r\nx\r\n", count: 11))"),
  Nasty("long trailers", 400, chunked + "0\r\nx: \(String(repeating: "y", count: 20_000))"),
  Nasty("unknown expectation", 417, "POST /echo HTTP/1.1\r\nhost: a\r\nexpect: wonders\r\ncontent-length: 1\r\n\r\nx"),
  Nasty("signed time left", 400, "GET /echo HTTP/1.1\r\nhost: a\r\nrequest-timeout-milliseconds: +5\r\n\r\n"),
  Nasty("negative time left", 400, "GET /echo HTTP/1.1\r\nhost: a\r\nrequest-timeout-milliseconds: -5\r\n\r\n"),
  Nasty(
    "WebSocket where there is none", 400,
    "GET /echo HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
      + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
  Nasty("plain request for a WebSocket", 426, "GET /socket HTTP/1.1\r\nhost: a\r\n\r\n"),
  Nasty(
    "WebSocket of version 8", 426,
    "GET /socket HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 8\r\n"
      + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
]

private let phrases = [
  400: "Bad Request", 413: "Content Too Large", 414: "URI Too Long", 417: "Expectation Failed", 426: "Upgrade Required",
  431: "Request Header Fields Too Large", 501: "Not Implemented", 505: "HTTP Version Not Supported",
]

@Suite(.serialized) struct BadInputTests {
  @Test(arguments: nasties) func isRefused(_ nasty: Nasty) async throws {
    try await withNode(StubbornMachine()) { port, _, kept in
      let client = try RawClient(port: port)
      client.send(nasty.bytes)
      let response = try #require(client.readResponse())
      #expect(response.status == nasty.status)
      #expect(response.lines.first == phrases[nasty.status].map { "HTTP/1.1 \(nasty.status) \($0)" })
      #expect(response.field("content-type") == "application/json")
      #expect(response.field("connection") == (nasty.status == 426 ? "upgrade, close" : "close"))
      #expect(response.text.hasPrefix("{\"error\":{\"code\":\"") && response.text.hasSuffix("\"}}"))
      #expect(client.readToEnd() == "", "nothing follows but the end")
      let next = try RawClient(port: port)
      next.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok")
      #expect(next.readResponse()?.text == "ok")
      #expect(kept.records.defects == [])
    }
  }

  @Test(arguments: [
    "a", "A.b-c_d~e.example", "a:80", "a:", "127.0.0.1:8080", "[::1]", "[2001:db8::1]:443", "", "a%20b", "a;b=c", "1.2.3.4.5",
  ])
  func whatIsAHostIsTaken(_ host: String) async throws {
    try await withNode(StubbornMachine()) { port, _, _ in
      let client = try RawClient(port: port)
      client.send("POST /echo HTTP/1.1\r\nhost: \(host)\r\ncontent-length: 2\r\n\r\nok")
      #expect(client.readResponse()?.text == "ok")
      guard !host.isEmpty else { return }
      client.send("POST http://\(host)/echo HTTP/1.1\r\nhost: \(host)\r\ncontent-length: 2\r\n\r\nok")
      #expect(client.readResponse()?.text == "ok")
    }
  }

  /// A HEAD request is refused as any other, but without a body.
  @Test(arguments: nasties.filter { ["GET ", "POST"].contains($0.bytes.prefix(4)) && !$0.bytes.contains("upgrade: websocket") })
  func aHeadRequestIsRefusedWithoutABody(_ nasty: Nasty) async throws {
    try await withNode(StubbornMachine()) { port, _, _ in
      let client = try RawClient(port: port)
      client.send("HEAD" + nasty.bytes.drop { $0 != " " })
      let response = try #require(client.readResponse(hasBody: false))
      #expect(response.status == nasty.status)
      #expect(response.field("content-length").flatMap { Int($0) } ?? 0 > 0, "as long as the body that GET would get")
      #expect(client.readToEnd() == "")
    }
  }

  @Test func aHeadRequestThatComesTooSlowlyIsRefusedWithoutABody() async throws {
    let short = LiveLimits.changed {
      $0.headTimeout = .milliseconds(60)
      $0.bodyWindow = .milliseconds(60)
    }
    try await withNode(StubbornMachine(), short) { port, _, _ in
      for slow in ["HEAD /echo HT", "\r\nHEAD /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\nabc"] {
        let client = try RawClient(port: port)
        client.send("HEAD /echo HTTP/1.1\r\nhost: a\r\n\r\n" + slow)
        #expect(client.readResponse(hasBody: false)?.status == 200)
        #expect(client.readResponse(hasBody: false)?.status == 408)
        #expect(client.readToEnd() == "")
      }
      let client = try RawClient(port: port)
      client.send("HEAD /echo HTTP/1.1\r\nhost: a\r\n\r\nGET /ec")
      #expect(client.readResponse(hasBody: false)?.status == 200)
      #expect(client.readResponse()?.text.contains("REQUEST_TIMEOUT") == true, "another request's method says nothing")
    }
  }

  @Test func garbageAfterAGoodRequestIsRefusedAfterItsAnswer() async throws {
    try await withNode(StubbornMachine()) { port, _, _ in
      let client = try RawClient(port: port)
      client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGARBAGE\r\n\r\n")
      #expect(client.readResponse()?.text == "abc")
      #expect(client.readResponse()?.status == 400)
      #expect(client.readToEnd() == "")
    }
  }

  @Test func aHalfRequestReachesNoMachine() async throws {
    try await withNode(DurableCounter(), directory: nil) { port, _, _ in
      for half in ["POST /increment HT", "POST /increment HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc"] {
        let client = try RawClient(port: port)
        client.send(half)
        client.close()
      }
      let client = try RawClient(port: port)
      client.send("GET /value HTTP/1.1\r\nhost: a\r\n\r\n")
      #expect(client.readResponse()?.text == "0")
    }
  }

  @Test func anyCutOfThePipelineGivesTheSameAnswers() async throws {
    let pipeline =
      "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\none"
      + "\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\ntw\r\n1\r\no\r\n0\r\ntrailer: z\r\n\r\n"
      + "HEAD /echo HTTP/1.1\r\nhost: a\r\n\r\n"
      + "POST http://a/echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\nthree"
    let bytes = Array(pipeline.utf8)
    try await withNode(StubbornMachine()) { port, _, _ in
      for cut in stride(from: 1, to: bytes.count, by: 7) {
        let client = try RawClient(port: port)
        client.send(Array(bytes[0..<cut]))
        try await Task.sleep(nanoseconds: 300_000)
        client.send(Array(bytes[cut...]))
        #expect(client.readResponse()?.text == "one", "cut at \(cut)")
        #expect(client.readResponse()?.text == "two", "cut at \(cut)")
        #expect(client.readResponse(hasBody: false)?.field("content-length") == "0", "cut at \(cut)")
        let last = client.readResponse()
        #expect(last?.text == "three" && last?.field("connection") == "close", "cut at \(cut)")
        #expect(client.readToEnd() == "", "cut at \(cut)")
      }
    }
  }

  @Test func theErrorReachesAClientThatIsStillSending() async throws {
    try await withNode(StubbornMachine()) { port, _, _ in
      let client = try RawClient(port: port)
      client.send("POST /small HTTP/1.1\r\nhost: a\r\ncontent-length: 3000000\r\n\r\n")
      client.send([UInt8](repeating: 0x61, count: 3_000_000), patienceMilliseconds: 500)
      #expect(client.readResponse()?.status == 413)
    }
  }

  /// Random changes of good messages: whatever comes back is HTTP or nothing, and the node serves on.
  @Test(arguments: 1...4 as ClosedRange<UInt64>) func damagedMessagesTrapNowhere(seed: UInt64) async throws {
    let good = [
      "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello", chunked + "5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\nx: y\r\n\r\n",
      "POST /upload HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
      "GET /socket HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
        + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\u{1}\u{5}hello",
    ].map { Array($0.utf8) }
    var random = RandomStream(seed: seed)
    try await withNode(StubbornMachine()) { port, _, _ in
      for _ in 0..<150 {
        let client = try RawClient(port: port)
        var bytes = good[Int(random.below(4))] + good[Int(random.below(4))]
        for _ in 0...random.below(4) {
          let place = Int(random.below(UInt64(bytes.count)))
          switch random.below(4) {
          case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
          case 1: bytes.remove(at: place)
          case 2: bytes.insert(contentsOf: random.bytes(Int(random.below(5))), at: place)
          default: bytes[place] ^= 1 << UInt8(random.below(8))
          }
        }
        client.send(bytes)
        client.shutdownOutput()
        let answer = client.readToEnd()
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 "))
      }
      let next = try RawClient(port: port)
      next.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok")
      #expect(next.readResponse()?.text == "ok")
    }
  }
}
