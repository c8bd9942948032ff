// Where the files are that tests read from the repository: scenarios, contract cases.

import Foundation

/// The repository that the tests were built from.
public enum Repository {
  /// The file at `path`, counted from the repository's root.
  public static func file(_ path: String) -> URL {
    // The root lies above Tests/TestBench.
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return root.appendingPathComponent(path)
  }
}
