// The keys of a service's peers, from a file or from the environment: never from the arguments, which every user of the
// machine can read. One line is the key; on a second line stands one that is taken besides, while keys are changed.

import Foundation
import Live
import PeerAuthentication

/// Where the peers' keys come from.
package enum PeerKeyOption {
  /// The variable of the environment that holds them where no file is named.
  package static let variable = "WINDTUNNEL_PEER_KEY"

  /// The keys in `file`, else in the environment; none where there is neither and only this machine reaches `address`.
  /// Throws where keys cannot be read or are none, and where others reach `address` and there is none.
  package static func keys(file: String?, listeningAt address: NetworkAddress) throws -> PeerKeys {
    guard let keys = try keys(file: file) else {
      guard address.isLoopback else {
        throw InputProblem(
          description:
            "its peers would reach this one at \(address), which is more than loopback, and there is no key that they must prove: give all of "
            + "them the same with --peer-key-file FILE or \(variable) (openssl rand -hex 32 makes one), or listen on loopback with "
            + "--peer-listen 127.0.0.1:\(address.port)")
      }
      return .none
    }
    return keys
  }

  /// The keys in `file`, else in the environment; nil where there is neither. Throws where a key cannot be read or is
  /// none.
  package static func keys(file: String?) throws -> PeerKeys? {
    let (text, source) = try text(file: file)
    guard let text else { return nil }
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }.map { $0.trimmingCharacters(in: .whitespaces) }
    guard lines.count <= 2 else {
      throw InputProblem(description: "\(source): expected one key, or two on two lines while they are changed, found \(lines.count) lines")
    }
    var keys: [PeerKey] = []
    for line in lines {
      guard let key = PeerKey(line) else {
        throw InputProblem(
          description:
            "\(source): expected a key of \(PeerKey.minimumBytes) to \(PeerKey.maximumBytes) printable ASCII characters without spaces, "
            + "found \(line.utf8.count) bytes" + (lines.count == 2 ? " on one of two lines" : ""))
      }
      keys.append(key)
    }
    guard keys.count < 2 || keys[0].name != keys[1].name else {
      throw InputProblem(description: "\(source): both lines are one key")
    }
    return keys.first.map { PeerKeys(present: $0, next: keys.dropFirst().first) }
  }

  private static func text(file: String?) throws -> (String?, source: String) {
    let environment = ProcessInfo.processInfo.environment[variable]
    guard let file else { return (environment?.trimmingCharacters(in: .whitespacesAndNewlines), variable) }
    guard environment == nil else { throw InputProblem(description: "give --peer-key-file or \(variable), not both") }
    let source = "--peer-key-file \(file)"
    do {
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
      defer { try? handle.close() }
      let bytes = try handle.read(upToCount: 2 * PeerKey.maximumBytes + 6) ?? Data()
      return (String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines), source)
    } catch {
      throw InputProblem(description: "\(source) cannot be read (\(InputProblem.reason(error)))")
    }
  }
}
