// Claims the folders that `serve` keeps data in.

import Live

/// The data folders of what is served.
enum ServedFolders {
  /// Claims `folders` below `path`; nothing is written where one of them is somebody else's.
  static func claim(_ folders: [ServedPlan.Folder], below path: String) throws {
    let claims = folders.map { folder in
      DataFolderClaim(folder.name.isEmpty ? path : "\(path)/\(folder.name)", folder.owner) { path, names in
        folder.unmarkedOwner(FolderView(path), names)
      }
    }
    do throws(DataFolderProblem) {
      try DataFolders.claim(claims)
    } catch {
      throw InputProblem(
        description: "--data: \(error)\(error.isOfSystem ? "" : "; give its own, or an empty one")",
        exitCode: error.isOfSystem ? Exit.couldNotRun : Exit.badInput)
    }
  }
}
