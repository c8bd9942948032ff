// How model services are served: the registry, the context manager, the store behind it and the hosts of models, at ports in a
// row, in one process.

import ArgumentParser
import ChatCompletions
import Console
import Live
import ModelServicesAPI
import ModelServicesAssembly
import Vocabulary

/// Model services as they are served.
package enum ServedModels: ServedForm {
  /// Its options.
  package struct Options: ParsableArguments {
    @OptionGroup package var ports: PortsInARow
    @Option(help: "Hosts of models. (default: 2)", transform: { try Bounds.modelHosts.read($0) })
    package var hosts = 2
    @Option(help: "MiB of weights that one host may hold. (default: 1024)", transform: { try Bounds.modelMemory.read($0) })
    package var memory = 1_024
    @Option(
      help: """
        The base URL of a server that speaks the chat-completions interface, like http://127.0.0.1:11434/v1: services of type language ask it. \
        https:// where the command was built with TLS.
        """)
    package var languageModel: String?
    @Option(help: "Which model of that server. (default: default)") package var languageModelName = "default"
    @Option(help: "A file whose first line is the key that the server wants (Authorization: Bearer).") package var languageModelKey: String?

    package init() {}

    /// The server, as the options say.
    func languageServer() throws -> ChatServer? {
      guard let languageModel else { return nil }
      var key: BearerKey?
      if let path = languageModelKey {
        let text = try InputFile.text(path, as: "--language-model-key: the file \"\(path)\"", atMost: 64 << 10)
        let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        guard let read = BearerKey(line) else {
          throw InputProblem(description: "--language-model-key: expected a key in the first line of \"\(path)\"")
        }
        key = read
      }
      let server: ChatServer
      do {
        server = try ChatServer(baseURL: languageModel, namedBy: .operator, key: key)
      } catch {
        throw InputProblem(description: "--language-model: \(error)")
      }
      if case .destination(let destination) = server.callee, case .network(.https, _) = destination.place, !TransportSecurity.isBuiltIn {
        throw InputProblem(description: "--language-model: \(TransportSecurity.howToBuildIn)")
      }
      return server
    }
  }

  package static let name = "models"
  package static let abstract = "Serve model services: a registry, hosts of models, and the context that they share."
  package static let discussion = """
    The registry listens on the first port, the context manager on the next, the store behind it on the third and the hosts of models on those \
    behind. Registrations, active versions and context survive `kill -9`; where instances are is learnt anew from the hosts.

    EXAMPLES
      windtunnel serve models --data ./models
      curl localhost:8080/services \\
        -d '{"id":"loudness","model_type":"audio-analysis","version":1}'
      curl localhost:8080/tasks \\
        -d '{"service":"loudness","input":{"pcm":"AABkAJz/yAA="}}'
      curl -X PUT localhost:8081/context/gain \\
        -d '{"scope":"song","kind":"gain","content":{"gain":2}}'
      curl localhost:8080/services \\
        -d '{"id":"effect","model_type":"audio-effect","version":1,"replicas":2}'
      curl localhost:8080/tasks -d \\
        '{"service":"effect","input":{"pcm":"AABkAJz/yAA="},"context":{"scope":"song"}}'
      curl localhost:8080/services \\
        -d '{"id":"effect","model_type":"audio-effect","version":2,"format":2}'
      curl localhost:8080/services/effect/swap -d '{"version":2}'
      windtunnel serve models --data ./models \\
        --language-model http://127.0.0.1:11434/v1 --language-model-name llama3
      curl -N localhost:8080/events
      curl localhost:8080/metrics
    """
  package static var mutants: [Mutant] { ModelServicesAssembly.mutants }

  package static func plan(_ options: Options, _ hosting: ServedHosting) throws -> ServedPlan {
    let endpoint = { (place: Int) in Endpoint(NodeID(UInt16(place))) }
    var assembly = ModelServicesAssembly(
      .init(registry: endpoint(0), context: endpoint(1), store: endpoint(2), hosts: (0..<options.hosts).map { endpoint(3 + $0) }))
    for place in assembly.hostConfigurations.indices { assembly.hostConfigurations[place].memoryLimitBytes = options.memory << 20 }
    if let server = try options.languageServer() { assembly.useLanguageModel(server, model: options.languageModelName) }
    let hosts = (0..<options.hosts).map { (ModelServicesAssembly.hostName($0), assembly.makeHost($0)) }
    let machines = [("registry", assembly.makeRegistry), ("context", assembly.makeContext), ("store", assembly.makeStore)] + hosts
    let nodes = machines.enumerated().map { place, machine in
      LiveNodeSpecification(
        NodeID(UInt16(place)), name: "\(name)/\(machine.0)", listen: options.ports.address(place),
        dataDirectory: "\(hosting.folder.path)/\(machine.0)", planted: hosting.planted, makeMachine: machine.1)
    }
    let folders =
      [ServedPlan.Folder("", DataFolderOwner(service: "model services"))]
      + machines.map { ServedPlan.Folder($0.0, DataFolderOwner(service: "model services, \($0.0)")) }
    return ServedPlan("models", nodes: nodes, folders: folders, addressOption: "--port (it is the first of \(nodes.count))")
  }
}

extension Bounds {
  /// Hosts of models that are served.
  package static let modelHosts = Bounds(1...12)
  /// MiB of weights.
  package static let modelMemory = Bounds(1...1_048_576)
}
