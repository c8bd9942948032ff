// Finds the folders of files that the command reads (scenarios, contract cases): from where it is called, and from its own place.

import Foundation

/// Finds folders of the package.
enum RoomFolder {
  /// How many folders upwards are looked into.
  private static let depth = 8

  /// The folder `name` that holds `entry`, from the current folder or the command's own upwards.
  static func find(_ name: String, holding entry: String) -> URL? {
    let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    let own = URL(fileURLWithPath: CommandLine.arguments.first ?? ".").resolvingSymlinksInPath().deletingLastPathComponent()
    for start in [here, own] {
      var folder = start
      for _ in 0..<depth {
        let candidate = folder.appendingPathComponent(name)
        if FileManager.default.fileExists(atPath: candidate.appendingPathComponent(entry).path) { return candidate }
        folder.deleteLastPathComponent()
      }
    }
    return nil
  }
}
