// The files of contract cases that the command carries: those below `ContractTests` when it was built
// (`EmbeddingPlugin`).

/// The files of contract cases of this build.
public enum EmbeddedCases {
  /// Each file with its path below `ContractTests`, in the order of the paths: "SYSTEM/SERVICE.yaml".
  public static var files: [(path: String, text: String)] { embeddedFiles }
}
