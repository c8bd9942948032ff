// `windtunnel brokers`: who belongs to a running cluster of the message queue; adding, replacing and removing brokers
// without a stop.
//
// A newcomer is made known to all, then gets the logs as a learner, and votes only once it has caught up; whoever
// leaves goes in the same change. Each group changes by joint consensus, so that at every moment a majority of the old
// and of the new members decides.

import ArgumentParser
import Console
import Foundation
import Launching
import Live
import MonitoringAPI
import MonitoringServing
import PeerAuthentication
import Vocabulary
import Wire

/// Where a broker is asked.
struct BrokerPlace: Sendable, CustomStringConvertible {
  /// What is spoken there.
  var scheme: Destination.Scheme
  /// Where it listens for clients.
  var address: HostAndPort

  /// A broker's place.
  init(scheme: Destination.Scheme, address: HostAndPort) {
    self.scheme = scheme
    self.address = address
  }

  /// Reads `HOST:PORT`, or a URL without a path. Throws what was expected.
  init(_ text: String) throws {
    guard text.contains("://") else {
      let read = try AddressText.read(text)
      self.init(scheme: .http, address: HostAndPort(host: read.host, port: read.port))
      return
    }
    let destination: Destination
    do { destination = try Destination(text, namedBy: .operator) } catch { throw ValidationError(error.description) }
    guard case .network(let scheme, let address) = destination.place else { throw ValidationError("expected \(HostAndPort.words)") }
    guard scheme == .http || TransportSecurity.isBuiltIn else { throw ValidationError(TransportSecurity.howToBuildIn) }
    self.init(scheme: scheme, address: address)
  }

  var destination: Destination { Destination(scheme, address, namedBy: .operator) }
  var description: String { scheme == .http ? address.text : destination.description }
}

package struct BrokersCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "brokers", abstract: "Show the members of a running queue's cluster; add, replace and remove brokers.",
    discussion: """
      EXAMPLES
        windtunnel brokers --at 127.0.0.1:7001
        windtunnel serve queue --id 4 --join --data ./q4 --peers \\
          1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003,4=127.0.0.1:7004 &
        windtunnel brokers --at 127.0.0.1:7001 --add 4=127.0.0.1:7004
        windtunnel brokers --at 127.0.0.1:7001 --remove 2
        windtunnel brokers --at 127.0.0.1:7001 --add 5=127.0.0.1:7005 --remove 3
        windtunnel brokers --at 10.0.0.1:7001 --peer-key-file peer.key \\
          --add 4=10.0.0.4:7004@7104

      The last but one replaces broker 3. A broker's address is given as `serve queue` was told it, with the port for other brokers where that is not \
      10,000 above, as in the last one. The change can be asked for again where it was broken off: what is done already is passed over. To undo an \
      addition that was broken off, remove the broker that was added. A removed broker's process can be ended afterwards; its number is not to be \
      given to another.

      Who changes the cluster must prove the key that the brokers share, the one that `serve queue` was given: with --peer-key-file, or \
      WINDTUNNEL_PEER_KEY in the environment; of two keys it is the first. The key is not sent: each request carries a proof that is good for it alone, \
      for two minutes by both clocks. Brokers without a key take changes from their own machine alone. To look needs no key.

      Exit code 0: shown, or all groups are through. 1: the brokers refused the change, for the reason that is told. 2: bad usage, or a broker that is \
      not known. 3: no broker answers, the change took longer than --limit, or the command was stopped; what was begun may still go on.
      """)

  @Option(help: "The address of a broker that stays: HOST:PORT, or https://HOST:PORT.", transform: { try BrokerPlace($0) })
  var at: BrokerPlace
  @Option(
    help: "Believe the authorities in this PEM file, and no others, where brokers are asked by https. Repeatable.",
    transform: { try PathText.read($0) })
  var tlsAuthority: [String] = []
  @Option(
    name: .customLong("add"), help: "A broker that joins: NUMBER=HOST:PORT[@[HOST:]PORT]; may be given more than once.",
    transform: { try PeerOption.read($0) })
  var added: [PeerOption] = []
  @Option(
    name: .customLong("remove"), help: "The number of a broker that leaves; may be given more than once.",
    transform: { UInt32(try Bounds.brokerNumber.read($0)) })
  var removed: [UInt32] = []
  @Option(
    help: "A file with the brokers' key on its first line, to prove that you may change them; or WINDTUNNEL_PEER_KEY in the environment.",
    transform: { try PathText.read($0) })
  var peerKeyFile: String?
  @Option(help: "Longest time for the whole change, in seconds. (default: 120)", transform: { try Bounds.limitSeconds.read($0) })
  var limit = 120

  private struct GroupState {
    var number: Int
    var leader: Int64?
    var last: Int64
    var commit: Int64
    var voters: [Int64]
    var learners: [Int64]
    var isChanging: Bool

    init(_ field: JSONField) throws(FieldMistake) {
      number = Int(try field.member("number").integer())
      leader = try field.optionalMember("leader")?.integer()
      last = try field.member("last").integer()
      commit = try field.member("commit").integer()
      voters = []
      for element in try field.member("voters").elements(maximum: 100) { voters.append(try element.integer()) }
      learners = []
      for element in try field.member("learners").elements(maximum: 100) { learners.append(try element.integer()) }
      isChanging = try field.member("changing").bool()
    }
  }

  package init() {}

  package func validate() throws {
    let numbers = added.map(\.number)
    if let twice = numbers.enumerated().first(where: { numbers[..<$0.offset].contains($0.element) })?.element {
      throw ValidationError("--add: broker \(twice) is given twice")
    }
    if let both = removed.first(where: numbers.contains) { throw ValidationError("broker \(both) is given to --add and to --remove") }
  }

  package func run() async throws {
    let address = at
    Interruption.listen()
    let key = try PeerKeyOption.keys(file: peerKeyFile)?.present ?? .none
    var groups = try await states(address)
    if added.isEmpty && removed.isEmpty {
      try await showBrokers(address)
      return show(groups)
    }
    guard let registry = groups.first else { throw InputProblem(description: "\(at) keeps no groups", exitCode: Exit.couldNotRun) }
    let target = Set(registry.voters).union(added.map { Int64($0.number) }).subtracting(removed.map { Int64($0) }).sorted()
    guard !target.isEmpty else { throw InputProblem(description: "nobody would be left") }
    try await checkRemoved(groups, address)
    let end = ContinuousClock.now + .seconds(limit)
    for broker in added {
      try await insist("broker \(broker.number) is made known", end) {
        let request = BrokerAddress(number: broker.number, address: "\(broker.addresses)").request()
        return try await ask(key.proving(request), address)
      }
    }
    let newcomers = added.filter { broker in groups.contains { !$0.voters.contains(Int64(broker.number)) } }
    if !newcomers.isEmpty {
      for group in groups where group.voters != target {
        let learners = newcomers.map { Int64($0.number) }.filter { !group.voters.contains($0) }
        try await change(group.number, voters: group.voters, learners: learners, address, key, end)
      }
      Output.line("\(newcomers.map { "broker \($0.number)" }.joined(separator: ", ")): gets the logs")
      try await waitForNewcomers(newcomers, address, end)
    }
    // Learners that nobody made members are left over from a change that was broken off.
    for group in groups where group.voters != target || !group.learners.isEmpty {
      try await change(group.number, voters: target, learners: [], address, key, end)
    }
    repeat {
      guard ContinuousClock.now < end else { throw tooLong("not all groups are through") }
      try await pause()
      groups = try await states(address)
    } while groups.contains { $0.voters != target || !$0.learners.isEmpty || $0.isChanging || $0.leader == nil }
    Output.line("all \(groups.count) groups are kept by \(target.map(String.init).joined(separator: ", "))")
  }

  /// A broker that leaves must be known; one that keeps no group is gone already.
  private func checkRemoved(_ groups: [GroupState], _ address: BrokerPlace) async throws {
    let idle = removed.filter { number in !groups.contains { ($0.voters + $0.learners).contains(Int64(number)) } }
    guard !idle.isEmpty else { return }
    let known = try await knownBrokers(address)
    for number in idle {
      guard known.contains(Int64(number)) else {
        let names = known.map(String.init).joined(separator: ", ")
        throw InputProblem(description: "--remove \(number): no broker of this number is known at \(address); known are \(names)")
      }
      Output.line("broker \(number): keeps no group")
    }
  }

  private func ask(_ request: Request, _ place: BrokerPlace) async throws -> Response? {
    try await SingleCall.answer(to: request, at: place.destination, believing: tlsAuthority)
  }

  private func knownBrokers(_ address: BrokerPlace) async throws -> [Int64] {
    let document = try await answer("/brokers", address)
    do {
      var numbers: [Int64] = []
      for element in try document.member("brokers").elements(maximum: 100_000) {
        numbers.append(try element.member("number").integer())
      }
      return numbers.sorted()
    } catch {
      throw InputProblem(description: "what answers at \(address) is no broker: \(error)", exitCode: Exit.couldNotRun)
    }
  }

  /// `learners` are newcomers that may get logs by now, without a vote.
  private func tooLong(_ what: String, learners: [Int64] = []) -> InputProblem {
    let removal = learners.map { "--remove \($0)" }.joined(separator: " ")
    // A line that can be pasted: it needs the same proof.
    let proof =
      (peerKeyFile.map { "--peer-key-file \(shellWord($0)) " } ?? "") + tlsAuthority.map { "--tls-authority \(shellWord($0)) " }.joined()
    let undoing = learners.isEmpty ? "" : "; to undo it: windtunnel brokers --at \(at) \(proof)\(removal)"
    return InputProblem(description: "\(what); ask again to go on (--limit says how long to try)\(undoing)", exitCode: Exit.couldNotRun)
  }

  /// Lets a moment pass. Throws where the command was asked to end.
  private func pause() async throws {
    try await Interruption.sleep(for: .milliseconds(100))
    guard Interruption.isAsked else { return }
    throw InputProblem(description: "stopped before all groups were through; ask again to go on", exitCode: Exit.couldNotRun)
  }

  /// What is to be done about a refusal; nothing where its own words say it.
  private func advice(_ response: Response) -> String {
    guard response.status == 401, ErrorAnswer(response).code != "UNTIMELY" else { return "" }
    let other = "the key that the brokers share, on its first line, or the same in \(PeerKeyOption.variable)"
    if let peerKeyFile { return ": the key in --peer-key-file \(peerKeyFile) is not theirs; expected \(other)" }
    return ": give --peer-key-file FILE with \(other)"
  }

  /// The brokers as the one that is asked hears them.
  private func showBrokers(_ address: BrokerPlace) async throws {
    let raft = try await answer("/raft", address)
    let known = try await answer("/brokers", address)
    do {
      let own = try raft.member("server").integer()
      var lines: [Int64: String] = [own: "answers"]
      for element in try raft.member("servers").elements(maximum: 100_000) {
        let silence = Double(try element.member("silent_ms").integer()) / 1_000
        let number = try element.member("number").integer()
        lines[number] = String(format: try element.member("reached").bool() ? "heard %.1f s ago" : "NOT HEARD for %.1f s", silence)
      }
      var addresses: [Int64: String] = [:]
      for element in try known.member("brokers").elements(maximum: 100_000) {
        addresses[try element.member("number").integer()] = try element.optionalMember("address")?.string(maximumBytes: 256) ?? "-"
      }
      Output.line("broker  " + "address".padding(toLength: 30, withPad: " ", startingAt: 0) + "as broker \(own) hears it")
      for number in Set(lines.keys).union(addresses.keys).sorted() {
        let place = addresses[number] ?? "-"
        Output.line(
          "\(number)".padding(toLength: 8, withPad: " ", startingAt: 0)
            + place.padding(toLength: max(30, place.count + 2), withPad: " ", startingAt: 0)
            + (lines[number] ?? "keeps no group of it"))
      }
      Output.line("")
    } catch {
      throw InputProblem(description: "what answers at \(address) is no broker: \(error)", exitCode: Exit.couldNotRun)
    }
  }

  /// What a broker says. Whoever answers otherwise than a broker does is none.
  private func answer(_ path: String, _ address: BrokerPlace) async throws -> JSONField {
    guard let response = try await ask(Request(.get, path), address) else {
      throw InputProblem(description: "no broker answers at \(address)", exitCode: Exit.couldNotRun)
    }
    guard response.status == 200 else {
      // A broker may be at its start, or at its bounds.
      let may = [429, 500, 503, 504].contains(response.status)
      let found = may ? "no broker answers at \(address) as it should" : "what answers at \(address) is no broker"
      throw InputProblem(description: "\(found): \(path) came to status \(response.status)", exitCode: Exit.couldNotRun)
    }
    do {
      return try response.document()
    } catch {
      throw InputProblem(description: "what answers at \(address) is no broker: \(error)", exitCode: Exit.couldNotRun)
    }
  }

  private func show(_ groups: [GroupState]) {
    Output.line("group  leader  committed  voters")
    for group in groups {
      let leader = group.leader.map { "\($0)" } ?? "none"
      let voters = group.voters.map(String.init).joined(separator: ",")
      let learners = group.learners.isEmpty ? "" : "  learners \(group.learners.map(String.init).joined(separator: ","))"
      Output.line(
        "\(group.number)".padding(toLength: 7, withPad: " ", startingAt: 0) + leader.padding(toLength: 8, withPad: " ", startingAt: 0)
          + "\(group.commit)".padding(toLength: 11, withPad: " ", startingAt: 0) + voters + learners
          + (group.isChanging ? "  changing" : ""))
    }
  }

  private func states(_ address: BrokerPlace) async throws -> [GroupState] {
    let document = try await answer("/raft", address)
    do {
      var groups: [GroupState] = []
      for element in try document.member("groups").elements(maximum: 100_000) { groups.append(try GroupState(element)) }
      return groups
    } catch {
      throw InputProblem(description: "what answers at \(address) is no broker: \(error)", exitCode: Exit.couldNotRun)
    }
  }

  /// Codes of refusals by 409 that no other try changes.
  private static let finalRefusals = ["ADDRESS_CONFIGURED", "ADDRESS_IN_USE"]

  /// Asks until it is done; what tells that another try is worth it is tried again.
  private func insist(
    _ what: String, learners: [Int64] = [], _ end: ContinuousClock.Instant, _ ask: () async throws -> Response?
  ) async throws {
    while true {
      let response = try await ask()
      if let response, (200...299).contains(response.status) { return }
      if let response,
        ![409, 421, 429, 503, 504].contains(response.status) || Self.finalRefusals.contains(ErrorAnswer(response).code)
      {
        throw InputProblem(
          description: "\(what): \(ErrorAnswer(response).message) (status \(response.status))\(advice(response))", exitCode: Exit.failed)
      }
      guard ContinuousClock.now < end else {
        throw tooLong("\(what): \(response.map { ErrorAnswer($0).message } ?? "no answer")", learners: learners)
      }
      try await pause()
    }
  }

  private func change(
    _ group: Int, voters: [Int64], learners: [Int64], _ address: BrokerPlace, _ key: PeerKey, _ end: ContinuousClock.Instant
  ) async throws {
    let request = Request.json(.post, "/raft/groups/\(group)/membership") { writer in
      writer.beginObject()
      for (name, list) in [("voters", voters), ("learners", learners)] {
        writer.name(name)
        writer.beginArray()
        for number in list { writer.value(number) }
        writer.endArray()
      }
      writer.endObject()
    }
    try await insist("group \(group)", learners: learners, end) {
      try await ask(key.proving(request), address)
    }
  }

  /// Waits until newcomers have all that was committed when the wait began.
  private func waitForNewcomers(_ newcomers: [PeerOption], _ address: BrokerPlace, _ end: ContinuousClock.Instant) async throws {
    let goal = try await states(address)
    for newcomer in newcomers {
      // Its like are served alike.
      let place = BrokerPlace(scheme: at.scheme, address: newcomer.addresses.clients)
      while true {
        let own = try? await states(place)
        let isThere = goal.allSatisfy { group in own?.contains { $0.number == group.number && $0.commit >= group.commit } ?? false }
        if isThere { break }
        guard ContinuousClock.now < end else {
          throw tooLong(
            "broker \(newcomer.number) at \(place) does not catch up (is it served with --join?)",
            learners: newcomers.map { Int64($0.number) })
        }
        try await pause()
      }
    }
  }
}
