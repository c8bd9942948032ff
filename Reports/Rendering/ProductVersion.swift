// The version of the product, which every report, JSON document and bench names: a seed repeats a flight only with the
// same code.
//
// The commit is that of the build (`CommitPlugin`); an archive has none, and then it is said to be unknown. The report
// in Markdown names the version alone, as it is kept beside the code whose commit it would name.

import Wire

/// The version of the product.
public enum ProductVersion {
  /// "0.2.0". It changes with every release; a flight of one seed may differ between two versions.
  public static let text = "0.2.0"

  /// "0.2.0 (commit 0123…, modified)": the version and the commit of this build, and whether the code was modified
  /// since.
  public static var withCommit: String {
    guard let builtCommit else { return "\(text) (unknown commit)" }
    return "\(text) (commit \(builtCommit.id)\(builtCommit.isModified ? ", modified" : ""))"
  }

  /// The members `version`, `commit` and `modified` of a JSON document; the last two are null where the commit is
  /// unknown.
  public static var members: [JSON.Member] {
    [
      .init("version", .string(text)), .init("commit", builtCommit.map { .string($0.id) } ?? .null),
      .init("modified", builtCommit.map { .bool($0.isModified) } ?? .null),
    ]
  }
}
