// How a relational store is served.

import ArgumentParser
import Console
import Live
import StoresAPI
import StoresAssembly
import Vocabulary

/// A relational store as it is served.
package enum ServedStore: ServedForm {
  /// Its options.
  package struct Options: ParsableArguments {
    @OptionGroup package var ports: PortsInARow

    package init() {}
  }

  package static let name = "store"
  package static let abstract = "Serve a relational store: tables, and transactions that are one message."
  package static let discussion = """
    What was answered is on the disk. A transaction is done whole or not at all.

    EXAMPLES
      windtunnel serve store --data ./store
      curl localhost:8080/tables \\
        -d '{"name":"people","columns":{"id":"integer","name":"text"},"key":["id"]}'
      curl localhost:8080/transactions \\
        -d '{"steps":[{"insert":"people","row":{"id":1,"name":"Ada"}}]}'
      curl localhost:8080/transactions \\
        -d '{"steps":[{"select":"people","where":{"name":"Ada"}}]}'
    """
  package static var mutants: [Mutant] { RelationalStoreAssembly.mutants }

  package static func plan(_ options: Options, _ hosting: ServedHosting) throws -> ServedPlan {
    let node = LiveNodeSpecification(
      NodeID(0), name: "\(name)/store", listen: options.ports.address(0), dataDirectory: hosting.folder.path, planted: hosting.planted,
      makeMachine: RelationalStoreAssembly().make)
    return ServedPlan(
      "store", nodes: [node], folders: [ServedPlan.Folder("", DataFolderOwner(service: "relational store"))], addressOption: "--port")
  }
}
