// Work that runs beside the turns: flushing, compaction, heavy queries. It captures only immutable values and closed
// files, and may create new files; only a later turn's manifest makes those files part of the node's state.
//
// Fault model: a crash may fall anywhere between the operations of a work; files that it had not finished are then lost
// or torn. A node that restarts must delete files which no manifest names.

/// A piece of work. The value captures all that it needs; mutable state of the machine must not be captured (a copy of
/// a large dictionary is paid at its next write).
public protocol Work: Sendable {
  /// Carries the work out. `files` is valid during the call only. Returns the room's own result value.
  func run(_ files: any WorkFiles) throws(WorkFailure) -> any Sendable
}

/// The files as a work sees them.
public protocol WorkFiles: AnyObject {
  /// Whether the machine asked for this work to end; a long work looks from time to time and throws `.cancelled`.
  var isCancelled: Bool { get }
  /// `count` bytes of a file from `offset`; of any length.
  func read(_ file: FileName, at offset: Int, count: Int) throws(WorkFailure) -> [UInt8]
  /// Length in bytes, or nil where there is no such file.
  func size(of file: FileName) -> Int?
  /// Creates `file` with these `bytes` and makes it durable, name included, before it returns. It must not exist.
  func create(_ file: FileName, _ bytes: [UInt8]) throws(WorkFailure)
  /// States CPU time that the work spent, for the simulator's cost model; the real host ignores it.
  func spend(_ span: TimeSpan)
}

/// Why a work came to nothing.
public enum WorkFailure: Error, Hashable, Sendable {
  /// The machine cancelled it.
  case cancelled
  /// A disk operation failed.
  case disk(DiskError)
  /// The bytes that it read are damaged; what and where.
  case damaged(FileName, String)
}

/// How a work ended.
public enum WorkOutcome: Sendable {
  /// The room's own result value.
  case finished(any Sendable)
  /// It came to nothing.
  case failed(WorkFailure)
}
