// `windtunnel init`: copies the scenarios and contract cases that the command carries into a folder, to be read and
// changed.

import ArgumentParser
import Console
import Foundation
import Wire

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Copy the scenarios and contract cases out, to read and to change.",
    discussion: """
      The folder is made; it must be missing or empty. Names of scenarios mean those that the command carries, until a folder is named.

      EXAMPLES
        windtunnel init mine
        windtunnel run calm --scenarios mine/Scenarios
        windtunnel verify \(Example.system) --contracts mine/ContractTests
      """)

  @Argument(help: "The folder.", transform: { try PathText.read($0) }) var folder: String

  func run() throws {
    let files = FileManager.default
    if files.fileExists(atPath: folder) {
      guard let entries = try? files.contentsOfDirectory(atPath: folder) else {
        throw InputProblem(description: "\(folder): expected a folder, or nothing")
      }
      guard entries.isEmpty else { throw InputProblem(description: "\(folder) is not empty: name a folder that is missing or empty") }
    }
    for file in CarriedFiles.all {
      let path = URL(fileURLWithPath: "\(folder)/\(file.path)")
      do {
        try files.createDirectory(at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(file.text.utf8).write(to: path, options: .atomic)
      } catch {
        throw InputProblem(description: "\(path.path) cannot be written (\(InputProblem.reason(error)))", exitCode: Exit.couldNotRun)
      }
    }
    Output.line("\(CarriedFiles.all.count) files in \(folder); fly and judge with them:")
    Output.line("  windtunnel run --scenarios \(shellWord("\(folder)/Scenarios"))")
    Output.line("  windtunnel verify \(Example.system) --contracts \(shellWord("\(folder)/ContractTests"))")
  }
}
