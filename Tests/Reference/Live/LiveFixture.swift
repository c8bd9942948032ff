// One node on the real host, for a test.

import Glibc
import Hosting
import Live
import Logging
import Synchronization
import Vocabulary

/// Starts a host with one node 0, hands its port to `body`, and stops it.
func withNode<Result>(
  _ machine: @autoclosure @escaping @Sendable () -> any Machine, _ limits: LiveLimits = LiveLimits(), directory: String? = nil,
  witness: (any DiskWitness)? = nil, quotaBytes: Int? = nil, planted: PlantedBugs = .none,
  notices: Notices = Notices(), _ body: (_ port: Int, _ host: LiveHost, _ kept: KeptRecords) async throws -> Result
) async throws -> Result {
  var configuration = LiveConfiguration()
  configuration.log = notices.log
  configuration.limits = limits
  let kept = KeptRecords()
  let node = LiveNodeSpecification(
    NodeID(0), name: "node", listen: .ephemeral, dataDirectory: directory, diskQuotaBytes: quotaBytes, witness: witness,
    planted: planted, makeMachine: machine)
  let host = try LiveHost([node], configuration, recorder: kept)
  try await host.start()
  do {
    let result = try await body(host.address(of: NodeID(0))?.port ?? 0, host, kept)
    await host.stop(grace: .milliseconds(200))
    return result
  } catch {
    await host.stop(grace: .zero)
    throw error
  }
}

/// What the host told its operator (warnings and what is worse); safe on any thread.
final class Notices: Sendable {
  private let kept = Mutex<[String]>([])

  /// A log whose messages are kept here.
  var log: Logger { LogLines.logger(.warning, KeptLog { [self] text in kept.withLock { $0.append(text) } }) }

  /// All notices so far.
  var all: [String] { kept.withLock { $0 } }
}

/// A log that is kept by the messages of its events.
struct KeptLog: LogHandler {
  var logLevel = Logger.Level.warning
  var metadata: Logger.Metadata = [:]
  let keep: @Sendable (String) -> Void

  init(keep: @escaping @Sendable (String) -> Void) { self.keep = keep }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { keep("\(event.message)") }
}

/// Something that threads wait for; safe on any thread.
final class Released: Sendable {
  private let isReleased = Mutex(false)

  /// Lets them go on.
  func release() { isReleased.withLock { $0 = true } }

  /// Blocks until that.
  func wait() { while !isReleased.withLock({ $0 }) { usleep(1_000) } }
}

extension LiveLimits {
  /// The ordinary bounds with some of them changed.
  static func changed(_ change: (inout LiveLimits) -> Void) -> LiveLimits {
    var limits = LiveLimits()
    change(&limits)
    return limits
  }
}

/// Waits until `holds`, for as long as a slow machine may need; false where it never does.
func eventually(_ holds: () async throws -> Bool) async throws -> Bool {
  for _ in 0..<2_000 {
    if try await holds() { return true }
    try await Task.sleep(nanoseconds: 5_000_000)
  }
  return false
}
