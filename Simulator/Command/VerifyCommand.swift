// `windtunnel verify`: judges an implementation of a system by its contract cases: the reference in simulation, or any
// at addresses.

import ArgumentParser
import Console
import ContractJudging
import ContractTests
import Flight
import Foundation
import Live
import OpenAPI
import Reports
import Vocabulary

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Judge an implementation by its contract: the reference in simulation, or any at a URL.",
    discussion: """
      Without an address the reference is judged in simulation. With addresses a running implementation is judged, in whatever language it is \
      written; every name that a case makes up is new, so it can be judged again and again, and what can be deleted is deleted after each case. \
      Every exchange is held against the OpenAPI document of its service, too. \
      Cases for which an option is missing are named at the start and left out; where --case asks for nothing else, that is bad usage. Exit code 0 \
      means that every other MUST case was made and passed; 1 that one failed; 3 that one could not be made. SHOULD and MAY cases count in the \
      scores. Ctrl-C ends it in order: cases that were not made are told as not run.

      EXAMPLES
        windtunnel verify \(Example.system)
        windtunnel verify \(Example.system) --case \(Example.service) --case \(Example.otherService)
        windtunnel verify \(Example.system) \\
          --mutant \(Example.mutant)
        windtunnel verify \(Example.system) --at http://127.0.0.1:8080 --junit verify.xml
        windtunnel verify \(Example.system)/\(Example.service) --at http://127.0.0.1:7001
        windtunnel verify \(Example.system)/\(Example.service) --at http://127.0.0.1:8081 \\
          --at \(Example.otherService)=http://127.0.0.1:8082
        windtunnel verify \(Example.system) --at http://127.0.0.1:8080 \\
          --channel judge --listen 127.0.0.1:9099
      """)

  @Argument(help: "The system, or one of its services: \(Example.system), or \(Example.system)/\(Example.service).") var name: String
  @Option(
    help: """
      Where a service is: SERVICE=URL; or the URL alone, of the service that is named, else of the first of all at ports in a row. May be given \
      more than once.
      """, transform: { try ServiceAddress($0) })
  var at: [ServiceAddress] = []
  @Option(
    help: "The name of the channel by which the system tells what it tells by itself, and which leads to --listen.",
    transform: { try PathText.name($0) }) var channel: String?
  @Option(
    help: "Where this command listens for notifications of --channel, like 127.0.0.1:9099.", transform: { try AddressText.read($0) })
  var listen: NetworkAddress?
  @Option(
    name: .customLong("case"), help: "Only cases whose ids begin so; may be given more than once.", transform: { try PathText.name($0) })
  var cases: [String] = []
  @Flag(help: "Only list the cases.") var list = false
  @Option(help: "Explain one case.") var explain: String?
  @Flag(help: "Print one JSON object with all verdicts to standard output.") var json = false
  @Option(help: "Write JUnit XML into this file.", transform: { try PathText.read($0) }) var junit: String?
  @Option(help: "Switch a planted bug on, in simulation.") var mutant: String?
  @Option(help: "The folder of contract cases.", transform: { try PathText.read($0) }) var contracts: String?

  @Flag(help: "With --junit: replace a file that tells of failures, or that is no JUnit XML.") var overwrite = false

  func validate() throws {
    if overwrite && junit == nil { throw ValidationError("--overwrite goes with --junit") }
    if (channel == nil) != (listen == nil) { throw ValidationError("--channel and --listen go together") }
    if mutant != nil && !at.isEmpty {
      throw ValidationError("--mutant is for the simulation; switch it on in `windtunnel serve` instead")
    }
  }

  /// What is judged: a system with a contract, and one of its services where one is named.
  private struct Judged {
    var system: String
    var contract: SystemContract
    var service: String?
    /// The services at addresses; none in simulation.
    var addresses: [String: LiveService] = [:]
  }

  private func judged() throws -> Judged {
    let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let known = Systems.all.filter { $0.contract != nil }
    guard let system = known.first(where: { $0.name == parts[0] }), let contract = system.contract else {
      let names = known.map(\.name)
      throw InputProblem(
        description: NameText.unknown("system with a contract", parts[0], among: names))
    }
    let services = "there are \(contract.services.joined(separator: ", "))"
    var judged = Judged(system: system.name, contract: contract, service: parts.count > 1 ? parts[1] : nil)
    if let service = judged.service, !contract.services.contains(service) {
      throw InputProblem(description: NameText.unknown("service of \(system.name)", service, among: contract.services, list: services))
    }
    for (index, address) in at.enumerated()
    where at[..<index].contains(where: { ($0.service ?? judged.service) == (address.service ?? judged.service) }) {
      throw InputProblem(
        description:
          "--at: \((address.service ?? judged.service).map { "the service \($0)" } ?? "the first of all services") is given twice")
    }
    // The bare address of all services first: one that is named counts more.
    for address in at.sorted(by: { one, other in one.service == nil && other.service != nil }) {
      guard let named = address.service ?? judged.service else {
        let last = address.url.address.port + contract.services.count - 1
        guard last <= 65_535 else {
          throw InputProblem(
            description: "--at: expected a port up to \(65_536 - contract.services.count): the services are at "
              + "\(contract.services.count) ports in a row")
        }
        for (index, service) in contract.services.enumerated() { judged.addresses[service] = address.url.service(index) }
        continue
      }
      guard contract.services.contains(named) else {
        throw InputProblem(
          description: "--at: " + NameText.unknown("service of \(system.name)", named, among: contract.services, list: services))
      }
      judged.addresses[named] = address.url.service(0)
    }
    return judged
  }

  func run() async throws {
    let judged = try judged()
    let (system, addresses) = (judged.system, judged.addresses)
    let library = try ContractLibrary(folder: contracts, system: system)
    if let explain { return try tell(explain, library) }
    var selected = try library.select(cases)
    if let service = judged.service { selected = selected.filter { $0.service == service } }
    guard !selected.isEmpty else { throw Self.nothingSelected(judged, cases) }
    if list { return tellAll(selected) }
    let planted = try PlantedOption.mutant(mutant, of: try Systems.named(system))
    let leftOut = addresses.isEmpty ? [] : try leaveOut(of: &selected, Set(addresses.keys))
    let documents = try ContractLibrary.documents(folder: contracts, system: system, services: judged.contract.services)
    if documents.isEmpty { Output.note("there is no OpenAPI document of \(system): exchanges are held against none") }
    try keepEvidence()
    if let junit { try OutputFile.prepare(junit, option: "--junit") }
    Interruption.listen()
    let verdicts =
      addresses.isEmpty
      ? judgeInSimulation(selected, judged.contract, planted, documents) : try await judgeLive(selected, addresses, documents)
    let command = OwnCommand.text
    let world = addresses.isEmpty ? "in simulation" : "at " + Set(addresses.values.map { "\($0.address)" }).sorted().joined(separator: ", ")
    let report = ContractReport(
      verdicts: verdicts, leftOut: leftOut, system: system, world: world, command: command,
      ledger: try LedgerLibrary.ledger(of: system, folder: contracts))
    try tell(report)
    if report.isBroken { throw Exit.failed }
    if !report.held { throw Exit.couldNotRun }
  }

  private static func nothingSelected(_ judged: Judged, _ prefixes: [String]) -> InputProblem {
    if let service = judged.service, !prefixes.isEmpty {
      return InputProblem(description: "--case \(prefixes.joined(separator: ", ")): none of these cases is of the service \(service)")
    }
    let wanted = judged.service ?? "SERVICE"
    return InputProblem(description: "no case can be made: expected --at \(wanted)=http://HOST:PORT, where the judged service is")
  }

  /// Takes the cases out of `cases` that want an option which was not given, says which they are, and returns them as
  /// not run.
  private func leaveOut(of cases: inout [ContractCase], _ services: Set<String>) throws -> [CaseVerdict] {
    var reasons: [String: String] = [:]
    var lines: [String] = []
    var count = 0
    var strangers: [String: Int] = [:]
    for contractCase in cases {
      let missing = contractCase.missing(services: services, hasChannel: channel != nil)
      let options = missing.services.map { "--at \($0)=URL" } + (missing.channel ? ["--channel", "--listen"] : [])
      guard let last = options.last else { continue }
      let words = options.count == 1 ? last : options.dropLast().joined(separator: ", ") + " and " + last
      reasons[contractCase.id] = "it wants \(words)"
      // Of a service without an address nothing is made: one line says it of all its cases.
      if missing.services.contains(contractCase.service) {
        strangers[contractCase.service, default: 0] += 1
      } else {
        lines.append("  \(contractCase.id): wants \(words)")
      }
      count += 1
    }
    for (service, number) in strangers.sorted(by: { $0.key < $1.key }) {
      let want = number == 1 ? "it wants" : "they want"
      lines.append("  \(service)/…: \(CountText.of(number, "case")), not run: \(want) --at \(service)=URL")
    }
    guard !lines.isEmpty else { return [] }
    let list = lines.joined(separator: "\n")
    for prefix in self.cases where cases.allSatisfy({ !$0.id.hasPrefix(prefix) || reasons[$0.id] != nil }) {
      throw InputProblem(description: "no case of --case \(prefix) can be made without further options:\n\(list)")
    }
    guard count < cases.count else {
      throw InputProblem(description: "no case can be made without further options:\n\(list)")
    }
    Output.note("\(count) of \(cases.count) cases are left out for want of options:\n\(list)")
    defer { cases.removeAll { reasons[$0.id] != nil } }
    return cases.compactMap { contractCase in reasons[contractCase.id].map { CaseVerdict(contractCase, .notRun($0)) } }
  }

  private func judgeInSimulation(
    _ cases: [ContractCase], _ contract: SystemContract, _ planted: [Mutant], _ documents: [String: OpenAPIDocument]
  ) -> [CaseVerdict] {
    let judge = SimulatedJudge(contract, planted: planted, documents: documents)
    return cases.map { contractCase in
      guard !Interruption.isAsked else { return Self.stopped(contractCase) }
      let verdict = judge.judge(contractCase)
      tell(verdict)
      return verdict
    }
  }

  private func judgeLive(
    _ cases: [ContractCase], _ addresses: [String: LiveService], _ documents: [String: OpenAPIDocument]
  ) async throws -> [CaseVerdict] {
    let listening = channel.flatMap { name in listen.map { (name: name, listen: $0) } }
    let judge = LiveJudge(services: addresses, channel: listening, documents: documents)
    // New names each time: the services keep what earlier runs made.
    let run = "w" + String(UInt64(Date().timeIntervalSince1970 * 1_000), radix: 36)
    do {
      let verdicts = try await judge.judge(cases, run: run, isAskedToStop: { Interruption.isAsked }, onVerdict: { tell($0) })
      let made = Set(verdicts.map(\.id))
      return verdicts + cases.filter { !made.contains($0.id) }.map(Self.stopped)
    } catch let error as LiveHostError {
      throw InputProblem("the services cannot be judged", error, address: "--listen")
    }
  }

  /// Throws, before anything is judged, where the report would replace one that tells of failures.
  private func keepEvidence() throws {
    guard let junit, !overwrite, FileManager.default.fileExists(atPath: junit) else { return }
    let text = (try? InputFile.text(junit)) ?? ""
    guard text.contains("<testsuites "), text.contains(" failures=\"0\"") else {
      throw InputProblem(
        description: "--junit \(junit) is there and does not say that nothing failed; name another file, or replace it with --overwrite")
    }
  }

  private static func stopped(_ contractCase: ContractCase) -> CaseVerdict {
    CaseVerdict(contractCase, .notRun("the command was asked to stop before"))
  }

  // MARK: telling

  private func tell(_ verdict: CaseVerdict) {
    if json { return }
    for line in ContractReport.lines(verdict) { Output.line(line) }
    if junit == nil { Output.endIfUnheard() }
  }

  private func tell(_ report: ContractReport) throws {
    // The verdict first: a file that cannot be written must not cost it.
    if json {
      Output.json(report.json)
    } else {
      Output.line()
      for line in report.summary { Output.line(line) }
    }
    guard let junit else { return }
    do {
      try Data(report.junit.utf8).write(to: URL(fileURLWithPath: junit), options: .atomic)
    } catch {
      let problem = InputProblem.unwritable(junit, error, option: "--junit")
      throw InputProblem(description: problem.description, exitCode: report.isBroken ? Exit.failed : problem.exitCode)
    }
  }

  private func tellAll(_ cases: [ContractCase]) {
    for contractCase in cases {
      let level = contractCase.level.rawValue.uppercased()
      Output.line("\(contractCase.id)  [\(level), \(contractCase.requirements.joined(separator: ", "))]")
    }
    Output.line("\(cases.count) cases")
  }

  private func tell(_ id: String, _ library: ContractLibrary) throws {
    let found = try library.select([id])
    guard let contractCase = found.first(where: { $0.id == id }) ?? (found.count == 1 ? found.first : nil) else {
      throw InputProblem(description: "\"\(id)\" means \(found.count) cases:\n  \(found.map(\.id).joined(separator: "\n  "))")
    }
    Output.line("\(contractCase.id)  [\(contractCase.level.rawValue.uppercased()), \(contractCase.requirements.joined(separator: ", "))]")
    Output.line("  \(contractCase.because)")
    Output.line("  judges \(contractCase.service), calls \(contractCase.services.sorted().joined(separator: ", "))")
    Output.line("  stands in \(contractCase.place)")
    for line in contractCase.outline { Output.line(WrappedText.wrap("    \(line)", indentation: 12)) }
  }
}
