// The two addresses of a node of a cluster, as people write them: where clients reach it, and where its peers do. One
// reader for options of the command, entries of a registry and what a machine locates (`Effect.locate`).

/// Where a node of a cluster is reached: by clients, and by its peers. As text `host:port`, `host:port@port` or
/// `host:port@host:port`, with the peers' part behind the `@`; without it peers are at the same host, `defaultDistance`
/// ports above.
public struct NodeAddresses: Hashable, Sendable, CustomStringConvertible {
  /// How far above the clients' port the peers' is where nothing else is said.
  public static let defaultDistance = 10_000

  /// What the text is, in words.
  public static let words =
    "HOST:PORT, HOST:PORT@PORT or HOST:PORT@HOST:PORT, with ports from 1 to 65535; behind the @ stands where other nodes reach it, which must be "
    + "given where the first port is beyond \(65_535 - defaultDistance); \(HostAndPort.hostWords)"

  /// Where clients reach it.
  public var clients: HostAndPort
  /// Where its peers reach it.
  public var peers: HostAndPort

  /// The addresses of a node.
  public init(clients: HostAndPort, peers: HostAndPort) {
    self.clients = clients
    self.peers = peers
  }

  /// What `text` says; nil where it says none, or where the default port of the peers would be beyond 65,535.
  public init?(_ text: String) {
    let bytes = text.utf8
    guard let at = bytes.firstIndex(of: UInt8(ascii: "@")) else {
      guard let clients = HostAndPort(text), clients.port <= 65_535 - Self.defaultDistance else { return nil }
      self.init(clients: clients, peers: HostAndPort(host: clients.host, port: clients.port + Self.defaultDistance))
      return
    }
    let behind = String(text[bytes.index(after: at)...])
    guard let clients = HostAndPort(String(text[..<at])) else { return nil }
    if behind.utf8.contains(UInt8(ascii: ":")) {
      guard let peers = HostAndPort(behind) else { return nil }
      self.init(clients: clients, peers: peers)
    } else {
      // A port alone is read by the reader of addresses, behind a host that does not matter.
      guard let port = HostAndPort("host:\(behind)")?.port else { return nil }
      self.init(clients: clients, peers: HostAndPort(host: clients.host, port: port))
    }
  }

  /// The shortest text that says the same.
  public var description: String {
    guard peers.host == clients.host else { return "\(clients.text)@\(peers.text)" }
    return peers.port == clients.port + Self.defaultDistance ? clients.text : "\(clients.text)@\(peers.port)"
  }
}
