// Model services together: which node is what, where each finds the others, and how they are set up. Whoever serves them or
// flies them places the same nodes.

import ChatCompletions
import ContextManager
import ModelHost
import ServiceRegistry
import StoresAssembly
import Vocabulary

/// Model services: a registry, a context manager with its store, and hosts of models.
public struct ModelServicesAssembly: Sendable {
  /// Where each is.
  public struct Places: Sendable {
    /// The registry, the context manager, and the store behind it.
    public var registry: Endpoint
    public var context: Endpoint
    public var store: Endpoint
    /// The hosts of models, in order.
    public var hosts: [Endpoint]

    /// Places.
    public init(registry: Endpoint, context: Endpoint, store: Endpoint, hosts: [Endpoint]) {
      self.registry = registry
      self.context = context
      self.store = store
      self.hosts = hosts
    }
  }

  /// Where each is.
  public let places: Places
  /// How they are set up.
  public var registryConfiguration: ServiceRegistryConfiguration
  public var contextConfiguration: ContextManagerConfiguration
  public var hostConfigurations: [ModelHostConfiguration]

  /// The usual set-up.
  public init(_ places: Places) {
    self.places = places
    registryConfiguration = ServiceRegistryConfiguration(
      hosts: places.hosts.enumerated().map { .init(name: Self.hostName($0), endpoint: $1) }, context: places.context)
    contextConfiguration = ContextManagerConfiguration(store: places.store)
    hostConfigurations = places.hosts.indices.map { ModelHostConfiguration(name: Self.hostName($0), registry: places.registry) }
  }

  /// Has all hosts ask a language model of this server.
  public mutating func useLanguageModel(_ server: ChatServer, model: String) {
    for place in hostConfigurations.indices { hostConfigurations[place].language = LanguageBackend(server, model: model) }
  }

  /// What a host is called: "host-1" is the first.
  public static func hostName(_ place: Int) -> String { "host-\(place + 1)" }

  /// Makes the machine of a new life of each.
  public var makeRegistry: @Sendable () -> any Machine {
    let configuration = registryConfiguration
    return { ServiceRegistry(configuration) }
  }
  public var makeContext: @Sendable () -> any Machine {
    let configuration = contextConfiguration
    return { ContextManager(configuration) }
  }
  public var makeStore: @Sendable () -> any Machine { RelationalStoreAssembly().make }
  public func makeHost(_ place: Int) -> @Sendable () -> any Machine {
    let configuration = hostConfigurations[place]
    return { ModelHost(configuration) }
  }

  /// Their planted bugs.
  public static var mutants: [Mutant] { registryMutants + contextMutants + hostMutants }
}
