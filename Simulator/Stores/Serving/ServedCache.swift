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
    package var memory = 256

    package init() {}
  }

  package static let name = "cache"
  package static let abstract = "Serve a cache: values with a time to live, counters, locks, messages."
  package static let discussion = """
    All is memory, and a restart forgets it, but for the tokens of locks, which never repeat: the folder of --data says which life this is.

    EXAMPLES
      windtunnel serve cache --data ./cache
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
    let assembly = CacheAssembly(maximumBytes: options.memory << 20)
    let node = LiveNodeSpecification(
      NodeID(0), name: "\(name)/cache", listen: options.ports.address(0), dataDirectory: hosting.folder.path, planted: hosting.planted,
      makeMachine: assembly.make)
    return ServedPlan(
      "cache", nodes: [node], folders: [ServedPlan.Folder("", DataFolderOwner(service: "cache"))], addressOption: "--port")
  }
}
