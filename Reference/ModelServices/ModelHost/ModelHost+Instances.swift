// Instances: loaded once however many ask, kept while they are used, and gone when the last task is done.

import ModelServicesAPI
import Resilience
import Vocabulary
import Wire

/// Of what an instance is.
struct InstanceName: Hashable, Comparable {
  var service: ExactName
  var version: Int64

  static func < (left: InstanceName, right: InstanceName) -> Bool { (left.service, left.version) < (right.service, right.version) }
}

/// An instance, or one that is to be.
struct Instance {
  enum State {
    /// Its weights are being loaded; who waits for it.
    case loading(WorkTicket<ModelWeights>, waiting: [ExchangeID])
    /// They are loaded, and it is warmed up until the timer.
    case warming(any Model, TimerID, waiting: [ExchangeID])
    case ready(any Model)
    /// It takes no new tasks; who waits for its end.
    case draining(any Model, waiting: [ExchangeID])
  }

  /// Its own name.
  var name: String
  var request: LoadRequest
  var state: State
  /// When it was asked for.
  var askedAt: Instant
  /// When it was ready, or did its last task.
  var usedAt: Instant
  /// Tasks under way, and done.
  var underWay = 0
  var done: Int64 = 0
}

/// What an instance is to be made of.
struct LoadRequest: Hashable {
  var service: String
  var version: Int64
  var type: ModelType
  var format: Int64
  var settings: ModelSettings

  init(_ field: JSONField) throws(FieldMistake) {
    try field.onlyMembers(["service", "version", "model_type", "format", "settings"])
    service = try field.member("service").string(maximumBytes: ServicesAPI.maximumNameBytes, minimumBytes: 1)
    version = try field.member("version").integer(in: 1...1_000_000_000)
    type = try field.member("model_type").word(ModelType.self)
    format = try field.member("format").integer(in: ModelType.formats)
    settings = try ModelSettings(try field.member("settings"))
  }

  var name: InstanceName { InstanceName(service: ExactName(service), version: version) }
}

extension ModelHost {
  /// What all instances take, also those that are being loaded.
  var memoryBytes: Int { instances.values.reduce(0) { $0 + $1.request.settings.weightsBytes } }

  /// All instances, by service and version.
  var instanceReports: [InstanceReport] {
    instances.sorted { $0.key < $1.key }.map { _, instance in
      let state: InstanceReport.State =
        switch instance.state {
        case .loading, .warming: .loading
        case .ready: .ready
        case .draining: .draining
        }
      return InstanceReport(
        service: instance.request.service, version: instance.request.version, instance: instance.name, state: state,
        memoryBytes: instance.request.settings.weightsBytes, tasks: instance.done)
    }
  }

  mutating func load(_ exchange: ExchangeID, _ request: LoadRequest, _ turn: inout Turn) throws(RequestProblem) {
    var waiting = [exchange]
    if let known = instances[request.name] {
      guard known.request == request else {
        throw RequestProblem(
          409, code: "INSTANCE_DIFFERS", message: "version \(request.version) of \(quoted(request.service)) is loaded from something else")
      }
      switch known.state {
      case .loading(let ticket, let others):
        waiting = others + [exchange]
        if !turn.planted.contains(.hostLoadsForEachCaller) {
          instances[request.name]?.state = .loading(ticket, waiting: waiting)
          return
        }
      case .warming(let model, let timer, let others):
        waiting = others + [exchange]
        if !turn.planted.contains(.hostLoadsForEachCaller) {
          instances[request.name]?.state = .warming(model, timer, waiting: waiting)
          return
        }
      case .ready:
        if !turn.planted.contains(.hostLoadsForEachCaller) {
          return turn.reply(exchange, Self.answer(known, 200, took: .zero), .immediately)
        }
      case .draining:
        throw RequestProblem(503, code: "DRAINING", message: "the instance of this version goes; ask again when it is gone")
      }
    }
    guard instances.count < HostAPI.maximumInstances else {
      throw RequestProblem(507, code: "TOO_MANY_INSTANCES", message: "there are \(HostAPI.maximumInstances) instances, as many as may be")
    }
    let free = configuration.memoryLimitBytes - memoryBytes
    guard request.settings.weightsBytes <= free else {
      figures.failedLoads += 1
      throw RequestProblem(
        507, code: "OUT_OF_MEMORY",
        message: "\(quoted(request.service)) takes \(request.settings.weightsBytes) bytes, and \(max(0, free)) are free")
    }
    let name = String(turn.random.next(), radix: 16)
    if turn.planted.contains(.hostLoadsInTurns) {
      turn.spend(.nanoseconds(Int64(request.settings.weightsBytes) * LoadWeights.nanosecondsPerKiB / 1_024))
    }
    let ticket = turn.compute(LoadWeights(seed: NameDigest.of(request.service), byteCount: request.settings.weightsBytes), .immediately)
    instances[request.name] = Instance(
      name: name, request: request, state: .loading(ticket, waiting: waiting), askedAt: turn.now, usedAt: turn.now)
    changed(&turn)
  }

  /// A work ended: the weights that it loaded are there.
  mutating func loaded(_ id: WorkID, _ outcome: WorkOutcome, _ turn: inout Turn) {
    for (name, instance) in instances {
      guard case .loading(let ticket, let waiting) = instance.state, let result = ticket.result(of: outcome, id) else { continue }
      switch result {
      case .success(let weights):
        let model = ModelFactories.factory(of: instance.request.type).make(format: instance.request.format, weights)
        let warmUp = instance.request.settings.warmUpTime
        guard warmUp > .zero else { return ready(name, model, waiting, &turn) }
        instances[name]?.state = .warming(model, turn.wake(after: warmUp), waiting: waiting)
      case .failure(let failure):
        instances[name] = nil
        figures.failedLoads += 1
        for exchange in waiting {
          turn.reply(exchange, .failure(422, code: "LOADING_FAILED", message: "the weights cannot be loaded: \(failure)"), .immediately)
        }
        changed(&turn)
      }
      return
    }
  }

  /// A timer rang: the instance that was warmed up until then is ready. Returns whether there was one.
  mutating func warmedUp(_ timer: TimerID, _ turn: inout Turn) -> Bool {
    for (name, instance) in instances {
      guard case .warming(let model, timer, let waiting) = instance.state else { continue }
      ready(name, model, waiting, &turn)
      return true
    }
    return false
  }

  /// An instance is ready: the first who asked is told that it was made for him, the others that it is there.
  private mutating func ready(_ name: InstanceName, _ model: any Model, _ waiting: [ExchangeID], _ turn: inout Turn) {
    guard var instance = instances[name] else { breakInvariant("an instance of \(name.service) is ready, and is not there") }
    instance.state = .ready(model)
    // What it took to load is no idle time.
    if !turn.planted.contains(.hostCountsIdleFromLoading) { instance.usedAt = turn.now }
    instances[name] = instance
    let took = turn.now - instance.askedAt
    figures.loads += 1
    figures.loadTimes.add(took)
    for (place, exchange) in waiting.enumerated() {
      turn.reply(exchange, Self.answer(instance, place == 0 ? 201 : 200, took: took), .immediately)
    }
    if instance.request.settings.idleTime != nil, idleLook == nil { idleLook = turn.wake(after: configuration.idleLookEvery) }
    changed(&turn)
  }

  private static func answer(_ instance: Instance, _ status: Int, took: TimeSpan) -> Response {
    .json(status) { writer in
      writer.beginObject()
      writer.member("instance", instance.name)
      writer.member("memory_bytes", instance.request.settings.weightsBytes)
      writer.member("took_ms", Double(took.nanoseconds) / 1e6)
      writer.endObject()
    }
  }

  mutating func unload(_ exchange: ExchangeID, _ target: HTTPTarget, _ turn: inout Turn) throws(RequestProblem) {
    let name: InstanceName
    do throws(HTTPTargetError) {
      try target.onlyItems(["service", "version"])
      let service = try target.requiredItem("service")
      guard let version = try target.integer("version", in: 1...1_000_000_000) else {
        throw .invalidItem("version", expected: "the number of a version")
      }
      name = InstanceName(service: ExactName(service), version: version)
    } catch { throw RequestProblem(error) }
    guard let instance = instances[name] else {
      throw RequestProblem(
        404, code: "NO_INSTANCE", message: "there is no instance of version \(name.version) of \(quoted(name.service.text))")
    }
    drain(name, instance, waiting: exchange, &turn)
  }

  /// Has an instance go, once its tasks are done.
  mutating func drain(_ name: InstanceName, _ instance: Instance, waiting exchange: ExchangeID?, _ turn: inout Turn) {
    let exchanges = exchange.map { [$0] } ?? []
    switch instance.state {
    case .loading(let ticket, let waiting):
      turn.cancelCompute(ticket)
      for waiter in waiting {
        turn.reply(waiter, .failure(422, code: "LOADING_FAILED", message: "somebody had it unloaded meanwhile"), .immediately)
      }
      gone(name, answering: exchanges, &turn)
    case .warming(_, let timer, let waiting):
      turn.cancelWake(timer)
      for waiter in waiting {
        turn.reply(waiter, .failure(422, code: "LOADING_FAILED", message: "somebody had it unloaded meanwhile"), .immediately)
      }
      gone(name, answering: exchanges, &turn)
    case .ready(let model):
      instances[name]?.state = .draining(model, waiting: exchanges)
      if instance.underWay == 0 { gone(name, answering: exchanges, &turn) } else { changed(&turn) }
    case .draining(let model, let waiting): instances[name]?.state = .draining(model, waiting: waiting + exchanges)
    }
  }

  private mutating func gone(_ name: InstanceName, answering exchanges: [ExchangeID], _ turn: inout Turn) {
    instances[name] = nil
    figures.unloads += 1
    for exchange in exchanges { turn.reply(exchange, Response(status: 204), .immediately) }
    changed(&turn)
  }

  /// A task of an instance ended: one that goes, goes with the last of them.
  mutating func release(_ name: InstanceName, isUse: Bool, _ turn: inout Turn) {
    guard var instance = instances[name] else { return }
    invariant(instance.underWay > 0, "a task of \(name.service) ends, and none is under way")
    instance.underWay -= 1
    instance.done += isUse ? 1 : 0
    if isUse { instance.usedAt = turn.now }
    instances[name] = instance
    if case .draining(_, let waiting) = instance.state, instance.underWay == 0 { gone(name, answering: waiting, &turn) }
  }

  /// Has instances go that were idle for long.
  mutating func lookForIdle(_ turn: inout Turn) {
    for (name, instance) in instances.sorted(by: { $0.key < $1.key }) {
      guard case .ready = instance.state, let idle = instance.request.settings.idleTime, instance.underWay == 0,
        turn.now - instance.usedAt >= idle
      else { continue }
      drain(name, instance, waiting: nil, &turn)
    }
    if instances.values.contains(where: { $0.request.settings.idleTime != nil }) {
      idleLook = turn.wake(after: configuration.idleLookEvery)
    }
  }

  /// Whoever asked left.
  mutating func forget(_ exchange: ExchangeID) {
    for (name, instance) in instances {
      switch instance.state {
      case .loading(let ticket, let waiting) where waiting.contains(exchange):
        instances[name]?.state = .loading(ticket, waiting: waiting.filter { $0 != exchange })
      case .warming(let model, let timer, let waiting) where waiting.contains(exchange):
        instances[name]?.state = .warming(model, timer, waiting: waiting.filter { $0 != exchange })
      case .draining(let model, let waiting) where waiting.contains(exchange):
        instances[name]?.state = .draining(model, waiting: waiting.filter { $0 != exchange })
      case .loading, .warming, .ready, .draining: break
      }
    }
  }
}
