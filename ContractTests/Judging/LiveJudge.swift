// Judges services at addresses, in whatever language they are written: the same caller as in the simulator, on the real
// host.

import ContractTests
import Live
import OpenAPI
import Vocabulary

/// Where a service is.
public struct LiveService: Sendable, Hashable {
  /// Its address.
  public var address: NetworkAddress
  /// The path below which its targets are; empty for none.
  public var prefix: String

  /// A service.
  public init(_ address: NetworkAddress, prefix: String = "") {
    self.address = address
    self.prefix = prefix
  }
}

/// Judges services at addresses.
public struct LiveJudge: Sendable {
  /// The services by name.
  public var services: [String: LiveService]
  /// The channel of alerting that leads to `listen`, and where the caller listens for it; nil where there is none.
  public var channel: (name: String, listen: NetworkAddress)?

  /// The documents of the services, by their names: every exchange is held against that of its service.
  public var documents: [String: OpenAPIDocument]

  /// A judge.
  public init(
    services: [String: LiveService], channel: (name: String, listen: NetworkAddress)? = nil, documents: [String: OpenAPIDocument] = [:]
  ) {
    self.services = services
    self.documents = documents
    self.channel = channel
  }

  /// Makes the cases, one after the other. `run` begins every name that they make up; `onVerdict` hears of each as it
  /// is reached. Where `isAskedToStop` then says so, the rest is not made and not in the result. Throws where the
  /// caller cannot listen.
  public func judge(
    _ cases: [ContractCase], run: String, isAskedToStop: () -> Bool = { false }, onVerdict: (CaseVerdict) -> Void = { _ in }
  ) async throws -> [CaseVerdict] {
    var configuration = LiveConfiguration()
    // Judged servers close kept connections after as little as two seconds; a POST that meets that moment could not be
    // made again.
    configuration.limits.pooledIdleTimeout = .seconds(1)
    var known: [String: ContractService] = [:]
    for (index, name) in services.keys.sorted().enumerated() {
      guard let service = services[name] else { continue }
      let endpoint = Endpoint(UInt16(index + 1))
      configuration.directory[endpoint] = Destination(service.address)
      known[name] = ContractService(endpoint, prefix: service.prefix, url: "http://\(service.address)")
    }
    let book = KeptVerdicts()
    var made = ContractPlan(cases: cases, services: known, run: run, channel: channel?.name)
    made.documents = documents
    let plan = made
    let host = try LiveHost(
      [LiveNodeSpecification(NodeID(0), name: "caller", listen: channel?.listen) { ContractCaller(plan, book: book) }], configuration)
    try await host.start()
    for await verdict in book.stream {
      onVerdict(verdict)
      if isAskedToStop() { break }
    }
    await host.stop(grace: .zero)
    return book.verdicts
  }
}
