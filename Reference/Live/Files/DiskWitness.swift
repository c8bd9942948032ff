// What an onlooker is told about a node's disk and about the answers that leave because of it.
//
// Limits: `operated` and `released` are called on the node's loop, the sync methods on its sync thread, `created` on a
// compute thread; an onlooker guards its own state. It costs nothing where there is none.

import Vocabulary

/// One operation as it was asked, with its bytes.
public enum WitnessedOperation: Hashable, Sendable {
  /// Bytes at an offset, creating or extending the file.
  case write(FileName, offset: Int, [UInt8])
  /// A new length in bytes.
  case truncate(FileName, size: Int)
  /// A new name.
  case rename(FileName, to: FileName)
  /// The file is gone.
  case delete(FileName)
}

/// An onlooker of one node's disk; for tests and for evidence.
public protocol DiskWitness: AnyObject, Sendable {
  /// A life of the node opened the directory: positions start again from zero.
  func opened()
  /// A turn asked for `operation`, which made the position `position`.
  func operated(_ operation: WitnessedOperation, position: DiskPosition)
  /// A sync of everything up to `position` begins. An errno other than nil makes the host take it as failed without
  /// trying.
  func syncBegan(upTo position: DiskPosition) -> Int32?
  /// The sync of everything up to `position` ended.
  func syncEnded(upTo position: DiskPosition, succeeded: Bool)
  /// A work created a file and made it durable.
  func created(_ file: FileName, _ bytes: [UInt8])
  /// The answer to `exchange`, which had to wait for `needed`, is handed to the network now.
  func released(_ exchange: ExchangeID, needed: DiskPosition)
}
