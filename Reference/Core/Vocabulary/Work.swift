// Work that runs beside the turns: flushing, compaction, heavy queries. It captures only immutable values and closed
// files, and may create new files; only a later turn's manifest makes those files part of the node's state.
//
// Works run on as many threads as there are cores, fairly between nodes and first come first served within one.
//
// Fault model: a crash may fall anywhere between the operations of a work; files that it had not finished are then lost
// or torn. A node that restarts must delete files which no manifest names.

/// A piece of work. The value captures all that it needs; mutable state of the machine must not be captured (a copy of
/// a large dictionary is paid at its next write).
public protocol Work<Output>: Sendable {
  /// What it gives: the room's own value.
  associatedtype Output: Sendable

  /// Carries the work out. `files` is valid during the call only.
  func run(_ files: any WorkFiles) throws(WorkFailure) -> Output
}

/// A work that was asked for, and what it will give.
public struct WorkTicket<Output: Sendable>: Hashable, Sendable {
  /// Its identity, which `Event.completed` carries.
  public let id: WorkID

  /// What the work came to, where `outcome` is that of the work `id`; nil where it is another's.
  public func result(of outcome: WorkOutcome, _ id: WorkID) -> Result<Output, WorkFailure>? {
    guard id == self.id else { return nil }
    switch outcome {
    case .finished(let value):
      guard let output = value as? Output else {
        breakInvariant("the work \(id.value) gave \(type(of: value)) in place of \(Output.self)")
      }
      return .success(output)
    case .failed(let failure): return .failure(failure)
    }
  }
}

/// The files as a work sees them.
public protocol WorkFiles: AnyObject {
  /// Whether the machine asked for this work to end; a long work looks from time to time and throws `.cancelled`.
  var isCancelled: Bool { get }
  /// Lends `count` bytes of a file from `offset`, of any length, to `body`: nothing is copied for it but what the
  /// medium itself must.
  func withBytes<Value>(
    of file: FileName, at offset: Int, count: Int, _ body: (RawSpan) throws(WorkFailure) -> Value
  ) throws(WorkFailure) -> Value
  /// Length in bytes, or nil where there is no such file.
  func size(of file: FileName) -> Int?
  /// Creates `file` with these `bytes` and makes it durable, name included, before it returns. It must not exist.
  func create(_ file: FileName, _ bytes: [UInt8]) throws(WorkFailure)
  /// States CPU time that the work spent, for the simulator's cost model; the real host ignores it.
  func spend(_ span: TimeSpan)
}

extension WorkFiles {
  /// A copy of `count` bytes of a file from `offset`, of any length.
  public func read(_ file: FileName, at offset: Int, count: Int) throws(WorkFailure) -> [UInt8] {
    try withBytes(of: file, at: offset, count: count) { bytes in
      bytes.withUnsafeBytes { [UInt8]($0) }
    }
  }
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

/// How a work ended; `WorkTicket.result` gives it with its type.
public enum WorkOutcome: Sendable {
  /// What the work gave.
  case finished(any Sendable)
  /// It came to nothing.
  case failed(WorkFailure)
}
