// A process that this one starts: its standard streams, its end, and the signals that it is sent.
//
// Fault model: it may end at any time, which shows as the end of its output, and as `end`. It is signalled by its own
// id alone, and no more once its end is known. It has a process group of its own: what the terminal sends to this
// process does not reach it. Limits: one thread reads a stream at a time; who does not read what it is piped makes it
// wait. Calls that are not `async` block their thread, which must be none of Swift's pool: what watches the process needs
// one of those.

import Dispatch
import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// A process that was started.
public final class ChildProcess: Sendable {
  /// What becomes of one of its standard streams.
  public enum Stream: Sendable {
    /// Nothing comes out of it, and what goes in is lost.
    case none
    /// It is this process's own.
    case inherited
    /// This process has the other end.
    case piped
  }

  /// How it ended.
  public enum End: Sendable, Hashable {
    /// By itself, with this code.
    case exited(Int32)
    /// By this signal.
    case signalled(Int32)
  }

  /// What is known of it: told by the task that watches it, asked by any thread.
  private final class Course: Sendable {
    struct Known {
      var id: Int32?
      var end: End?
      var failure: (any Error)?
    }

    private let known = Mutex(Known())

    func withLock<Result: Sendable>(_ body: (inout Known) -> Result) -> Result { known.withLock { body(&$0) } }
  }

  /// Where what it reads, prints and complains of is at hand, as far as it is piped.
  private let ends: (input: PipeEnd?, output: PipeEnd?, errors: PipeEnd?)
  private let course = Course()
  private let isStarted = DispatchSemaphore(value: 0)
  private let isOver = DispatchGroup()
  /// Its id.
  public let id: Int32

  /// Starts `program`, a path, with these arguments behind its name. `environment` changes this process's own: a nil
  /// takes a name away. Throws `LaunchFailure` where it cannot be started.
  public init(
    _ program: String, _ arguments: [String], environment: [String: String?] = [:], input: Stream = .none, output: Stream = .none,
    errors: Stream = .inherited
  ) throws {
    let (theirInput, ownInput) = try Self.descriptors(input, isInput: true)
    let (theirOutput, ownOutput) = try Self.descriptors(output, isInput: false)
    let (theirErrors, ownErrors) = try Self.descriptors(errors, isInput: false)
    ends = (ownInput, ownOutput, ownErrors)
    var options = PlatformOptions()
    options.processGroupID = 0
    let changes = environment.reduce(into: [Environment.Key: String?]()) { changes, change in
      if let key = Environment.Key(rawValue: change.key) { changes[key] = .some(change.value) }
    }
    let configuration = Configuration(
      executable: .path(FilePath(program)), arguments: Arguments(arguments), environment: .inherit.updating(changes),
      platformOptions: options)
    let course = self.course
    let (isStarted, isOver) = (self.isStarted, self.isOver)
    isOver.enter()
    Task.detached {
      do {
        let result = try await Subprocess.run(
          configuration,
          input: theirInput.map { .fileDescriptor($0.descriptor, closeAfterSpawningProcess: $0.isOwn) } ?? .currentStandardInput,
          output: theirOutput.map { .fileDescriptor($0.descriptor, closeAfterSpawningProcess: $0.isOwn) } ?? .currentStandardOutput,
          error: theirErrors.map { .fileDescriptor($0.descriptor, closeAfterSpawningProcess: $0.isOwn) } ?? .currentStandardError
        ) { execution in
          course.withLock { $0.id = execution.processIdentifier.value }
          isStarted.signal()
        }
        course.withLock {
          switch result.terminationStatus {
          case .exited(let code): $0.end = .exited(code)
          case .signaled(let signal): $0.end = .signalled(signal)
          }
        }
      } catch {
        course.withLock { $0.failure = error }
        isStarted.signal()
      }
      isOver.leave()
    }
    isStarted.wait()
    guard let id = course.withLock({ $0.id }) else {
      let reason = course.withLock { $0.failure.map { "\($0)" } } ?? "for no known reason"
      throw LaunchFailure(description: "\(program) cannot be started: \(reason)")
    }
    self.id = id
  }

  /// As `init`, for who runs on a thread of Swift's pool.
  public static func started(
    _ program: String, _ arguments: [String], environment: [String: String?] = [:], input: Stream = .none, output: Stream = .none,
    errors: Stream = .inherited
  ) async throws -> ChildProcess {
    try await OwnThread.run {
      try ChildProcess(program, arguments, environment: environment, input: input, output: output, errors: errors)
    }
  }

  /// The process's descriptor of a stream (nil where it has this one's) and the other end of it.
  private static func descriptors(
    _ stream: Stream, isInput: Bool
  ) throws -> (theirs: (descriptor: FileDescriptor, isOwn: Bool)?, own: PipeEnd?) {
    do {
      switch stream {
      case .inherited: return (nil, nil)
      case .none: return ((try FileDescriptor.open("/dev/null", isInput ? .readOnly : .writeOnly), true), nil)
      case .piped:
        let pipe = try FileDescriptor.pipe(options: .closeOnExec)
        return isInput ? ((pipe.readEnd, true), PipeEnd(pipe.writeEnd)) : ((pipe.writeEnd, true), PipeEnd(pipe.readEnd))
      }
    } catch {
      throw LaunchFailure(description: "a pipe for another process cannot be made: \(error)")
    }
  }

  // MARK: - What it reads and says

  /// Writes to its standard input, which is piped. Returns false where nobody reads it any more.
  @discardableResult
  public func write(_ bytes: [UInt8]) -> Bool { ends.input?.write(bytes) ?? false }

  /// Ends its standard input.
  public func closeInput() { ends.input?.close() }

  /// The next bytes that it prints, as they come, at most so many; none at the end.
  public func read(atMost count: Int = 65_536) -> [UInt8] { ends.output?.read(atMost: count) ?? [] }

  /// Exactly so many bytes of what it prints; nil where it ends before.
  public func read(exactly count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let more = read(atMost: count - bytes.count)
      guard !more.isEmpty else { return nil }
      bytes += more
    }
    return bytes
  }

  /// All that it prints until its end, at most so many bytes: the rest is read and dropped.
  public func readToEnd(limitBytes: Int = 64 << 20) -> [UInt8] {
    var bytes: [UInt8] = []
    while case let more = read(), !more.isEmpty { bytes += more.prefix(limitBytes - bytes.count) }
    return bytes
  }

  /// The next bytes that it complains of; none at the end.
  public func readErrors(atMost count: Int = 4_096) -> [UInt8] { ends.errors?.read(atMost: count) ?? [] }

  // MARK: - Its end

  /// How it ended; nil while it runs.
  public var end: End? { course.withLock { $0.end } }

  /// Whether it runs.
  public var isRunning: Bool { course.withLock { $0.end == nil && $0.failure == nil } }

  /// Waits for its end.
  @discardableResult
  public func waitUntilEnd() -> End {
    isOver.wait()
    // What watches a process fails only where the system has no memory; it is taken for one that was killed.
    return course.withLock { $0.end } ?? .signalled(SIGKILL)
  }

  /// As `waitUntilEnd`, for who runs on a thread of Swift's pool.
  @discardableResult
  public func ended() async -> End {
    await withCheckedContinuation { continuation in
      isOver.notify(queue: .global()) { [self] in continuation.resume(returning: waitUntilEnd()) }
    }
  }

  /// Sends it a signal, where it runs.
  public func signal(_ signal: Int32) {
    course.withLock { known in
      if known.end == nil, known.failure == nil, let id = known.id { _ = kill(id, signal) }
    }
  }

  /// Kills it (SIGKILL) and waits for its end.
  public func killAndWait() {
    signal(SIGKILL)
    waitUntilEnd()
  }
}

/// This process's end of a pipe, closed once.
private final class PipeEnd: Sendable {
  private let descriptor: Mutex<FileDescriptor?>

  init(_ descriptor: FileDescriptor) { self.descriptor = Mutex(descriptor) }

  deinit { close() }

  func close() {
    let open = descriptor.withLock { known in
      let open = known
      known = nil
      return open
    }
    // It is closed whatever is said of it, and nothing that was written is lost: a pipe has no buffer of ours.
    if let open { try? open.close() }
  }

  func write(_ bytes: [UInt8]) -> Bool {
    guard let open = descriptor.withLock({ $0 }) else { return false }
    do {
      return try open.writeAll(bytes) == bytes.count
    } catch {
      return false
    }
  }

  func read(atMost count: Int) -> [UInt8] {
    guard count > 0, let open = descriptor.withLock({ $0 }) else { return [] }
    do {
      return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        filled = try open.read(into: UnsafeMutableRawBufferPointer(buffer), retryOnInterrupt: true)
      }
    } catch {
      return []
    }
  }
}
