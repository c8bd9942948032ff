// What a system may know of a data folder before it is claimed: names and small files. It reads and writes nothing by
// itself.

import Foundation
import Live

/// A folder that is looked into.
package struct FolderView: Sendable {
  /// Where it is.
  package let path: String

  /// The folder at `path`, which may be missing.
  package init(_ path: String) { self.path = path }

  /// The numbers of the nodes that founded the cluster whose folder this is; nil where nothing tells.
  package var founders: [UInt32]? { DataFolders.founders(in: path) }

  /// Whether something has this name in it; a name may have slashes.
  package func holds(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

  /// The text of a file in it; nil where it cannot be read.
  package func text(of name: String) -> String? { try? InputFile.text("\(path)/\(name)") }
}
