// Evidence for output commit: writes down what a node asked of its disk, when its syncs began and ended, and which
// position each answer needed when it left; and keeps a shadow directory that holds synced bytes only.
//
// Limits: everything is kept in memory, so it is for tests. The shadow is written with plain calls and is not synced
// itself: it stands for a medium that lost every byte for which no sync had ended.

import Glibc
import Synchronization
import Vocabulary

/// A `DiskWitness` that remembers everything and keeps the shadow directory.
public final class DiskRecorder: DiskWitness {
  /// One thing that happened, in order.
  public enum Entry: Hashable, Sendable {
    /// A life of the node began.
    case opened
    /// An operation was asked.
    case operated(WitnessedOperation, DiskPosition)
    /// A sync up to here began.
    case syncBegan(DiskPosition)
    /// A sync up to here ended.
    case syncEnded(DiskPosition, succeeded: Bool)
    /// A work created a file of this many bytes.
    case created(FileName, sizeBytes: Int)
    /// An answer left that needed `needed`, when everything up to `durable` was durable.
    case released(ExchangeID, needed: DiskPosition, durable: DiskPosition)
  }

  private struct State {
    var entries: [Entry] = []
    var unsynced: [(WitnessedOperation, DiskPosition)] = []
    var durable = DiskPosition.zero
    var shadow: OpenFile?
    var shadowFailure: SystemError?
    var failSyncs: [Int32] = []
  }

  private let state: Mutex<State>

  /// A recorder whose shadow is kept in the directory `shadowPath`, which is made where it is missing.
  public init(shadowPath: String) throws(SystemError) {
    try makeDirectories(shadowPath)
    var first = State()
    first.shadow = try OpenFile.directory(shadowPath)
    state = Mutex(first)
  }

  /// Everything so far, in order.
  public var entries: [Entry] { state.withLock { $0.entries } }
  /// What went wrong when the shadow was written, if anything did.
  public var shadowFailure: SystemError? { state.withLock { $0.shadowFailure } }
  /// Makes the next syncs fail with these errnos, one each.
  public func failNextSyncs(_ codes: [Int32]) { state.withLock { $0.failSyncs += codes } }

  /// Answers that left before what they needed was durable; must be empty.
  public var unsoundReleases: [Entry] {
    entries.filter { entry in
      if case .released(_, let needed, let durable) = entry { return needed > durable }
      return false
    }
  }

  public func opened() {
    state.withLock {
      $0.entries.append(.opened)
      $0.unsynced.removeAll()
      $0.durable = .zero
    }
  }

  public func operated(_ operation: WitnessedOperation, position: DiskPosition) {
    state.withLock {
      $0.entries.append(.operated(operation, position))
      $0.unsynced.append((operation, position))
    }
  }

  public func syncBegan(upTo position: DiskPosition) -> Int32? {
    state.withLock {
      $0.entries.append(.syncBegan(position))
      return $0.failSyncs.isEmpty ? nil : $0.failSyncs.removeFirst()
    }
  }

  public func syncEnded(upTo position: DiskPosition, succeeded: Bool) {
    state.withLock { state in
      state.entries.append(.syncEnded(position, succeeded: succeeded))
      guard succeeded else { return }
      state.durable = position
      let count = state.unsynced.prefix { $0.1 <= position }.count
      for (operation, _) in state.unsynced.prefix(count) { Self.apply(operation, &state) }
      state.unsynced.removeFirst(count)
    }
  }

  public func created(_ file: FileName, _ bytes: [UInt8]) {
    state.withLock {
      $0.entries.append(.created(file, sizeBytes: bytes.count))
      Self.apply(.write(file, offset: 0, bytes), &$0)
    }
  }

  public func released(_ exchange: ExchangeID, needed: DiskPosition) {
    state.withLock { $0.entries.append(.released(exchange, needed: needed, durable: $0.durable)) }
  }

  private static func apply(_ operation: WitnessedOperation, _ state: inout State) {
    guard let shadow = state.shadow else { return }
    do throws(SystemError) {
      switch operation {
      case .write(let file, let offset, let bytes):
        try shadow.openChild(file.text, O_RDWR | O_CREAT).write(bytes, at: offset)
      case .truncate(let file, let size):
        try shadow.openChild(file.text, O_RDWR).truncate(to: size)
      case .rename(let file, let newName): try shadow.rename(file.text, to: newName.text)
      case .delete(let file): try shadow.unlink(file.text)
      }
    } catch {
      if state.shadowFailure == nil { state.shadowFailure = error }
    }
  }
}
