// The words of the system *models*: hosts, services with their versions, loads of tasks, context and audio, swaps, and what
// hosts do wrong.

import Load
import ModelServicesAPI
import ModelServicesChecking
import ModelServicesLoad
import Outside
import Scenarios
import Vocabulary
import YAMLReading

/// What a scenario says of model services.
public struct ModelsPart: ScenarioPart {
  /// One load.
  enum Load: Sendable, Hashable {
    case tasks(Tasks)
    case recorded(Recorded)
    case context(Context)
    case audio(Audio)
  }

  struct Tasks: Sendable, Hashable {
    var perSecond: Double
    var isPoisson: Bool
    var services: [String]
    var contextShare: Double
    var scopes: Int

    static let keys = ["tasks", "services", "context", "scopes", "arrivals"]

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(Self.keys, of: "a load of tasks")
      perSecond = try field.required("tasks", members).rate()
      isPoisson = try members.value("arrivals", or: true) { field throws(TextMistake) in try field.isPoisson() }
      services = try Self.services(members)
      contextShare = try members.value("context", or: 0) { field throws(TextMistake) in try field.share() }
      scopes = try members.value("scopes", or: 5) { field throws(TextMistake) in try field.number("how many scopes", in: 1...100_000) }
    }

    static func services(_ members: [String: YAMLField]) throws(TextMistake) -> [String] {
      try members.value("services", or: []) { field throws(TextMistake) in
        var names: [String] = []
        for element in try field.elements(of: "services") { names.append(try element.text("a service's name")) }
        return names
      }
    }
  }

  struct Recorded: Sendable, Hashable {
    var speed: Int64
    var services: [String]
    var contextShare: Double

    static let keys = ["recorded tasks", "services", "context"]

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(Self.keys, of: "a load of recorded tasks")
      speed = try field.required("recorded tasks", members).value("a factor from 1x to 1000000x, like 5x") { text in
        text.hasSuffix("x") ? Int64(text.dropLast()).flatMap { (1...1_000_000).contains($0) ? $0 : nil } : nil
      }
      services = try Tasks.services(members)
      contextShare = try members.value("context", or: 1) { field throws(TextMistake) in try field.share() }
    }
  }

  struct Context: Sendable, Hashable {
    var perSecond: Double
    var isPoisson: Bool
    var scopes: Int
    var items: Int

    static let keys = ["items", "ids", "scopes", "arrivals"]

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(Self.keys, of: "a load of items of context")
      perSecond = try field.required("items", members).rate()
      isPoisson = try members.value("arrivals", or: true) { field throws(TextMistake) in try field.isPoisson() }
      scopes = try members.value("scopes", or: 5) { field throws(TextMistake) in try field.number("how many scopes", in: 1...100_000) }
      items = try members.value("ids", or: 3) { field throws(TextMistake) in try field.number("how many ids of each kind", in: 1...50) }
    }
  }

  struct Audio: Sendable, Hashable {
    var streams: Int
    var service: String
    var contextShare: Double

    static let keys = ["audio streams", "service", "context"]

    init(_ field: YAMLField) throws(TextMistake) {
      let members = try field.members(Self.keys, of: "a load of audio")
      streams = try field.required("audio streams", members).number("how many streams", in: 1...1_000)
      service = try field.required("service", members).text("a service's name")
      contextShare = try members.value("context", or: 0) { field throws(TextMistake) in try field.share() }
    }
  }

  /// An objective of this system's own.
  enum Objective: Sendable, Hashable {
    /// Of the blocks of audio no more than this share is missed, in parts per million.
    case missed(Int)
    /// While a version is swapped, or others are loaded, p99 is at most so many times what it is else.
    case slowsNobody(SlowsNobody.Cause, Double)
    /// The latencies that the source allows.
    case targets
  }

  /// How many hosts of models.
  var hosts: Int
  /// The services, all of their versions.
  var registrations: [ServiceRegistration]
  var loads: [Load]
  /// When services are asked to be ready, and swapped.
  var steps: [OperatorStep]
  var misbehaviours: [Misbehaviour]
  var objectives: [Objective]
  /// Whether what is over is cleaned away hardly ever.
  var cleansLate: Bool
  /// The language model outside; nil where no service is of that type.
  var languageModel: LanguageModelPlan?

  public var roles: [ScenarioRole] {
    let names = (1...hosts).map { "host-\($0)" }
    return [
      ScenarioRole("registry", ["registry"]), ScenarioRole("context", ["context"]), ScenarioRole("store", ["store"]),
      ScenarioRole("hosts", names), ScenarioRole("load", Self.loadNames(loads.count)), ScenarioRole("operator", ["operator"]),
      ScenarioRole("watcher", ["watcher"]), ScenarioRole("probe", ["probe"]),
    ] + names.map { ScenarioRole(node: $0) } + (languageModel == nil ? [] : [ScenarioRole(node: "language")])
  }

  static func loadNames(_ count: Int) -> [String] { count == 1 ? ["load"] : (0..<count).map { "load-\($0 + 1)" } }

  public var sendsRequests: Bool { !loads.isEmpty }

  /// The services' names and types.
  var targets: [TaskLoadPlan.Target] {
    var targets: [TaskLoadPlan.Target] = []
    for registration in registrations where !targets.contains(where: { $0.service == registration.id }) {
      targets.append(.init(registration.id, registration.type))
    }
    return targets
  }

  /// How many times as fast as it was recorded the slowest load sends a recording; nil where none sends one.
  public var recordedSpeed: Int64? { loads.compactMap { if case .recorded(let recorded) = $0 { recorded.speed } else { nil } }.min() }

  /// Whether one host fails tasks at a time when no other does.
  var hasOneFailingAlone: Bool {
    let failing = misbehaviours.filter(\.failsTasks)
    return failing.contains { $0.failsAlone(among: failing) }
  }

  init(_ reading: inout PartReading) {
    let hostCount = reading.value("hosts", or: 3) { field throws(TextMistake) in try field.number("how many hosts of models", in: 1...16) }
    hosts = hostCount
    registrations = reading.elements("services") { field throws(TextMistake) in try ServiceWords(field).registrations }.flatMap { $0 }
    if registrations.isEmpty {
      registrations = [
        ServiceRegistration("effect", .audioEffect, replicas: 2), ServiceRegistration("analysis", .audioAnalysis, replicas: 1),
      ]
    }
    let names = Set(registrations.map(\.id)).sorted()
    func service(_ phrase: inout Phrase) throws(TextMistake) -> String { try phrase.oneOf(names, "a service") }
    loads = reading.loads { field throws(TextMistake) in
      let members = try field.members(Tasks.keys + Recorded.keys + Context.keys + Audio.keys, of: "a load")
      func check(_ services: [String]) throws(TextMistake) {
        guard services.allSatisfy({ names.contains($0) }) else {
          throw field.expected("services of this scenario: \(names.joined(separator: ", "))")
        }
      }
      if members["tasks"] != nil {
        let tasks = try Tasks(field)
        try check(tasks.services)
        return .tasks(tasks)
      }
      if members["recorded tasks"] != nil {
        let recorded = try Recorded(field)
        try check(recorded.services)
        return .recorded(recorded)
      }
      if members["items"] != nil { return .context(try Context(field)) }
      guard members["audio streams"] != nil else {
        throw field.expected("a load with the key \"tasks\", \"recorded tasks\", \"items\" or \"audio streams\"")
      }
      let audio = try Audio(field)
      guard names.contains(audio.service) else {
        throw field.expected("a service of this scenario: \(names.joined(separator: ", "))")
      }
      return .audio(audio)
    }
    let duration = reading.duration
    steps = reading.elements("swaps") { field throws(TextMistake) in
      var phrase = try field.phrase("a swap, like: effect to 2 at 10s over 5s")
      let name = try service(&phrase)
      try phrase.expect("to")
      let version = try phrase.value("a version, from 1") { Int64($0).flatMap { $0 >= 1 ? $0 : nil } }
      try phrase.expect("at")
      let at = try phrase.span("when")
      let gradual = phrase.takes("over") ? try phrase.span("how long it takes") : .zero
      try phrase.expectEnd()
      guard at < duration else { throw field.expected("a swap within the duration") }
      return OperatorStep(at: at, .swap(name, to: version, gradual: gradual))
    }
    steps += reading.elements("initialize") { field throws(TextMistake) in
      var phrase = try field.phrase("an initialisation, like: effect at 2s")
      let name = try service(&phrase)
      try phrase.expect("at")
      let at = try phrase.span("when")
      try phrase.expectEnd()
      return OperatorStep(at: at, .initialize(name))
    }
    misbehaviours = reading.elements("misbehaviour") { field throws(TextMistake) in
      var phrase = try field.phrase("what a host does wrong, like: host-1 hangs at 5s for 3s")
      let host = try phrase.oneOf((1...hostCount).map { "host-\($0)" }, "a host")
      let place = (Int(host.dropFirst(5)) ?? 1) - 1
      let kind: Misbehaviour.Kind
      switch try phrase.oneOf(["hangs", "slows", "lies", "flaps", "refuses"], "what it does") {
      case "hangs": kind = .hang
      case "slows": kind = .slow(try phrase.span("by how much"))
      case "lies": kind = .lie(try phrase.share())
      case "flaps":
        let period = try phrase.span("its period")
        guard period > .zero else { throw field.expected("a period above 0s") }
        kind = .flap(period)
      default:
        try phrase.expect("loads")
        kind = .refuseLoads
      }
      let name = phrase.takes("at") ? nil : try service(&phrase)
      if name != nil { try phrase.expect("at") }
      let at = try phrase.span("when")
      try phrase.expect("for")
      let span = try phrase.span("how long")
      try phrase.expectEnd()
      return Misbehaviour(host: place, kind, service: name, from: at, until: at + span)
    }
    let asksLanguage = registrations.contains { $0.type == .language }
    languageModel = reading.value(LanguageModelPlan.word, or: asksLanguage ? LanguageModelPlan() : nil) { field throws(TextMistake) in
      try LanguageModelPlan(field)
    }
    cleansLate = reading.value("cleaning", or: false) { field throws(TextMistake) in
      try field.value("late or usual") { ["late": true, "usual": false][$0] }
    }
    objectives = reading.ownObjectives { field throws(TextMistake) in
      var phrase = try field.phrase("an objective")
      if phrase.takes("missed") {
        try phrase.expect("below")
        let share = try phrase.share()
        try phrase.expectEnd()
        return .missed(Int((share * 1_000_000).rounded()))
      }
      if phrase.takes("targets") {
        try phrase.expect("kept")
        try phrase.expectEnd()
        return .targets
      }
      let cause: SlowsNobody.Cause = try phrase.oneOf(["swaps", "loads"], "swaps, loads, missed or targets") == "swaps" ? .swaps : .loads
      try phrase.expect("within")
      let factor = try phrase.value("a factor, like 2x") { text in
        text.hasSuffix("x") ? Double(text.dropLast()).flatMap { $0 >= 1 && $0 <= 1_000 ? $0 : nil } : nil
      }
      try phrase.expectEnd()
      return .slowsNobody(cause, factor)
    }
  }
}

/// What a scenario says of one service.
private struct ServiceWords {
  /// All of its versions.
  var registrations: [ServiceRegistration]

  /// A version whose callers would have to send more, and one that no host has room for.
  static let incompatible: Int64 = 90
  static let oversized: Int64 = 91

  init(_ field: YAMLField) throws(TextMistake) {
    let members = try field.members(
      ["service", "type", "replicas", "versions", "weights", "warm up", "idle", "timeout", "also"], of: "a service")
    let name = try field.required("service", members).text("a service's name")
    guard (1...ServicesAPI.maximumNameBytes).contains(name.utf8.count) else {
      throw field.expected("a name of 1 to \(ServicesAPI.maximumNameBytes) bytes")
    }
    let type = try field.required("type", members).value("one of \(ModelType.words)") { ModelType.named($0) }
    let replicas = try members.value("replicas", or: 1) { field throws(TextMistake) in try field.number("how many instances", in: 1...16) }
    let versions = try members.value("versions", or: 1) { field throws(TextMistake) in try field.number("how many versions", in: 1...6) }
    var settings = ModelSettings()
    settings.weightsBytes = try members.value("weights", or: settings.weightsBytes) { field throws(TextMistake) in
      try field.number("bytes of weights", in: 0...(64 << 20))
    }
    settings.warmUpTime = try members.value("warm up", or: .zero) { field throws(TextMistake) in try field.span("how long it is warmed up")
    }
    settings.idleTime = try members.value("idle", or: nil) { field throws(TextMistake) in
      try field.span("how long it stays", positive: true)
    }
    settings.timeout = try members.value("timeout", or: nil) { field throws(TextMistake) in
      try field.span("how long a task may take", positive: true)
    }
    registrations = (1...Int64(versions)).map { version in
      ServiceRegistration(name, type, version: version, format: version % 2 == 1 ? 1 : 2, replicas: replicas, settings: settings)
    }
    let also = try members.value("also", or: []) { field throws(TextMistake) in try field.elements(of: "further versions") }
    for element in also {
      switch try element.value("incompatible or oversized", { ["incompatible", "oversized"].contains($0) ? $0 : nil }) {
      case "incompatible":
        var registration = ServiceRegistration(name, type, version: Self.incompatible, replicas: replicas, settings: settings)
        registration.contract.input.append(.init("room", .text))
        registrations.append(registration)
      default:
        var large = settings
        large.weightsBytes = 8 << 30
        registrations.append(ServiceRegistration(name, type, version: Self.oversized, replicas: replicas, settings: large))
      }
    }
  }
}
