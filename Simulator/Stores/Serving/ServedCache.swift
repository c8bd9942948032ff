// How a cache is served.

import ArgumentParser
import Console
import Live
import StoresAPI
import StoresAssembly
import Vocabulary

/// A cache as it is served.
package enum ServedCache: ServedForm {
  /// Its options.
  package struct Options: ParsableArguments {
    @OptionGroup package var ports: PortsInARow
    @Option(
      help: "MiB of memory for values and counters; what was used longest ago goes. (default: 256)",
      transform: { text in
        guard let number = Int(text), (1...1_048_576).contains(number) else {
          throw ValidationError("expected MiB, 1 to 1048576, found \"\(text)\"")
        }
        return number
      })
    package var memory: Int?
    @Option(
      help: "Keep all in the Redis at HOST:PORT, and not in memory: the same interface, in front of it.",
      transform: { try AddressText.read($0) })
    package var redis: NetworkAddress?

    package init() {}

    package mutating func validate() throws {
      if memory != nil, redis != nil {
        throw ValidationError("--memory is the cache's own; how much Redis keeps it says itself (maxmemory)")
      }
    }
  }

  package static let name = "cache"
  package static let abstract = "Serve a cache: values with a time to live, counters, locks, messages."
  package static let discussion = """
    All is memory, and a restart forgets it, but for the tokens of locks, which never repeat: the folder of --data says which life this is. \
    With --redis all is what Redis has; while it is away requests are answered 503.

    EXAMPLES
      windtunnel serve cache --data ./cache
      windtunnel serve cache --data ./cache --redis 127.0.0.1:6379
      curl -X PUT 'localhost:8080/entries?key=greeting&ttl=60000' -d hello
      curl 'localhost:8080/entries?key=greeting'
      curl -X POST 'localhost:8080/counters?key=visits'
      curl -X POST 'localhost:8080/locks?name=job&owner=me&ttl=5000'
      curl -N 'localhost:8080/messages?pattern=news:*'
      curl -X POST 'localhost:8080/messages?channel=news:a' -d 'it is windy'
      curl localhost:8080/metrics
    """
  package static var mutants: [Mutant] { CacheAssembly.mutants }

  package static func plan(_ options: Options, _ hosting: ServedHosting) throws -> ServedPlan {
    let (commands, listening) = (Endpoint(1), Endpoint(2))
    let make: @Sendable () -> any Machine =
      options.redis == nil
      ? CacheAssembly(maximumBytes: (options.memory ?? 256) << 20).make
      : RedisFrontAssembly(commands: commands, listening: listening).make
    let node = LiveNodeSpecification(
      NodeID(0), name: "\(name)/cache", listen: options.ports.address(0), dataDirectory: hosting.folder.path, planted: hosting.planted,
      makeMachine: make)
    var plan = ServedPlan(
      "cache", nodes: [node], folders: [ServedPlan.Folder("", DataFolderOwner(service: "cache"))], addressOption: "--port")
    guard let redis = options.redis else { return plan }
    guard hosting.planted == .none else { throw ValidationError("--mutant switches on a bug of the cache in memory, which --redis is not") }
    let adapter = RESPAdapter(HostAndPort(host: redis.host, port: redis.port))
    plan.adapters = [commands: adapter, listening: adapter]
    return plan
  }
}
