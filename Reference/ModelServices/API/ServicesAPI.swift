// What the service registry is asked, and answers.
//
// POST   /services {"id","model_type","version"[,"format","replicas","contract","settings"]}
//          → 201 registered, and not initialised before the first task asks for it; 200 it is so already; 409 VERSION_EXISTS,
//            TYPE_DIFFERS; its id can be all that a segment of a path can
// GET    /services                       → 200 {"services": [as below, …]}
// GET    /services/{id}                  → 200 {"id","model_type","health","active_version","versions":[…],…}; 404
// DELETE /services/{id}                  → 204; 404
// POST   /services/{id}/initialize       → 200 as GET, once it is ready; 503 INITIALIZATION_FAILED
// POST   /services/{id}/swap {"version"[,"gradual_ms"]}
//          → 200 as GET, once all tasks go to that version; 409 INCOMPATIBLE_CONTRACT, SWAP_UNDER_WAY; 503 SWAP_FAILED, and
//            the version before serves as it did
// POST   /tasks {"service","input"[,"context":{"scope"[,"kinds","limit","required"]},"timeout_ms"]}
//          → 200 {"service","version","instance","host","output","context":[ids],"context_ms","route_ms","task_ms"};
//            404 SERVICE_NOT_FOUND; 400; 503 INITIALIZATION_FAILED, NO_HEALTHY_INSTANCE, OVERLOADED, CONTEXT_UNAVAILABLE;
//            422 MODEL_REFUSED; 502 MODEL_FAILED; 504 TASK_TIMEOUT
// GET    /events                         → 200, an event stream: each change of a service's or host's health
// POST   /reports                        (from the hosts of models, `HostReport`) → 200 {"unload": [{"service","version"}, …]}
// GET    /health, GET /metrics
//
// Guarantees: a service is initialised once, however many ask for it, and anew with growing pauses where that failed. A
// task is answered by the version that was active when it was routed, once; its answer holds what the contract says, or it
// is an error. A swap loses no task. Registrations and active versions survive restarts.

import Vocabulary
import Wire

/// The registry's interface.
public enum ServicesAPI {
  /// Longest name of a service in bytes.
  public static let maximumNameBytes = 128
  /// Most services, and versions of one.
  public static let maximumServices = 1_000
  public static let maximumVersions = 8
  /// Most instances of a version.
  public static let maximumReplicas: Int64 = 16
  /// Longest body of a request in bytes.
  public static let maximumRequestBytes = 1 << 20
  /// Longest time that a task, and a gradual swap, may take, in milliseconds.
  public static let maximumTaskMilliseconds: Int64 = 300_000
  public static let maximumGradualMilliseconds: Int64 = 3_600_000
  /// What an event of health is called in the event stream.
  public static let healthEvent = "health"

  /// Asks for a task.
  public static func task(
    _ service: String, _ input: JSON, context: ContextFilter? = nil, isContextRequired: Bool = true, timeout: TimeSpan? = nil
  ) -> Request {
    .json(.post, "/tasks") { writer in
      writer.beginObject()
      writer.member("service", service)
      writer.member("input", input)
      if let context {
        writer.name("context")
        writer.beginObject()
        context.writeMembers(&writer)
        if !isContextRequired { writer.member("required", false) }
        writer.endObject()
      }
      if let timeout { writer.member("timeout_ms", timeout.milliseconds) }
      writer.endObject()
    }
  }

  /// Asks that a service be ready.
  public static func initialize(_ service: String) -> Request { Request(.post, "/services/\(HTTPTarget.escaped(service))/initialize") }

  /// Asks for another version.
  public static func swap(_ service: String, to version: Int64, gradual: TimeSpan = .zero) -> Request {
    .json(.post, "/services/\(HTTPTarget.escaped(service))/swap") { writer in
      writer.beginObject()
      writer.member("version", version)
      if gradual > .zero { writer.member("gradual_ms", gradual.milliseconds) }
      writer.endObject()
    }
  }

  /// Asks how a service stands.
  public static func service(_ id: String) -> Request { Request(.get, "/services/\(HTTPTarget.escaped(id))") }
}

/// A version of a service as it is registered.
public struct ServiceRegistration: Sendable, Hashable {
  /// The service.
  public var id: String
  /// What makes its models.
  public var type: ModelType
  /// Which version; any number from 1 on.
  public var version: Int64
  /// The format of its interface and of the context that it reads.
  public var format: Int64
  /// How many instances serve it, each on a host of its own, where there are as many hosts.
  public var replicas: Int
  /// What its tasks hand in and get.
  public var contract: TypedContract
  /// What its models are made of.
  public var settings: ModelSettings

  /// A registration by the type's own contract.
  public init(
    _ id: String, _ type: ModelType, version: Int64 = 1, format: Int64 = 1, replicas: Int = 1, settings: ModelSettings = ModelSettings()
  ) {
    self.id = id
    self.type = type
    self.version = version
    self.format = format
    self.replicas = replicas
    contract = type.contract(format: format)
    self.settings = settings
  }

  /// Reads what was asked for. Throws what is none.
  public init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["id", "model_type", "version", "format", "replicas", "contract", "settings"])
    let idField = try field.member("id")
    id = try idField.string(maximumBytes: ServicesAPI.maximumNameBytes, minimumBytes: 1)
    // All that can be asked of a service later names it in a path.
    guard let target = try? HTTPTarget("/" + HTTPTarget.escaped(id)), target.segments.count == 1, !target.endsWithSlash else {
      throw idField.mismatch("a name that can stand in a path: without slashes and control characters, and not . or ..", found: quoted(id))
    }
    type = try field.member("model_type").word(ModelType.self)
    version = try field.member("version").integer(in: 1...1_000_000_000)
    let formatRead = try field.optionalMember("format").map { (field) throws(FieldMistake) in try field.integer(in: ModelType.formats) }
    format = formatRead ?? ModelType.formats.lowerBound
    let replicasRead = try field.optionalMember("replicas").map { (field) throws(FieldMistake) in
      Int(try field.integer(in: 1...ServicesAPI.maximumReplicas))
    }
    replicas = replicasRead ?? 1
    settings = try field.optionalMember("settings").map { (field) throws(FieldMistake) in try ModelSettings(field) } ?? ModelSettings()
    let own = type.contract(format: format)
    if let declared = try field.optionalMember("contract") {
      contract = try TypedContract(declared)
      if let lack = contract.lack(of: own) {
        throw declared.mismatch("a contract that a model of type \"\(type.rawValue)\" can serve", found: "one that it cannot: \(lack)")
      }
    } else {
      contract = own
    }
  }

  /// Writes it as it is read.
  public func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    writeMembers(&writer)
    writer.endObject()
  }

  /// Writes its members into an object that is begun already.
  public func writeMembers(_ writer: inout JSONWriter) {
    writer.member("id", id)
    writer.member("model_type", type.rawValue)
    writer.member("version", version)
    writer.member("format", format)
    writer.member("replicas", replicas)
    writer.name("contract")
    contract.write(&writer)
    writer.name("settings")
    settings.write(&writer)
  }

  /// Asks for it.
  public func request() -> Request { .json(.post, "/services") { write(&$0) } }
}

/// A task as it is asked for.
public struct TaskRequest: Sendable {
  /// The service.
  public var service: String
  /// What it hands in, not held against a contract yet.
  public var input: JSONField
  /// Which context it wants; nil for none.
  public var context: ContextFilter?
  /// Whether it is not worth doing without.
  public var isContextRequired: Bool
  /// How long it may take; nil for what is usual.
  public var timeout: TimeSpan?

  /// Reads what was asked for.
  public init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["service", "input", "context", "timeout_ms"])
    service = try field.member("service").string(maximumBytes: ServicesAPI.maximumNameBytes, minimumBytes: 1)
    input = try field.member("input")
    isContextRequired = true
    if let filter = try field.optionalMember("context") {
      context = try ContextFilter(filter, alsoKnown: ["required"])
      if let required = try filter.optionalMember("required") { isContextRequired = try required.bool() }
    }
    timeout = try field.optionalMember("timeout_ms").map { (field) throws(FieldMistake) in
      .milliseconds(try field.integer(in: 1...ServicesAPI.maximumTaskMilliseconds))
    }
  }
}

/// The answer to a task.
public struct TaskAnswer: Sendable {
  /// The service, and which version of it did the task.
  public var service: String
  public var version: Int64
  /// Which instance did, and on which host.
  public var instance: String
  public var host: String
  /// What came out.
  public var output: JSON
  /// The items of context that the model was given, in order; nil where it was to do without.
  public var context: [String]?
  /// How long the context took, finding a way to the model, and the model; in nanoseconds.
  public var contextNanoseconds: Int64
  public var routeNanoseconds: Int64
  public var taskNanoseconds: Int64

  /// An answer.
  public init(
    service: String, version: Int64, instance: String, host: String, output: JSON, context: [String]?, contextNanoseconds: Int64,
    routeNanoseconds: Int64, taskNanoseconds: Int64
  ) {
    self.service = service
    self.version = version
    self.instance = instance
    self.host = host
    self.output = output
    self.context = context
    self.contextNanoseconds = contextNanoseconds
    self.routeNanoseconds = routeNanoseconds
    self.taskNanoseconds = taskNanoseconds
  }

  /// Reads an answer.
  public init(_ field: JSONField) throws(FieldMistake) {
    service = try field.member("service").string(maximumBytes: ServicesAPI.maximumNameBytes)
    version = try field.member("version").integer()
    instance = try field.member("instance").string(maximumBytes: 64)
    host = try field.member("host").string(maximumBytes: ServicesAPI.maximumNameBytes)
    output = try field.member("output").value
    if let list = try field.optionalMember("context") {
      var ids: [String] = []
      for element in try list.elements(maximum: ContextAPI.maximumItems) {
        ids.append(try element.string(maximumBytes: ContextAPI.maximumNameBytes))
      }
      context = ids
    }
    func nanoseconds(_ name: String) throws(FieldMistake) -> Int64 {
      let member = try field.member(name)
      guard let whole = Int64(exactly: (try member.finiteDouble() * 1e6).rounded()), whole >= 0 else {
        throw member.mismatch("a time in milliseconds")
      }
      return whole
    }
    contextNanoseconds = try nanoseconds("context_ms")
    routeNanoseconds = try nanoseconds("route_ms")
    taskNanoseconds = try nanoseconds("task_ms")
  }

  /// The answer.
  public func response() -> Response {
    .json(200) { writer in
      writer.beginObject()
      writer.member("service", service)
      writer.member("version", version)
      writer.member("instance", instance)
      writer.member("host", host)
      writer.member("output", output)
      if let context {
        writer.name("context")
        writer.beginArray()
        for id in context { writer.value(id) }
        writer.endArray()
      }
      writer.member("context_ms", Double(contextNanoseconds) / 1e6)
      writer.member("route_ms", Double(routeNanoseconds) / 1e6)
      writer.member("task_ms", Double(taskNanoseconds) / 1e6)
      writer.endObject()
    }
  }
}
