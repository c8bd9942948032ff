// Files that a command is given, read by one reader that has bounds: whatever is named, no more is read of it than a
// memory holds, and who named it is told what was expected. It also keeps what was in those files when they were read:
// the processes of a campaign read them too, each when it starts, and must have read the same.
//
// Limit: two texts are told apart by 64 bits of hash, which is against edits, not against who wants to deceive himself.

import Foundation
import Live
import Synchronization
import Vocabulary

/// A file that was given to the command.
package enum InputFile {
  private static let known = Mutex<[String: UInt64]>([:])

  /// The most bytes of a file, unless it is one of data: 64 MiB.
  package static let mostBytes = 64 << 20
  /// The most bytes of a file of data, of which a machine may have written any number: 1 GiB.
  package static let mostDataBytes = 1 << 30
  /// The most bytes of a line of any file: 64 MiB.
  package static let mostLineBytes = 64 << 20

  /// The bytes of the file at `path`, which must be an ordinary one: it may be read again, by other processes. `label`
  /// is how a message names it (an option and the path). Throws `InputProblem` where it cannot be read, or is longer.
  package static func bytes(_ path: String, as label: String? = nil, atMost most: Int = mostBytes) throws -> [UInt8] {
    let label = label ?? path
    // Not to wait for whoever may write to a pipe.
    let bytes = try withDescriptor(path, O_NONBLOCK, label) { descriptor in
      var found = stat()
      guard fstat(descriptor, &found) == 0 else { throw unreadable(label, errno) }
      guard found.st_mode & S_IFMT == S_IFREG else {
        let kind = found.st_mode & S_IFMT == S_IFDIR ? "a folder" : found.st_mode & S_IFMT == S_IFIFO ? "a pipe" : "a device or socket"
        throw InputProblem(description: "\(label): expected a readable file, which can be read more than once, found \(kind)")
      }
      return try readAll(descriptor, label, most)
    }
    // FNV-1a.
    let hash = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    known.withLock { $0[path] = hash }
    return bytes
  }

  /// The text of the file at `path`, as `bytes` has it. Throws `InputProblem` also where it is no UTF-8.
  package static func text(_ path: String, as label: String? = nil, atMost most: Int = mostBytes) throws -> String {
    guard let text = String(validating: try bytes(path, as: label, atMost: most), as: UTF8.self) else {
      throw InputProblem(description: "\(label ?? path): expected a readable file of UTF-8 text")
    }
    return text
  }

  /// What can be read once from `path`, which may be a pipe, or standard input where it is "-". Throws `InputProblem`
  /// where it cannot be read, or is longer.
  package static func stream(_ path: String, atMost most: Int = mostDataBytes) throws -> [UInt8] {
    if path == "-" { return try readAll(STDIN_FILENO, "standard input", most) }
    return try withDescriptor(path, 0, path) { try readAll($0, path, most) }
  }

  private static func withDescriptor<Value>(_ path: String, _ flags: CInt, _ label: String, _ body: (CInt) throws -> Value) throws -> Value
  {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | flags)
    guard descriptor >= 0 else { throw unreadable(label, errno) }
    defer { close(descriptor) }
    return try body(descriptor)
  }

  private static func unreadable(_ label: String, _ code: CInt) -> InputProblem {
    InputProblem(description: "\(label): expected a readable file (\(SystemError("", code).reason))")
  }

  /// Reads to the end, at most so many bytes, and lines of at most `mostLineBytes`.
  private static func readAll(_ descriptor: CInt, _ label: String, _ most: Int) throws -> [UInt8] {
    let feed = UInt8(ascii: "\n")
    var (bytes, piece) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 18))
    var (line, lineBytes) = (1, 0)
    while true {
      let count = piece.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(label, errno) }
      guard count > 0 else { return bytes }
      let new = piece[..<count]
      // A piece is shorter than the longest line: only one that began before it can be too long.
      lineBytes += (new.firstIndex(of: feed) ?? count)
      guard lineBytes <= mostLineBytes else {
        throw InputProblem(description: "\(label):\(line): expected lines of at most \(mostLineBytes >> 20) MiB, found a longer one")
      }
      guard bytes.count + count <= most else {
        throw InputProblem(description: "\(label): expected at most \(most >> 20) MiB, found more")
      }
      if let last = new.lastIndex(of: feed) {
        line += new.count { $0 == feed }
        lineBytes = count - last - 1
      }
      bytes += new
    }
  }

  /// What this process has read, for another one to compare: a line for each file, its hash in hexadecimal digits, a
  /// space, its path.
  package static var read: [UInt8] {
    known.withLock { known in
      Array(known.sorted { $0.key < $1.key }.map { "\(String($0.value, radix: 16)) \($0.key)\n" }.joined().utf8)
    }
  }

  /// The first file that another process, which has `read` these, found otherwise than this one did; nil where there is
  /// none. Files that only one of the two has read say nothing.
  package static func changed(_ read: [UInt8]) -> String? {
    known.withLock { known in
      for line in String(decoding: read, as: UTF8.self).split(separator: "\n") {
        guard let space = line.firstIndex(of: " "), let hash = UInt64(line[..<space], radix: 16) else { continue }
        let path = String(line[line.index(after: space)...])
        if let own = known[path], own != hash { return path }
      }
      return nil
    }
  }
}
