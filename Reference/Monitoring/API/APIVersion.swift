// The version of the services' API in their paths: each path answers with it in front and without (MONITORING-28).

/// The version of the API.
public enum APIVersion {
  /// The segment in front of a path.
  public static let segment = "v1"
}
