// Files that a command is given, and what was in them when they were read: the processes of a campaign read them too,
// each when it starts, and must have read the same.
//
// Limit: two texts are told apart by 64 bits of hash, which is against edits, not against who wants to deceive himself.

import Foundation
import Synchronization
import Vocabulary

/// A file that was given to the command.
package enum InputFile {
  private static let known = Mutex<[String: UInt64]>([:])

  /// The bytes of the file at `path`; nil where it cannot be read.
  package static func bytes(_ path: String) -> [UInt8]? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    let bytes = [UInt8](data)
    // FNV-1a.
    let hash = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    known.withLock { $0[path] = hash }
    return bytes
  }

  /// The text of the file at `path`; nil where it cannot be read or is no UTF-8.
  package static func text(_ path: String) -> String? { bytes(path).flatMap { String(validating: $0, as: UTF8.self) } }

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
