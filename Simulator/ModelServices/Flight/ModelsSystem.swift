// Model services as a system that is flown: the registry, the context manager with its store, the hosts of models, those who
// call them, and what judges them.

import ChatCompletions
import Checking
import Flight
import Load
import ModelServicesAPI
import ModelServicesAssembly
import ModelServicesChecking
import ModelServicesLoad
import Outside
import Scenarios
import Vocabulary
import World

/// Model services.
public struct ModelsSystem: FlownSystem {
  /// The system.
  public init() {}

  public let name = "models"
  public let keys = ["hosts", "services", "swaps", "initialize", "misbehaviour", "cleaning", LanguageModelPlan.word]
  public let ownObjectives = [
    (word: "missed", example: "missed below 1%"), (word: "swaps", example: "swaps within 2x"),
    (word: "loads", example: "loads within 1.2x"),
    (word: "targets", example: "targets kept"),
  ]
  public var mutants: [Mutant] { ModelServicesAssembly.mutants }

  /// Two services, and behind them a store and two hosts of models. Context that is over is not cleaned away while it is
  /// judged: nothing may hang on it.
  public var contract: SystemContract? {
    SystemContract(services: ["registry", "context"]) { [name] _, planted in
      let endpoint = { (place: Int) in Endpoint(NodeID(UInt16(place))) }
      var assembly = ModelServicesAssembly(
        .init(registry: endpoint(0), context: endpoint(1), store: endpoint(2), hosts: [endpoint(3), endpoint(4)]))
      assembly.contextConfiguration.cleanEvery = .seconds(3_600)
      let hosts = assembly.places.hosts.indices.map { (ModelServicesAssembly.hostName($0), assembly.makeHost($0)) }
      let nodes = [("registry", assembly.makeRegistry), ("context", assembly.makeContext), ("store", assembly.makeStore)] + hosts
      return nodes.map { node, make in NodePlan("\(name)/\(node)", planted: planted, make: make) }
    }
  }

  public func part(_ reading: inout PartReading) -> any ScenarioPart { ModelsPart(&reading) }

  /// The loads send for as long as a recording takes.
  public func duration(of part: ModelsPart, _ order: FlightOrder) -> TimeSpan {
    guard let speed = part.recordedSpeed, let recording = order.input(TaskRecording.self) else { return order.scenario.duration }
    return max(order.scenario.duration, Self.duration(of: recording, speed: speed))
  }

  /// How long it takes to send a recording.
  public static func duration(of recording: TaskRecording, speed: Int64) -> TimeSpan {
    PlacedModels.setUpTime + .nanoseconds(recording.duration.nanoseconds / max(1, speed)) + .seconds(1)
  }

  public func place(_ part: ModelsPart, _ order: FlightOrder, on site: inout Site) -> any PlacedSystem {
    PlacedModels(part, order, &site)
  }
}

extension TaskRecording: FlightInput {}

/// Model services in one flight.
private struct PlacedModels: PlacedSystem {
  private let part: ModelsPart
  private let probe: NodeID
  let series: SeriesOrigin?

  let maximumTurnsPerSecond: Int? = 200_000
  /// How long setting up takes at most, where nothing is broken.
  fileprivate static let setUpTime = TimeSpan.seconds(1)

  init(_ part: ModelsPart, _ order: FlightOrder, _ site: inout Site) {
    self.part = part
    series = part.recordedSpeed.map { _ in order.input(TaskRecording.self) == nil ? .synthetic : .recorded }
    let planted = PlantedBugs(order.planted)
    let first = site.nextNode.index
    let endpoint = { (place: Int) in Endpoint(first + UInt16(place)) }
    var assembly = ModelServicesAssembly(
      .init(registry: endpoint(0), context: endpoint(1), store: endpoint(2), hosts: (0..<part.hosts).map { endpoint(3 + $0) }))
    if part.cleansLate { assembly.contextConfiguration.cleanEvery = .seconds(3_600) }
    if part.languageModel != nil {
      assembly.useLanguageModel(ChatServer(.endpoint(endpoint(3 + part.hosts))), model: ModelsSeen.languageModelName)
    }
    let places = assembly.places
    site.place(NodePlan("registry", isRecorded: true, planted: planted, make: assembly.makeRegistry), as: [NodeRole.registry.name])
    site.place(NodePlan("context", planted: planted, make: assembly.makeContext), as: [NodeRole.context.name])
    site.place(NodePlan("store", planted: planted, make: assembly.makeStore), as: ["store"])
    for place in 0..<part.hosts {
      let own = part.misbehaviours.filter { $0.host == place }
      let make = assembly.makeHost(place)
      let name = ModelServicesAssembly.hostName(place)
      site.place(
        NodePlan(name, planted: planted) { own.isEmpty ? make() : MisbehavingHost(make(), own) },
        as: [NodeRole.modelHost.name, "hosts", name])
    }
    if let plan = part.languageModel {
      var language = NodePlan("language", cost: .client) { ScriptedLanguageModel(plan) }
      language.isOutside = true
      site.place(language, as: ["language"])
    }
    Self.placeCallers(part, order, places, &site)
    var calls: [ScriptedCall] = []
    for registration in part.targets { calls.append(ScriptedCall(places.registry, ServicesAPI.service(registration.service))) }
    for host in places.hosts { calls.append(ScriptedCall(host, Request(.get, "/instances"))) }
    let readBack = calls
    let scenario = order.scenario
    probe = site.place(
      NodePlan("probe", cost: .client, isRecorded: true) { ScriptedCaller(from: scenario.duration + scenario.settle, readBack) },
      as: [NodeRole.probe.name])
  }

  private static func placeCallers(_ part: ModelsPart, _ order: FlightOrder, _ places: ModelServicesAssembly.Places, _ site: inout Site) {
    let steps = part.registrations.map { OperatorStep(at: .zero, .register($0)) } + part.steps
    site.place(
      NodePlan("operator", cost: .client, isRecorded: true) { ModelOperator(steps, registry: places.registry) },
      as: [NodeRole.modelOperator.name])
    site.place(
      NodePlan("watcher", cost: .client, isRecorded: true) { HealthWatcher(registry: places.registry) }, as: [NodeRole.watcher.name])
    let until = order.scenario.duration
    for (name, load) in zip(ModelsPart.loadNames(part.loads.count), part.loads) {
      let make: () -> any Machine
      switch load {
      case .tasks(let tasks):
        let targets = part.targets.filter { tasks.services.isEmpty || tasks.services.contains($0.service) }
        let plan = TaskLoadPlan(
          arrivals: Arrivals(perSecond: tasks.perSecond, spacing: tasks.isPoisson ? .poisson : .even), from: setUpTime, until: until,
          targets: targets, contextShare: tasks.contextShare, scopes: tasks.scopes)
        make = { TaskLoad(plan, registry: places.registry) }
      case .recorded(let recorded):
        let targets = part.targets.filter { recorded.services.isEmpty || recorded.services.contains($0.service) }
        let recording = order.input(TaskRecording.self) ?? .synthetic(seed: order.seed, within: (until - setUpTime) * recorded.speed)
        let plan = RecordedTaskPlan(
          recording, speed: recorded.speed, from: setUpTime, targets: targets, contextShare: recorded.contextShare,
          answerMarker: .init(before: ScriptedLanguageModel.tokensMarker, behind: "]"))
        make = { RecordedTaskLoad(plan, registry: places.registry) }
      case .context(let context):
        let plan = ContextLoadPlan(
          arrivals: Arrivals(perSecond: context.perSecond, spacing: context.isPoisson ? .poisson : .even), from: setUpTime, until: until,
          scopes: context.scopes, items: context.items)
        make = { ContextLoad(plan, context: places.context) }
      case .audio(let audio):
        let plan = AudioStreamsPlan(
          streams: audio.streams, from: setUpTime, until: until, service: audio.service, contextShare: audio.contextShare)
        make = { AudioStreams(plan, registry: places.registry) }
      }
      site.place(NodePlan(name, cost: .client, isRecorded: true, make: make), as: ["load"], words: "\(load)")
    }
  }

  func isReadBack(_ record: FlightRecord) -> Bool {
    record.observations.contains { $0.node == probe && $0.observation.fact == .scriptEnded }
  }

  func checkers(_ record: FlightRecord, endedAt: Instant) -> [any Checker] {
    let seen = ModelsSeen(record, part.registrations)
    var checkers: [any Checker] = [NoDefects(), ReadBackEnded(), MemoryFlat(seen)]
    let hasTasks = part.loads.contains { if case .context = $0 { false } else { true } }
    if hasTasks {
      checkers +=
        [
          TasksRight(seen), InitializedOnce(seen), VersionsInOrder(seen), CallersKeepContract(seen),
          FailedComesBack(
            seen, part.misbehaviours, isLanguageWhole: part.languageModel?.chances == LanguageModelPlan().chances,
            isDemandGiven: series == .recorded),
        ] as [any Checker]
    }
    if part.loads.contains(where: { if case .context = $0 { true } else { false } }) {
      checkers += [ContextInTime(seen), ContextForReaders(seen)] as [any Checker]
    }
    // Where nobody disturbs the registry, all that hosts suffer is to be found out.
    let watching = [record.node(.registry), record.node(.watcher)].compactMap { $0 }
    let isUndisturbed = record.disturbances(of: watching).isEmpty
    let isAnyDead = record.modelHosts.contains { host in record.stops(of: host).contains { $0.until - $0.from > FailingLeftAlone.patience }
    }
    let failing = part.misbehaviours.filter { $0.kind == .hang || $0.kind == .lie(1) }
    let isSpared = failing.contains { misbehaviour in
      part.registrations.contains { $0.replicas > 1 && (misbehaviour.service == nil || misbehaviour.service == $0.id) }
    }
    if isUndisturbed && (isAnyDead || isSpared) { checkers.append(FailingLeftAlone(seen, part.misbehaviours)) }
    if isUndisturbed && (isAnyDead || !failing.isEmpty) { checkers.append(HealthTold(seen, part.misbehaviours)) }
    if part.misbehaviours.contains(where: { $0.kind == .hang && $0.service != nil }) {
      checkers.append(HungBlocksNobody(seen, part.misbehaviours))
    }
    if part.hasOneFailingAlone, part.registrations.contains(where: { $0.replicas > 1 }) {
      checkers.append(DoneElsewhere(seen, part.misbehaviours))
    }
    if part.registrations.contains(where: { $0.settings.idleTime != nil }) { checkers.append(IdleKept(seen)) }
    for objective in part.objectives {
      switch objective {
      case .missed(let share): checkers.append(BlocksOnTime(mostPartsPerMillion: share))
      case .targets: checkers.append(WithinTargets(seen))
      case .slowsNobody(let cause, let factor): checkers.append(SlowsNobody(seen, cause, factor: factor))
      }
    }
    return checkers
  }
}
