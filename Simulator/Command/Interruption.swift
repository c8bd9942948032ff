// SIGINT and SIGTERM in commands that work long: the first asks the command to end in order, with what is finished; the second ends it at once.

import Foundation
import Synchronization

/// Signals that came. A signal handler may touch nothing but such a number.
private let signalsSeen = Atomic<Int>(0)

/// Whether somebody asked the command to end.
enum Interruption {
  /// From here on the first SIGINT or SIGTERM only asks.
  static func listen() {
    // The number is there before a handler can want it.
    _ = signalsSeen.load(ordering: .relaxed)
    for number in [SIGINT, SIGTERM] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { number in
        guard signalsSeen.add(1, ordering: .relaxed).oldValue > 0 else { return }
        signal(number, SIG_DFL)
        raise(number)
      }
      // What waits for the kernel goes on waiting: who works long looks at `isAsked` by itself.
      action.sa_flags = SA_RESTART
      sigaction(number, &action, nil)
    }
  }

  /// Whether a signal came.
  static var isAsked: Bool { signalsSeen.load(ordering: .relaxed) > 0 }

  /// Throws where a signal came; says `what` was finished by then ("3 of 24 planted bugs").
  static func check(_ what: @autoclosure () -> String) throws {
    guard isAsked else { return }
    throw InputProblem(description: "stopped after \(what())", exitCode: Exit.couldNotRun)
  }

  /// Waits for `span`, at most until a signal comes.
  static func sleep(for span: Duration) async throws {
    let end = ContinuousClock.now + span
    while !isAsked, ContinuousClock.now < end {
      try await Task.sleep(for: min(.milliseconds(50), end - .now))
    }
  }
}
