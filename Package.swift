// swift-tools-version: 6.2
// The table of rooms: every folder of code is one target, and every arrow between rooms stands here.
// `swift build --explicit-target-dependency-import-check error` and `.ci/arrows` hold the sources to it.
import PackageDescription

/// One room: a target, its folder, what it may import, and what its tests (same path under `Tests/`) import beyond it. A room that carries files of
/// its folder (`carries`) has its code in the folder `Embedded` below, and other rooms beside it. One names the commit of the build (`namesCommit`).
struct Room {
  var name: String
  var path: String
  var sees: [String]
  var products: [Target.Dependency]
  var tests: [String]?
  var testProducts: [Target.Dependency]
  var isCommand: Bool
  var carries: [String]?
  var namesCommit: Bool

  init(
    _ name: String, _ path: String, sees: [String] = [], products: [Target.Dependency] = [], tests: [String]? = nil,
    testProducts: [Target.Dependency] = [], isCommand: Bool = false, carries: [String]? = nil, namesCommit: Bool = false
  ) {
    self.name = name
    self.path = path
    self.sees = sees
    self.products = products
    self.tests = tests
    self.testProducts = testProducts
    self.isCommand = isCommand
    self.carries = carries
    self.namesCommit = namesCommit
  }
}

let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
/// Rows: GRDB, and SQLite itself, which is the system's (Debian's `libsqlite3-dev`).
let rows: [Target.Dependency] = ["GRDB", "GRDBSQLite"].map { .product(name: $0, package: "GRDB.swift") }
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let sockets: [Target.Dependency] = ["NIOCore", "NIOPosix"].map { .product(name: $0, package: "swift-nio") }
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let processes: [Target.Dependency] = [
  .product(name: "Subprocess", package: "swift-subprocess"), .product(name: "SystemPackage", package: "swift-system"),
]
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

let network: [Target.Dependency] = sockets + ["NIOHTTP1", "NIOWebSocket"].map { .product(name: $0, package: "swift-nio") }
/// TLS, which is neither fetched nor compiled but with `--traits TLS`.
let security: [Target.Dependency] = [
  .product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["TLS"])),
  .product(name: "NIOTLS", package: "swift-nio", condition: .when(traits: ["TLS"])),
]

/// What a mail server of the tests speaks TLS by.
let mailServers: [Target.Dependency] =
  security + ["NIOCore", "NIOEmbedded"].map { .product(name: $0, package: "swift-nio", condition: .when(traits: ["TLS"])) }

/// One system. A room of the tunnel's is there where it is named (`load`, `checking`, …), with what it sees beyond what all rooms of its kind see.
struct System {
  /// What a room sees, and its tests, beyond the usual; no tests where `tests` is nil.
  struct Beyond {
    var sees: [String] = []
    var products: [Target.Dependency] = []
    var tests: [String]?
  }

  /// Rooms below `Reference/<System>`, `Simulator/<System>`, and of their tests.
  var rooms: [Room] = []
  /// Folders of its scenarios, and of its contract cases.
  var scenarios: [String]
  var contracts: [String]
  /// Those of its rooms that the command knows.
  var forCommand: [String] = []

  /// A system whose rooms stand below folders of this name. `services` are its own, each with what it stands on; `scenarios` and `contracts`
  /// are the names under which it is flown and judged.
  init(
    _ name: String, services: [(name: String, beyond: Beyond)] = [], assembly: Beyond? = nil, load: Beyond? = nil, checking: Beyond? = nil,
    flight: Beyond? = nil, serving: Beyond? = nil, command: Beyond? = nil, scenarios: [String], contracts: [String] = []
  ) {
    self.scenarios = scenarios
    self.contracts = contracts
    let words = ["Vocabulary", "Wire"]
    let interface = services.isEmpty ? [] : ["\(name)API"]
    let below = services.isEmpty ? [] : ["\(name)API", "\(name)Assembly"]
    func add(_ room: String, _ folder: String, _ usual: [String], _ beyond: Beyond?, usualTests: [String] = []) {
      guard let beyond else { return }
      let tests = beyond.tests.map { (usualTests + $0).sorted() }
      rooms.append(Room(room, folder, sees: (usual + beyond.sees).sorted(), products: beyond.products, tests: tests))
    }
    if !services.isEmpty {
      add("\(name)API", "Reference/\(name)/API", words, Beyond(tests: ["TestChance"]), usualTests: words)
    }
    for service in services {
      add(
        service.name, "Reference/\(name)/\(service.name)", interface + words + ["Resilience"], service.beyond,
        usualTests: interface + words + ["TestBench", "World"])
    }
    add("\(name)Assembly", "Reference/\(name)/Assembly", services.map(\.name) + ["Resilience", "Vocabulary"], assembly)
    let own = { (kinds: [(String, Beyond?)]) in kinds.filter { $0.1 != nil }.map { "\(name)\($0.0)" } }
    let flown = own([("Load", load), ("Checking", checking)])
    add("\(name)Load", "Simulator/\(name)/Load", interface + words + ["Load"], load, usualTests: interface + words + ["Load"])
    add(
      "\(name)Checking", "Simulator/\(name)/Checking", interface + words + own([("Load", load)]) + ["Checking", "Linearizability", "Load"],
      checking, usualTests: interface + ["Checking", "HandMadeRecords", "Load", "Vocabulary"] + own([("Load", load)]))
    add(
      "\(name)Flight", "Simulator/\(name)/Flight",
      below + flown + words + ["Checking", "Flight", "Load", "Scenarios", "World", "YAMLReading"], flight)
    add("\(name)Serving", "Simulator/\(name)/Serving", below + words + ["Console", "Live"], serving)
    add(
      "\(name)Command", "Simulator/\(name)/Command",
      below + flown + own([("Flight", flight), ("Serving", serving)]) + words
        + ["Checking", "Console", "Flight", "Kernel", "Launching", "Live", "Load", "Reports", "Scenarios"],
      command, usualTests: interface + flown + words + ["Checking", "Launching", "Live", "Load"])
    forCommand = own([("Flight", flight), ("Command", command)])
  }
}

/// The systems: one row each.
let systems: [System] = [
  // Replicated logs, which are a system to the tunnel.
  System(
    "Raft", load: .init(sees: ["Scenarios", "YAMLReading"]),
    checking: .init(sees: ["Durable", "Raft", "World"], tests: ["Durable", "Raft", "World"]),
    flight: .init(sees: ["PeerAuthentication", "ProvingGround", "Raft"]), scenarios: ["registers"]),
  // Stores as nodes, which other systems stand on.
  System(
    "Stores",
    services: [
      ("Cache", .init(products: [deque, heap], tests: ["Kernel"])), ("RelationalStore", .init(sees: ["Relational"], tests: ["Kernel"])),
    ], assembly: .init(), load: .init(),
    checking: .init(tests: []), flight: .init(), serving: .init(products: [arguments]),
    command: .init(sees: ["Relational"], products: [arguments]), scenarios: ["cache", "store"], contracts: ["cache", "store"]),
  // Model services: a registry, hosts of models, the context that they share.
  System(
    "ModelServices",
    services: [
      ("ServiceRegistry", .init(sees: ["Durable"], tests: ["ContextManager", "Kernel", "ModelHost", "RelationalStore"])),
      ("ContextManager", .init(sees: ["StoresAPI"], tests: ["Kernel", "RelationalStore"])),
      ("ModelHost", .init(sees: ["ChatCompletions"], tests: ["ChatCompletions", "Kernel", "Outside"])),
    ], assembly: .init(sees: ["ChatCompletions", "StoresAssembly"]),
    load: .init(sees: ["Resilience"], products: [deque, heap], tests: ["Kernel", "TestBench", "World"]),
    checking: .init(sees: ["ChatCompletions", "Outside"], tests: ["Wire"]), flight: .init(sees: ["ChatCompletions", "Outside"]),
    serving: .init(sees: ["ChatCompletions"], products: [arguments]), command: .init(products: [arguments], tests: nil),
    scenarios: ["models"], contracts: ["models"]),
  // The monitoring platform, and its queue alone.
  System(
    "Monitoring",
    services: [
      ("MessageQueue", .init(sees: ["Raft"], products: [deque], tests: ["Raft"])),
      ("Ingestion", .init(sees: ["Durable"], products: [deque], tests: ["Durable", "MessageQueue"])),
      ("TimeSeriesStorage", .init(sees: ["Durable"], tests: ["Kernel", "MessageQueue", "TestChance"])),
      ("QueryEngine", .init(tests: ["Kernel"])),
      ("Alerting", .init(sees: ["Durable"], products: [deque, heap], tests: ["Kernel", "Resilience"])),
    ],
    assembly: .init(sees: ["Raft"]), load: .init(tests: ["Kernel", "TestBench", "World"]), checking: .init(tests: []),
    flight: .init(sees: ["Raft", "RaftChecking", "RaftLoad"]),
    serving: .init(products: [arguments], tests: ["Console", "Flight", "Live", "MonitoringFlight", "Scenarios", "Vocabulary"]),
    command: .init(sees: ["MessageQueue", "PeerAuthentication"], products: [arguments], tests: []),
    scenarios: ["monitoring", "queue"], contracts: ["monitoring"]),
]

/// The rooms that know no system, their tests apart.
let sharedRooms: [Room] = [
  // Reference: what is being flown.
  Room("Vocabulary", "Reference/Core/Vocabulary", tests: []),
  Room("Wire", "Reference/Core/Wire", sees: ["Vocabulary"], tests: ["TestChance", "Vocabulary"]),
  Room("PeerAuthentication", "Reference/Core/PeerAuthentication", sees: ["Vocabulary"], products: [crypto], tests: ["Vocabulary"]),
  Room("Durable", "Reference/Core/Durable", sees: ["Vocabulary", "Wire"], tests: ["Kernel", "Vocabulary", "World"]),
  Room(
    "Relational", "Reference/Core/Relational", sees: ["Vocabulary", "Wire"], products: rows, tests: ["Kernel", "Vocabulary", "World"]),
  Room(
    "Resilience", "Reference/Resilience", sees: ["Vocabulary"], products: [deque, heap],
    tests: ["Kernel", "TestBench", "Vocabulary", "World"]),
  Room(
    "ChatCompletions", "Reference/ChatCompletions", sees: ["Resilience", "Vocabulary", "Wire"],
    tests: ["Kernel", "Launching", "Live", "Outside", "Resilience", "TestBench", "Vocabulary", "Wire", "World"]),
  Room(
    "Raft", "Reference/Raft", sees: ["Durable", "Vocabulary", "Wire"], products: [deque],
    tests: ["Durable", "Kernel", "Vocabulary", "Wire", "World"]),
  Room(
    "ProvingGround", "Reference/ProvingGround", sees: ["Durable", "Raft", "Vocabulary", "Wire"],
    tests: ["Raft", "TestBench", "Vocabulary", "Wire", "World"]),
  Room(
    "Live", "Reference/Live", sees: ["PeerAuthentication", "Vocabulary", "Wire"], products: network + [logging] + security,
    tests: ["Hosting", "LiveProcess", "MonitoringAssembly", "PeerAuthentication", "ProvingGround", "Vocabulary", "Wire"],
    testProducts: [logging] + mailServers),
  // Simulator: the tunnel.
  Room("Kernel", "Simulator/Kernel", sees: ["Vocabulary"], tests: ["TestChance", "Vocabulary"]),
  Room(
    "World", "Simulator/World", sees: ["Kernel", "PeerAuthentication", "Vocabulary"], products: [deque],
    tests: ["Durable", "Hosting", "Kernel", "PeerAuthentication", "ProvingGround", "Vocabulary"]),
  Room("Load", "Simulator/Load", sees: ["Vocabulary"], products: [histogram], tests: ["TestChance", "Vocabulary"]),
  Room(
    "Checking", "Simulator/Checking", sees: ["Linearizability", "Load", "Vocabulary", "World"],
    tests: ["HandMadeRecords", "Load", "Vocabulary", "World"]),
  Room(
    "Linearizability", "Simulator/Linearizability", sees: ["Vocabulary", "Wire"], tests: ["TestChance", "Vocabulary"]),
  Room(
    "Outside", "Simulator/Outside", sees: ["ChatCompletions", "Kernel", "Scenarios", "Vocabulary", "Wire", "YAMLReading"],
    tests: ["ChatCompletions", "Kernel", "TestBench", "Vocabulary", "Wire", "World", "YAMLReading"]),
  // Scenarios: what we do, what breaks, what must hold.
  Room("YAMLReading", "Scenarios/YAMLReading", sees: ["Vocabulary", "Wire"], products: [yams]),
  Room("Scenarios", "Scenarios/Loading", sees: ["Vocabulary", "Wire", "YAMLReading"], tests: ["Vocabulary", "YAMLReading"]),
  Room(
    "Flight", "Simulator/Flight", sees: ["Checking", "Kernel", "Load", "Scenarios", "Vocabulary", "Wire", "World", "YAMLReading"],
    tests: [
      "Checking", "Kernel", "MonitoringAssembly", "MonitoringChecking", "MonitoringFlight", "MonitoringLoad", "PeerAuthentication", "Raft",
      "RaftChecking", "RaftFlight", "RaftLoad", "Reports", "Scenarios", "TestBench", "Vocabulary", "World", "YAMLReading",
    ]),
  Room("EmbeddedScenarios", "Scenarios", carries: systems.flatMap(\.scenarios)),
  // ContractTests: cases that judge any implementation of a service, and the worlds in which it is judged.
  Room("OpenAPI", "ContractTests/OpenAPI", sees: ["Vocabulary", "Wire", "YAMLReading"], tests: ["TestBench", "Vocabulary", "Wire"]),
  Room(
    "Ledger", "ContractTests/Ledger", sees: ["Vocabulary", "Wire", "YAMLReading"], tests: ["TestBench", "Vocabulary", "YAMLReading"]),
  Room(
    "ContractTests", "ContractTests/Runner", sees: ["OpenAPI", "Vocabulary", "Wire", "YAMLReading"],
    tests: ["OpenAPI", "Vocabulary", "Wire", "World", "YAMLReading"]),
  Room(
    "ContractJudging", "ContractTests/Judging", sees: ["ContractTests", "Flight", "Live", "OpenAPI", "Vocabulary", "World"],
    tests: [
      "ContractTests", "Flight", "Hosting", "Live", "ModelServicesFlight", "MonitoringAssembly", "MonitoringFlight", "OpenAPI",
      "StoresFlight",
      "TestBench", "Vocabulary",
    ]),
  Room("Launching", "ContractTests/Launching", sees: ["Checking", "Live", "Vocabulary"], products: network + processes, tests: []),
  Room("EmbeddedCases", "ContractTests", carries: systems.flatMap(\.contracts)),
  // What has files written into the rooms that carry them, at every build.
  Room("EmbeddingTool", "Scenarios/Embedding/Tool", isCommand: true),
  // Reports: what a flight came to, in forms for people and programs.
  Room(
    "Reports", "Reports/Rendering", sees: ["Checking", "ContractTests", "Flight", "Ledger", "Load", "Vocabulary", "Wire"],
    tests: ["Checking", "ContractTests", "Flight", "Kernel", "Ledger", "Load", "Vocabulary", "Wire"], namesCommit: true),
  // What has the commit of a build written into the room that names it.
  Room("CommitTool", "Reports/Commit/Tool", isCommand: true),
  // Tests' own rooms.
  Room("TestChance", "Tests/TestChance", sees: ["Vocabulary"]),
  Room("HandMadeRecords", "Tests/HandMadeRecords", sees: ["Checking", "Load", "Vocabulary"]),
  Room("TestBench", "Tests/TestBench", sees: ["Kernel", "Vocabulary", "World"]),
  Room(
    "Hosting", "Tests/Hosting",
    sees: ["Kernel", "Live", "PeerAuthentication", "ProvingGround", "Relational", "Resilience", "Vocabulary", "Wire", "World"]),
  Room("LiveProcess", "Tests/Reference/LiveProcess", sees: ["Live", "ProvingGround", "Vocabulary"], isCommand: true),
  // The command: what every verb of it stands on, and itself, which sees everything.
  Room(
    "Console", "Simulator/Console",
    sees: ["Checking", "Flight", "Live", "Load", "PeerAuthentication", "Reports", "Scenarios", "Vocabulary", "Wire"],
    products: [arguments, logging],
    tests: ["Flight", "Scenarios"]),
  Room(
    "Command", "Simulator/Command",
    sees: [
      "Checking", "Console", "ContractJudging", "ContractTests", "EmbeddedCases", "EmbeddedScenarios", "Flight", "Kernel", "Launching",
      "Ledger", "Linearizability", "Live", "Load", "OpenAPI", "Reports", "Scenarios", "Vocabulary", "Wire", "World", "YAMLReading",
    ] + systems.flatMap(\.forCommand),
    products: [arguments], isCommand: true),
]

/// All rooms.
let rooms = sharedRooms + systems.flatMap(\.rooms)

// Across modules, so that generic types (`Calls`, `RouteTable`) are specialised for the services that use them: without it a quarter of the
// instructions of a flight goes into generic code and the look-up of its types.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .unsafeFlags(["-enforce-exclusivity=unchecked", "-cross-module-optimization"], .when(configuration: .release)),
]

/// What the rooms of this folder are compiled with. Where flights spend their time, debug builds are optimised too: the tests fly hundreds.
func settings(of path: String) -> [SwiftSetting] {
  let isFlown =
    (path.hasPrefix("Reference/") && !path.hasPrefix("Reference/Live"))
    || (path.hasPrefix("Simulator/") && !["Command", "Console", "Serving"].contains { path.hasSuffix($0) })
  return isFlown ? settings + [.unsafeFlags(["-O"], .when(configuration: .debug))] : settings
}

/// The pages (`*.md`) beside a room's code, which are for people.
func pages(_ path: String) -> [String] { documented[path] ?? [] }

/// What stands in the folder of a room that carries files, and is not its code.
let besideEmbedded: [String: [String]] = [
  "ContractTests": ["ContractTests.md", "Judging", "Launching", "Ledger", "OpenAPI", "Runner"],
  "Scenarios": ["Embedding", "Loading", "Scenarios.md", "YAMLReading"],
]

/// What stands beside the tests of a room, and is no code of theirs: what they start.
let besideTests: [String: [String]] = ["Reference/ChatCompletions": ["chat_stand_in.py"]]

let documented: [String: [String]] = [
  "Simulator/Flight": ["Costs.md"],
  "Reference/Core/Durable": ["Journal.md"],
  "Reference/Core/PeerAuthentication": ["AdministrationProof.md", "PeerFrames.md"],
  "Reference/Core/Relational": ["DatabasePage.md"],
  "Reference/Live": ["Adapters/RESP.md", "Adapters/SMTP.md", "Files/DataFolder.md"],
  "Reference/Monitoring/Alerting": ["AlertingRecord.md"],
  "Reference/Monitoring/API": ["QueryLanguage/QueryLanguage.md", "RecordBatch.md"],
  "Reference/Monitoring/Ingestion": ["Spill.md"],
  "Reference/Monitoring/MessageQueue": ["PartitionEntry.md", "TopicRegistry.md"],
  "Reference/Raft": ["EntryIndex.md", "RaftAdministration.md", "RaftBatch.md", "RaftMessage.md", "RaftRecord.md"],
  "Reference/Monitoring/TimeSeriesStorage": ["Codecs/GorillaBlock.md", "Segment.md", "StorageRecord.md"],
  "Simulator/Linearizability": ["History.md"],
]

let package = Package(
  name: "Windtunnel",
  products: [.executable(name: "windtunnel", targets: ["Command"])],
  traits: [.trait(name: "TLS", description: "TLS 1.3 for callers and servers of the real host, by swift-nio-ssl.")],
  dependencies: [
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: rooms.flatMap { room -> [Target] in
    let dependencies = room.sees.map { Target.Dependency.target(name: $0) } + room.products
    if let carried = room.carries {
      return [
        .target(
          name: room.name, dependencies: dependencies, path: room.path, exclude: (besideEmbedded[room.path] ?? []) + carried,
          sources: ["Embedded"], swiftSettings: settings, plugins: ["EmbeddingPlugin"])
      ]
    }
    var targets: [Target] = [
      room.isCommand
        ? .executableTarget(
          name: room.name, dependencies: dependencies, path: room.path, exclude: pages(room.path), swiftSettings: settings(of: room.path))
        : .target(
          name: room.name, dependencies: dependencies, path: room.path, exclude: pages(room.path), swiftSettings: settings(of: room.path),
          plugins: room.namesCommit ? ["CommitPlugin"] : [])
    ]
    if let tests = room.tests {
      targets.append(
        .testTarget(
          name: "\(room.name)Tests", dependencies: ([room.name] + tests).map { Target.Dependency.target(name: $0) } + room.testProducts,
          path: "Tests/\(room.path)", exclude: besideTests[room.path] ?? [], swiftSettings: settings))
    }
    return targets
  } + [
    .plugin(name: "EmbeddingPlugin", capability: .buildTool(), dependencies: ["EmbeddingTool"], path: "Scenarios/Embedding/Plugin"),
    .plugin(name: "CommitPlugin", capability: .buildTool(), dependencies: ["CommitTool"], path: "Reports/Commit/Plugin"),
  ]
)
