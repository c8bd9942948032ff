// Bounds that every host keeps, simulated or real, and that services must stay below: stated once, so that no two of
// them disagree.

/// Bounds of every host.
public enum HostLimits {
  /// Longest request line in bytes; beyond it `HTTPRefusal.targetTooLong`.
  public static let requestLineBytes = 8_192
  /// Longest head of a request or response in bytes, start line included; beyond it a request gets
  /// `HTTPRefusal.headTooLong`, and a call whose response has one fails as `TransportFailure.malformedResponse`.
  public static let headBytes = 16_384
  /// Most fields of a head; beyond it as with `headBytes`.
  public static let headerFields = 100
  /// Longest body of a whole response in bytes that a caller is given; a longer one fails as
  /// `TransportFailure.responseTooLarge`.
  public static let responseBytes = 64 << 20
  /// How long a host may take to resolve a name and to connect, in seconds; a call for which that is not enough fails as
  /// `TransportFailure.refused`.
  public static let connectSeconds: Int64 = 5
  /// Whole calls that one node has under way to one endpoint, each on a connection of its own; further ones wait for one.
  public static let callsPerEndpoint = 64
  /// Whole calls that one node has under way to one destination.
  public static let callsPerDestination = 8
  /// Whole calls that one node has under way to all destinations together.
  public static let callsToDestinations = 64
  /// Whole calls of one node that wait for a connection to one endpoint or destination; further ones fail as
  /// `TransportFailure.refused`.
  public static let waitingCalls = 1_024
  /// Longest message between peers in bytes; a longer one is not sent. The longest that Raft sends is a batch that was not
  /// full yet (4 MiB) and took a snapshot: of a partition 11 MiB of records and 4 MiB of producers, of the registry
  /// 12 MiB of offsets and its topics.
  public static let peerMessageBytes = 25_165_824
}
