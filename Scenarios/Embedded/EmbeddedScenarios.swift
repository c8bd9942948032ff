// The scenario files that the command carries: those below `Scenarios` when it was built (`EmbeddingPlugin`).

/// The scenario files of this build.
public enum EmbeddedScenarios {
  /// Each file with its path below `Scenarios`, in the order of the paths: "SYSTEM/NAME.yaml".
  public static var files: [(path: String, text: String)] { embeddedFiles }
}
