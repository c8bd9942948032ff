// The stores, for whoever serves them, flies them, or stands a system on them.

import Cache
import RelationalStore
import Vocabulary

/// A relational store on its own node.
public struct RelationalStoreAssembly: Sendable {
  /// The usual bounds.
  public init() {}

  /// Makes the machine of a new life.
  public var make: @Sendable () -> any Machine { { RelationalStore() } }

  /// Its planted bugs.
  public static var mutants: [Mutant] { storeMutants }
}

/// The cache's interface in front of a Redis, on its own node.
public struct RedisFrontAssembly: Sendable {
  private let commands: Endpoint
  private let listening: Endpoint

  /// A front whose host has the adapter to Redis at two endpoints: for commands, and for what is listened to.
  public init(commands: Endpoint, listening: Endpoint) {
    self.commands = commands
    self.listening = listening
  }

  /// Makes the machine of a new life.
  public var make: @Sendable () -> any Machine {
    let (commands, listening) = (commands, listening)
    return { RedisFront(commands: commands, listening: listening) }
  }
}

/// A cache on its own node.
public struct CacheAssembly: Sendable {
  /// What it may take.
  public var configuration: CacheConfiguration

  /// A cache with these bounds.
  public init(_ configuration: CacheConfiguration = CacheConfiguration()) { self.configuration = configuration }

  /// A cache with room for so many bytes.
  public init(maximumBytes: Int) {
    configuration = CacheConfiguration()
    configuration.maximumBytes = maximumBytes
  }

  /// Makes the machine of a new life.
  public var make: @Sendable () -> any Machine {
    let configuration = configuration
    return { Cache(configuration) }
  }

  /// Its planted bugs.
  public static var mutants: [Mutant] { cacheMutants }

  /// Clean-ups that come as seldom as a flight likes, so that nothing hangs on them.
  public static func cleaning(every span: TimeSpan) -> CacheAssembly {
    var configuration = CacheConfiguration()
    configuration.cleanEvery = span
    return CacheAssembly(configuration)
  }
}
