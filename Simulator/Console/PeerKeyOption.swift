// The key of a service's peers, from a file or from the environment: never from the arguments, which every user of the
// machine can read.

import Foundation
import Live

/// Where the peers' key comes from.
package enum PeerKeyOption {
  /// The variable of the environment that holds it where no file is named.
  package static let variable = "WINDTUNNEL_PEER_KEY"

  /// The key in `file`, else in the environment; none where there is neither and only this machine reaches `address`.
  /// Throws where a key cannot be read or is none, and where others reach `address` and there is none.
  package static func key(file: String?, listeningAt address: NetworkAddress) throws -> PeerKey {
    guard let key = try key(file: file) else {
      guard address.isLoopback else {
        throw InputProblem(
          description:
            "its peers would reach this one at \(address), which is more than loopback, and there is no key that they must prove: give all of "
            + "them the same with --peer-key-file FILE or \(variable) (openssl rand -hex 32 makes one), or listen on loopback with "
            + "--peer-listen 127.0.0.1:\(address.port)")
      }
      return .none
    }
    return key
  }

  /// The key in `file`, else in the environment; nil where there is neither. Throws where a key cannot be read or is
  /// none.
  package static func key(file: String?) throws -> PeerKey? {
    let (text, source) = try text(file: file)
    guard let text else { return nil }
    guard let key = PeerKey(text) else {
      throw InputProblem(
        description:
          "\(source): expected a key of \(PeerKey.minimumBytes) to \(PeerKey.maximumBytes) printable ASCII characters without spaces, "
          + "found \(text.utf8.count) bytes")
    }
    return key
  }

  private static func text(file: String?) throws -> (String?, source: String) {
    let environment = ProcessInfo.processInfo.environment[variable]
    guard let file else { return (environment?.trimmingCharacters(in: .whitespacesAndNewlines), variable) }
    guard environment == nil else { throw InputProblem(description: "give --peer-key-file or \(variable), not both") }
    let source = "--peer-key-file \(file)"
    do {
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
      defer { try? handle.close() }
      let bytes = try handle.read(upToCount: PeerKey.maximumBytes + 3) ?? Data()
      return (String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines), source)
    } catch {
      throw InputProblem(description: "\(source) cannot be read (\(InputProblem.reason(error)))")
    }
  }
}
