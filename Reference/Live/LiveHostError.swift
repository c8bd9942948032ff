// Why a node of the real host does not run: for people in one sentence, for programs as a cause.

import Glibc
import NIOCore
import Vocabulary

/// Why a host could not start, or why one of its nodes is down for good.
public struct LiveHostError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What failed.
  public enum Cause: Hashable, Sendable {
    /// Something else listens at this address.
    case addressInUse(NetworkAddress)
    /// Nothing can listen at this address, for this reason.
    case addressUnusable(NetworkAddress, reason: String)
    /// Another process keeps its data in this directory.
    case directoryInUse(path: String)
    /// The system could not open or read this directory.
    case directoryUnusable(path: String, SystemError)
    /// The system lets this process have fewer files and sockets open (`ulimit -n`) than its nodes need.
    case tooFewDescriptors(limit: Int, needed: Int)
    /// It is to speak TLS and cannot.
    case unsecured(SecurityFailure)
    /// The machine does not serve on what its disk holds.
    case refused(StartRefusal)
  }

  /// What people call the node.
  public var node: String
  /// What failed.
  public var cause: Cause

  /// Which node, and what failed.
  public var description: String {
    switch cause {
    case .addressInUse(let address): "\(node): port \(address.port) on \(address.host) is in use"
    case .addressUnusable(let address, let reason): "\(node): cannot listen on \(address) (\(reason))"
    case .directoryInUse(let path): "\(node): its data directory \(path) is in use by another process"
    case .directoryUnusable(let path, let error): "\(node): its data directory \(path) cannot be used (\(error))"
    case .tooFewDescriptors(let limit, let needed):
      "\(node): this process may have \(limit) files and sockets open (ulimit -n), and needs \(needed) at least"
    case .unsecured(let failure): "\(node): \(failure)"
    case .refused(let refusal): "\(node) refused to start: \(refusal)"
    }
  }

  /// What went wrong where a node was to listen at `address`.
  static func cause(_ error: any Error, at address: NetworkAddress) -> Cause {
    if let error = error as? IOError {
      let system = SystemError("bind", error.errnoCode)
      return system.code == EADDRINUSE ? .addressInUse(address) : .addressUnusable(address, reason: system.reason)
    }
    return .addressUnusable(address, reason: error is SocketAddressError.UnknownHost ? "no such host" : "\(error)")
  }

  /// Whether the same start may succeed later. What a machine refuses stays as it is on the disk; what the system
  /// refuses need not.
  var mayPass: Bool {
    switch cause {
    case .refused, .tooFewDescriptors, .unsecured: false
    case .addressInUse, .addressUnusable, .directoryInUse, .directoryUnusable: true
    }
  }
}
