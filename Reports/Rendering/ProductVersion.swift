// The version of the product, which every report, JSON document and bench names: a seed repeats a flight only with the same code.
//
// A build does not know its commit (it may come from an archive, or from edited sources), so none is claimed.

/// The version of the product.
public enum ProductVersion {
  /// "0.2.0". It changes with every release; a flight of one seed may differ between two versions.
  public static let text = "0.2.0"
}
