// TLS, for callers and servers: what an operator says of it. What speaks it stands behind the SwiftPM trait `TLS`
// (TransportSecurity+BuiltIn): it doubles what a build compiles, and most flights and most tests need none of it.

import NIOCore
import Vocabulary

/// What a host proves by TLS, and whom it believes.
public struct TransportSecurity: Sendable, Hashable {
  /// What a server proves to be.
  public struct Identity: Sendable, Hashable {
    /// A file of certificates in PEM: the server's own first, then those that lead from it to an authority.
    public var certificateFile: String
    /// A file with the private key of the first of them, in PEM.
    public var keyFile: String

    /// An identity.
    public init(certificateFile: String, keyFile: String) {
      self.certificateFile = certificateFile
      self.keyFile = keyFile
    }
  }

  /// What all listeners for clients prove; nil where they speak without TLS.
  public var identity: Identity?
  /// Files of authorities in PEM that callers believe, and then no others; where there is none, those of the system.
  public var authorityFiles: [String]

  /// No TLS for servers, and the system's authorities for callers.
  public init(identity: Identity? = nil, authorityFiles: [String] = []) {
    self.identity = identity
    self.authorityFiles = authorityFiles
  }

  /// How a build comes to speak TLS.
  public static let howToBuildIn = "this build speaks no TLS; build it with: swift build --traits TLS"
}

/// What is spoken inside TLS.
enum SecuredProtocol: Sendable {
  /// HTTP/1.1, which is offered by name (ALPN, RFC 7301), so that no server of something else takes the connection for its
  /// own.
  case http
  /// Mail, which has no name to be offered by: a server may refuse one that it does not know.
  case mail
}

/// Why there is no TLS, or not with this peer.
public struct SecurityFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// In words, for an operator.
  public var description: String

  init(_ description: String) { self.description = description }
}
