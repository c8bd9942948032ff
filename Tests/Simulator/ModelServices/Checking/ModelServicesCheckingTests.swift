// The judges of model services on records made by hand: a good one of each kind, and one for each thing that may be wrong.

import Checking
import HandMadeRecords
import Load
import ModelServicesAPI
import ModelServicesChecking
import ModelServicesLoad
import Testing
import Vocabulary
import Wire

/// A record with an operator's view of one service `effect` in versions 1, 2 and, which callers cannot keep, 90.
private struct Scene {
  let record: FlightRecord
  var registrations = [
    ServiceRegistration("effect", .audioEffect, replicas: 2),
    ServiceRegistration("effect", .audioEffect, version: 2, format: 2, replicas: 2),
  ]

  init() {
    record = FlightRecord(nodes: [])
    record.nodes = ["registry", "context", "host-1", "host-2", "load", "operator", "watcher", "probe"].enumerated().map {
      FlightNode(
        id: NodeID(UInt16($0.offset)), name: $0.element,
        roles: [$0.element.hasPrefix("host") ? NodeRole("model host") : NodeRole($0.element)])
    }
  }

  var seen: ModelsSeen { ModelsSeen(record, registrations) }

  func task(
    _ from: Int64, _ until: Int64, _ samples: [Int16] = [100], out: [Int16]? = nil, version: Int64 = 1, host: String = "host-1",
    instance: String = "i1", scope: String? = nil, items: [String]? = nil
  ) {
    let request = ServicesAPI.task("effect", ["pcm": .string(PCM16.text(samples))], context: scope.map { ContextFilter(scope: $0) })
    var output: JSON = ["pcm": .string(PCM16.text(out ?? samples))]
    if version == 2 {
      output = ["pcm": .string(PCM16.text(out ?? samples)), "peak": .integer((out ?? samples).map { Int64($0.magnitude) }.max() ?? 0)]
    }
    let answer = TaskAnswer(
      service: "effect", version: version, instance: instance, host: host, output: output, context: items, contextNanoseconds: 0,
      routeNanoseconds: 0, taskNanoseconds: 0)
    record.exchange("load", "registry", request, answer.response(), from, until)
  }

  func failedTask(_ from: Int64, _ until: Int64, _ status: Int = 503, _ code: String = "NO_HEALTHY_INSTANCE") {
    let request = ServicesAPI.task("effect", ["pcm": .string(PCM16.text([1]))])
    record.exchange("load", "registry", request, .failure(status, code: code, message: ""), from, until)
  }

  func put(_ item: ContextItem, _ from: Int64, _ until: Int64, status: Int = 201) {
    record.exchange("load", "context", item.request(), Response(status, json: #"{"id":"x","sequence":1}"#), from, until)
  }

  func list(_ items: [(ContextItem, Int64)], _ from: Int64, _ until: Int64) {
    let response = Response.json(200) { writer in
      writer.beginObject()
      writer.name("items")
      writer.beginArray()
      for (item, sequence) in items {
        writer.beginObject()
        writer.member("id", item.id)
        item.writeMembers(&writer)
        writer.member("sequence", sequence)
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
    record.exchange("load", "context", ContextAPI.items(ContextFilter(scope: "s")), response, from, until)
  }

  func swap(_ version: Int64, _ status: Int, _ from: Int64, _ until: Int64) {
    record.exchange("operator", "registry", ServicesAPI.swap("effect", to: version), Response(status, json: "{}"), from, until)
  }

  /// A task, or a load, that the registry gave to a host.
  func given(_ host: String, _ at: Int64, isProbe: Bool = false) {
    let request = HostAPI.task("effect", 1, task: 1, input: [:], context: nil, isProbe: isProbe)
    record.exchange("registry", host, request, Response(200, json: "{}"), at, at + 1)
  }

  func loaded(_ host: String, _ instance: String, _ from: Int64, _ until: Int64) {
    record.exchange(
      "registry", host, HostAPI.load(ServiceRegistration("effect", .audioEffect)), Response(201, json: #"{"instance":"\#(instance)"}"#),
      from,
      until)
  }

  func report(_ host: String, _ instances: [String], _ at: Int64) {
    let report = HostReport(
      host: host, life: 0, sequence: at, memoryBytes: 0, memoryLimitBytes: 1,
      instances: instances.map { InstanceReport(service: "effect", version: 1, instance: $0, state: .ready, memoryBytes: 1, tasks: 0) })
    record.exchange(host, "registry", report.request(), Response(200, json: #"{"unload":[]}"#), at, at + 1)
  }

  func stop(_ host: String, _ from: Int64, _ until: Int64) {
    record.faults.append(
      FaultSpan(label: "crash of \(host)", beganAt: instant(from), endedAt: instant(until), reach: .stops([record.id(host)])))
  }
}

private func gain(_ id: String, _ percent: Int64, priority: Int64 = 0, ttl: Int64? = nil, readers: [String] = ["*"], owner: String = "")
  -> ContextItem
{
  ContextItem(
    id, scope: "s", kind: "gain", format: 2, owner: owner.isEmpty ? "\(id)-\(percent)" : owner,
    content: ["gain_percent": .integer(percent)],
    priority: priority, timeToLive: ttl.map { .milliseconds($0) }, readers: readers)
}

@Suite struct ModelServicesCheckingTests {
  @Test func contextInTime() {
    let good = Scene()
    good.put(gain("a", 10, ttl: 1_000), 0, 10)
    good.list([(gain("a", 10, ttl: 400), 1)], 500, 510)
    good.list([], 1_011, 1_020)
    good.put(gain("a", 20), 2_000, 2_100)
    good.list([], 2_050, 2_060)
    good.list([(gain("a", 20), 2)], 2_101, 2_110)
    #expect(ContextInTime().judge(good.record).held)
    let late = Scene()
    late.put(gain("a", 10, ttl: 1_000), 0, 10)
    late.list([(gain("a", 10, ttl: 1), 1)], 1_011, 1_020)
    #expect(!ContextInTime().judge(late.record).held, "behind its time")
    let lost = Scene()
    lost.put(gain("a", 10), 0, 10)
    lost.list([], 11, 20)
    #expect(!ContextInTime().judge(lost.record).held, "acknowledged and gone")
    let replaced = Scene()
    replaced.put(gain("a", 10), 0, 10)
    replaced.put(gain("a", 20), 20, 30, status: 200)
    replaced.list([(gain("a", 10), 1)], 31, 40)
    #expect(!ContextInTime().judge(replaced.record).held, "replaced")
    let invented = Scene()
    invented.list([(gain("a", 10), 1)], 31, 40)
    #expect(!ContextInTime().judge(invented.record).held, "never written")
    let deleted = Scene()
    deleted.put(gain("a", 10), 0, 10)
    deleted.record.exchange("load", "context", ContextAPI.delete("a", scope: "s"), Response(status: 204), 20, 30)
    deleted.list([(gain("a", 10), 1)], 31, 40)
    #expect(!ContextInTime().judge(deleted.record).held, "taken away")
    // Whose outcome nobody knows may show or not, for a while.
    let unknown = Scene()
    unknown.put(gain("a", 10), 0, 10)
    unknown.record.exchange("load", "context", gain("a", 20).request(), ended: .failed(.connectionLost), 20, 30)
    unknown.list([(gain("a", 10), 1)], 31, 40)
    unknown.list([(gain("a", 20), 2)], 50, 60)
    #expect(ContextInTime().judge(unknown.record).held)
  }

  @Test func contextForReaders() {
    func adapted(_ scene: Scene, _ json: String, _ from: Int64 = 100) {
      scene.record.exchange(
        "load", "context", ContextAPI.adapted(.audioEffect, format: 2, ContextFilter(scope: "s")), Response(200, json: json), from, from + 5
      )
    }
    func scene() -> Scene {
      let scene = Scene()
      scene.put(gain("low", 10, priority: 1), 0, 10)
      scene.put(gain("high", 20, priority: 2), 0, 10)
      scene.put(gain("theirs", 30, priority: 3, readers: ["language"]), 0, 10)
      return scene
    }
    let good = scene()
    adapted(good, #"{"context":{"gain_percent":20},"items":["high"]}"#)
    good.list(
      [(gain("high", 20, priority: 2), 5), (gain("low", 10, priority: 1), 7), (gain("zero", 1), 9), (gain("older", 1), 8)], 200, 210)
    #expect(ContextForReaders().judge(good.record).held)
    for (json, why) in [
      (#"{"context":{"gain_percent":10},"items":["low"]}"#, "not the first"), (#"{"context":{},"items":[]}"#, "nothing"),
      (#"{"context":{"gain_percent":30},"items":["theirs"]}"#, "not for it"),
      (#"{"context":{"gain":0.2},"items":["high"]}"#, "of the other format"),
    ] {
      let bad = scene()
      adapted(bad, json)
      #expect(!ContextForReaders().judge(bad.record).held, "\(why)")
    }
    let order = scene()
    order.list([(gain("low", 10, priority: 1), 7), (gain("high", 20, priority: 2), 5)], 200, 210)
    #expect(!ContextForReaders().judge(order.record).held)
  }

  @Test func tasksRight() {
    let good = Scene()
    good.put(gain("g", 150), 0, 10)
    good.task(20, 30, [100, -3], out: [150, -4], scope: "s", items: ["g"])
    good.task(20, 30, [100], version: 2)
    #expect(TasksRight(good.seen).judge(good.record).held)
    for bad in [
      { $0.task(0, 1, [1], out: [2]) }, { $0.task(0, 1, version: 7) }, { $0.task(0, 1, scope: "s") },
      { $0.task(0, 1, scope: "s", items: ["unknown"]) },
    ] as [(Scene) -> Void] {
      let scene = Scene()
      bad(scene)
      #expect(!TasksRight(scene.seen).judge(scene.record).held)
    }
  }

  @Test func initializedOnce() {
    let good = Scene()
    good.loaded("host-1", "a", 0, 10)
    good.report("host-1", ["a"], 20)
    good.stop("host-1", 30, 40)
    good.report("host-1", ["b"], 50)
    good.record.exchange("registry", "host-1", HostAPI.unload("effect", 1), Response(status: 204), 60, 61)
    good.loaded("host-1", "c", 70, 80)
    good.loaded("host-2", "d", 70, 80)
    #expect(InitializedOnce(good.seen).judge(good.record).held)
    let bad = Scene()
    bad.loaded("host-1", "a", 0, 10)
    bad.report("host-1", ["b"], 20)
    #expect(!InitializedOnce(bad.seen).judge(bad.record).held)
  }

  @Test func versionsInOrder() {
    let good = Scene()
    good.task(0, 5)
    good.swap(2, 200, 10, 20)
    good.task(8, 12, version: 2)
    good.task(15, 25)
    good.task(21, 25, version: 2)
    good.swap(1, 503, 30, 40)
    good.task(35, 45, version: 1)
    good.task(41, 45, version: 2)
    #expect(VersionsInOrder(good.seen).judge(good.record).held)
    let behind = Scene()
    behind.swap(2, 200, 10, 20)
    behind.task(21, 25)
    #expect(!VersionsInOrder(behind.seen).judge(behind.record).held, "the old one behind an acknowledged swap")
    let failed = Scene()
    failed.swap(2, 503, 10, 20)
    failed.task(21, 25, version: 2)
    #expect(!VersionsInOrder(failed.seen).judge(failed.record).held, "the new one behind a failed swap")
    let early = Scene()
    early.task(0, 5, version: 2)
    early.swap(2, 200, 10, 20)
    #expect(!VersionsInOrder(early.seen).judge(early.record).held, "before anybody asked")
  }

  @Test func swapsSlowNobody() {
    func scene(_ slow: Int64, fails: Bool = false) -> Scene {
      let scene = Scene()
      for number in 0..<100 as Range<Int64> { scene.task(number * 10, number * 10 + 5) }
      scene.swap(2, 200, 1_000, 1_500)
      for number in 0..<40 as Range<Int64> { scene.task(1_000 + number * 10, 1_000 + number * 10 + slow) }
      if fails { scene.failedTask(1_100, 1_105) }
      return scene
    }
    let (good, slow, fails) = (scene(9), scene(11), scene(5, fails: true))
    #expect(SlowsNobody(good.seen, .swaps, factor: 2).judge(good.record).held)
    #expect(!SlowsNobody(slow.seen, .swaps, factor: 2).judge(slow.record).held)
    #expect(!SlowsNobody(fails.seen, .swaps, factor: 2).judge(fails.record).held)
  }

  @Test func loadsSlowNobody() {
    func scene(_ slow: Int64) -> Scene {
      let scene = Scene()
      for number in 0..<100 as Range<Int64> { scene.task(number * 10, number * 10 + 5) }
      scene.record.exchange("operator", "registry", ServicesAPI.initialize("other"), Response(200, json: "{}"), 1_000, 1_500)
      for number in 0..<40 as Range<Int64> { scene.task(1_000 + number * 10, 1_000 + number * 10 + slow) }
      return scene
    }
    let (good, slow) = (scene(6), scene(7))
    #expect(SlowsNobody(good.seen, .loads, factor: 1.2).judge(good.record).held)
    #expect(!SlowsNobody(slow.seen, .loads, factor: 1.2).judge(slow.record).held)
  }

  @Test func failingLeftAlone() {
    let hang = Misbehaviour(host: 0, .hang, from: .seconds(1), until: .seconds(20))
    let good = Scene()
    good.given("host-1", 2_000)
    good.given("host-1", 6_000, isProbe: true)
    good.given("host-2", 7_000)
    good.stop("host-2", 30_000, 40_000)
    good.given("host-2", 31_000)
    #expect(FailingLeftAlone(good.seen, [hang]).judge(good.record).held)
    let bad = Scene()
    bad.given("host-1", 6_000)
    #expect(!FailingLeftAlone(bad.seen, [hang]).judge(bad.record).held, "a task for who hangs")
    let dead = Scene()
    dead.stop("host-2", 30_000, 40_000)
    dead.given("host-2", 35_000)
    #expect(!FailingLeftAlone(dead.seen, []).judge(dead.record).held, "a task for the dead")
    let both = [hang, Misbehaviour(host: 1, .lie(1), from: .seconds(1), until: .seconds(20))]
    let none = Scene()
    none.failedTask(7_000, 7_010)
    #expect(!FailingLeftAlone(none.seen, both).judge(none.record).held, "nobody is tried any more")
    let some = Scene()
    some.failedTask(7_000, 7_010)
    some.given("host-1", 7_001)
    #expect(FailingLeftAlone(some.seen, both).judge(some.record).held)
  }

  @Test func doneElsewhereAndHungBlocksNobody() {
    let lie = Misbehaviour(host: 0, .lie(1), from: .seconds(1), until: .seconds(20))
    let good = Scene()
    good.task(2_000, 2_010)
    #expect(DoneElsewhere(good.seen, [lie]).judge(good.record).held)
    let bad = Scene()
    bad.failedTask(2_000, 2_010)
    #expect(!DoneElsewhere(bad.seen, [lie]).judge(bad.record).held)
    let hang = Misbehaviour(host: 0, .hang, service: "other", from: .seconds(1), until: .seconds(20))
    #expect(HungBlocksNobody(good.seen, [hang]).judge(good.record).held)
    #expect(!HungBlocksNobody(bad.seen, [hang]).judge(bad.record).held)
  }

  @Test func failedComesBack() {
    let refuses = Misbehaviour(host: 0, .refuseLoads, from: .zero, until: .seconds(2))
    let good = Scene()
    good.failedTask(3_000, 3_010)
    good.task(12_000, 12_010)
    #expect(FailedComesBack(good.seen, [refuses]).judge(good.record).held)
    good.failedTask(13_000, 13_010, 503, "OVERLOADED")
    #expect(!FailedComesBack(good.seen, [refuses]).judge(good.record).held)
    #expect(FailedComesBack(good.seen, [refuses], isDemandGiven: true).judge(good.record).held, "a recording may ask for too much")
    good.failedTask(14_000, 14_010)
    #expect(!FailedComesBack(good.seen, [refuses]).judge(good.record).held)
    #expect(!FailedComesBack(good.seen, [refuses], isDemandGiven: true).judge(good.record).held)
  }

  @Test func memoryFlat() {
    func scene(_ instances: String) -> Scene {
      let scene = Scene()
      scene.record.exchange(
        "probe", "registry", ServicesAPI.service("effect"), Response(200, json: #"{"id":"effect","active_version":1}"#), 0, 1)
      scene.record.exchange("probe", "host-1", Request(.get, "/instances"), Response(200, json: #"{"instances":[\#(instances)]}"#), 0, 1)
      return scene
    }
    func report(_ version: Int) -> String {
      #"{"service":"effect","version":\#(version),"instance":"a","state":"ready","memory_bytes":1,"tasks":0}"#
    }
    let (good, old, many) = (scene(report(1)), scene(report(2)), scene([report(1), report(1), report(1)].joined(separator: ",")))
    #expect(MemoryFlat(good.seen).judge(good.record).held)
    #expect(!MemoryFlat(old.seen).judge(old.record).held && !MemoryFlat(many.seen).judge(many.record).held)
  }

  @Test func callersKeepContract() {
    var scene = Scene()
    scene.task(0, 1)
    scene.swap(2, 200, 5, 6)
    #expect(CallersKeepContract(scene.seen).judge(scene.record).held)
    scene.failedTask(10, 11, 400, "INVALID_FIELD")
    #expect(!CallersKeepContract(scene.seen).judge(scene.record).held)
    scene = Scene()
    var narrow = ServiceRegistration("effect", .audioEffect, version: 90)
    narrow.contract.input.append(.init("room", .text))
    scene.registrations.append(narrow)
    scene.task(0, 1)
    scene.swap(90, 409, 5, 6)
    #expect(CallersKeepContract(scene.seen).judge(scene.record).held)
    scene.swap(90, 200, 7, 8)
    #expect(!CallersKeepContract(scene.seen).judge(scene.record).held)
  }

  @Test func idleKept() {
    func scene(_ goneAt: Int64) -> Scene {
      var scene = Scene()
      scene.registrations = [ServiceRegistration("effect", .audioEffect, settings: ModelSettings(idleTime: .seconds(1)))]
      scene.report("host-1", ["a"], 1_000)
      scene.report("host-1", ["a"], 1_200)
      scene.report("host-1", [], goneAt)
      return scene
    }
    let (good, bad) = (scene(2_100), scene(1_400))
    #expect(IdleKept(good.seen).judge(good.record).held && !IdleKept(bad.seen).judge(bad.record).held)
  }

  @Test func healthTold() {
    func scene(_ events: [(Int64, String)]) -> Scene {
      let scene = Scene()
      scene.task(4_500, 4_600)
      var stream = StreamRecord(
        caller: scene.record.id("watcher"), endpoint: Endpoint(scene.record.id("registry")), id: ExchangeID(1),
        request: Request(.get, "/events"),
        form: .whole, openedAt: instant(0))
      for (at, json) in events {
        stream.note(
          StreamMessage(
            at: instant(at), isFromCaller: false, isText: true, bytes: EventStreamWriter.event(type: ServicesAPI.healthEvent, json)))
      }
      scene.record.record(stream)
      return scene
    }
    let hang = Misbehaviour(host: 0, .hang, from: .seconds(5), until: .seconds(20))
    let good = scene([(6_000, #"{"service":"effect","from":"healthy","to":"degraded"}"#), (31_200, #"{"host":"host-2","to":"silent"}"#)])
    good.stop("host-2", 30_000, 40_000)
    #expect(HealthTold(good.seen, [hang]).judge(good.record).held)
    let late = scene([(12_000, #"{"service":"effect","from":"healthy","to":"degraded"}"#)])
    #expect(!HealthTold(late.seen, [hang]).judge(late.record).held)
    let silent = scene([])
    silent.stop("host-2", 30_000, 40_000)
    #expect(!HealthTold(silent.seen, []).judge(silent.record).held)
  }

  @Test func withinTargets() {
    func scene(initialise: Int64 = 900, context: Int64 = 15, task: Int64 = 40, hasContext: Bool = true) -> Scene {
      let scene = Scene()
      for number in 0..<50 as Range<Int64> { scene.task(number * 10, number * 10 + task) }
      scene.record.exchange("operator", "registry", ServicesAPI.initialize("effect"), Response(200, json: "{}"), 0, initialise)
      if hasContext {
        scene.record.exchange(
          "load", "context", ContextAPI.adapted(.audioEffect, format: 2, ContextFilter(scope: "s")),
          Response(200, json: #"{"context":{},"items":[]}"#), 0, context)
      }
      return scene
    }
    func holds(_ scene: Scene) -> Bool { WithinTargets(scene.seen).judge(scene.record).held }
    #expect(holds(scene()))
    #expect(!holds(scene(initialise: 1_100)) && !holds(scene(context: 25)) && !holds(scene(task: 60)) && !holds(scene(hasContext: false)))
  }

  @Test func blocksOnTime() {
    let scene = Scene()
    func block(_ isMissed: Bool) {
      scene.record.record(
        ObservationRecord(
          node: scene.record.id("load"), incarnation: 0, at: instant(1),
          observation: Observation(.audioBlock, subject: 1, value: isMissed ? 1 : 0)))
    }
    for number in 0..<100 { block(number == 7) }
    #expect(BlocksOnTime(mostPartsPerMillion: 10_000).judge(scene.record).held)
    #expect(!BlocksOnTime(mostPartsPerMillion: 9_000).judge(scene.record).held)
  }
}
