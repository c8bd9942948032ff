// Reads a file of contract cases. The format is on the page ContractTests.md; every mistake is named by file, line,
// column and what was expected there.

import Vocabulary
import YAMLReading

/// A file of contract cases.
public struct ContractFile: Sendable {
  /// The system.
  public var system: String
  /// The service that is judged.
  public var service: String
  /// The cases, in order.
  public var cases: [ContractCase]

  /// Reads the cases in `yaml`, which came from `file`. `systems` are those that have a contract, each with the names
  /// of its services.
  public init(yaml: String, file: String, systems: [String: [String]]) throws(TextMistake) {
    let root = try YAMLField.parse(yaml, file: file, what: "contract cases")
    let members = try root.members(["system", "service", "about", "cases", "afterwards"], of: "a file of contract cases")
    let known = systems.keys.sorted()
    let system = try root.required("system", members).value("a system: \(known.joined(separator: ", "))") {
      systems[$0] == nil ? nil : $0
    }
    let services = systems[system] ?? []
    let service = try root.required("service", members).value("a service: \(services.joined(separator: ", "))") {
      services.contains($0) ? $0 : nil
    }
    let closing = try StepReader(service: service, services: services).closingRequests(members["afterwards"])
    var cases: [ContractCase] = []
    for field in try root.required("cases", members).elements(of: "cases") {
      var next = try Self.contractCase(field, service: service, services: services)
      next.afterwards += closing
      guard !cases.contains(where: { $0.id == next.id }) else {
        throw field.mistake("expected a case of another name, found \(next.id) again")
      }
      cases.append(next)
    }
    self.system = system
    self.service = service
    self.cases = cases
  }

  private static func contractCase(_ field: YAMLField, service: String, services: [String]) throws(TextMistake) -> ContractCase {
    let members = try field.members(["case", "level", "requirements", "because", "steps", "afterwards"], of: "a case")
    let name = try field.required("case", members).value("a name of lower-case words, like produce/same-key-same-partition") { text in
      let isFit = text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2F }
      return isFit && text.contains("/") && !text.hasPrefix("/") && !text.hasSuffix("/") ? text : nil
    }
    var requirements: [String] = []
    for id in try field.required("requirements", members).elements(of: "requirement ids") {
      requirements.append(
        try id.value("a requirement's id, like MONITORING-7") { text in
          let parts = text.split(separator: "-")
          return parts.count == 2 && parts[0].allSatisfy(\.isUppercase) && Int(parts[1]) != nil ? text : nil
        })
    }
    var reader = StepReader(service: service, services: services)
    let list = try field.required("steps", members)
    let steps = try reader.steps(list)
    guard !steps.isEmpty else { throw list.expected("a list of steps that is not empty") }
    return ContractCase(
      id: "\(service)/\(name)", service: service,
      level: try field.required("level", members).value("must, should or may") { ContractLevel(rawValue: $0) },
      requirements: requirements, because: try field.required("because", members).text("a sentence"), steps: steps,
      afterwards: try reader.closingRequests(members["afterwards"]), place: "\(field.file):\(field.line)")
  }
}
