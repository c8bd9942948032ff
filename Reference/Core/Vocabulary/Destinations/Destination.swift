// Where a call goes that is not known by a number: a scheme with a host and a port, or a socket of this machine; and who
// named it. What an operator named may be anything; what a user named is held against an `AddressPolicy`.
//
// As text: `http://HOST`, `http://HOST:PORT`, `https://…`, `unix:/PATH`. Hosts are of ASCII: internationalised names
// (IDNA) are not offered, but their encoded form (`xn--…`) is a name like any other. Refused in words: credentials,
// which would have to be kept and sent; other schemes; sockets where a user names them; hosts that are a number in a
// spelling of `inet_aton`'s. Scheme and host are read without regard to case (RFC 3986, 6.2.2.1), kept in small letters
// and compared by their bytes.

/// Why a text is no destination, or no URL of one.
public struct DestinationMistake: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong with it and what was expected, in words. Nothing in it is worth hiding from who gave the text.
  public var description: String

  init(_ description: String) { self.description = description }
}

/// Where a call goes, and who said so.
public struct Destination: Hashable, Sendable, CustomStringConvertible {
  /// What is spoken there.
  public enum Scheme: Hashable, Sendable {
    /// HTTP over TCP.
    case http
    /// HTTP over TLS.
    case https

    /// "http" or "https".
    public var text: String {
      switch self {
      case .http: "http"
      case .https: "https"
      }
    }

    /// The port where none is named.
    public var usualPort: Int {
      switch self {
      case .http: 80
      case .https: 443
      }
    }
  }

  /// Where it is.
  public enum Place: Hashable, Sendable {
    /// A host and a port.
    case network(Scheme, HostAndPort)
    /// A socket in the file system of this machine, which speaks HTTP.
    case localSocket(path: ExactName)
  }

  /// Who said where a call goes.
  public enum Namer: Hashable, Sendable {
    /// Who runs the service.
    case `operator`
    /// Who uses it: nothing that only the service can reach is theirs to name.
    case user
  }

  /// The longest text, in bytes.
  public static let maximumBytes = 512
  /// The longest URL, in bytes.
  public static let maximumURLBytes = 8_192
  /// The longest path of a socket, in bytes (`sun_path`, with the 0 behind it).
  public static let maximumPathBytes = 107

  /// Where it is.
  public let place: Place
  /// Who named it.
  public let namedBy: Namer

  /// A destination on the network.
  public init(_ scheme: Scheme, _ address: HostAndPort, namedBy: Namer) {
    place = .network(scheme, HostAndPort(host: Self.lowered(address.host), port: address.port))
    self.namedBy = namedBy
  }

  /// A socket of this machine; only an operator names one.
  public init(localSocket path: String) {
    place = .localSocket(path: ExactName(path))
    namedBy = .operator
  }

  /// Reads `text`. Throws what is wrong with it.
  public init(_ text: String, namedBy: Namer) throws(DestinationMistake) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.maximumBytes else { throw DestinationMistake("expected at most \(Self.maximumBytes) bytes") }
    if bytes.starts(with: "unix:".utf8) {
      guard namedBy == .operator else {
        throw DestinationMistake("expected http:// or https://: a local socket is nobody's to name from outside")
      }
      let path = bytes.dropFirst(5)
      guard path.first == UInt8(ascii: "/"), path.count <= Self.maximumPathBytes, !path.contains(0) else {
        throw DestinationMistake("expected unix:/PATH with a path from the root, of at most \(Self.maximumPathBytes) bytes")
      }
      self.init(localSocket: String(decoding: path, as: UTF8.self))
      return
    }
    let (destination, target) = try Self.url(text, namedBy: namedBy)
    guard target == "/" || target.isEmpty else { throw DestinationMistake("expected nothing behind the host and the port") }
    self = destination
  }

  /// Reads a URL: a destination, and what stands behind it, byte by byte, as the target of a request: nothing of it is
  /// decoded, dropped or written otherwise (RFC 3986; RFC 9112, 3.2.1). Refused are fragments, bytes that may not stand in a
  /// URL, and broken percent escapes. Throws what is wrong with it.
  public static func url(_ text: String, namedBy: Namer) throws(DestinationMistake) -> (destination: Destination, target: String) {
    let bytes = Array(text.utf8)
    guard bytes.count <= maximumURLBytes else { throw DestinationMistake("expected a URL of at most \(maximumURLBytes) bytes") }
    if let offset = bytes.firstIndex(where: { $0 <= 0x20 || $0 >= 0x7F }) { throw outOfPlace(bytes[offset], at: offset) }
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
      throw DestinationMistake("expected http://HOST:PORT or https://HOST:PORT")
    }
    let scheme: Scheme
    switch lowered(String(decoding: bytes[..<colon], as: UTF8.self)) {
    case "http": scheme = .http
    case "https": scheme = .https
    default: throw DestinationMistake("expected http:// or https://: no other scheme is spoken")
    }
    let start = colon + 3
    let end =
      bytes[start...].firstIndex { [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "\\")].contains($0) }
      ?? bytes.count
    let authority = bytes[start..<end]
    guard !authority.contains(UInt8(ascii: "@")) else {
      throw DestinationMistake("credentials (the part up to @) are not sent; take them out")
    }
    guard let address = HostAndPort(String(decoding: authority, as: UTF8.self), defaultPort: scheme.usualPort) else {
      throw DestinationMistake("expected HOST or \(HostAndPort.words)")
    }
    let behind = bytes[end...]
    guard !behind.contains(UInt8(ascii: "#")) else { throw DestinationMistake("a fragment (#…) is not sent; take it out") }
    guard behind.first != UInt8(ascii: "\\") else { throw DestinationMistake("expected / behind the host and the port") }
    for offset in behind.indices {
      if forbidden.contains(behind[offset]) { throw outOfPlace(behind[offset], at: offset) }
      let escaped = behind[(offset + 1)...].prefix(2)
      guard behind[offset] != UInt8(ascii: "%") || escaped.count == 2 && escaped.allSatisfy(HostAndPort.isHexadecimal) else {
        throw DestinationMistake("'%' without two hexadecimal digits at offset \(offset)")
      }
    }
    let target = String(decoding: behind, as: UTF8.self)
    return (Destination(scheme, address, namedBy: namedBy), behind.first == UInt8(ascii: "?") || behind.isEmpty ? "/\(target)" : target)
  }

  /// Bytes that RFC 3986 leaves no place for, whatever they mean to a shell or a browser.
  private static let forbidden: [UInt8] = Array("\"<>\\^`{|}".utf8)

  private static func outOfPlace(_ byte: UInt8, at offset: Int) -> DestinationMistake {
    let digits = String(byte, radix: 16, uppercase: true)
    return DestinationMistake(
      "the byte 0x\(byte < 16 ? "0" : "")\(digits) at offset \(offset) may not stand in a URL: expected printable ASCII without spaces; "
        + "other bytes of a path are escaped with %, and names encoded (xn--…)")
  }

  /// As it is written.
  public var description: String {
    switch place {
    case .network(let scheme, let address): "\(scheme.text)://\(address.text)"
    case .localSocket(let path): "unix:\(path.text)"
    }
  }

  /// What a request says of whom it is for (`host`): without the port where that is the scheme's own (RFC 9110, 7.2).
  public var hostField: String {
    switch place {
    case .network(let scheme, let address):
      address.port == scheme.usualPort ? String(address.hostField.dropLast(String(address.port).count + 1)) : address.hostField
    case .localSocket: "localhost"
    }
  }

  static func lowered(_ text: String) -> String {
    guard text.utf8.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else { return text }
    return String(decoding: text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}

/// Whom a machine calls: an endpoint, which is known by its number and is what almost all calls are for, or a
/// destination. An endpoint leads wherever the operator said.
public enum Callee: Hashable, Sendable, CustomStringConvertible {
  /// By its number.
  case endpoint(Endpoint)
  /// By what it says.
  indirect case destination(Destination)

  public static func == (left: Callee, right: Callee) -> Bool {
    switch (left, right) {
    case (.endpoint(let one), .endpoint(let other)): one == other
    case (.destination(let one), .destination(let other)): one == other
    case (.endpoint, .destination), (.destination, .endpoint): false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    // One word, as the endpoint alone.
    case .endpoint(let endpoint): hasher.combine(endpoint.index)
    case .destination(let destination): hasher.combine(destination)
    }
  }

  /// "endpoint 3", or the destination as it is written.
  public var description: String {
    switch self {
    case .endpoint(let endpoint): endpoint.description
    case .destination(let destination): destination.description
    }
  }

  /// The number in facts: an endpoint's own; for a destination the digest of its text.
  public var statedAs: UInt64 {
    switch self {
    case .endpoint(let endpoint): UInt64(endpoint.index)
    case .destination(let destination): NameDigest.of(destination.description)
    }
  }
}
