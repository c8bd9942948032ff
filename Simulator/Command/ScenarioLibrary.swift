// The scenarios: which there are, and which of them a name means.

import Console
import Foundation
import Reports
import Scenarios
import Wire
import YAMLReading

/// All scenarios of the command, or of one folder.
struct ScenarioLibrary {
  /// The scenarios, by name.
  let scenarios: [Scenario]
  /// Where they are, in words.
  let place: String
  /// What is wrong with the files that could not be read, a line each.
  let problems: [String]

  /// The suite that is flown where nothing is named.
  static let defaultSuite = "smoke"

  /// Reads the files below `folder`, or those that the command carries. They may name requirements that no ledger of the
  /// command's has only where `areRequirementsKnown` is false: then who asks holds them against other ledgers.
  init(folder: String?, areRequirementsKnown: Bool = true) throws {
    let files = try CarriedFiles.scenarios(folder)
    var read: [(scenario: Scenario, path: String)] = []
    var problems: [String] = []
    for file in files.files {
      do {
        read.append((try Self.read(file, areRequirementsKnown: areRequirementsKnown), file.path))
      } catch {
        problems += error.mistakes.map(\.description)
      }
    }
    read.sort { ($0.scenario.name, $0.path) < ($1.scenario.name, $1.path) }
    scenarios = read.map(\.scenario)
    place = files.place
    self.problems = problems
    for (first, second) in zip(read, read.dropFirst()) where first.scenario.name == second.scenario.name {
      throw InputProblem(
        description: "two scenarios \(place) are named \(first.scenario.name): that of \(first.path) and that of \(second.path)")
    }
  }

  /// Reads the file at `path`.
  static func read(path: String) throws -> Scenario {
    let file = try CarriedFiles.file(path)
    do {
      return try read(file)
    } catch {
      throw InputProblem(lines: error.mistakes.map(\.description))
    }
  }

  private static func read(_ file: CarriedFiles.File, areRequirementsKnown: Bool = true) throws(MistakeList) -> Scenario {
    try Scenario(
      yaml: file.text, file: file.path, systems: Systems.all, requirements: areRequirementsKnown ? LedgerLibrary.ownRequirements : nil)
  }

  /// Whether a scenario has this name, or is called so with one of its systems before it, as nodes are.
  private static func isNamed(_ scenario: Scenario, _ name: String) -> Bool { names(of: scenario).contains(name) }

  private static func names(of scenario: Scenario) -> [String] { [scenario.name] + scenario.systems.map { "\($0)/\(scenario.name)" } }

  /// The scenarios that `names` mean, of `folder` or of the command; none of them is read where all are paths of files.
  static func select(_ names: [String], folder: String?) throws -> [Scenario] {
    if !names.isEmpty, names.allSatisfy({ $0.hasSuffix(".yaml") }) {
      var selected: [Scenario] = []
      for name in names { try add(read(path: name), from: name, to: &selected) }
      return selected
    }
    return try ScenarioLibrary(folder: folder).select(names)
  }

  /// The scenarios that `names` mean: names of scenarios, suites, systems and suites of systems (`system/suite`), or
  /// paths of files. The smoke suite where there is none.
  func select(_ names: [String]) throws -> [Scenario] {
    var selected: [Scenario] = []
    // Names of scenarios that came from files.
    var files: Set<String> = []
    for name in names.isEmpty ? [Self.defaultSuite] : names {
      if name.hasSuffix(".yaml") {
        try Self.add(Self.read(path: name), from: name, to: &selected)
        files.insert(selected[selected.count - 1].name)
        continue
      }
      let own = scenarios.filter { Self.isNamed($0, name) }
      let found = own.isEmpty ? scenarios.filter { Self.isOf($0, name) } : own
      // A file that cannot be read may be of any suite, and have any name that is not found.
      if own.isEmpty, let problem = allProblems { throw problem }
      guard !found.isEmpty else {
        let suites =
          ["all"]
          + Set(
            scenarios.flatMap { one in one.suites + one.systems + one.suites.flatMap { suite in one.systems.map { "\($0)/\(suite)" } } }
          )
          .sorted()
        throw InputProblem(
          description: NameText.unknown("scenario or suite", name, among: scenarios.flatMap(Self.names) + suites, list: list(suites, name)))
      }
      for scenario in found {
        if files.contains(scenario.name) { throw Self.isTwice(scenario.name, "of a file and \(place)") }
        if !selected.contains(where: { $0.name == scenario.name }) { selected.append(scenario) }
      }
    }
    if let problem = allProblems { Output.note("note: files that cannot be read are passed over:\n\(problem)") }
    return selected
  }

  /// The most names of scenarios that are told where one is not known.
  private static let mostNames = 12

  /// What there is, for who named something else.
  private func list(_ suites: [String], _ name: String) -> String {
    let all = "`windtunnel list` tells the \(CountText.of(scenarios.count, "scenario")) \(place)"
    let names = scenarios.map(\.name)
    var isFolder: ObjCBool = false
    let isThere = FileManager.default.fileExists(atPath: name, isDirectory: &isFolder) && isFolder.boolValue
    return """
      \(names.count > Self.mostNames ? all : "scenarios \(place): \(names.joined(separator: ", "))")
      suites and systems: \(suites.joined(separator: ", "))
      (\(isThere ? "it is a folder: expected --scenarios \(name)" : "--scenarios names a folder of others"); a name that ends with .yaml is the path of a file)
      """
  }

  /// Whether `name` means a scenario as one of several: by a suite, a system, or the suite of a system (`system/suite`).
  private static func isOf(_ scenario: Scenario, _ name: String) -> Bool {
    scenario.suites.contains(name) || scenario.systems.contains(name) || name == "all"
      || scenario.systems.contains { system in scenario.suites.contains { name == "\(system)/\($0)" } }
  }

  /// All that is wrong, in one; nil where nothing is.
  var allProblems: InputProblem? {
    problems.isEmpty ? nil : InputProblem(lines: problems)
  }

  /// Adds what a file has, unless another of its name is there: rows and lines of a report go by names.
  private static func add(_ scenario: Scenario, from path: String, to selected: inout [Scenario]) throws {
    guard !selected.contains(where: { $0.name == scenario.name }) else { throw isTwice(scenario.name, "one of them in \(path)") }
    selected.append(scenario)
  }

  private static func isTwice(_ name: String, _ what: String) -> InputProblem {
    InputProblem(description: "two scenarios are named \(name), \(what): give one of them another name, or run them one by one")
  }
}
