// Writes a Swift source file that says of which commit a build is made, and whether the code was modified since:
// CommitTool ROOT OUTPUT FOLDER…
//
// Git is asked, which knows worktrees, packed branches and what is modified. Where there is none, or the package is no
// clone of its own (it came from an archive), the commit is unknown. The file is left as it is where it says so
// already, so that nothing is compiled anew.

import Foundation

@main
struct CommitTool {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count >= 4 else { fail("expected ROOT OUTPUT FOLDER…") }
    let commit = commit(at: arguments[1], folders: Array(arguments.dropFirst(3)))
    let text = """
      // Written by CommitTool whenever the code or the commit changes.

      /// The commit of which this build was made, in hexadecimal digits, and whether the code was modified since; nil
      /// where it was not known.
      let builtCommit: (id: String, isModified: Bool)? = \(commit.map { "(\"\($0.id)\", \($0.isModified))" } ?? "nil")

      """
    let output = URL(fileURLWithPath: arguments[2])
    if (try? String(contentsOf: output, encoding: .utf8)) == text { return }
    do {
      try Data(text.utf8).write(to: output, options: .atomic)
    } catch {
      fail("\(arguments[2]) cannot be written: \(error)")
    }
  }

  /// The commit that is checked out at `root`, and whether a file of code in it, in `folders` or beside them, is not as
  /// it is there.
  private static func commit(at root: String, folders: [String]) -> (id: String, isModified: Bool)? {
    // A package that lies somewhere in another repository is not of that one's commits.
    guard FileManager.default.fileExists(atPath: root + "/.git"), let id = git(["rev-parse", "--verify", "HEAD"], at: root),
      id.count >= 40, id.allSatisfy(\.isHexDigit)
    else { return nil }
    let files = ["Package.swift"] + folders.flatMap { ["\($0)/*.swift", "\($0)/*.yaml"] }
    // A new file is code too, before git knows it.
    let status = ["--no-optional-locks", "status", "--porcelain", "--untracked-files=all", "--"]
    guard let changes = git(status + files, at: root) else { return nil }
    return (id, !changes.isEmpty)
  }

  /// What git prints; nil where there is none, or it ends badly.
  private static func git(_ arguments: [String], at root: String) -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["git", "-C", root] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    do {
      try process.run()
      let data = try output.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      guard process.terminationReason == .exit, process.terminationStatus == 0 else { return nil }
      return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    } catch {
      return nil
    }
  }

  private static func fail(_ problem: String) -> Never {
    FileHandle.standardError.write(Data("error: CommitTool: \(problem)\n".utf8))
    exit(1)
  }
}
