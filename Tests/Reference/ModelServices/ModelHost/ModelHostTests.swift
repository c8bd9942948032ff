// A host of models in the simulated world: loading, tasks, idle instances.

import Kernel
import ModelHost
import ModelServicesAPI
import TestBench
import Testing
import Vocabulary
import Wire
import World

@Suite struct ModelHostTests {
  private let host = Endpoint(0)

  private func bench(memory: Int = 1 << 30) -> TestBench {
    TestBench([
      NodePlan("host-1") {
        var configuration = ModelHostConfiguration(name: "host-1", registry: Endpoint(99))
        configuration.memoryLimitBytes = memory
        return ModelHost(configuration)
      }
    ])
  }

  private func instance(_ response: Response?) throws -> String {
    try #require(response).document().member("instance").string(maximumBytes: 99)
  }

  private func code(_ response: Response?) -> String { response.map { "\($0.status) \(ErrorAnswer($0).code)" } ?? "none" }

  private func task(_ service: String, _ samples: [Int16], isProbe: Bool = false) -> Request {
    HostAPI.task(service, 1, task: 5, input: ["pcm": .string(PCM16.text(samples))], context: nil, isProbe: isProbe)
  }

  @Test func anInstanceIsLoadedOnceAndDoesTasks() throws {
    let bench = bench()
    #expect(code(bench.ask(host, task("effect", [1]))) == "404 NO_INSTANCE")
    let first = bench.ask(host, HostAPI.load(ServiceRegistration("effect", .audioEffect)))
    #expect(first?.status == 201)
    let second = bench.ask(host, HostAPI.load(ServiceRegistration("effect", .audioEffect)))
    #expect(second?.status == 200)
    #expect(try instance(first) == instance(second))
    #expect(code(bench.ask(host, HostAPI.load(ServiceRegistration("effect", .audioEffect, format: 2)))) == "409 INSTANCE_DIFFERS")
    let answer = try #require(bench.ask(host, task("effect", [5, -5])))
    #expect(answer.status == 200)
    let document = try answer.document().value
    #expect(document["task"] == "5" && document["output"] == ["pcm": .string(PCM16.text([5, -5]))])
    #expect(code(bench.ask(host, HostAPI.task("effect", 1, task: 1, input: [:], context: nil))) == "400 INVALID_FIELD")
    #expect(bench.ask(host, HostAPI.unload("effect", 1))?.status == 204)
    #expect(code(bench.ask(host, HostAPI.unload("effect", 1))) == "404 NO_INSTANCE")
    #expect(code(bench.ask(host, task("effect", [1]))) == "404 NO_INSTANCE")
  }

  @Test func memoryHasABound() throws {
    let bench = bench(memory: 200_000)
    let settings = ModelSettings(weightsBytes: 150_000)
    #expect(bench.ask(host, HostAPI.load(ServiceRegistration("a", .audioEffect, settings: settings)))?.status == 201)
    #expect(code(bench.ask(host, HostAPI.load(ServiceRegistration("b", .audioEffect, settings: settings)))) == "507 OUT_OF_MEMORY")
    #expect(bench.ask(host, HostAPI.unload("a", 1))?.status == 204)
    #expect(bench.ask(host, HostAPI.load(ServiceRegistration("b", .audioEffect, settings: settings)))?.status == 201)
  }

  @Test func idleTimeCountsFromReadyAndProbesAreNoUse() throws {
    let bench = bench()
    let settings = ModelSettings(idleTime: .seconds(1), warmUpTime: .seconds(3))
    #expect(bench.ask(host, HostAPI.load(ServiceRegistration("a", .audioEffect, settings: settings)))?.status == 201)
    // It took three times its idle time to be ready.
    bench.run(for: .milliseconds(800))
    #expect(bench.ask(host, task("a", [1]))?.status == 200)
    for _ in 0..<4 {
      bench.run(for: .milliseconds(200))
      #expect(bench.ask(host, task("a", [1], isProbe: true))?.status == 200)
    }
    bench.run(for: .milliseconds(500))
    #expect(code(bench.ask(host, task("a", [1]))) == "404 NO_INSTANCE", "probes kept it")
  }

  @Test func samplesStayWithinSixteenBits() throws {
    let bench = bench()
    #expect(bench.ask(host, HostAPI.load(ServiceRegistration("a", .audioEffect, format: 2)))?.status == 201)
    let input: JSON = ["pcm": .string(PCM16.text([30_000, -30_000, 7])), "drive_percent": 200]
    let answer = try #require(bench.ask(host, HostAPI.task("a", 1, task: 1, input: input, context: ["gain_percent": 100])))
    #expect(try answer.document().value["output"] == ["pcm": .string(PCM16.text([.max, .min, 14])), "peak": 32_768])
  }
}
