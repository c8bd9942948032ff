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

let network: [Target.Dependency] = ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOWebSocket"].map { .product(name: $0, package: "swift-nio") }

let rooms: [Room] = [
  Room(name: "Vocabulary", floor: "Reference/Core"),
  Room(
    name: "Live", floor: "Reference", sees: ["Vocabulary"], products: network,
    tests: ["Vocabulary", "ProvingGround", "Hosting", "LiveProcess"]),
  Room(name: "ProvingGround", floor: "Reference", sees: ["Vocabulary"]),
  Room(name: "Hosting", floor: "Tests", sees: ["Vocabulary", "ProvingGround", "Live"]),
  Room(name: "LiveProcess", floor: "Tests/Reference", sees: ["Vocabulary", "Live", "ProvingGround"], isCommand: true),
]

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

let package = Package(
  name: "Windtunnel",
  products: [],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2")
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
