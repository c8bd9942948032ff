// SIGINT, SIGTERM and SIGHUP in commands that work long: the first asks the command to end in order, with what is
// finished; one that comes more than a second later ends it at once. Within the second it is the same request:
// `timeout` sends a signal to its child and then to the child's group, and a terminal to all of a pipeline.

import Foundation
import Synchronization

/// Signals that came. A signal handler may touch nothing but such a number.
private let signalsSeen = Atomic<Int>(0)
/// When the first came, in nanoseconds of the monotonic clock.
private let firstSeenAt = Atomic<Int64>(0)

/// The monotonic clock, which a signal handler may read.
private func monotonicNanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Whether somebody asked the command to end.
package enum Interruption {
  /// From here on the first of the signals only asks.
  package static func listen() {
    // The number is there before a handler can want it.
    _ = signalsSeen.load(ordering: .relaxed)
    _ = firstSeenAt.load(ordering: .relaxed)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in
        let now = monotonicNanoseconds()
        guard signalsSeen.add(1, ordering: .relaxed).oldValue > 0 else { return firstSeenAt.store(now, ordering: .relaxed) }
        guard now - firstSeenAt.load(ordering: .relaxed) > 1_000_000_000 else { return }
        signal(number, SIG_DFL)
        raise(number)
      }
      // What waits for the kernel goes on waiting: who works long looks at `isAsked` by itself.
      action.sa_flags = SA_RESTART
      var before = sigaction()
      sigaction(number, nil, &before)
      // Who was started by `nohup` is to outlive its terminal.
      if number == SIGHUP, unsafeBitCast(before.__sigaction_handler.sa_handler, to: Int.self) == 1 { continue }
      sigaction(number, &action, nil)
    }
  }

  /// Whether a signal came.
  package static var isAsked: Bool { signalsSeen.load(ordering: .relaxed) > 0 }

  /// The end of standard input asks as a signal does. Nobody else may read it.
  package static func askWhenInputEnds() {
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(STDIN_FILENO, &byte, 1)
        if count == 0 || (count < 0 && errno != EINTR) { break }
      }
      kill(getpid(), SIGTERM)
    }
  }

  /// Throws where a signal came; says `what` was finished by then ("3 of 24 planted bugs").
  package static func check(_ what: @autoclosure () -> String) throws {
    guard isAsked else { return }
    throw InputProblem(description: "stopped after \(what())", exitCode: Exit.couldNotRun)
  }

  /// Waits for `span`, at most until a signal comes.
  package static func sleep(for span: Duration) async throws {
    let end = ContinuousClock.now + span
    while !isAsked, ContinuousClock.now < end {
      try await Task.sleep(for: min(.milliseconds(50), end - .now))
    }
  }
}
