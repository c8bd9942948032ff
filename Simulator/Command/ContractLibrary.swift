// The files of contract cases: where they are, and which cases a name means.

import ContractTests
import Foundation
import YAMLReading

/// All contract cases below one folder.
struct ContractLibrary {
  /// The cases, service by service in the order of their ports, then in the order of the files.
  let cases: [ContractCase]

  /// Reads the files of `system` below `folder`, or below the folder `ContractTests` that is found from here or from the command's own place.
  init(folder: String?, system: String) throws {
    let root = try folder.map { URL(fileURLWithPath: $0) } ?? Self.find(system)
    let path = root.appendingPathComponent(system).path
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw InputProblem(description: "\(path): expected a folder of contract cases")
    }
    var files: [ContractFile] = []
    for name in names.sorted() where name.hasSuffix(".yaml") { files.append(try Self.read("\(path)/\(name)")) }
    let services = ContractFile.systems[system] ?? []
    cases = services.flatMap { service in files.filter { $0.service == service }.flatMap(\.cases) }
    for (index, contractCase) in cases.enumerated() where cases[..<index].contains(where: { $0.id == contractCase.id }) {
      throw InputProblem(description: "\(contractCase.place): the case \(contractCase.id) stands in another file too")
    }
  }

  private static func read(_ path: String) throws -> ContractFile {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw InputProblem(description: "\(path): expected a readable file of UTF-8 text")
    }
    do {
      return try ContractFile(yaml: text, file: path)
    } catch {
      throw InputProblem(description: error.description)
    }
  }

  private static func find(_ system: String) throws -> URL {
    guard let folder = RoomFolder.find("ContractTests", holding: system) else {
      throw InputProblem(description: "no folder ContractTests found from here; name one with --contracts", exitCode: Exit.couldNotRun)
    }
    return folder
  }

  /// The cases whose ids begin with one of `prefixes`; all where there is none.
  func select(_ prefixes: [String]) throws -> [ContractCase] {
    guard !prefixes.isEmpty else { return cases }
    for prefix in prefixes where !cases.contains(where: { Self.matches($0.id, prefix) }) {
      let starts = cases.map(\.id).filter { $0.split(separator: "/").first == prefix.split(separator: "/").first }
      throw InputProblem(
        description: "there is no case whose id begins with \"\(prefix)\""
          + (starts.isEmpty ? "; `windtunnel verify --list` lists them" : "; there are\n  \(starts.joined(separator: "\n  "))"))
    }
    return cases.filter { contractCase in prefixes.contains { Self.matches(contractCase.id, $0) } }
  }

  private static func matches(_ id: String, _ prefix: String) -> Bool { id.hasPrefix(prefix) }
}
