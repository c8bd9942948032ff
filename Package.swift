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

let rooms: [Room] = [
  Room(name: "Vocabulary", floor: "Reference/Core")
]

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

let package = Package(
  name: "Windtunnel",
  products: [],
  dependencies: [],
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
