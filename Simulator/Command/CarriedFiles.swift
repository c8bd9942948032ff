// Files that the command carries (scenarios, contract cases) and folders that are named in place of them: both are
// paths and texts.

import Console
import EmbeddedCases
import EmbeddedScenarios
import Foundation

/// Text files with their paths.
struct CarriedFiles {
  /// One file.
  struct File {
    /// As people are told where it is: below the folder that was named, or below that of the house.
    var path: String
    var text: String

    /// What a file of a contract is, which its place says.
    enum Kind {
      case cases, document, ledger
    }

    /// What it is, where it is a file of a contract.
    var kind: Kind {
      let segments = path.split(separator: "/")
      if segments.last == "Requirements.yaml" { return .ledger }
      return segments.dropLast().last == "OpenAPI" ? .document : .cases
    }
  }

  /// The files, in the order of their paths.
  var files: [File]
  /// Where they are, in words: "below my/scenarios", "in this version".
  var place: String

  /// The scenarios below `folder`, or those that the command carries.
  static func scenarios(_ folder: String?) throws -> CarriedFiles {
    if let folder { return try below(folder, "scenario files") }
    return CarriedFiles(files: ownScenarios, place: "in this version")
  }

  /// The contract cases of `system` below `folder`, or those that the command carries.
  static func cases(_ folder: String?, system: String) throws -> CarriedFiles {
    var files = try contract(folder, system: system)
    files.files.removeAll { $0.kind != .cases }
    guard !files.files.isEmpty else {
      throw InputProblem(description: "\(folder ?? "")/\(system): expected a folder of contract cases (*.yaml), found none in it")
    }
    return files
  }

  /// The OpenAPI documents of the services of `system`, below `folder` or those that the command carries.
  static func documents(_ folder: String?, system: String) throws -> [File] {
    try contract(folder, system: system).files.filter { $0.kind == .document }
  }

  /// The ledger of `system`, below `folder` or the one that the command carries; nil where there is none.
  static func ledger(_ folder: String?, system: String) throws -> File? {
    try contract(folder, system: system).files.first { $0.kind == .ledger }
  }

  /// All files of the contract of `system`.
  private static func contract(_ folder: String?, system: String) throws -> CarriedFiles {
    if let folder { return try below("\(folder)/\(system)", "contract cases") }
    return CarriedFiles(files: ownCases.filter { $0.path.hasPrefix("ContractTests/\(system)/") }, place: "in this version")
  }

  /// All that the command carries, with paths as in the house.
  static var all: [File] { ownScenarios + ownCases }

  private static var ownScenarios: [File] { EmbeddedScenarios.files.map { File(path: "Scenarios/\($0.path)", text: $0.text) } }
  private static var ownCases: [File] { EmbeddedCases.files.map { File(path: "ContractTests/\($0.path)", text: $0.text) } }

  /// One file that was named.
  static func file(_ path: String) throws -> File { File(path: path, text: try InputFile.text(path)) }

  private static func below(_ folder: String, _ what: String) throws -> CarriedFiles {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue,
      let found = FileManager.default.enumerator(atPath: folder)
    else {
      throw InputProblem(description: "\(folder): expected a folder of \(what)")
    }
    let names = found.compactMap { $0 as? String }.filter { $0.hasSuffix(".yaml") }.sorted()
    guard !names.isEmpty else { throw InputProblem(description: "\(folder): expected a folder of \(what) (*.yaml), found none in it") }
    return CarriedFiles(files: try names.map { try file("\(folder)/\($0)") }, place: "below \(folder)")
  }
}
