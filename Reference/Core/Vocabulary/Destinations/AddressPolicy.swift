// Where a destination may lead that a user of a service named (a webhook, a feed, an agent's address): so that nobody
// has a service speak to what only the service can reach (server-side request forgery).
//
// One implementation for both hosts, which ask it twice: what a destination says by itself, before anything is
// resolved; and each address that a name led to, which is then the very address that is connected to, at every
// connection, also one that a redirect asks for. A name may say something else each time it is asked: nothing that was
// judged once is taken for granted later.
//
// What is public: of IPv4 all but the blocks that IANA's registry of special-purpose addresses (RFC 6890 and what
// followed) does not call globally reachable, the deprecated relays of 6to4, multicast (RFC 5771) and class E. Of IPv6
// global unicast (2000::/3) alone, without documentation (RFC 3849, 9637), protocol assignments with Teredo and
// benchmarks among them (2001::/23; RFC 2928, 4380, 5180) and 6to4 (2002::/16; RFC 3056), which tunnels to addresses of
// IPv4. An address of IPv4 as IPv6 writes it, or as NAT64 does under the well-known prefix (64:ff9b::/96, RFC 6052), is
// judged by the one within; the local prefix of NAT64 (64:ff9b:1::/48, RFC 8215) is no public one.
//
// Limits: the policy knows nothing of what a public address is routed to in the operator's own network, nor of proxies.

/// What users' destinations may lead to.
public struct AddressPolicy: Hashable, Sendable {
  /// Blocks that users' destinations may lead to, beside public addresses.
  public var allowedBlocks: [AddressBlock]
  /// Hosts, as a destination names them, that users' destinations may name wherever they lead. ASCII, without regard to
  /// case, and to a dot at the end.
  public var allowedHosts: [String]

  /// Public addresses, and what the operator allows beyond.
  public init(allowedBlocks: [AddressBlock] = [], allowedHosts: [String] = []) {
    self.allowedBlocks = allowedBlocks
    self.allowedHosts = allowedHosts
  }

  /// Whether `destination` may be resolved, or connected to where it needs no resolver. An operator's may be anything.
  public func allows(_ destination: Destination) -> Bool {
    switch (destination.namedBy, destination.place) {
    case (.operator, _): return true
    case (.user, .localSocket): return false
    case (.user, .network(_, let address)):
      if isAllowed(host: address.host) { return true }
      // The zone of an address is a link of this machine's.
      if address.host.utf8.contains(UInt8(ascii: "%")) { return false }
      return IPAddress(address.host).map { allows($0, for: destination) } ?? true
    }
  }

  /// Whether `destination` may be reached at `address`, to which its host was resolved.
  public func allows(_ address: IPAddress, for destination: Destination) -> Bool {
    switch (destination.namedBy, destination.place) {
    case (.operator, _): return true
    case (.user, .localSocket): return false
    case (.user, .network(_, let named)):
      return isAllowed(host: named.host) || Self.isPublic(address)
        || allowedBlocks.contains { $0.contains(address) || $0.contains(address.unmapped) }
    }
  }

  private func isAllowed(host: String) -> Bool {
    !allowedHosts.isEmpty && allowedHosts.contains { Self.hasSameHost($0, host) }
  }

  private static func hasSameHost(_ one: String, _ other: String) -> Bool {
    func bare(_ host: String) -> [UInt8] {
      var bytes = host.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
      if bytes.count > 1, bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
      return bytes
    }
    return bare(one) == bare(other)
  }

  /// Whether anybody on the Internet could mean the same host by this address.
  public static func isPublic(_ address: IPAddress) -> Bool {
    switch address {
    case .version4: return !closedBlocks.contains { $0.contains(address) }
    case .version6(_, let low):
      let inner = IPAddress.version4(UInt32(truncatingIfNeeded: low))
      if address.unmapped == inner || wellKnownNAT64.contains(address) { return isPublic(inner) }
      return globalUnicast.contains(address) && !closedWithinGlobalUnicast.contains { $0.contains(address) }
    }
  }

  private static let globalUnicast = AddressBlock(fixed: "2000::/3")
  private static let wellKnownNAT64 = AddressBlock(fixed: "64:ff9b::/96")

  private static let closedWithinGlobalUnicast: [AddressBlock] = [
    AddressBlock(fixed: "2001::/23"), AddressBlock(fixed: "2001:db8::/32"), AddressBlock(fixed: "2002::/16"),
    AddressBlock(fixed: "3fff::/20"),
  ]

  private static let closedBlocks: [AddressBlock] = [
    AddressBlock(fixed: "0.0.0.0/8"), AddressBlock(fixed: "10.0.0.0/8"), AddressBlock(fixed: "100.64.0.0/10"),
    AddressBlock(fixed: "127.0.0.0/8"), AddressBlock(fixed: "169.254.0.0/16"), AddressBlock(fixed: "172.16.0.0/12"),
    AddressBlock(fixed: "192.0.0.0/24"), AddressBlock(fixed: "192.0.2.0/24"), AddressBlock(fixed: "192.88.99.0/24"),
    AddressBlock(fixed: "192.168.0.0/16"), AddressBlock(fixed: "198.18.0.0/15"), AddressBlock(fixed: "198.51.100.0/24"),
    AddressBlock(fixed: "203.0.113.0/24"), AddressBlock(fixed: "224.0.0.0/4"), AddressBlock(fixed: "240.0.0.0/4"),
  ]
}
