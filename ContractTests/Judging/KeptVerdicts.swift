// A book of verdicts that hosts on any thread may write into, and that tells of each as it comes.

import ContractTests
import Synchronization

/// Keeps verdicts.
public final class KeptVerdicts: VerdictBook {
  private struct Kept {
    var verdicts: [CaseVerdict] = []
    var isClosed = false
  }

  private let kept = Mutex(Kept())
  private let continuation: AsyncStream<CaseVerdict>.Continuation
  /// Each verdict as it comes; ends when the caller has made all its cases.
  public let stream: AsyncStream<CaseVerdict>

  /// An empty book.
  public init() { (stream, continuation) = AsyncStream<CaseVerdict>.makeStream() }

  public func note(_ verdict: CaseVerdict) {
    kept.withLock { $0.verdicts.append(verdict) }
    continuation.yield(verdict)
  }

  public func close() {
    kept.withLock { $0.isClosed = true }
    continuation.finish()
  }

  /// The verdicts so far.
  public var verdicts: [CaseVerdict] { kept.withLock { $0.verdicts } }
  /// Whether the caller has made all its cases.
  public var isClosed: Bool { kept.withLock { $0.isClosed } }
}
