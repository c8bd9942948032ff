// The contract cases judge the reference: all pass in simulation; planted bugs are caught by the cases that are about
// them; and one caller gives the same verdicts in simulation and on real sockets.

import ContractJudging
import ContractTests
import Flight
import Foundation
import Hosting
import Live
import MonitoringAssembly
import MonitoringFlight
import OpenAPI
import TestBench
import Testing
import Vocabulary

/// The contract of the monitoring platform.
private let contract = MonitoringSystem().contract ?? SystemContract(services: []) { _, _ in [] }

/// All cases of the monitoring platform.
private func allCases() throws -> [ContractCase] {
  try contract.services.flatMap { service in
    let path = Repository.file("ContractTests/monitoring/\(service).yaml").path
    return try ContractFile(yaml: try String(contentsOfFile: path, encoding: .utf8), file: path, systems: ["monitoring": contract.services])
      .cases
  }
}

/// The documents of its services.
private func allDocuments() throws -> [String: OpenAPIDocument] {
  var documents: [String: OpenAPIDocument] = [:]
  for service in contract.services {
    let path = Repository.file("ContractTests/monitoring/OpenAPI/\(service).yaml").path
    documents[service] = try OpenAPIDocument(yaml: try String(contentsOfFile: path, encoding: .utf8), file: path)
  }
  return documents
}

private func mutant(_ name: String) throws -> Mutant { try #require(monitoringMutants.first { $0.name == name }) }

struct SimulatedJudgingTests {
  @Test func theReferencePassesAllCases() throws {
    let cases = try allCases()
    #expect(cases.count >= 60)
    let documents = try allDocuments()
    for contractCase in cases {
      let verdict = SimulatedJudge(contract, documents: documents).judge(contractCase)
      #expect(verdict.passed, "\(contractCase.place): \(verdict.outcome)")
    }
  }

  @Test func aVerdictDoesNotDependOnTheSeed() throws {
    let cases = try allCases().filter { $0.id.hasPrefix("ingestion/limit") || $0.id.hasPrefix("alerting/evaluate") }
    for seed in UInt64(2)...6 {
      for contractCase in cases {
        let verdict = SimulatedJudge(contract, seed: seed).judge(contractCase)
        #expect(verdict.passed, "seed \(seed), \(contractCase.place): \(verdict.outcome)")
      }
    }
  }

  @Test(arguments: [
    ("storage/includes-the-end", "storage/query/end-is-out"), ("storage/first-write-wins", "storage/write/last-write-wins"),
    ("query/aligns-buckets-to-the-range", "query/query/buckets-are-aligned-to-1970"), ("query/stops-the-clock", "query/query/now-moves"),
    ("query/ignores-not-equal", "query/query/equal-and-not-equal"),
    ("query/miscounts-the-last-bucket", "query/query/last-bucket-is-whole"),
    ("query/averages-the-average", "query/query/average-is-of-points"),
    ("alerting/resolves-on-missing-data", "alerting/missing-data/is-kept-by-default"),
    ("alerting/ignores-flapping", "alerting/evaluate/flapping-begins-anew"),
    ("alerting/fires-without-waiting", "alerting/evaluate/not-before-its-duration"),
    ("alerting/hides-resolved", "alerting/notifications/firing-and-resolved-are-told"),
    ("ingestion/limits-by-fixed-windows", "ingestion/limit/any-second"),
    ("queue/routes-by-arrival", "queue/produce/same-key-same-partition"),
    ("queue/forgets-producers", "queue/produce/repetition-is-stored-once"),
  ])
  func aPlantedBugIsCaught(_ name: String, by id: String) throws {
    let contractCase = try #require(try allCases().first { $0.id == id })
    let planted = try mutant(name)
    #expect(planted.catchers.contains(id), "the bug does not name the case")
    #expect(SimulatedJudge(contract).judge(contractCase).passed, "the control")
    let verdict = SimulatedJudge(contract, planted: [planted]).judge(contractCase)
    guard case .failed(let failure) = verdict.outcome else {
      Issue.record("\(id) does not catch \(name): \(verdict.outcome)")
      return
    }
    #expect(!failure.commands.isEmpty && failure.isOfCase)
  }

  /// What a service did that none may is told with its place, and is no word on what the case asks for.
  @Test func aBrokenRuleOfTheHostIsToldAsThat() throws {
    let contractCase = try #require(try allCases().first { $0.id == "ingestion/metrics/seed-shape" })
    let verdict = SimulatedJudge(contract, planted: [try mutant("ingestion/acknowledges-before-forwarding")]).judge(contractCase)
    guard case .failed(let failure) = verdict.outcome else {
      Issue.record("\(verdict.outcome)")
      return
    }
    #expect(!failure.isOfCase && failure.line > 1 && contractCase.place.hasSuffix(":\(failure.line)"))
    #expect(
      failure.found.contains("ingestion, ") && failure.found.contains(" µs after the start: answered an exchange twice"), "\(failure.found)"
    )
  }
}

@Suite(.serialized) struct LiveJudgingTests {
  /// A misspelt id would never catch; the names of checkers are tried beside the flights.
  @Test func theCasesThatPlantedBugsNameAreThere() throws {
    let ids = Set(try allCases().map(\.id))
    let named = (monitoringMutants + queueBlindMutants).flatMap(\.catchers).filter { $0.split(separator: "/").count == 3 }
    #expect(named.count >= 14)
    for id in named { #expect(ids.contains(id), "there is no case \(id)") }
  }

  /// The reference on real sockets, judged by the caller beside it, to which the channel leads.
  private func judgeLive(_ cases: [ContractCase], planted: [Mutant], run: String) async throws -> [CaseVerdict] {
    let directory = TemporaryDirectory()
    let caller = NodeID(UInt16(MonitoringAssembly.serviceCount))
    var configuration = MonitoringConfiguration()
    configuration.channels = [MonitoringChannel(name: "webhook", endpoint: Endpoint(caller), path: "/hook")]
    let assembly = MonitoringAssembly(configuration)
    var services: [String: ContractService] = [:]
    for node in assembly.nodes { services[node.name] = ContractService(Endpoint(node.id), url: "http://\(node.name)") }
    let book = KeptVerdicts()
    var made = ContractPlan(cases: cases, services: services, run: run, channel: "webhook")
    made.documents = try allDocuments()
    let plan = made
    var specifications = assembly.nodes.map { node in
      LiveNodeSpecification(
        node.id, name: node.name, listen: .ephemeral, dataDirectory: "\(directory.path)/\(node.name)", planted: PlantedBugs(planted),
        makeMachine: node.make)
    }
    specifications.append(LiveNodeSpecification(caller, name: "caller", listen: .ephemeral) { ContractCaller(plan, book: book) })
    let host = try LiveHost(specifications)
    try await host.start()
    for await _ in book.stream {}
    await host.stop(grace: .milliseconds(100))
    return book.verdicts
  }

  /// The cases that do not wait long: those that took less than this in virtual time.
  private static let quick = TimeSpan.milliseconds(250)

  @Test func oneCallerGivesTheSameVerdictsInBothWorlds() async throws {
    let simulated = try allCases().map { ($0, SimulatedJudge(contract).judge($0)) }.filter { $0.1.took < Self.quick }
    let live = try await judgeLive(simulated.map(\.0), planted: [], run: "l")
    #expect(live.count == simulated.count)
    #expect(live.count > 100)
    for (one, other) in zip(simulated, live) {
      #expect(one.1.id == other.id)
      // On a busy machine steps can take longer than the time in which they say anything; that is no other verdict, but
      // none.
      if case .notRun = other.outcome { continue }
      #expect(one.1.passed && other.passed, "\(one.0.place): in simulation \(one.1.outcome), live \(other.outcome)")
    }
    #expect(live.count(where: \.passed) > 100)
  }

  @Test func plantedBugsFailTheSameCasesInBothWorlds() async throws {
    let planted = try ["storage/includes-the-end", "query/ignores-not-equal", "queue/forgets-producers"].map(mutant)
    let cases = try allCases().filter { contractCase in
      ["storage/query", "query/query/eq", "query/query/bounds", "queue/produce"].contains { contractCase.id.hasPrefix($0) }
    }
    let simulated = cases.map { SimulatedJudge(contract, planted: planted).judge($0) }
    let live = try await judgeLive(cases, planted: planted, run: "m")
    #expect(simulated.map(\.id) == live.map(\.id))
    #expect(simulated.map(\.passed) == live.map(\.passed))
    #expect(
      live.filter { !$0.passed }.map(\.id) == [
        "queue/produce/repetition-is-stored-once", "queue/produce/newer-epoch-fences-the-older", "storage/query/end-is-out",
        "storage/query/empty-range", "query/query/bounds", "query/query/equal-and-not-equal",
      ])
  }

  @Test func noRuleStays() async throws {
    let last = try ContractFile(
      yaml: """
        system: monitoring
        service: alerting
        cases:
          - {case: left/over, level: must, requirements: [MONITORING-23], because: x, steps: [
              {request: GET /rules, expect: {json: {rules: {$length: 0}}}}]}
        """, file: "f.yaml", systems: ["monitoring": contract.services]
    ).cases
    let planted = [try mutant("alerting/fires-without-waiting")]
    let cases = try allCases().filter { $0.service == "alerting" }
    let quick = cases.map { ($0, SimulatedJudge(contract, planted: planted).judge($0)) }.filter { $0.1.took < Self.quick }.map(\.0)
    let verdicts = try await judgeLive(quick + last, planted: planted, run: "n")
    #expect(verdicts.contains { !$0.passed }, "a case that failed takes away what it made, too")
    #expect(verdicts.last?.passed == true, "\(String(describing: verdicts.last?.outcome))")
  }

  @Test func servicesAreJudgedAtTheirAddresses() async throws {
    let directory = TemporaryDirectory()
    let assembly = MonitoringAssembly()
    let host = try LiveHost(
      assembly.nodes.map { node in
        LiveNodeSpecification(
          node.id, name: node.name, listen: .ephemeral, dataDirectory: "\(directory.path)/\(node.name)", makeMachine: node.make)
      })
    try await host.start()
    let queue = try #require(host.address(of: NodeID(1)))
    let gone = NetworkAddress(host: "127.0.0.1", port: 1)
    let judge = LiveJudge(services: [
      "queue": LiveService(queue), "storage": LiveService(gone), "ingestion": LiveService(queue, prefix: "/v1"),
    ])
    let cases = try allCases().filter {
      ["queue/consume/seed-shape", "storage/write/seed-shape", "query/query/seed-example", "alerting/rules/seed-shape"].contains($0.id)
        || $0.id == "ingestion/bad-input/unknown-paths"
    }
    // Twice: the names of the second run are new.
    for run in ["a", "b"] {
      let verdicts = try await judge.judge(cases, run: run)
      let outcomes = Dictionary(uniqueKeysWithValues: verdicts.map { ($0.id, $0.outcome) })
      #expect(outcomes["queue/consume/seed-shape"] == .passed)
      #expect(outcomes["storage/write/seed-shape"] == .notRun("storage cannot be reached"))
      #expect(outcomes["query/query/seed-example"] == .notRun("no address was given of query"))
      #expect(outcomes["alerting/rules/seed-shape"] == .notRun("no address was given of alerting"))
      #expect(outcomes["ingestion/bad-input/unknown-paths"] == .passed)
    }
    await host.stop(grace: .milliseconds(100))
  }
}
