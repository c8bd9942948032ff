// swift-tools-version: 6.2
// The table of rooms: every folder of code is one target, and every arrow between rooms stands here.
// The rules behind the arrows are in README.md; `.ci/arrows` checks the sources against them.
import PackageDescription

/// One room: a target, its folder, what it may import, and whether `Tests/` holds a target of the same path.
struct Room {
  var name: String
  var floor: String
  var sees: [String] = []
  var products: [Target.Dependency] = []
  var isCommand = false
  var tests: [String]? = nil
  var testProducts: [Target.Dependency] = []
}

let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")

let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let rooms: [Room] = [
  Room(name: "Vocabulary", floor: "Reference/Core"),
  Room(name: "Wire", floor: "Reference/Core"),
  Room(name: "Durable", floor: "Reference/Core", sees: ["Vocabulary", "Wire"]),
  Room(name: "Resilience", floor: "Reference", sees: ["Vocabulary"], products: [heap]),
  Room(name: "Kernel", floor: "Simulator", sees: ["Vocabulary"]),
  Room(name: "World", floor: "Simulator", sees: ["Kernel", "Vocabulary"], products: [deque]),
  Room(
    name: "Command", floor: "Simulator", sees: ["Kernel", "Vocabulary", "World"],
    products: [arguments], isCommand: true),
]

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

let package = Package(
  name: "Windtunnel",
  products: [.executable(name: "windtunnel", targets: ["Command"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: rooms.flatMap { room -> [Target] in
    let dependencies = room.sees.map { Target.Dependency.target(name: $0) } + room.products
    let path = "\(room.floor)/\(room.name)"
    var targets: [Target] = [
      room.isCommand
        ? .executableTarget(name: room.name, dependencies: dependencies, path: path, swiftSettings: settings)
        : .target(name: room.name, dependencies: dependencies, path: path, swiftSettings: settings)
    ]
    if let tests = room.tests {
      targets.append(
        .testTarget(
          name: "\(room.name)Tests",
          dependencies: ([room.name] + tests).map { Target.Dependency.target(name: $0) } + room.testProducts,
          path: "Tests/\(path)", swiftSettings: settings))
    }
    return targets
  }
)
