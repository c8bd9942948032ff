// The registry with its hosts and the context manager in the simulated world: initialising, routing, swapping, and what
// survives a restart.

import ContextManager
import Kernel
import ModelHost
import ModelServicesAPI
import RelationalStore
import ServiceRegistry
import TestBench
import Testing
import Vocabulary
import Wire
import World

/// Model services at a test's hand.
private struct ModelsBench {
  let bench: TestBench
  let registry = Endpoint(0)
  let context = Endpoint(1)
  let hosts: [NodeID]

  init(seed: UInt64 = 1, hosts count: Int = 2, memory: Int = 1 << 30, planted: [Mutant] = []) {
    let places = (0..<count).map { NodeID(UInt16(3 + $0)) }
    hosts = places
    let configuration = ServiceRegistryConfiguration(
      hosts: places.enumerated().map { .init(name: "host-\($0 + 1)", endpoint: Endpoint($1)) }, context: Endpoint(1))
    let bugs = PlantedBugs(planted)
    bench = TestBench(
      seed: seed,
      [
        NodePlan("registry", planted: bugs) { ServiceRegistry(configuration) },
        NodePlan("context", planted: bugs) { ContextManager(ContextManagerConfiguration(store: Endpoint(2))) },
        NodePlan("store") { RelationalStore() },
      ]
        + places.indices.map { place in
          NodePlan("host-\(place + 1)", planted: bugs) {
            var configuration = ModelHostConfiguration(name: "host-\(place + 1)", registry: Endpoint(0))
            configuration.memoryLimitBytes = memory
            return ModelHost(configuration)
          }
        })
    bench.run(for: .milliseconds(300))
  }

  func ask(_ request: Request) -> Response? { bench.ask(registry, request) }

  func register(_ registration: ServiceRegistration) -> Int { ask(registration.request())?.status ?? 0 }

  /// The answer to a task; nil where it was none.
  func task(_ service: String, _ samples: [Int16], scope: String? = nil) -> TaskAnswer? {
    let request = ServicesAPI.task(
      service, ["pcm": .string(PCM16.text(samples))], context: scope.map { ContextFilter(scope: $0) })
    guard let response = ask(request), response.status == 200, let document = try? response.document() else { return nil }
    return try? TaskAnswer(document)
  }

  func code(_ request: Request) -> String { ask(request).map { "\($0.status) \(ErrorAnswer($0).code)" } ?? "none" }

  /// A member of how a service stands.
  func state(_ service: String) -> JSON { (ask(ServicesAPI.service(service)).flatMap { try? $0.document() })?.value ?? .null }

  /// The instances on a host.
  func instances(_ host: Int) -> [InstanceReport] {
    guard let document = bench.ask(Endpoint(hosts[host]), Request(.get, "/instances")).flatMap({ try? $0.document() }),
      let list = try? document.member("instances").elements(maximum: 100)
    else { return [] }
    return list.compactMap { try? InstanceReport($0) }
  }
}

@Suite struct ServiceRegistryTests {
  @Test func aServiceIsInitialisedByItsFirstTaskAndOnce() throws {
    let models = ModelsBench()
    #expect(models.code(ServicesAPI.task("loudness", [:])) == "404 SERVICE_NOT_FOUND")
    #expect(models.register(ServiceRegistration("loudness", .audioAnalysis)) == 201)
    #expect(models.register(ServiceRegistration("loudness", .audioAnalysis)) == 200)
    #expect(models.code(ServiceRegistration("loudness", .audioAnalysis, replicas: 2).request()) == "409 VERSION_EXISTS")
    #expect(models.code(ServiceRegistration("loudness", .audioEffect, version: 2).request()) == "409 TYPE_DIFFERS")
    #expect(models.state("loudness")["health"] == "idle")
    #expect(models.instances(0).isEmpty && models.instances(1).isEmpty, "nothing is loaded before somebody asks")
    let first = try #require(models.task("loudness", [3, -4]))
    #expect(first.output["peak"] == 4 && first.version == 1 && first.context == nil)
    let root = try JSONField(#require(first.output["rms"])).finiteDouble()
    #expect(abs(root - 12.5.squareRoot()) < 1e-12)
    #expect(try #require(models.task("loudness", [1])).instance == first.instance)
    #expect(models.state("loudness")["health"] == "healthy")
    #expect(models.instances(0).count + models.instances(1).count == 1)
    #expect(models.bench.defects.isEmpty)
  }

  @Test func inputsAreHeldAgainstTheContract() {
    let models = ModelsBench()
    #expect(models.register(ServiceRegistration("effect", .audioEffect)) == 201)
    for input in [[:], ["pcm": 3], ["pcm": "A"], ["pcm": "AAAA", "other": 1], "x"] as [JSON] {
      #expect(models.code(ServicesAPI.task("effect", input)) == "400 INVALID_FIELD", "\(input)")
    }
    #expect(
      models.code(Request.json(.post, "/services") { $0.value(["id": "x", "model_type": "video", "version": 1]) }) == "400 INVALID_FIELD")
  }

  @Test func contextReachesTheModelThroughItsAdapter() throws {
    let models = ModelsBench()
    #expect(models.register(ServiceRegistration("effect", .audioEffect)) == 201)
    let item = ContextItem("g", scope: "song", kind: "gain", format: 2, content: ["gain_percent": 150])
    #expect(models.bench.ask(models.context, item.request())?.status == 201)
    let answer = try #require(models.task("effect", [100, -3], scope: "song"))
    #expect(answer.output == ["pcm": .string(PCM16.text([150, -4]))] && answer.context == ["g"])
    #expect(try #require(models.task("effect", [100], scope: "another")).output == ["pcm": .string(PCM16.text([100]))])
    // Without the context manager: refused, unless it is not required.
    models.bench.host.crash(NodeID(1))
    let filter = ContextFilter(scope: "song")
    let input: JSON = ["pcm": .string(PCM16.text([1]))]
    #expect(models.code(ServicesAPI.task("effect", input, context: filter)) == "503 CONTEXT_UNAVAILABLE")
    #expect(models.ask(ServicesAPI.task("effect", input, context: filter, isContextRequired: false))?.status == 200)
  }

  @Test func aSwapGoesOverAndBackAndLeavesMemoryAsItWas() throws {
    let models = ModelsBench()
    #expect(models.register(ServiceRegistration("effect", .audioEffect, replicas: 2)) == 201)
    #expect(models.register(ServiceRegistration("effect", .audioEffect, version: 2, format: 2, replicas: 2)) == 201)
    #expect(try #require(models.task("effect", [1])).version == 1)
    for round in 0..<100 {
      let target: Int64 = round % 2 == 0 ? 2 : 1
      #expect(models.ask(ServicesAPI.swap("effect", to: target))?.status == 200, "swap \(round)")
      let answer = try #require(models.task("effect", [7]))
      #expect(answer.version == target && (answer.output["peak"] != nil) == (target == 2))
    }
    models.bench.run(for: .seconds(1))
    for host in 0..<2 {
      let left = models.instances(host)
      #expect(left.count == 1 && left.allSatisfy { $0.version == 1 }, "host \(host) holds \(left)")
    }
    #expect(models.bench.defects.isEmpty)
  }

  @Test func aSwapThatFailsLeavesTheOldVersion() throws {
    let models = ModelsBench(memory: 1 << 20)
    #expect(models.register(ServiceRegistration("effect", .audioEffect)) == 201)
    #expect(models.register(ServiceRegistration("effect", .audioEffect, version: 2, settings: ModelSettings(weightsBytes: 2 << 20))) == 201)
    var narrow = ServiceRegistration("effect", .audioEffect, version: 3)
    narrow.contract.input.append(.init("room", .text))
    #expect(models.register(narrow) == 201)
    let before = try #require(models.task("effect", [1]))
    #expect(models.code(ServicesAPI.swap("effect", to: 2)) == "503 SWAP_FAILED")
    #expect(models.code(ServicesAPI.swap("effect", to: 3)) == "409 INCOMPATIBLE_CONTRACT")
    #expect(models.code(ServicesAPI.swap("effect", to: 4)) == "404 VERSION_NOT_FOUND")
    let after = try #require(models.task("effect", [1]))
    #expect(after.version == 1 && after.instance == before.instance)
    #expect(models.ask(ServicesAPI.swap("effect", to: 1))?.status == 200, "to the version that serves")
  }

  @Test func whatIsRegisteredAndActiveSurvivesRestarts() throws {
    let models = ModelsBench()
    #expect(models.register(ServiceRegistration("effect", .audioEffect)) == 201)
    #expect(models.register(ServiceRegistration("effect", .audioEffect, version: 2, format: 2)) == 201)
    #expect(models.ask(ServicesAPI.swap("effect", to: 2))?.status == 200)
    let before = try #require(models.task("effect", [1]))
    models.bench.crashAndRestart(NodeID(0), after: .milliseconds(100), settle: .milliseconds(700))
    let after = try #require(models.task("effect", [1]))
    #expect(after.version == 2 && after.instance == before.instance, "it was loaded anew")
    #expect(models.ask(Request(.delete, "/services/effect"))?.status == 204)
    models.bench.crashAndRestart(NodeID(0), after: .milliseconds(100), settle: .milliseconds(700))
    #expect(models.code(ServicesAPI.service("effect")) == "404 SERVICE_NOT_FOUND")
    models.bench.run(for: .seconds(1))
    #expect(models.instances(0).isEmpty && models.instances(1).isEmpty, "what nobody wants goes")
  }

  @Test func aDeadHostsServicesGoElsewhere() throws {
    let models = ModelsBench()
    #expect(models.register(ServiceRegistration("effect", .audioEffect)) == 201)
    let before = try #require(models.task("effect", [1]))
    models.bench.host.crash(models.hosts[before.host == "host-1" ? 0 : 1])
    models.bench.run(for: .seconds(2))
    let after = try #require(models.task("effect", [1]))
    #expect(after.host != before.host)
    // Without any host: an error, and again all is well once one is back.
    models.bench.host.crash(models.hosts[after.host == "host-1" ? 0 : 1])
    models.bench.run(for: .seconds(2))
    #expect(models.task("effect", [1]) == nil)
    models.bench.host.restart(models.hosts[0], after: .zero)
    models.bench.run(for: .seconds(1))
    #expect(models.task("effect", [1])?.host == "host-1")
  }

  @Test func whoFailsToInitialiseIsTriedAgain() throws {
    let models = ModelsBench(memory: 100)
    #expect(models.register(ServiceRegistration("effect", .audioEffect)) == 201)
    let response = try #require(models.ask(ServicesAPI.initialize("effect")))
    #expect(response.status == 503 && ErrorAnswer(response).code == "INITIALIZATION_FAILED")
    #expect(ErrorAnswer(response).message.contains("OUT_OF_MEMORY") && response.head.headers["retry-after"] != nil)
    #expect(models.state("effect")["health"] == "unhealthy")
    // At once it is not tried again; the pauses grow.
    #expect(models.code(ServicesAPI.initialize("effect")) == "503 INITIALIZATION_FAILED")
  }

  @Test func aClientsImpatienceEjectsNobody() throws {
    let models = ModelsBench()
    #expect(models.register(ServiceRegistration("effect", .audioEffect, replicas: 2)) == 201)
    #expect(models.task("effect", [1]) != nil)
    let input: JSON = ["pcm": .string(PCM16.text([1]))]
    for _ in 0..<50 { _ = models.ask(ServicesAPI.task("effect", input, timeout: .milliseconds(1))) }
    let state = models.state("effect")
    #expect(state["health"] == "healthy", "\(state)")
  }

  @Test func damagedRequestsAreAnswered() {
    let models = ModelsBench(seed: 3)
    #expect(models.register(ServiceRegistration("effect", .audioEffect)) == 201)
    let registration = ServiceRegistration("other", .language, settings: ModelSettings(idleTime: .seconds(1)))
    let report = HostReport(
      host: "host-1", life: 0, sequence: 1, memoryBytes: 1, memoryLimitBytes: 2,
      instances: [InstanceReport(service: "effect", version: 1, instance: "a", state: .ready, memoryBytes: 1, tasks: 1)])
    let bodies: [(Method, String, String)] = [
      (.post, "/services", String(decoding: registration.request().body, as: UTF8.self)),
      (
        .post, "/tasks",
        String(decoding: ServicesAPI.task("effect", ["pcm": "AAAA"], context: ContextFilter(scope: "s")).body, as: UTF8.self)
      ),
      (.post, "/services/effect/swap", #"{"version":2,"gradual_ms":5}"#),
      (.post, "/reports", String(decoding: report.request().body, as: UTF8.self)),
    ]
    for status in models.bench.sendDamaged(bodies, to: models.registry, count: 600) {
      #expect(status != nil && status != 500, "\(status ?? 0)")
    }
    #expect(models.bench.defects.isEmpty)
  }
}
