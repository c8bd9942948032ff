// The scenarios: which there are, and which of them a name means.

import Console
import Foundation
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

  /// Reads the files below `folder`, or those that the command carries.
  init(folder: String?) throws {
    let files = try CarriedFiles.scenarios(folder)
    var read: [Scenario] = []
    var problems: [String] = []
    for file in files.files {
      do { read.append(try Self.read(file)) } catch { problems += error.mistakes.map(\.description) }
    }
    scenarios = read.sorted { $0.name < $1.name }
    place = files.place
    self.problems = problems
    for (first, second) in zip(scenarios, scenarios.dropFirst()) where first.name == second.name {
      throw InputProblem(description: "two scenarios \(place) are named \(first.name)")
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

  private static func read(_ file: CarriedFiles.File) throws(MistakeList) -> Scenario {
    try Scenario(yaml: file.text, file: file.path, systems: Systems.all)
  }

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
      let own = scenarios.filter { $0.name == name }
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
        let list = """
          scenarios \(place): \(scenarios.map(\.name).joined(separator: ", "))
          suites: \(suites.joined(separator: ", "))
          (--scenarios names a folder of others; a name that ends with .yaml is the path of a file)
          """
        throw InputProblem(description: NameText.unknown("scenario or suite", name, among: scenarios.map(\.name) + suites, list: list))
      }
      for scenario in found {
        if files.contains(scenario.name) { throw Self.isTwice(scenario.name, "of a file and \(place)") }
        if !selected.contains(where: { $0.name == scenario.name }) { selected.append(scenario) }
      }
    }
    if let problem = allProblems { Output.note("note: files that cannot be read are passed over:\n\(problem)") }
    return selected
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
