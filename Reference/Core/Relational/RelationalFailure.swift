// Why a relational database did not do what was asked.

import Vocabulary

/// Why a relational database did not do what was asked.
public enum RelationalFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// A constraint of the schema refuses it: which, in SQLite's words ("UNIQUE constraint failed: items.name"). Nothing of
  /// the transaction was done.
  case constraint(String)
  /// There is no room on the disk. Nothing of the transaction was done.
  case full
  /// The statement took more steps than it may.
  case tooLong(steps: Int)
  /// A file holds what was not written, or could not be read.
  case file(DatabaseFileFailure)
  /// SQLite's own code and words.
  case failed(code: Int32, String)
  /// Rows are not what their reader expects.
  case unexpected(String)
  /// The database was made by a version that knew more migrations.
  case newer(version: Int64, known: Int64)
  /// An earlier failure ended this life: it is about to start anew.
  case over

  /// In words.
  public var description: String {
    switch self {
    case .constraint(let which): which
    case .full: "the disk is full; nothing was stored"
    case .tooLong(let steps): "a statement took more than \(steps) steps"
    case .file(let failure): "\(failure)"
    case .failed(let code, let words): "SQLite fails (\(code)): \(words)"
    case .unexpected(let what): what
    case .newer(let version, let known): "the database is of version \(version), and this program knows versions up to \(known)"
    case .over: "the database failed, and this life ends"
    }
  }
}
