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
  var isCommand: Bool
  var carries: [String]?
  var namesCommit: Bool

  init(
    _ name: String, _ path: String, sees: [String] = [], products: [Target.Dependency] = [], tests: [String]? = nil,
    isCommand: Bool = false, carries: [String]? = nil, namesCommit: Bool = false
  ) {
    self.name = name
    self.path = path
    self.sees = sees
    self.products = products
    self.tests = tests
    self.isCommand = isCommand
    self.carries = carries
    self.namesCommit = namesCommit
  }
}

let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let sockets: [Target.Dependency] = ["NIOCore", "NIOPosix"].map { .product(name: $0, package: "swift-nio") }
let network: [Target.Dependency] = sockets + ["NIOHTTP1", "NIOWebSocket"].map { .product(name: $0, package: "swift-nio") }

let rooms: [Room] = [
  // Reference: what is being flown.
  Room("Vocabulary", "Reference/Core/Vocabulary", tests: []),
  Room("Wire", "Reference/Core/Wire", sees: ["Vocabulary"], tests: ["TestChance", "Vocabulary"]),
  Room("Durable", "Reference/Core/Durable", sees: ["Vocabulary", "Wire"], tests: ["Kernel", "Vocabulary", "World"]),
  Room(
    "Resilience", "Reference/Resilience", sees: ["Vocabulary"], products: [heap], tests: ["Kernel", "TestBench", "Vocabulary", "World"]),
  Room(
    "Raft", "Reference/Raft", sees: ["Durable", "Vocabulary", "Wire"], products: [deque],
    tests: ["Durable", "Kernel", "Vocabulary", "Wire", "World"]),
  Room("MonitoringAPI", "Reference/Monitoring/API", sees: ["Vocabulary", "Wire"], tests: ["TestChance", "Vocabulary", "Wire"]),
  Room(
    "MessageQueue", "Reference/Monitoring/MessageQueue", sees: ["MonitoringAPI", "Raft", "Resilience", "Vocabulary", "Wire"],
    products: [deque], tests: ["MonitoringAPI", "Raft", "TestBench", "Vocabulary", "Wire", "World"]),
  Room(
    "Ingestion", "Reference/Monitoring/Ingestion", sees: ["Durable", "MonitoringAPI", "Resilience", "Vocabulary", "Wire"],
    products: [deque], tests: ["Durable", "MessageQueue", "MonitoringAPI", "TestBench", "Vocabulary", "Wire", "World"]),
  Room(
    "TimeSeriesStorage", "Reference/Monitoring/TimeSeriesStorage",
    sees: ["Durable", "MonitoringAPI", "Resilience", "Vocabulary", "Wire"],
    tests: ["Kernel", "MessageQueue", "MonitoringAPI", "TestBench", "TestChance", "Vocabulary", "Wire", "World"]),
  Room(
    "QueryEngine", "Reference/Monitoring/QueryEngine", sees: ["MonitoringAPI", "Resilience", "Vocabulary", "Wire"],
    tests: ["Kernel", "MonitoringAPI", "TestBench", "Vocabulary", "Wire", "World"]),
  Room(
    "Alerting", "Reference/Monitoring/Alerting", sees: ["Durable", "MonitoringAPI", "Resilience", "Vocabulary", "Wire"],
    products: [deque, heap], tests: ["Kernel", "MonitoringAPI", "Resilience", "TestBench", "Vocabulary", "Wire", "World"]),
  Room(
    "MonitoringAssembly", "Reference/Monitoring/Assembly",
    sees: ["Alerting", "Ingestion", "MessageQueue", "QueryEngine", "Raft", "Resilience", "TimeSeriesStorage", "Vocabulary"]),
  Room(
    "ProvingGround", "Reference/ProvingGround", sees: ["Durable", "Raft", "Vocabulary", "Wire"],
    tests: ["Raft", "TestBench", "Vocabulary", "Wire", "World"]),
  Room(
    "Live", "Reference/Live", sees: ["Vocabulary"], products: network,
    tests: ["Hosting", "LiveProcess", "MonitoringAssembly", "ProvingGround", "Vocabulary"]),
  // Simulator: the tunnel.
  Room("Kernel", "Simulator/Kernel", sees: ["Vocabulary"]),
  Room(
    "World", "Simulator/World", sees: ["Kernel", "Vocabulary"], products: [deque],
    tests: ["Durable", "Hosting", "Kernel", "ProvingGround", "Vocabulary"]),
  Room("Load", "Simulator/Load", sees: ["Vocabulary"]),
  Room(
    "Checking", "Simulator/Checking", sees: ["Linearizability", "Load", "Vocabulary", "World"],
    tests: ["HandMadeRecords", "Load", "Vocabulary", "World"]),
  Room(
    "Linearizability", "Simulator/Linearizability", sees: ["Vocabulary", "Wire"], tests: ["TestChance", "Vocabulary"]),
  // What flies replicated logs.
  Room("RaftLoad", "Simulator/Raft/Load", sees: ["Load", "Scenarios", "Vocabulary", "Wire", "YAMLReading"]),
  Room(
    "RaftChecking", "Simulator/Raft/Checking",
    sees: ["Checking", "Durable", "Linearizability", "Load", "Raft", "Vocabulary", "Wire", "World"],
    tests: ["Checking", "Durable", "HandMadeRecords", "Load", "Raft", "Vocabulary", "World"]),
  Room(
    "RaftFlight", "Simulator/Raft/Flight",
    sees: [
      "Checking", "Flight", "Load", "ProvingGround", "Raft", "RaftChecking", "RaftLoad", "Scenarios", "Vocabulary", "World", "YAMLReading",
    ]),
  // What flies the monitoring platform, and its queue alone.
  Room(
    "MonitoringLoad", "Simulator/Monitoring/Load", sees: ["Load", "MonitoringAPI", "Vocabulary", "Wire"],
    tests: ["Kernel", "Load", "MonitoringAPI", "TestBench", "Vocabulary", "Wire", "World"]),
  Room(
    "MonitoringChecking", "Simulator/Monitoring/Checking",
    sees: ["Checking", "Linearizability", "Load", "MonitoringAPI", "MonitoringLoad", "Vocabulary", "Wire"],
    tests: ["Checking", "HandMadeRecords", "Load", "MonitoringAPI", "MonitoringLoad", "Vocabulary"]),
  Room(
    "MonitoringFlight", "Simulator/Monitoring/Flight",
    sees: [
      "Checking", "Flight", "Load", "MonitoringAPI", "MonitoringAssembly", "MonitoringChecking", "MonitoringLoad", "Raft", "RaftChecking",
      "RaftLoad", "Scenarios", "Vocabulary", "Wire", "World", "YAMLReading",
    ]),
  // Scenarios: what we do, what breaks, what must hold.
  Room("YAMLReading", "Scenarios/YAMLReading", sees: ["Vocabulary"], products: [yams]),
  Room("Scenarios", "Scenarios/Loading", sees: ["Vocabulary", "Wire", "YAMLReading"], tests: ["Vocabulary", "YAMLReading"]),
  Room(
    "Flight", "Simulator/Flight", sees: ["Checking", "Kernel", "Load", "Scenarios", "Vocabulary", "World", "YAMLReading"],
    tests: [
      "Checking", "MonitoringAssembly", "MonitoringChecking", "MonitoringFlight", "MonitoringLoad", "Raft", "RaftChecking", "RaftFlight",
      "RaftLoad", "Reports", "Scenarios", "TestBench", "Vocabulary", "World", "YAMLReading",
    ]),
  Room("EmbeddedScenarios", "Scenarios", carries: ["monitoring", "queue", "registers"]),
  // ContractTests: cases that judge any implementation of a service, and the worlds in which it is judged.
  Room(
    "ContractTests", "ContractTests/Runner", sees: ["Vocabulary", "Wire", "YAMLReading"],
    tests: ["Vocabulary", "Wire", "World", "YAMLReading"]),
  Room(
    "ContractJudging", "ContractTests/Judging", sees: ["ContractTests", "Flight", "Live", "Vocabulary", "World"],
    tests: ["ContractTests", "Flight", "Hosting", "Live", "MonitoringAssembly", "MonitoringFlight", "TestBench", "Vocabulary"]),
  Room(
    "Launching", "ContractTests/Launching", sees: ["Checking", "Live", "Vocabulary"], products: sockets,
    tests: [
      "Checking", "Live", "Load", "MonitoringAPI", "MonitoringChecking", "MonitoringLoad", "Raft", "RaftChecking", "Vocabulary", "Wire",
    ]),
  Room("EmbeddedCases", "ContractTests", carries: ["monitoring"]),
  // What has files written into the rooms that carry them, at every build.
  Room("EmbeddingTool", "Scenarios/Embedding/Tool", isCommand: true),
  // Reports: what a flight came to, in forms for people and programs.
  Room(
    "Reports", "Reports/Rendering", sees: ["Checking", "ContractTests", "Flight", "Vocabulary", "Wire"],
    tests: ["Checking", "Flight", "Kernel", "Load", "Vocabulary", "Wire"], namesCommit: true),
  // What has the commit of a build written into the room that names it.
  Room("CommitTool", "Reports/Commit/Tool", isCommand: true),
  // Tests' own rooms.
  Room("TestChance", "Tests/TestChance", sees: ["Vocabulary"]),
  Room("HandMadeRecords", "Tests/HandMadeRecords", sees: ["Checking", "Load", "Vocabulary"]),
  Room("TestBench", "Tests/TestBench", sees: ["Kernel", "Vocabulary", "World"]),
  Room("Hosting", "Tests/Hosting", sees: ["Kernel", "Live", "ProvingGround", "Vocabulary", "World"]),
  Room("LiveProcess", "Tests/Reference/LiveProcess", sees: ["Live", "ProvingGround", "Vocabulary"], isCommand: true),
  // Command: sees everything.
  Room(
    "Command", "Simulator/Command",
    sees: [
      "Checking", "ContractJudging", "ContractTests", "EmbeddedCases", "EmbeddedScenarios", "Flight", "Kernel", "Launching",
      "Linearizability", "Live", "Load", "MessageQueue", "MonitoringAPI", "MonitoringAssembly", "MonitoringChecking",
      "MonitoringFlight", "MonitoringLoad", "Raft", "RaftChecking", "RaftFlight", "Reports", "Scenarios", "Vocabulary", "Wire", "World",
      "YAMLReading",
    ],
    products: [arguments], isCommand: true),
]

// Across modules, so that generic types (`Calls`, `RouteTable`) are specialised for the services that use them: without it a quarter of the
// instructions of a flight goes into generic code and the look-up of its types.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .unsafeFlags(["-enforce-exclusivity=unchecked", "-cross-module-optimization"], .when(configuration: .release)),
]

/// The pages (`*.md`) beside a room's code, which are for people.
func pages(_ path: String) -> [String] { documented[path] ?? [] }

/// What stands in the folder of a room that carries files, and is not its code.
let besideEmbedded: [String: [String]] = [
  "ContractTests": ["ContractTests.md", "Judging", "Launching", "Runner"],
  "Scenarios": ["Embedding", "Loading", "Scenarios.md", "YAMLReading"],
]

let documented: [String: [String]] = [
  "Simulator/Flight": ["Costs.md"],
  "Reference/Core/Durable": ["Journal.md"],
  "Reference/Live": ["Files/DataFolder.md"],
  "Reference/Monitoring/Alerting": ["AlertingRecord.md"],
  "Reference/Monitoring/API": ["QueryLanguage/QueryLanguage.md", "RecordBatch.md"],
  "Reference/Monitoring/Ingestion": ["Spill.md"],
  "Reference/Monitoring/MessageQueue": ["PartitionEntry.md", "TopicRegistry.md"],
  "Reference/Raft": ["EntryIndex.md", "RaftAdministration.md", "RaftLetter.md", "RaftMessage.md", "RaftRecord.md"],
  "Reference/Monitoring/TimeSeriesStorage": ["Codecs/GorillaBlock.md", "Segment.md", "StorageRecord.md"],
  "Simulator/Linearizability": ["History.md"],
]

let package = Package(
  name: "Windtunnel",
  products: [.executable(name: "windtunnel", targets: ["Command"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
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
          name: room.name, dependencies: dependencies, path: room.path, exclude: pages(room.path), swiftSettings: settings)
        : .target(
          name: room.name, dependencies: dependencies, path: room.path, exclude: pages(room.path), swiftSettings: settings,
          plugins: room.namesCommit ? ["CommitPlugin"] : [])
    ]
    if let tests = room.tests {
      targets.append(
        .testTarget(
          name: "\(room.name)Tests", dependencies: ([room.name] + tests).map { Target.Dependency.target(name: $0) },
          path: "Tests/\(room.path)", swiftSettings: settings))
    }
    return targets
  } + [
    .plugin(name: "EmbeddingPlugin", capability: .buildTool(), dependencies: ["EmbeddingTool"], path: "Scenarios/Embedding/Plugin"),
    .plugin(name: "CommitPlugin", capability: .buildTool(), dependencies: ["CommitTool"], path: "Reports/Commit/Plugin"),
  ]
)
