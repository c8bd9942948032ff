// How a system says what `windtunnel serve` serves of it: the options that it takes, and the nodes, folders and
// addresses that come of them. The command does the rest, alike for all: sockets, files, signals.

import ArgumentParser
import Live
import Vocabulary

/// One way in which a system is served: `windtunnel serve NAME`.
package protocol ServedForm {
  /// The options that it takes beside those of `HostingOptions`.
  associatedtype Options: ParsableArguments
  /// Its name.
  static var name: String { get }
  /// What is served, in one sentence.
  static var abstract: String { get }
  /// What to know of it, with examples.
  static var discussion: String { get }
  /// The planted bugs that can be switched on in it.
  static var mutants: [Mutant] { get }
  /// What is served with these options. Throws what the options have wrong.
  static func plan(_ options: Options, _ hosting: ServedHosting) throws -> ServedPlan
}

/// What a form is given from outside beside its own options.
package struct ServedHosting: Sendable {
  /// The folder of the data, as it was given.
  package var folder: FolderView
  /// Planted bugs that are switched on.
  package var planted: PlantedBugs
  /// How the served nodes are called, and so their like in other processes.
  package var scheme: Destination.Scheme

  /// What a form is given.
  package init(folder: FolderView, planted: PlantedBugs, scheme: Destination.Scheme = .http) {
    self.folder = folder
    self.planted = planted
    self.scheme = scheme
  }
}

/// What is served by one process.
package struct ServedPlan: Sendable {
  /// A folder below that of the data, which is claimed before anything starts.
  package struct Folder: Sendable {
    /// Its path below the data's folder; empty for that one itself.
    package var name: String
    /// Whose it is.
    package var owner: DataFolderOwner
    /// Whose a folder is that has no mark and holds these names, from the time before folders were marked; nil where
    /// that cannot be told.
    package var unmarkedOwner: @Sendable (FolderView, _ names: [String]) -> DataFolderOwner?

    /// A folder.
    package init(
      _ name: String, _ owner: DataFolderOwner,
      unmarkedOwner: @escaping @Sendable (FolderView, [String]) -> DataFolderOwner? = { _, _ in nil }
    ) {
      self.name = name
      self.owner = owner
      self.unmarkedOwner = unmarkedOwner
    }
  }

  /// Where the key is that the nodes' peers in other processes must prove.
  package struct PeerKeySource: Sendable {
    /// A file; nil for the environment.
    package var file: String?
    /// Where the peers are listened for.
    package var listening: NetworkAddress

    /// A source.
    package init(file: String?, listening: NetworkAddress) {
      self.file = file
      self.listening = listening
    }
  }

  /// What people call it as a whole, behind "the": "platform".
  package var what: String
  /// The nodes, in the order in which they are told of. Their names are those of their data's folders below the whole's.
  package var nodes: [LiveNodeSpecification]
  /// The folders that are claimed.
  package var folders: [Folder]
  /// Where others are that the nodes call.
  package var directory: [Endpoint: Destination] = [:]
  /// What answers at endpoints for what is no HTTP.
  package var adapters: [Endpoint: any Adapter] = [:]
  /// Where the nodes' peers in other processes are.
  package var peerDirectory: [NodeID: NetworkAddress] = [:]
  /// Where the key of those peers is; nil where all peers are in this process.
  package var peerKey: PeerKeySource?
  /// The option by which another address is given, as a message names it.
  package var addressOption: String
  /// What the operator is told before the start.
  package var notes: [String] = []

  /// What is served.
  package init(_ what: String, nodes: [LiveNodeSpecification], folders: [Folder], addressOption: String) {
    self.what = what
    self.nodes = nodes
    self.folders = folders
    self.addressOption = addressOption
  }
}

/// `--port` of what is served at ports in a row.
package struct PortsInARow: ParsableArguments {
  @Option(
    help: "The first of the services' ports, which are in a row; 0 lets the system choose them all. (default: 8080)",
    transform: { try Bounds.servedPort.read($0) })
  package var port = 8080

  package init() {}

  /// Where the service `index` ports behind the first listens.
  package func address(_ index: Int) -> NetworkAddress { NetworkAddress(host: "127.0.0.1", port: port == 0 ? 0 : port + index) }
}
