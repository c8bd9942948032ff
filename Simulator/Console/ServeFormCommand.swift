// `windtunnel serve NAME`: what a system says is served, on real sockets and real files, until the process is asked to
// end.

import ArgumentParser
import Foundation
import Live
import Logging
import Vocabulary

/// Options of everything that is served.
struct HostingOptions: ParsableArguments {
  @Option(help: "The folder of the services' data; made where it is missing.", transform: { try PathText.read($0) }) var data: String
  @Option(help: "Event loops; the services are spread over them. (default: 1)", transform: { try Bounds.loops.read($0) }) var loops = 1
  @Option(
    help: "Start the services' wall clock here, in seconds since 1970 (time-lapse).", transform: { try Bounds.clockStartSeconds.read($0) })
  var clockStart: Int?
  @Option(
    help: "Let the services' wall clock run this many times as fast (time-lapse). (default: 1)", transform: { try Bounds.speed.read($0) })
  var clockSpeed = 1
  @Option(help: "Switch a planted bug on; to see that a contract catches it.") var mutant: String?

  @Option(
    help: """
      What is written to standard error, from the least to the most: critical, error, warning, notice, info (where services listen, their lives), \
      debug (each answer), trace. (default: notice)
      """, transform: { try LogLevelText.read($0) })
  var logLevel = Logger.Level.notice
  @Option(help: "How: text for people, json for programs (an object a line: time, level, message, node, …).")
  var logFormat = LogLines.Format.text
  @Option(help: "Serve by TLS 1.3: the certificates in PEM, the server's own first; with --tls-key.", transform: { try PathText.read($0) })
  var tlsCertificate: String?
  @Option(help: "The private key of --tls-certificate in PEM.", transform: { try PathText.read($0) }) var tlsKey: String?
  @Option(
    help: "Believe the authorities in this PEM file, and no others, when services call others by https. Repeatable.",
    transform: { try PathText.read($0) })
  var tlsAuthority: [String] = []

  mutating func validate() throws {
    guard (tlsCertificate == nil) == (tlsKey == nil) else { throw ValidationError("expected --tls-certificate and --tls-key together") }
    let wantsTLS = tlsCertificate != nil || !tlsAuthority.isEmpty
    if wantsTLS, !TransportSecurity.isBuiltIn { throw ValidationError(TransportSecurity.howToBuildIn) }
  }

  /// For who launches services as its children: one whose standard input ends, and so whose launcher has, however it
  /// did, ends too.
  @Flag(help: .hidden) var untilInputEnds = false

  /// How the services are called.
  var scheme: Destination.Scheme { tlsCertificate == nil ? .http : .https }

  var configuration: LiveConfiguration {
    var live = LiveConfiguration()
    live.loops = loops
    live.log = LogLines.standardError(logFormat, logLevel)
    if clockStart != nil || clockSpeed != 1 {
      let start =
        clockStart.map { WallTime(milliseconds: Int64($0) * 1_000) } ?? WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
      live.wallClock = .mapped(start: start, speed: Double(clockSpeed))
    }
    live.security.authorityFiles = tlsAuthority
    if let certificate = tlsCertificate, let key = tlsKey {
      live.security.identity = TransportSecurity.Identity(certificateFile: certificate, keyFile: key)
    }
    return live
  }
}

extension LogLines.Format: ExpressibleByArgument {}

/// A level of the log, as an option's value.
enum LogLevelText {
  static func read(_ text: String) throws -> Logger.Level {
    guard let level = Logger.Level(rawValue: text) else {
      throw ValidationError("expected one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return level
  }
}

/// The command that serves one form.
package struct ServeFormCommand<Form: ServedForm>: AsyncParsableCommand {
  package static var configuration: CommandConfiguration {
    CommandConfiguration(commandName: Form.name, abstract: Form.abstract, discussion: Form.discussion)
  }

  @OptionGroup var hosting: HostingOptions
  @OptionGroup var own: Form.Options

  package init() {}

  package func run() async throws {
    let planted = try hosting.mutant.map { [try MutantName.named($0, of: Form.name, among: Form.mutants)] } ?? []
    let plan = try Form.plan(
      own, ServedHosting(folder: FolderView(hosting.data), planted: PlantedBugs(planted), scheme: hosting.scheme))
    for note in plan.notes { Output.note("note: \(note)") }
    var live = hosting.configuration
    live.directory = plan.directory
    live.adapters = plan.adapters
    live.peerDirectory = plan.peerDirectory
    if let source = plan.peerKey { live.peerKeys = try PeerKeyOption.keys(file: source.file, listeningAt: source.listening) }
    try ServedFolders.claim(plan.folders, below: hosting.data)
    Interruption.listen()
    if hosting.untilInputEnds { Interruption.askWhenInputEnds() }
    let host: LiveHost
    do {
      host = try LiveHost(plan.nodes, live)
      try await host.start()
    } catch let error as LiveHostError {
      throw InputProblem("the \(plan.what) cannot start", error, address: plan.addressOption, folder: "--data")
    }
    let width = plan.nodes.map(\.name.count).max() ?? 0
    for node in plan.nodes {
      guard let address = host.address(of: node.node) else { continue }
      let peers = plan.peerKey.map { "; peers at \($0.listening)" } ?? ""
      Output.line(
        "\(node.name.padding(toLength: width, withPad: " ", startingAt: 0)) \(host.isSecured ? "https" : "http")://\(address)\(peers)")
    }
    Output.line("ready; data in \(hosting.data)")
    let failure = await ServingEnd.untilAskedOrFailed(host)
    Output.line("stopping")
    await host.stop()
    if let failure { throw InputProblem("the \(plan.what) cannot go on", failure, folder: "--data") }
  }
}

/// When a serving process ends.
enum ServingEnd {
  /// Returns when the process is asked to end (nil), or when a service is down for good.
  static func untilAskedOrFailed(_ host: LiveHost) async -> LiveHostError? {
    await withTaskGroup(of: LiveHostError?.self) { group in
      group.addTask {
        await untilAsked()
        return nil
      }
      group.addTask { await host.untilFailed() }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }

  /// Returns when the process is asked to end, or nobody waits for it any more. `Interruption.listen` was called before
  /// anybody could know that the process serves: a signal that came meanwhile counts.
  private static func untilAsked() async {
    while !Interruption.isAsked, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
  }
}
