// What a redirect makes of a request, case by case, in the simulated world; and that tables do not grow with what users
// name.

import Resilience
import TestBench
import Testing
import Vocabulary
import World

/// What a flight's caller heard and its servers saw.
private final class Seen {
  var requests: [(server: UInt16, head: RequestHead, body: [UInt8])] = []
  var outcome: CallOutcome?
  var breaker: CircuitBreaker.State?
}

/// Makes one call.
private struct OneCall: Machine {
  let seen: Seen
  let callee: Callee
  let request: Request
  let policy: CallPolicy
  var calls = Calls<Int>()

  init(_ seen: Seen, _ callee: Callee, _ request: Request, _ policy: CallPolicy) {
    self.seen = seen
    self.callee = callee
    self.request = request
    self.policy = policy
  }

  mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    calls.call(callee, request, policy: policy, deadline: Deadline(turn.now + .seconds(8)), then: 0, &turn)
  }

  mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .mine(let completions) = calls.settle(event, &turn) else { return }
    for completion in completions { seen.outcome = completion.outcome }
    if !completions.isEmpty { #expect(calls.count == 0) }
  }
}

/// Flies one call from node 0; nodes 1 and 2 (`a.example`, `b.example`, outside) answer with the redirects, by the order
/// of requests, and then with 200.
private func fly(
  _ callee: Callee, _ request: Request, _ redirects: Redirects, answers: [(status: Int, location: String?)]
) -> Seen {
  let seen = Seen()
  let policy = CallPolicy(attempts: 1, retry: .never, redirects: redirects)
  func server(_ name: String, _ number: UInt16) -> NodePlan {
    var plan = NodePlan(name, cost: .client) {
      Responder { request, _ in
        defer { seen.requests.append((number, request.head, request.body)) }
        guard seen.requests.count < answers.count else { return Response(status: 200) }
        let (status, location) = answers[seen.requests.count]
        return Response(status: status, headers: location.map { ["location": $0] } ?? [:])
      }
    }
    plan.isOutside = true
    return plan
  }
  let bench = TestBench(
    seed: 1, [NodePlan("caller", cost: .client) { OneCall(seen, callee, request, policy) }, server("a", 1), server("b", 2)])
  bench.run(for: .seconds(20))
  return seen
}

@Suite struct RedirectTests {
  private static let fields: Headers = [
    "authorization": "Bearer t", "Cookie": "c=1", "content-type": "application/json", "accept": "*/*", "Proxy-Authorization": "p",
  ]

  private func destination(_ text: String, _ namer: Destination.Namer = .user) throws -> Callee {
    .destination(try Destination(text, namedBy: namer))
  }

  @Test(
    arguments: [
      (301, Method.post, Method.get), (302, .post, .get), (303, .post, .get), (307, .post, .post), (308, .post, .post), (301, .put, .put),
      (302, .delete, .delete), (303, .put, .get), (303, .head, .head), (301, .get, .get), (308, .get, .get),
    ] as [(Int, Vocabulary.Method, Vocabulary.Method)])
  func methodAndBody(_ status: Int, _ method: Vocabulary.Method, _ expected: Vocabulary.Method) throws {
    let body: [UInt8] = method == .get || method == .head ? [] : [1, 2]
    let seen = fly(
      try destination("http://a.example"), Request(method, "/x", headers: Self.fields, body: body), Redirects(maximumHops: 1),
      answers: [(status, "/y?z")])
    #expect(seen.outcome.flatMap { try? $0.get().status } == 200)
    #expect(seen.requests.map(\.head.method) == [method, expected])
    #expect(seen.requests.map(\.head.target) == ["/x", "/y?z"])
    #expect(seen.requests.last?.body == (expected == method ? body : []))
    // On the same host who asks is told again; what described a body that is gone is gone too.
    #expect(seen.requests.last?.head.headers["authorization"] == "Bearer t")
    #expect((seen.requests.last?.head.headers["content-type"] == nil) == (expected != method))
  }

  @Test(arguments: [
    ("http://b.example/", UInt16(2)), ("http://a.example:8080/", 1), ("https://a.example/", 1), ("//b.example", 2),
    ("HTTP://B.example/#x", 2),
  ])
  func whoAsksIsToldToNobodyElse(_ location: String, _ server: UInt16) throws {
    let seen = fly(
      try destination("http://a.example"), Request(.get, "/x", headers: Self.fields), Redirects(maximumHops: 3, mayLeaveTLS: true),
      answers: [(302, location), (302, "http://a.example/back")])
    #expect(seen.requests.map(\.server) == [1, server, 1])
    for name in ["authorization", "cookie", "proxy-authorization"] {
      #expect(seen.requests.map { $0.head.headers[name] != nil } == [true, false, false], "\(name)")
    }
    #expect(seen.requests.allSatisfy { $0.head.headers["accept"] == "*/*" })
  }

  @Test func fromTLSIntoTheClearGoesNoUser() throws {
    func outcome(_ namer: Destination.Namer, _ redirects: Redirects) throws -> CallOutcome? {
      fly(try destination("https://a.example", namer), Request(.get, "/"), redirects, answers: [(302, "http://b.example")]).outcome
    }
    guard case .failure(.redirected(.leavesTLS, let response)) = try outcome(.user, Redirects(maximumHops: 1)) else {
      Issue.record("a user left TLS")
      return
    }
    #expect(response.status == 302)
    #expect(try outcome(.user, Redirects(maximumHops: 1, mayLeaveTLS: true))?.get().status == 200)
    #expect(try outcome(.operator, Redirects(maximumHops: 1))?.get().status == 200)
  }

  @Test func hopsAreCounted() throws {
    let answers = (1...9).map { _ in (status: 302, location: Optional("http://b.example/again")) }
    for hops in 0...3 {
      let seen = fly(try destination("http://a.example"), Request(.get, "/"), Redirects(maximumHops: hops), answers: answers)
      #expect(seen.requests.count == hops + 1)
      if hops == 0 {
        #expect(try seen.outcome?.get().status == 302)
      } else if case .failure(.redirected(.tooManyHops, _)) = seen.outcome {
        continue
      } else {
        Issue.record("\(hops) hops: \(String(describing: seen.outcome))")
      }
    }
  }

  @Test(arguments: [
    nil, "http://", "ftp://b.example/", "unix:/run/docker.sock", "http://u:p@b.example/", "http://2130706433/", "http://b ex/",
    "javascript:x",
  ])
  func aLocationThatIsNotUnderstood(_ location: String?) throws {
    let seen = fly(try destination("http://a.example"), Request(.get, "/"), Redirects(maximumHops: 3), answers: [(302, location)])
    guard case .failure(.redirected(.noLocation, _)) = seen.outcome else {
      Issue.record("\(String(describing: location)): \(String(describing: seen.outcome))")
      return
    }
    #expect(seen.requests.count == 1)
  }

  @Test(arguments: [
    ("/b/c?d", "http:x"), ("/b/c?d", "g"), ("/b/c?d", "./g"), ("/b/c?d", "../g?y"), ("/b/c?d", "../../../g"), ("/b/c?d", "?y"),
    ("/b/c?d", "g/"),
    ("/b/c?d", "/./g/.."), ("/b/c?d", ""), ("/b/c?d", "g#f"), ("/b/c?d", "/a%2e.b?c/../d"),
  ])
  func referencesThatAreRelative(_ target: String, _ location: String) throws {
    let expected: [String: String?] = [
      "http:x": nil, "g": "/b/g", "./g": "/b/g", "../g?y": "/g?y", "../../../g": "/g", "?y": "/b/c?y", "g/": "/b/g/", "/./g/..": "/",
      "": "/b/c?d",
      "g#f": "/b/g", "/a%2e.b?c/../d": "/a%2e.b?c/../d",
    ]
    let seen = fly(try destination("http://a.example"), Request(.get, target), Redirects(maximumHops: 1), answers: [(302, location)])
    #expect(seen.requests.dropFirst().map(\.head.target) == [expected[location] ?? nil].compactMap { $0 })
  }

  @Test func anEndpointIsRedirectedWithinItself() {
    let seen = fly(.endpoint(Endpoint(1)), Request(.get, "/x", headers: Self.fields), Redirects(maximumHops: 1), answers: [(301, "/y")])
    #expect(seen.requests.map(\.server) == [1, 1] && seen.requests.last?.head.headers["authorization"] == "Bearer t")
    let away = fly(
      .endpoint(Endpoint(1)), Request(.get, "/x", headers: Self.fields), Redirects(maximumHops: 1), answers: [(301, "http://b.example/")])
    #expect(away.requests.map(\.server) == [1, 2] && away.requests.last?.head.headers["authorization"] == nil)
  }

  @Test func aUsersRedirectIsJudgedAtEachHop() throws {
    for location in ["http://127.0.0.1/", "http://caller.internal:8080/", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]/"] {
      let seen = fly(try destination("http://a.example"), Request(.get, "/"), Redirects(maximumHops: 3), answers: [(307, location)])
      guard case .failure(.transport(.forbidden)) = seen.outcome else {
        Issue.record("\(location): \(String(describing: seen.outcome))")
        continue
      }
    }
  }

  /// A table that calls ever other destinations.
  private struct Wandering: Machine {
    let seen: Seen
    let count: Int
    var calls = Calls<Int>()
    var ended = 0

    init(_ seen: Seen, count: Int) {
      self.seen = seen
      self.count = count
    }

    private func callee(_ number: Int) -> Callee {
      .destination(Destination(.http, HostAndPort(host: "host-\(number).example", port: 80), namedBy: .user))
    }

    mutating func start(_ turn: inout Turn) throws(StartRefusal) {
      calls.call(callee(0), Request(.get, "/"), policy: CallPolicy(attempts: 1, retry: .never), then: 0, &turn)
    }

    mutating func handle(_ event: Event, _ turn: inout Turn) {
      guard case .mine(let completions) = calls.settle(event, &turn) else { return }
      for _ in completions {
        ended += 1
        seen.breaker = calls.breakerState(of: callee(0))
        guard ended < count else { continue }
        calls.call(callee(ended), Request(.get, "/"), policy: CallPolicy(attempts: 1, retry: .never), then: ended, &turn)
      }
    }
  }

  @Test(arguments: [(1_000, true), (3_000, false)]) func destinationsThatWereCalledLongAgoAreForgotten(_ count: Int, _ isKnown: Bool) {
    let seen = Seen()
    let bench = TestBench(seed: 1, [NodePlan("caller", cost: .client) { Wandering(seen, count: count) }])
    bench.run(for: .seconds(120))
    #expect((seen.breaker != nil) == isKnown)
  }
}
