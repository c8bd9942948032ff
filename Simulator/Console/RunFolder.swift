// The folder of one run of a command that keeps files while it works: gone with the run, or, where the run was killed,
// with the start of the next one.
//
// All of a user's lie in one place, which nobody else may look into: keys are among what they hold. Whoever works in
// one holds its lock, so that what is nobody's any more can be told, whatever became of the process and its number.

import Foundation
import Live

/// A folder that is one run's own.
package final class RunFolder {
  /// Where it is.
  package let path: String
  private let lock: CInt

  private static let lockName = ".lock"

  /// Makes one for a run of `kind` ("bench") in the place for such folders below `base`, by default where the system
  /// keeps temporary files, and removes those there that are nobody's any more. `option` is how a command is told of
  /// `base`. Throws where `base` is a service's data folder, or nothing can be made there.
  package init(_ kind: String, below base: String?, option: String) throws {
    let base = base ?? FileManager.default.temporaryDirectory.path
    guard !FileManager.default.fileExists(atPath: "\(base)/\(DataFolders.markName)") else {
      throw InputProblem(description: "\(option): \(base) is the data folder of a service; give another")
    }
    let place = "\(base)/windtunnel-\(geteuid())"
    path = "\(place)/\(kind)-\(getpid())"
    do {
      try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
      try Self.makePrivate(place)
      let door = try Self.locked("\(place)/\(Self.lockName)", waits: true)
      defer { close(door) }
      Self.removeStale(in: place)
      try Self.makePrivate(path)
      lock = try Self.locked("\(path)/\(Self.lockName)", waits: false)
    } catch let error as SystemError {
      throw InputProblem(description: "\(place) cannot be used (\(error)): give another folder with \(option)", exitCode: Exit.couldNotRun)
    } catch {
      throw InputProblem.unwritable(base, error, option: option)
    }
  }

  /// Removes it with all that is in it.
  package func remove() {
    try? FileManager.default.removeItem(atPath: path)
    close(lock)
  }

  /// Makes a folder that only this user may look into, or finds it so.
  private static func makePrivate(_ path: String) throws(SystemError) {
    guard mkdir(path, 0o700) != 0 else { return }
    guard errno == EEXIST else { throw SystemError("mkdir", errno) }
    var found = stat()
    guard lstat(path, &found) == 0 else { throw SystemError("lstat", errno) }
    // Anybody may have made it where all may write.
    guard found.st_mode & S_IFMT == S_IFDIR, found.st_uid == geteuid() else { throw SystemError("it is somebody else's", EPERM) }
    guard chmod(path, 0o700) == 0 else { throw SystemError("chmod", errno) }
  }

  /// The descriptor of a lock file that is held.
  private static func locked(_ path: String, waits: Bool) throws(SystemError) -> CInt {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw SystemError("open \(path)", errno) }
    while flock(descriptor, waits ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      if code == EINTR { continue }
      close(descriptor)
      throw SystemError("flock", code)
    }
    return descriptor
  }

  /// Removes all folders in `place` whose lock nobody holds. Nobody makes one meanwhile.
  private static func removeStale(in place: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? [] where name != lockName {
      guard let descriptor = try? locked("\(place)/\(name)/\(lockName)", waits: false) else { continue }
      try? FileManager.default.removeItem(atPath: "\(place)/\(name)")
      close(descriptor)
    }
  }
}
