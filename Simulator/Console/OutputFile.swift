// Files that a command writes when its work is done: that they can be written is shown before.

import Foundation

/// A file that a command is to write.
package enum OutputFile {
  /// Shows, before long work rather than after it, that a file can be written at `path`, which `option` named. Throws
  /// where it cannot.
  package static func prepare(_ path: String, option: String) throws {
    let place = URL(fileURLWithPath: path)
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      throw InputProblem(description: "\(option) \(path): expected the path of a file, found a folder")
    }
    // What is there is replaced by another one beside it, when that is whole.
    let sample = place.deletingLastPathComponent().appendingPathComponent(".windtunnel-\(ProcessInfo.processInfo.processIdentifier)")
    do {
      try Data().write(to: sample)
      try FileManager.default.removeItem(at: sample)
    } catch {
      throw InputProblem.unwritable(path, error, option: option)
    }
  }
}
