// What the registry knows: services with their versions, the instances of each, and the hosts. The part that is kept over
// restarts is `Registered`; all else is learnt anew from the hosts' reports.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

/// A service.
struct Service {
  /// Its versions, by number.
  var versions: [Version]
  /// Which of them serves.
  var active: Int64
  /// A swap under way.
  var swap: Swap?
  /// How it stood when somebody was last told.
  var toldHealth = ServiceHealth.idle
  var figures = Figures()

  /// What is told of it.
  struct Figures {
    var served: UInt64 = 0
    var failed: UInt64 = 0
    var times = TimeHistogram()
  }

  func version(_ number: Int64) -> Version? { versions.first { $0.registration.version == number } }

  /// Changes a version that there is.
  mutating func change(_ number: Int64, _ change: (inout Version) -> Void) {
    guard let place = versions.firstIndex(where: { $0.registration.version == number }) else { return }
    change(&versions[place])
  }
}

/// A version of a service.
struct Version {
  enum Phase {
    /// No instance is there, and none is asked for.
    case idle
    /// Instances are being loaded, since then.
    case initializing(since: Instant)
    /// An instance at least is ready.
    case ready
    /// None could be had: why, and when it is tried again where somebody asks.
    case failed(String, until: Instant)
  }

  var registration: ServiceRegistration
  var phase = Phase.idle
  /// Attempts to initialise that failed in a row.
  var failures = 0
  /// Hosts that refused in this attempt, with what they said.
  var refusals: [(host: Int, reason: String)] = []
  /// Who waits until it is ready.
  var waiting: [Waiting] = []
  var replicas: [Replica] = []
  var ejection = OutlierEjection<Int>()
  /// When instances that are missing were last asked for.
  var toppedUpAt = Instant(nanoseconds: 0)

  init(_ registration: ServiceRegistration) { self.registration = registration }

  /// Tasks under way on all of its instances.
  var outstanding: Int { replicas.reduce(0) { $0 + $1.outstanding } }

  var readyReplicas: [Replica] { replicas.filter(\.isReady) }

  mutating func change(_ host: Int, _ change: (inout Replica) -> Void) {
    guard let place = replicas.firstIndex(where: { $0.host == host }) else { return }
    change(&replicas[place])
  }

  mutating func remove(_ host: Int) {
    replicas.removeAll { $0.host == host }
    ejection.remove(host)
  }
}

/// An instance of a version on a host.
struct Replica {
  enum State {
    case loading
    case ready(instance: String)
  }

  /// The host's place in the configuration.
  var host: Int
  var state: State
  /// Tasks under way.
  var outstanding = 0
  var readyAt = Instant(nanoseconds: 0)
  /// When it last did a task or a probe.
  var succeededAt: Instant?
  var isProbed = false
  var probeDue = Instant(nanoseconds: 0)

  var isReady: Bool { if case .ready = state { true } else { false } }
}

/// Who waits for a version.
enum Waiting {
  case initialize(ExchangeID, deadline: Deadline)
  case task(TaskJob)

  var exchange: ExchangeID {
    switch self {
    case .initialize(let exchange, _): exchange
    case .task(let job): job.exchange
    }
  }
  var deadline: Deadline {
    switch self {
    case .initialize(_, let deadline): deadline
    case .task(let job): job.deadline
    }
  }
}

/// A swap under way.
struct Swap {
  enum Phase {
    /// The new version is being initialised.
    case preparing
    /// Tasks go over to it, from then on.
    case shifting(since: Instant)
  }

  var target: Int64
  var exchange: ExchangeID
  var gradual: TimeSpan
  var beganAt: Instant
  var phase = Phase.preparing
  /// Tasks in a row that the new version failed.
  var failures = 0
}

/// A host, as its reports tell.
struct HostState {
  var name: String
  var endpoint: Endpoint
  /// Which life of it spoke last, and by which report.
  var life: Int64 = -1
  var sequence: Int64 = 0
  /// When it was last heard of.
  var heardAt: Instant?
  var memoryBytes = 0
  var memoryLimitBytes = 0
  /// Its instances, as it last told.
  var instances: [InstanceReport] = []
  /// Whether it was told of as silent.
  var isToldSilent = false
}

/// How a service stands.
enum ServiceHealth: String {
  /// No instance is there, and none is asked for.
  case idle
  case initializing
  /// All instances that should be there do their work.
  case healthy
  /// Some do.
  case degraded
  /// None does.
  case unhealthy
}

/// A task on its way.
struct TaskJob {
  var exchange: ExchangeID
  var service: ExactName
  var input: JSON
  var context: ContextFilter?
  var isContextRequired: Bool
  var deadline: Deadline
  var askedAt: Instant
  /// The version that does it.
  var version: Int64 = 0
  /// What the context manager gave, and of which items it is made.
  var adapted: JSON?
  var items: [String]?
  var hasContext = false
  var contextBeganAt = Instant(nanoseconds: 0)
  var contextNanoseconds: Int64 = 0
  /// When it was first on its way to an instance.
  var routedAt: Instant?
  /// Hosts that failed it.
  var tried: [Int] = []
  /// Why the last of them did.
  var lastFailure: TaskFailure?
}

/// Why a task came to nothing.
enum TaskFailure {
  case timedOut
  case unreachable
  case busy
  /// The model failed, or what it gave breaks its contract: in words.
  case broken(String)
}
