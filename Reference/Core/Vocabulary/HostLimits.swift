// Bounds that every host keeps, simulated or real, and that services must stay below: stated once, so that no two of
// them disagree.

/// Bounds of every host.
public enum HostLimits {
  /// Longest body of a whole response in bytes that a caller is given; a longer one fails as
  /// `TransportFailure.responseTooLarge`.
  public static let responseBytes = 64 << 20
  /// How long a host may take to resolve a name and to connect, in seconds; a call for which that is not enough fails as
  /// `TransportFailure.refused`.
  public static let connectSeconds: Int64 = 5
}
