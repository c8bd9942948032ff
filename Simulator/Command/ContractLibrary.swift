// The contract cases: which there are, and which of them a name means.

import Console
import ContractTests
import OpenAPI

/// All contract cases of a system.
struct ContractLibrary {
  /// The cases, service by service in the order of their ports, then in the order of the files.
  let cases: [ContractCase]
  private let system: String

  /// Reads the files of `system` below `folder`, or those that the command carries.
  init(folder: String?, system: String) throws {
    let files = try CarriedFiles.cases(folder, system: system).files.map(Self.read)
    self.system = system
    let services = Systems.services[system] ?? []
    cases = services.flatMap { service in files.filter { $0.service == service }.flatMap(\.cases) }
    for (index, contractCase) in cases.enumerated() where cases[..<index].contains(where: { $0.id == contractCase.id }) {
      throw InputProblem(description: "\(contractCase.place): the case \(contractCase.id) stands in another file too")
    }
  }

  /// The OpenAPI documents of the services of a system, by the services' names; a file is called as its service.
  static func documents(folder: String?, system: String, services: [String]) throws -> [String: OpenAPIDocument] {
    var documents: [String: OpenAPIDocument] = [:]
    for file in try CarriedFiles.documents(folder, system: system) {
      let name = String((file.path.split(separator: "/").last ?? "").dropLast(".yaml".count))
      guard services.contains(name) else {
        let list = "there are \(services.joined(separator: ", "))"
        throw InputProblem(description: "\(file.path): " + NameText.unknown("service of \(system)", name, among: services, list: list))
      }
      do {
        documents[name] = try OpenAPIDocument(yaml: file.text, file: file.path)
      } catch {
        throw InputProblem(description: error.description)
      }
    }
    return documents
  }

  private static func read(_ file: CarriedFiles.File) throws -> ContractFile {
    do {
      return try ContractFile(yaml: file.text, file: file.path, systems: Systems.services)
    } catch {
      throw InputProblem(description: error.description)
    }
  }

  /// The cases whose ids begin with one of `prefixes`; all where there is none.
  func select(_ prefixes: [String]) throws -> [ContractCase] {
    guard !prefixes.isEmpty else { return cases }
    for prefix in prefixes where !cases.contains(where: { Self.matches($0.id, prefix) }) {
      let starts = cases.map(\.id).filter { $0.split(separator: "/").first == prefix.split(separator: "/").first }
      let list = starts.isEmpty ? "`windtunnel verify \(system) --list` lists them" : "there are\n  \(starts.joined(separator: "\n  "))"
      let known = cases.map(\.id) + Systems.services.values.flatMap { $0 }.sorted()
      throw InputProblem(description: NameText.unknown("case whose id begins with", prefix, among: known, list: list))
    }
    return cases.filter { contractCase in prefixes.contains { Self.matches(contractCase.id, $0) } }
  }

  private static func matches(_ id: String, _ prefix: String) -> Bool { id.hasPrefix(prefix) }
}
