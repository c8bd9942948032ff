// Scenario files: what they say is what is read, and every mistake is named by file, line, column and what was
// expected.

import MonitoringFlight
import RaftFlight
import RaftLoad
import Scenarios
import Testing
import Vocabulary
import YAMLReading

/// What a scenario says of the first system that it flies.
private func part<Part: ScenarioPart>(_ scenario: Scenario, as type: Part.Type) throws -> Part {
  try #require(scenario.flown.first?.part as? Part)
}

private let good = """
  scenario: example
  about: An example.
  system: monitoring
  requirements: [MONITORING-1, MONITORING-5]
  duration: 60s
  load:
    - metrics: 200/s
      clients: 60
      repeated: 20%
    - signal: cpu
      every: 1s
      low: 1
      high: 2.5
      high during: [10s..20s]
  faults:
    - crash queue during sync at 10s..20s for 500ms 3 times
    - lose 5% between load and ingestion,queue at 1s for 2s
    - crash queue rotting 3 bits of journal at 30s for 1s
  objectives:
    - p99.9 below 50ms
    - 99.5% served
    - alerts within 30s
  rules:
    - {name: high, query: avg(cpu) > 2, duration: 5s}
  """

@Suite struct ScenarioReaderTests {
  @Test func aScenarioIsReadAsItReads() throws {
    let scenario = try Scenario(yaml: good, file: "x.yaml", systems: systems)
    #expect(scenario.name == "example")
    #expect(scenario.duration == .seconds(60))
    #expect(scenario.settle == .seconds(30))
    #expect(scenario.requirements == ["MONITORING-1", "MONITORING-5"])
    #expect(
      scenario.faults == [
        ScenarioFault(
          .crash(node: "queue", .duringSync), at: DrawnSpan(.seconds(10)...(.seconds(20))), for: DrawnSpan(.milliseconds(500)), times: 3),
        ScenarioFault(
          .lose(0.05, between: ["load"], and: ["ingestion", "queue"]), at: DrawnSpan(.seconds(1)), for: DrawnSpan(.seconds(2))),
        ScenarioFault(.crashRotting(node: "queue", bits: 3, files: "journal"), at: DrawnSpan(.seconds(30)), for: DrawnSpan(.seconds(1))),
      ])
    #expect(
      scenario.objectives == [
        .latency(percentileThousandths: 99_900, below: .milliseconds(50)), .served(partsPerMillion: 995_000),
      ])
    let own = try part(scenario, as: MonitoringPart.self)
    #expect(own.alertsWithin == [.seconds(30)])
    guard case .metrics(let load) = own.loads.first else {
      Issue.record("the first load is no load of metrics")
      return
    }
    #expect(load.perSecond == 200 && load.clients == 60 && load.repeatedShare == 0.2 && load.isPoisson)
  }

  private static let registers = """
    scenario: example
    about: An example.
    system: registers
    servers: 3
    duration: 60s
    load:
      - registers: 20/s
        patience: 3s
      - operator: 0.5/s
        transfers: 20%
    faults:
      - crash leader at 10s for 2s
      - partition elected from servers at 20s for 2s
      - slow link from server-2,server-3 to server-1 by 200ms at 30s for 2s
    """

  @Test func aByteOrderMarkIsPassedOver() throws {
    #expect(try Scenario(yaml: "\u{FEFF}" + good, file: "x.yaml", systems: systems).name == "example")
  }

  @Test(arguments: [("1h30m", true), ("5s", true), ("1.5h", false), ("-5s", false)])
  func aRuleLastsWhatAlertingTakes(duration: String, isTaken: Bool) {
    let yaml = """
      scenario: example
      about: An example.
      system: monitoring
      requirements: [MONITORING-1]
      duration: 1m30s
      load:
        - metrics: 10/s
      rules:
        - name: high
          query: avg(cpu) > 70
          duration: \(duration)
      faults: []
      objectives: []
      """
    let scenario = try? Scenario(yaml: yaml, file: "x.yaml", systems: systems)
    #expect((scenario != nil) == isTaken)
    if isTaken { #expect(scenario?.duration == .seconds(90)) }
  }

  /// A rule's query is held against the query language where it stands, and not when the flight sets it up.
  @Test(arguments: [
    ("avg(cpu) >", 22), ("avg(cpu) > 70 70", 26), ("average(cpu) > 70", 12), ("'avg(cpu) > x'", 24), ("\"avg(cpu) > x\"", 24), ("''", 13),
    ("\"avg(cpu) \\t> x\"", 12), ("|\n        avg(cpu) >", 12),
  ])
  func aRulesQueryIsOneOfTheLanguage(query: String, column: Int) {
    let yaml = good.replacing(
      "  - {name: high, query: avg(cpu) > 2, duration: 5s}", with: "  - name: high\n    duration: 5s\n    query: \(query)")
    let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false)
    let line = (lines.firstIndex { $0.contains("query:") } ?? 0) + 1
    do {
      _ = try Scenario(yaml: yaml, file: "x.yaml", systems: systems)
      Issue.record("it was taken")
    } catch {
      #expect(error.mistakes.map(\.line) == [line] && error.mistakes.map(\.column) == [column], "\(error)")
      #expect(error.mistakes.allSatisfy { $0.problem.contains("expected") }, "\(error)")
    }
  }

  @Test func anOperatorAndAimedFaultsAreRead() throws {
    let scenario = try Scenario(yaml: Self.registers, file: "x.yaml", systems: systems)
    let own = try part(scenario, as: RegistersPart.self)
    #expect(own.loads.last == .operators(OperatorLoad(perSecond: 0.5, transferShare: 0.2)))
    guard case .registers(let load)? = own.loads.first else {
      Issue.record("the first load is no load of registers")
      return
    }
    #expect(load.patience == .seconds(3))
    #expect(
      scenario.faults.map(\.kind) == [
        .crash(node: "leader", .atOnce), .partition(["elected"], from: ["servers"]),
        .slowWay(from: ["server-2", "server-3"], to: ["server-1"], by: .milliseconds(200)),
      ])
  }

  @Test func anOperatorOfTheQueueWorksOnTheFirstLogs() throws {
    let yaml = """
      scenario: example
      about: An example.
      system: queue
      servers: 3
      duration: 60s
      load:
        - queue: 20/s
        - operator: 2/s
          groups: 1
      """
    let scenario = try Scenario(yaml: yaml, file: "x.yaml", systems: systems)
    #expect(try part(scenario, as: QueuePart.self).loads.last == .operators(OperatorLoad(perSecond: 2, transferShare: 0.5, groups: 1)))
    #expect(throws: MistakeList.self) {
      try Scenario(yaml: yaml.replacing("queue: 20/s", with: "keys: 3"), file: "x.yaml", systems: systems)
    }
    #expect(throws: MistakeList.self) {
      try Scenario(yaml: yaml.replacing("groups: 1", with: "groups: 0"), file: "x.yaml", systems: systems)
    }
    #expect(throws: MistakeList.self) {
      try Scenario(yaml: yaml.replacing("groups: 1", with: "members: 1"), file: "x.yaml", systems: systems)
    }
  }

  @Test(arguments: [
    ("operator: 0.5/s", "operator: often", "x.yaml:9:15: expected a rate, like 200/s, found \"often\""),
    ("transfers: 20%", "reads: 20%", "x.yaml:10:5: "),
    ("transfers: 20%", "transfers: some", "x.yaml:10:16: expected a share from 0% to 100%, like 20%, found \"some\""),
    ("duration: 60s", "duration: 60s\ngroup retention: 5s", "x.yaml:6:18: expected group retention only of the system queue"),
    ("duration: 60s", "duration: 60s\nrules: []", "x.yaml:6:8: expected rules only of the system monitoring"),
    ("patience: 3s", "patience: 0s", "x.yaml:8:15: expected how long an operation may take"),
    ("by 200ms", "for 200ms", "x.yaml:14:50: expected \"by\""), ("to server-1", "and server-1", "x.yaml:14:38: expected \"to\""),
    ("partition elected from servers", "partition elected from leader", "x.yaml:13:5: expected a fault that aims once"),
    ("crash leader at 10s for 2s", "swarm of leader at 10s", "x.yaml:12:5: expected a swarm of a node or of a group"),
  ]) func aMistakeInRegistersIsNamed(_ text: String, _ instead: String, _ expected: String) throws {
    do {
      _ = try Scenario(yaml: Self.registers.replacing(text, with: instead), file: "x.yaml", systems: systems)
      Issue.record("it was read")
    } catch {
      #expect("\(error)".hasPrefix(expected), "\(error)")
    }
  }

  /// A text of the good file, what stands there instead, and the mistake that must be named.
  static let mistakes: [(String, String, String)] = [
    (
      "scenario: example", "scenario: Example!",
      "x.yaml:1:11: expected a name of lower-case letters, digits and hyphens, found \"Example!\""
    ),
    ("system: monitoring", "system: monitorin", "x.yaml:3:9: expected a system: monitoring, queue, registers, found \"monitorin\""),
    ("duration: 60s", "duration: 60", "x.yaml:5:11: expected how long the loads send, like 10s or 250ms, found \"60\""),
    ("duration: 60s", "duraton: 60s", "x.yaml:5:1: expected one of the keys of a scenario:"),
    ("metrics: 200/s", "metrics: 200", "x.yaml:7:14: expected a rate, like 200/s, found \"200\""),
    ("clients: 60", "clients: none", "x.yaml:8:14: expected how many clients, 1 to 1000000, found \"none\""),
    ("repeated: 20%", "repeated: 120%", "x.yaml:9:15: expected a share from 0% to 100%, like 20%, found \"120%\""),
    ("crash queue during", "crush queue during", "x.yaml:16:5: expected what breaks: crash, kill, pause,"),
    (
      "crash queue during", "crash que during",
      "x.yaml:16:11: expected the name of a node: ingestion, queue, storage, query, alerting, probe, webhook, setup, reader; or of a group: brokers, load (did you mean \"queue\"?), found"
    ),
    ("at 10s..20s for", "at 20s..10s for", "x.yaml:16:32: expected when it begins, like 10s, or 10s..40s"),
    ("for 500ms 3 times", "3 times", "x.yaml:16:41: expected \"for\" and how long it lasts"),
    ("for 500ms 3 times", "for 500ms 3 time", "x.yaml:16:53: expected \"times\", found \"time\""),
    ("p99.9 below 50ms", "p99.9 under 50ms", "x.yaml:20:11: expected \"below\", found \"under\""),
    ("lose 5% between", "lose 500% between", "x.yaml:17:10: expected a share above 0% and up to 100%, like 20%, found \"500%\""),
    ("99.5% served", "120% served", "x.yaml:21:5: expected a share from 0% to 100%, like 20%, found \"120%\""),
    ("p99.9 below", "p101 below", "x.yaml:20:5: expected a percentile above p0 and up to p100, found \"p101\""),
    ("- 99.5% served", "- soon", "x.yaml:21:5: expected \"p99 below 50ms\""),
    ("[10s..20s]", "[10s..90s]", "x.yaml:14:19: expected a window within the duration"),
    ("about: An example.\n", "", "x.yaml:1:1: expected the key \"about\", found none"),
    ("requirements: [MONITORING-1, MONITORING-5]", "requirements: [MONITORING-1, five]", "x.yaml:4:30: expected a requirement's id"),
    ("duration: 60s", "duration: [60s", "x.yaml:"),
    ("name: high", "name: high/low", "x.yaml:"),
    ("avg(cpu) > 2", "avg(other) > 2", "x.yaml:22:5: expected alerts only where a rule's query names the gauge of a signal"),
    ("at 1s for 2s", "at 70s for 2s", "x.yaml:17:5: expected a fault that begins before the loads end, at 60.0 s"),
    ("lose 5% between", "duplicate 5% between", "x.yaml:17:5: expected a fault that can touch load, which talks over connections"),
    ("low: 1", "low: nan", "x.yaml:12:10: expected a decimal number within the range of a 64-bit double, found \"nan\""),
    ("high: 2.5", "high: 1e-400", "x.yaml:13:11: expected a decimal number within the range of a 64-bit double"),
  ]

  @Test(arguments: mistakes.indices) func aMistakeIsNamedByItsPlace(_ index: Int) {
    let (text, replacement, expected) = Self.mistakes[index]
    let yaml = good.replacing(text, with: replacement, maxReplacements: 1)
    #expect(yaml != good)
    do {
      _ = try Scenario(yaml: yaml, file: "x.yaml", systems: systems)
      Issue.record("accepted: \(replacement)")
    } catch {
      #expect(error.description.hasPrefix(expected), "found: \(error.description)")
    }
  }

  /// A fault that can touch nothing, and an objective that nothing can meet, are mistakes of the file.
  @Test(arguments: [
    ("servers: 3", "servers: 1", "partition servers from servers", "a fault that can touch servers: it has no link to itself"),
    ("servers: 3", "servers: 3", "partition queue-1 from queue-1", "a fault that can touch queue-1: it has no link to itself"),
    ("servers: 3", "servers: 3", "partition queue-1 from queue-4", "names, joined by commas, each of a node: queue-1, queue-2, queue-3,"),
    (
      "members: 2", "members: 0", "kill members",
      "the name of a node: queue-1, queue-2, queue-3, load, probe; or of a group: servers, found"
    ),
    ("members: 2", "members: 0", "kill operator", "the name of a node"),
    ("members: 2", "members: 2", "kill reader", "the name of a node"),
    ("members: 2", "members: 2", "kill quueue-1", "the name of a node"),
    ("members: 2", "members: 2", "duplicate 5% between load and servers", "a fault that can touch load, which talks over connections"),
    ("members: 2", "members: 2", "lose 0% between load and servers", "a share above 0%"),
    ("members: 2", "members: 2", "slow link between load and servers by 0ms", "the added latency"),
    ("members: 2", "members: 2", "jump clock of queue-1 by 0s", "how far"),
    ("members: 2", "members: 2", "slow disk of queue-1 1x", "a factor"),
    ("members: 2", "members: 2", "rebind name of queue-1 to queue-1", "a fault that can touch queue-1: its name leads to itself"),
    ("members: 2", "members: 2", "rebind name of queue-1 to queue-2", "a fault that can touch queue-1: nobody calls it by its name"),
    ("members: 2", "members: 2", "hide name of queue-1", "a fault that can touch queue-1: nobody calls it by its name"),
    ("members: 2", "members: 2", "slow names by 1s", "a fault that can touch something: nobody calls another by name"),
    ("members: 2", "members: 2", "rebind name of queue-1 from queue-2", "\"to\""),
    ("members: 2", "members: 2", "hide name of nobody", "the name of a node"),
    ("members: 2", "members: 2", "slow names by 0s", "the added latency"),
  ]) func aFaultThatTouchesNothingIsAMistake(_ text: String, _ instead: String, _ fault: String, _ expected: String) {
    let list = #expect(throws: MistakeList.self) {
      try Scenario(yaml: Self.queue.replacing(text, with: instead).replacing("kill queue-1", with: fault), file: "x.yaml", systems: systems)
    }
    #expect(list?.mistakes.count == 1 && list?.description.contains("expected \(expected)") == true, "\(list?.description ?? "")")
  }

  @Test(arguments: ["kill members", "kill servers", "partition members from servers", "duplicate 5% between queue-1 and servers"])
  func aFaultThatTouchesSomethingIsRead(_ fault: String) throws {
    _ = try Scenario(yaml: Self.queue.replacing("kill queue-1", with: fault), file: "x.yaml", systems: systems)
  }

  @Test(arguments: ["load: []", "load:\n  - operator: 1/s"]) func anObjectiveWantsRequests(_ load: String) {
    let yaml = Self.queue.replacing("load:\n  - queue: 5/s\n    members: 2", with: load)
    let list = #expect(throws: MistakeList.self) { try Scenario(yaml: yaml, file: "x.yaml", systems: systems) }
    #expect(
      list?.description.contains("expected no objective on requests, since no load here sends any") == true, "\(list?.description ?? "")")
  }

  @Test(arguments: ["queue", "registers", "all"]) func aSuiteHasNoSystemsName(_ suite: String) {
    let list = #expect(throws: MistakeList.self) {
      try Scenario(yaml: Self.queue + "\nsuites: [\(suite)]", file: "x.yaml", systems: systems)
    }
    #expect(list?.description.contains("expected the name of a suite, which is no system's") == true, "\(list?.description ?? "")")
  }

  @Test func aKeyThatIsNearlyOneIsSuggested() {
    let list = #expect(throws: MistakeList.self) {
      try Scenario(yaml: Self.several.replacing("systems:", with: "sytems:"), file: "x.yaml", systems: systems)
    }
    #expect(list?.description.contains("(did you mean \"systems\"?)") == true, "\(list?.description ?? "")")
  }

  private static let queue = """
    scenario: example
    about: An example.
    system: queue
    servers: 3
    duration: 10s
    load:
      - queue: 5/s
        members: 2
    faults:
      - kill queue-1 at 1s for 1s
    objectives:
      - 99% served
    """

  @Test func allMistakesAreToldAtOnce() {
    var yaml = good
    for (text, replacement, _) in [0, 3, 5, 7, 10, 12, 19].map({ Self.mistakes[$0] }) {
      yaml = yaml.replacing(text, with: replacement, maxReplacements: 1)
    }
    do {
      _ = try Scenario(yaml: yaml, file: "x.yaml", systems: systems)
      Issue.record("accepted")
    } catch {
      #expect(error.mistakes.map(\.line) == [5, 1, 4, 8, 16, 20], "\(error)")
    }
  }

  /// What only follows from another mistake is not told: nobody could mend it by itself.
  @Test(arguments: [
    // A key that is nearly the one that is missing.
    ("duration: 60s", "duraton: 60s", 5), ("about: An", "abuot: An", 2),
    // Whom a load would be, and what it would send.
    ("metrics: 200/s", "metrics: 200", 7), ("every: 1s", "every: soon", 11),
    // What a rule would watch.
    ("avg(cpu) > 2", "avg(cpu) >> 2", 24),
    // What a fault would damage.
    ("rotting 3 bits", "rotting x bits", 18),
  ])
  func whatFollowsFromAMistakeIsNotTold(_ text: String, _ instead: String, _ line: Int) {
    let yaml = (good + "\n").replacing("crash queue rotting", with: "crash alerting rotting")
      .replacing("  - alerts within 30s\n", with: "  - alerts within 30s\n  - damage refused\n")
    let list = #expect(throws: MistakeList.self) {
      try Scenario(yaml: yaml.replacing(text, with: instead, maxReplacements: 1), file: "x.yaml", systems: systems)
    }
    #expect(list?.mistakes.map(\.line) == [line + (line > 22 ? 1 : 0)], "\(list?.description ?? "")")
  }

  /// Where no load is left, what would be its name is not called unknown; what is nearly the name of a node is.
  @Test func namesOfWhatWasNotUnderstoodAreTaken() {
    let yaml = Self.queue.replacing("queue: 5/s", with: "queue: 5").replacing("kill queue-1", with: "kill members")
    let list = #expect(throws: MistakeList.self) { try Scenario(yaml: yaml, file: "x.yaml", systems: systems) }
    #expect(list?.mistakes.map(\.line) == [7], "\(list?.description ?? "")")
    let near = #expect(throws: MistakeList.self) {
      try Scenario(yaml: yaml.replacing("kill members", with: "kill quueue-1"), file: "x.yaml", systems: systems)
    }
    #expect(near?.mistakes.map(\.line) == [7, 10], "\(near?.description ?? "")")
  }

  /// Nothing is damaged that could be refused.
  @Test(arguments: [
    ("crash alerting rotting 3 bits of journal", true), ("rot 3 bits of alerting", true), ("fail 10% of reads of alerting", true),
    ("crash queue rotting 3 bits of journal", false), ("crash alerting", false),
  ])
  func damageIsRefusedOnlyWhereAFaultDoesIt(_ fault: String, _ isDone: Bool) {
    let yaml = good.replacing("crash queue rotting 3 bits of journal", with: fault).replacing("alerts within 30s", with: "damage refused")
    let scenario = Result { try Scenario(yaml: yaml, file: "x.yaml", systems: systems) }
    switch scenario {
    case .success: #expect(isDone)
    case .failure(let list):
      #expect(!isDone && "\(list)".hasPrefix("x.yaml:22:5: expected damage to be refused only with a fault that does it"), "\(list)")
    }
  }

  @Test func anEmptyFileIsAMistake() {
    #expect(throws: MistakeList.self) { try Scenario(yaml: "", file: "x.yaml", systems: systems) }
    #expect(throws: MistakeList.self) { try Scenario(yaml: "- a\n- b", file: "x.yaml", systems: systems) }
  }

  private static let several = """
    scenario: example
    about: An example.
    duration: 60s
    systems:
      registers:
        servers: 3
        load:
          - registers: 20/s
      monitoring:
        brokers: 3
        load:
          - signal: cpu
            every: 1s
            low: 1
            high: 2
            high during: [10s..20s]
        rules:
          - {name: high, query: avg(cpu) > 1, duration: 5s}
        objectives:
          - alerts within 30s
    faults:
      - crash registers/leader at 10s for 2s
      - crash monitoring/queue-2 at 10s for 2s
      - partition monitoring/load from monitoring/ingestion at 20s for 2s
    objectives:
      - 99% served
    """

  @Test func severalSystemsAreReadByTheirOwnWords() throws {
    let scenario = try Scenario(yaml: Self.several, file: "x.yaml", systems: systems)
    #expect(scenario.systems == ["registers", "monitoring"])
    #expect(scenario.flown.map(\.prefix) == ["registers/", "monitoring/"])
    #expect((scenario.flown.last?.part as? MonitoringPart)?.alertsWithin == [.seconds(30)])
    #expect(scenario.faults.map(\.kind.nodes).first == ["registers/leader"])
    #expect(scenario.objectives == [.served(partsPerMillion: 990_000)])
  }

  @Test(arguments: [
    ("duration: 60s\n", "duration: 60s\nbrokers: 3\n", "x.yaml:4:10: expected the key \"brokers\" below the system that it is of"),
    ("duration: 60s\n", "duration: 60s\nsystem: queue\n", "x.yaml:4:9: expected either `system` or `systems`"),
    ("servers: 3", "brokers: 3", "x.yaml:6:5: expected one of the keys of registers"),
    ("monitoring/queue-2", "queue-2", "x.yaml:23:11: expected the name of a node: registers/server-1,"),
    (
      "- alerts within 30s", "- 99% served",
      "x.yaml:20:9: expected no objective on requests, since no load of monitoring sends any that are timed"
    ),
    (
      "- alerts within 30s", "- soon",
      "x.yaml:20:9: expected \"p99 below 50ms\", \"99.9% served\", \"alerts within 30s\", \"spill fills\" or \"damage refused\", found"
    ),
    (
      "crash monitoring/queue-2", "duplicate 1% between registers/load and monitoring/queue-2",
      "x.yaml:23:5: expected a fault that can touch registers/load: nodes of two systems have no link"
    ),
    (
      "from monitoring/ingestion", "from registers/servers",
      "x.yaml:24:5: expected a fault that can touch monitoring/load: nodes of two systems"
    ),
    (
      "- 99% served", "- alerts within 30s",
      "x.yaml:26:5: expected \"p99 below 50ms\" or \"99.9% served\" beside `systems`: what is of monitoring alone"
    ),
    ("systems:", "sytems:", "x.yaml:4:1: expected one of the keys of a scenario"),
  ]) func aMistakeAmongSeveralSystemsIsNamed(_ text: String, _ instead: String, _ expected: String) {
    let list = #expect(throws: MistakeList.self) {
      try Scenario(yaml: Self.several.replacing(text, with: instead, maxReplacements: 1), file: "x.yaml", systems: systems)
    }
    #expect(list?.description.hasPrefix(expected) == true, "\(list?.description ?? "")")
  }

  @Test(arguments: ["hide name of webhook", "slow names by 2s", "rebind name of webhook to queue"])
  func faultsOfNamesWantACallerByName(_ fault: String) throws {
    let named = Self.queue.replacing("system: queue", with: "system: monitoring\nwebhook: by name").replacing("servers: 3\n", with: "")
      .replacing("  - queue: 5/s\n    members: 2", with: "  - metrics: 5/s").replacing("kill queue-1", with: fault)
    let scenario = try Scenario(yaml: named, file: "x.yaml", systems: systems)
    #expect(scenario.faults.count == 1)
    let unnamed = named.replacing("by name", with: "by endpoint")
    #expect(throws: MistakeList.self) { try Scenario(yaml: unnamed, file: "x.yaml", systems: systems) }
  }

  /// A name without its system is told with it.
  @Test(arguments: [("queue-2", "\"monitoring/queue-2\""), ("load", "\"registers/load\" or \"monitoring/load\"")])
  func aNameWithoutItsSystemIsToldWithIt(_ name: String, _ meant: String) {
    let list = #expect(throws: MistakeList.self) {
      try Scenario(yaml: Self.several.replacing("crash monitoring/queue-2", with: "crash \(name)"), file: "x.yaml", systems: systems)
    }
    #expect(list?.description.contains("(did you mean \(meant)?)") == true, "\(list?.description ?? "")")
  }

  /// To take the second system out of a file changes nothing for the first.
  @Test func aDividedFileOfOneSystemIsReadAlike() throws {
    let one = """
      scenario: example
      about: An example.
      duration: 60s
      systems:
        registers:
          servers: 3
          load:
            - registers: 20/s
      faults:
        - crash registers/leader at 10s for 2s
      objectives:
        - 99% served
      """
    let scenario = try Scenario(yaml: one, file: "x.yaml", systems: systems)
    #expect(scenario.flown.map(\.prefix) == ["registers/"])
    let own = one.replacing("      - registers: 20/s", with: "      - registers: 20/s\n    objectives:\n      - nonsense")
    let list = #expect(throws: MistakeList.self) { try Scenario(yaml: own, file: "x.yaml", systems: systems) }
    #expect(
      list?.description.hasPrefix("x.yaml:10:9: expected \"p99 below 50ms\" or \"99.9% served\"") == true, "\(list?.description ?? "")")
    let judged = try Scenario(yaml: own.replacing("nonsense", with: "95% served"), file: "x.yaml", systems: systems)
    #expect(judged.flown.map(\.objectives) == [[.served(partsPerMillion: 950_000)]])
  }

  /// A requirement that no ledger has is a mistake where somebody knows them.
  @Test func aRequirementIsOneOfALedger() throws {
    let known = ["MONITORING-1", "MONITORING-5"]
    _ = try Scenario(yaml: good, file: "x.yaml", systems: systems, requirements: known)
    let list = #expect(throws: MistakeList.self) {
      try Scenario(yaml: good.replacing("MONITORING-5]", with: "MONITORING-99]"), file: "x.yaml", systems: systems, requirements: known)
    }
    #expect(list?.description.hasPrefix("x.yaml:4:30: expected a requirement that a ledger has") == true, "\(list?.description ?? "")")
  }

  /// What has the right form and is not taken is told its bounds.
  @Test(arguments: [
    ("metrics: 200/s", "metrics: 50000000/s", "x.yaml:7:14: expected a rate above 0/s and up to 1000000/s, found"),
    ("metrics: 200/s", "metrics: 0/s", "x.yaml:7:14: expected a rate above 0/s"),
    ("duration: 60s", "duration: 0s", "x.yaml:5:11: expected how long the loads send, more than 0s, found \"0s\""),
    ("duration: 60s", "duration: 1000000h", "x.yaml:5:11: expected how long the loads send, at most 250000h, found"),
    ("duration: 60s", "duration: 5m1h", "x.yaml:5:11: expected how long the loads send, like 10s or 250ms, found"),
    ("duration: 60s", "duration: 1.5h30m", "x.yaml:5:11: expected how long the loads send, like 10s or 250ms, found"),
    ("for 500ms 3 times", "for 500ms 2000 times", "x.yaml:16:51: expected how often, 1 to 1000 times"),
    ("at 1s for 2s", "at 99999999999999999999s for 2s", "x.yaml:17:49: expected when it begins, at most 250000h"),
    ("rotting 3 bits", "rotting 0 bits", "x.yaml:18:25: expected how many bits, 1 to 1000000"),
    ("p99.9 below 50ms", "p99.9 below 1000000h", "x.yaml:20:17: expected the bound, at most 250000h"),
  ]) func boundsAreTold(_ text: String, _ instead: String, _ expected: String) {
    let yaml = good.replacing(text, with: instead, maxReplacements: 1)
    let list = #expect(throws: MistakeList.self) { try Scenario(yaml: yaml, file: "x.yaml", systems: systems) }
    #expect(list?.description.hasPrefix(expected) == true, "\(list?.description ?? "")")
  }

  @Test func commasJoinNamesOnlyBetweenNodes() {
    let list = #expect(throws: MistakeList.self) {
      try Scenario(yaml: Self.queue.replacing("kill queue-1", with: "kill queue-1,queue-2"), file: "x.yaml", systems: systems)
    }
    #expect(
      list?.description.hasPrefix("x.yaml:10:10: expected one name: commas join several only in") == true, "\(list?.description ?? "")")
  }

  @Test func anOperatorBesideALoadIsToldToStandAlone() {
    let list = #expect(throws: MistakeList.self) {
      try Scenario(yaml: Self.queue.replacing("members: 2", with: "operator: 1/s"), file: "x.yaml", systems: systems)
    }
    #expect(
      list?.description.contains("an operator, which is an item of its own in the list of loads") == true, "\(list?.description ?? "")")
  }

  @Test(arguments: [("webook", false), ("Webhook", false), ("webhook", true), ("pager", true)])
  func aChannelThatIsNearlyTheUsualOneIsASlip(_ channel: String, _ isTaken: Bool) {
    let yaml = good.replacing("duration: 5s}", with: "duration: 5s, channels: [\(channel)]}")
    let scenario = Result { try Scenario(yaml: yaml, file: "x.yaml", systems: systems) }
    switch scenario {
    case .success: #expect(isTaken)
    case .failure(let list): #expect(!isTaken && "\(list)".contains("expected a channel: webhook, or a name"), "\(list)")
    }
  }
}
