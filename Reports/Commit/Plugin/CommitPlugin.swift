// Has the commit of which a build is made written into a source file (`CommitTool`), which the command shows beside its
// version.
//
// Whatever can change the answer is an input: all files of code, and what git changes with every commit, checkout and
// addition. So the answer is as old as the newest of them, and a build in which none of them changed asks nothing and
// compiles nothing anew.

import Foundation
import PackagePlugin

@main
struct CommitPlugin: BuildToolPlugin {
  /// The folders in which files of code lie, whose changes make a tree a modified one.
  private static let folders = ["ContractTests", "Reference", "Reports", "Scenarios", "Simulator"]

  func createBuildCommands(context: PluginContext, target: any Target) async throws -> [Command] {
    let root = context.package.directoryURL
    var inputs = [root.appending(path: "Package.swift")]
    for folder in Self.folders {
      let found = FileManager.default.enumerator(atPath: root.appending(path: folder).path)?.compactMap { $0 as? String } ?? []
      inputs += found.filter { $0.hasSuffix(".swift") || $0.hasSuffix(".yaml") }.sorted().map { root.appending(path: "\(folder)/\($0)") }
    }
    let output = context.pluginWorkDirectoryURL.appending(path: "BuiltCommit.swift")
    return [
      .buildCommand(
        displayName: "Asking for the commit of \(target.name)", executable: try context.tool(named: "CommitTool").url,
        arguments: [root.path, output.path] + Self.folders, inputFiles: inputs + gitFiles(root), outputFiles: [output])
    ]
  }

  /// The files of git that change where the commit or what is added to it changes; none where the package is no clone.
  private func gitFiles(_ root: URL) -> [URL] {
    var folder = root.appending(path: ".git")
    // In a worktree it is a file that names the folder.
    if let text = try? String(contentsOf: folder, encoding: .utf8), text.hasPrefix("gitdir: ") {
      folder = URL(fileURLWithPath: text.dropFirst(8).trimmingCharacters(in: .whitespacesAndNewlines), relativeTo: root)
    }
    var files = ["HEAD", "index", "logs/HEAD"].map { folder.appending(path: $0) }
    // Of a worktree, branches are in the folder that it shares with others.
    let shared = (try? String(contentsOf: folder.appending(path: "commondir"), encoding: .utf8))
      .map { URL(fileURLWithPath: $0.trimmingCharacters(in: .whitespacesAndNewlines), relativeTo: folder) }
    if let head = try? String(contentsOf: files[0], encoding: .utf8), head.hasPrefix("ref: ") {
      let branch = head.dropFirst(5).trimmingCharacters(in: .whitespacesAndNewlines)
      files += [branch, "packed-refs"].map { (shared ?? folder).appending(path: $0) }
    }
    return files.map(\.standardizedFileURL).filter { FileManager.default.fileExists(atPath: $0.path) }
  }
}
