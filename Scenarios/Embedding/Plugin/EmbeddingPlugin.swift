// Runs at every build, for each room that carries files of its own folder: has its YAML files written into a source
// file (`EmbeddingTool`), so that the command finds them wherever it is copied to. A file that is added, changed or
// taken away is noticed, since all lie below the room's own folder.

import Foundation
import PackagePlugin

@main
struct EmbeddingPlugin: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) async throws -> [Command] {
    let folder = target.directoryURL
    let found = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    let files = found.filter { $0.hasSuffix(".yaml") }.sorted().map { folder.appending(path: $0) }
    // Not named as a source file of the room.
    let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedFiles.swift")
    return [
      .buildCommand(
        displayName: "Embedding the files of \(target.name)", executable: try context.tool(named: "EmbeddingTool").url,
        arguments: [folder.path, output.path] + files.map(\.path), inputFiles: files, outputFiles: [output])
    ]
  }
}
