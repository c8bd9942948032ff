// Writes files into a Swift source file, byte by byte as raw literals, each with its path below a folder: EmbeddingTool
// FOLDER OUTPUT FILE…
//
// Limits: UTF-8 text without carriage returns, which a Swift literal would read as other line ends; a file that is not
// so ends the build with a message.

import Foundation

@main
struct EmbeddingTool {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count >= 3 else { fail("expected FOLDER OUTPUT FILE…") }
    var out = "// Written by EmbeddingTool at every build.\n\n/// The files below the room's folder, by path.\n"
    out += "let embeddedFiles: [(path: String, text: String)] = [\n"
    for file in arguments.dropFirst(3) {
      guard file.hasPrefix(arguments[1] + "/") else { fail("\(file): expected a file below \(arguments[1])") }
      let path = String(file.dropFirst(arguments[1].count + 1))
      guard let data = FileManager.default.contents(atPath: file), let text = String(validating: data, as: UTF8.self) else {
        fail("\(file): expected a readable file of UTF-8 text")
      }
      guard !data.contains(0x0D), !data.contains(0) else { fail("\(file): expected line feeds alone at the ends of lines, and no NUL") }
      var hashes = "#"
      while text.contains("\"\"\"" + hashes) || text.contains("\\" + hashes) { hashes += "#" }
      out += "  (\n\(hashes)\"\(path)\"\(hashes),\n\(hashes)\"\"\"\n\(text)\n\"\"\"\(hashes)\n  ),\n"
    }
    do {
      try Data((out + "]\n").utf8).write(to: URL(fileURLWithPath: arguments[2]), options: .atomic)
    } catch {
      fail("\(arguments[2]) cannot be written: \(error)")
    }
  }

  private static func fail(_ problem: String) -> Never {
    FileHandle.standardError.write(Data("error: EmbeddingTool: \(problem)\n".utf8))
    exit(1)
  }
}
