// The scenario files: where they are, and which of them a name means.

import Foundation
import Scenarios

/// All scenario files below one folder.
struct ScenarioLibrary {
  /// The scenarios, by name.
  let scenarios: [Scenario]
  /// The folder that they were read from.
  let folder: URL

  /// The suite that is flown where nothing is named.
  static let defaultSuite = "smoke"

  /// Reads the files below `folder`, or below the folder `Scenarios` that is found from here or from the command's own place.
  init(folder: String?) throws {
    let root = try folder.map { URL(fileURLWithPath: $0) } ?? Self.find()
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: root.path, isDirectory: &isFolder), isFolder.boolValue,
      let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
    else {
      throw InputProblem(description: "\(root.path): expected a folder of scenario files")
    }
    var scenarios: [Scenario] = []
    for case let file as URL in files where file.pathExtension == "yaml" { scenarios.append(try Self.read(file)) }
    self.scenarios = scenarios.sorted { $0.name < $1.name }
    self.folder = root
    for (first, second) in zip(self.scenarios, self.scenarios.dropFirst()) where first.name == second.name {
      throw InputProblem(description: "two scenarios below \(root.path) are named \(first.name)")
    }
  }

  /// Reads one file.
  static func read(_ file: URL) throws -> Scenario {
    guard let text = try? String(contentsOf: file, encoding: .utf8) else {
      throw InputProblem(description: "\(file.path): expected a readable file of UTF-8 text")
    }
    do {
      return try Scenario(yaml: text, file: file.path)
    } catch {
      throw InputProblem(description: error.description)
    }
  }

  private static func find() throws -> URL {
    if let folder = RoomFolder.find("Scenarios", holding: "monitoring") { return folder }
    throw InputProblem(description: "no folder Scenarios found from here; name one with --scenarios", exitCode: Exit.couldNotRun)
  }

  /// The scenarios that `names` mean, read from `folder`; no folder is needed where all are paths of files.
  static func select(_ names: [String], folder: String?) throws -> [Scenario] {
    if !names.isEmpty, names.allSatisfy({ $0.hasSuffix(".yaml") }) { return try names.map { try read(URL(fileURLWithPath: $0)) } }
    return try ScenarioLibrary(folder: folder).select(names)
  }

  /// The scenarios that `names` mean: names of scenarios, suites and systems, or paths of files. The smoke suite where there is none.
  func select(_ names: [String]) throws -> [Scenario] {
    var selected: [Scenario] = []
    for name in names.isEmpty ? [Self.defaultSuite] : names {
      if name.hasSuffix(".yaml") {
        selected.append(try Self.read(URL(fileURLWithPath: name)))
        continue
      }
      let found = scenarios.filter { $0.name == name || $0.suites.contains(name) || $0.system == name || name == "all" }
      guard !found.isEmpty else {
        let suites = Set(scenarios.flatMap { $0.suites + [$0.system] }).sorted()
        throw InputProblem(
          description: """
            there is no scenario or suite named "\(name)" below \(folder.path) (--scenarios names another folder)
            scenarios: \(scenarios.map(\.name).joined(separator: ", "))
            suites: all, \(suites.joined(separator: ", "))
            """)
      }
      for scenario in found where !selected.contains(where: { $0.name == scenario.name }) { selected.append(scenario) }
    }
    return selected
  }
}
