// What a host of models is asked by the registry, and what it reports to it.
//
// POST   /instances {"service","version","model_type","format","settings"}
//          → 201 {"instance","memory_bytes","took_ms"}, once it is loaded; 200 it was already, or another asked first;
//            422 LOADING_FAILED; 507 OUT_OF_MEMORY; 409 INSTANCE_DIFFERS, where this version is loaded from something else
// DELETE /instances?service=S&version=V → 204, once what runs is done; 404
// GET    /instances                     → 200 {"instances": [as in a report, …]}
// POST   /tasks {"service","version","task","input"[,"context","probe"]}
//          → 200 {"task","service","version","instance","output"}; 404 NO_INSTANCE; 422 MODEL_REFUSED; 429 BUSY;
//            502 MODEL_FAILED
// GET    /health, GET /metrics
//
// It reports (POST /reports of the registry) each change at once, and a heartbeat where nothing changes. A probe is a task
// like any other: it takes the same way, so that a host that answers pings and stalls tasks is found out; but it does not
// count as use, else no instance would ever be idle.

import Vocabulary
import Wire

/// A host's interface.
public enum HostAPI {
  /// Longest name of a host in bytes.
  public static let maximumNameBytes = 64
  /// Most instances of a host.
  public static let maximumInstances = 1_000
  /// Most bytes of memory that a host may tell of: a pebibyte.
  public static let maximumMemoryBytes: Int64 = 1 << 50
  /// Longest body of a request in bytes.
  public static let maximumRequestBytes = 1 << 20

  /// Asks for an instance.
  public static func load(_ registration: ServiceRegistration) -> Request {
    .json(.post, "/instances") { writer in
      writer.beginObject()
      writer.member("service", registration.id)
      writer.member("version", registration.version)
      writer.member("model_type", registration.type.rawValue)
      writer.member("format", registration.format)
      writer.name("settings")
      registration.settings.write(&writer)
      writer.endObject()
    }
  }

  /// Asks that an instance go.
  public static func unload(_ service: String, _ version: Int64) -> Request {
    Request(.delete, "/instances?service=\(HTTPTarget.escaped(service))&version=\(version)")
  }

  /// Asks for a task. `task` is a number that its answer repeats; `context` is what the context manager gave.
  public static func task(
    _ service: String, _ version: Int64, task: UInt64, input: JSON, context: JSON?, isProbe: Bool = false
  ) -> Request {
    .json(.post, "/tasks") { writer in
      writer.beginObject()
      writer.member("service", service)
      writer.member("version", version)
      writer.member("task", String(task, radix: 16))
      writer.member("input", input)
      if let context { writer.member("context", context) }
      if isProbe { writer.member("probe", true) }
      writer.endObject()
    }
  }
}

/// What models are made of.
public struct ModelSettings: Sendable, Hashable {
  /// Bytes of weights: memory, and the time to load them.
  public var weightsBytes: Int
  /// How long an instance without tasks stays, from when it was ready or did its last task; nil for ever.
  public var idleTime: TimeSpan?
  /// How long a task may take; nil for what is usual for its type.
  public var timeout: TimeSpan?
  /// How long an instance is warmed up once its weights are loaded, before it is ready.
  public var warmUpTime: TimeSpan

  /// Most bytes of weights: 16 GiB.
  public static let maximumWeightsBytes: Int64 = 16 << 30

  /// Settings.
  public init(weightsBytes: Int = 64 << 10, idleTime: TimeSpan? = nil, timeout: TimeSpan? = nil, warmUpTime: TimeSpan = .zero) {
    self.weightsBytes = weightsBytes
    self.warmUpTime = warmUpTime
    self.idleTime = idleTime
    self.timeout = timeout
  }

  /// Reads {"weights_bytes","idle_ms","timeout_ms","warm_up_ms"}, each of which may be missing.
  public init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["weights_bytes", "idle_ms", "timeout_ms", "warm_up_ms"])
    self.init()
    if let field = try field.optionalMember("weights_bytes") { weightsBytes = Int(try field.integer(in: 0...Self.maximumWeightsBytes)) }
    if let field = try field.optionalMember("idle_ms") { idleTime = .milliseconds(try field.integer(in: 1...86_400_000)) }
    if let field = try field.optionalMember("timeout_ms") {
      timeout = .milliseconds(try field.integer(in: 1...ServicesAPI.maximumTaskMilliseconds))
    }
    if let field = try field.optionalMember("warm_up_ms") { warmUpTime = .milliseconds(try field.integer(in: 0...600_000)) }
  }

  /// Writes them as they are read.
  public func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("weights_bytes", weightsBytes)
    if let idleTime { writer.member("idle_ms", idleTime.milliseconds) }
    if let timeout { writer.member("timeout_ms", timeout.milliseconds) }
    if warmUpTime > .zero { writer.member("warm_up_ms", warmUpTime.milliseconds) }
    writer.endObject()
  }
}

/// An instance as its host tells of it.
public struct InstanceReport: Sendable, Hashable {
  /// How an instance stands.
  public enum State: String, Sendable, CaseIterable {
    case loading, ready
    /// It takes no new tasks, and goes when the last is done.
    case draining
  }

  /// Of which service and version it is.
  public var service: String
  public var version: Int64
  /// Its own name, drawn when it was loaded: another load gives another.
  public var instance: String
  /// How it stands.
  public var state: State
  /// What it takes.
  public var memoryBytes: Int
  /// Tasks that it did so far.
  public var tasks: Int64

  /// A report.
  public init(service: String, version: Int64, instance: String, state: State, memoryBytes: Int, tasks: Int64) {
    self.service = service
    self.version = version
    self.instance = instance
    self.state = state
    self.memoryBytes = memoryBytes
    self.tasks = tasks
  }

  /// Reads it.
  public init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["service", "version", "instance", "state", "memory_bytes", "tasks"])
    service = try field.member("service").string(maximumBytes: ServicesAPI.maximumNameBytes, minimumBytes: 1)
    version = try field.member("version").integer(in: 1...Int64.max)
    instance = try field.member("instance").string(maximumBytes: 64)
    state = try field.member("state").word(State.self)
    memoryBytes = Int(try field.member("memory_bytes").integer(in: 0...ModelSettings.maximumWeightsBytes))
    tasks = try field.member("tasks").integer(in: 0...Int64.max)
  }

  /// Writes it.
  public func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("service", service)
    writer.member("version", version)
    writer.member("instance", instance)
    writer.member("state", state.rawValue)
    writer.member("memory_bytes", memoryBytes)
    writer.member("tasks", tasks)
    writer.endObject()
  }
}

/// What a host tells the registry.
public struct HostReport: Sendable, Hashable {
  /// Its name.
  public var host: String
  /// Which life of it this is, and which report of that life: an older one counts for nothing.
  public var life: Int64
  public var sequence: Int64
  /// What its instances take, and what they may take in all.
  public var memoryBytes: Int
  public var memoryLimitBytes: Int
  /// Its instances, by service and version.
  public var instances: [InstanceReport]

  /// A report.
  public init(host: String, life: Int64, sequence: Int64, memoryBytes: Int, memoryLimitBytes: Int, instances: [InstanceReport]) {
    self.host = host
    self.life = life
    self.sequence = sequence
    self.memoryBytes = memoryBytes
    self.memoryLimitBytes = memoryLimitBytes
    self.instances = instances
  }

  /// Reads it.
  public init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["host", "life", "sequence", "memory_bytes", "memory_limit_bytes", "instances"])
    host = try field.member("host").string(maximumBytes: HostAPI.maximumNameBytes, minimumBytes: 1)
    life = try field.member("life").integer(in: 0...Int64.max)
    sequence = try field.member("sequence").integer(in: 0...Int64.max)
    memoryBytes = Int(try field.member("memory_bytes").integer(in: 0...HostAPI.maximumMemoryBytes))
    memoryLimitBytes = Int(try field.member("memory_limit_bytes").integer(in: 0...HostAPI.maximumMemoryBytes))
    instances = []
    for element in try field.member("instances").elements(maximum: HostAPI.maximumInstances) {
      instances.append(try InstanceReport(element))
    }
  }

  /// Tells it.
  public func request() -> Request {
    .json(.post, "/reports") { writer in
      writer.beginObject()
      writer.member("host", host)
      writer.member("life", life)
      writer.member("sequence", sequence)
      writer.member("memory_bytes", memoryBytes)
      writer.member("memory_limit_bytes", memoryLimitBytes)
      writer.name("instances")
      writer.beginArray()
      for instance in instances { instance.write(&writer) }
      writer.endArray()
      writer.endObject()
    }
  }
}
