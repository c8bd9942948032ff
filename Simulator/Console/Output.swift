// What the command says: results on standard output, messages for people on standard error.
//
// Every write to standard output is checked. The first that fails is kept, nothing more is written, and the command
// ends with a message and exit code 3 in place of 0 (a failed check's 1 stays). A reader that has gone (`| head`) is no
// mistake: the command then ends as programs do that SIGPIPE ended, without a word. Work that is of use without the
// reader (a report, a service) goes on; work that is not asks `endIfUnheard`. Standard error is written as far as it
// goes: there is nobody left to tell.
//
// Names and messages hold what came from outside. Whatever a terminal would not show but carry out is shown by its
// number, here and so everywhere (`shownText`).

import Foundation
import Synchronization
import Wire

/// The command's two streams.
package enum Output {
  /// The error number of the first write that failed; 0 while all went well.
  private static let failure = Atomic<Int32>(0)

  /// Holds the three standard descriptors where the caller closed them, so that no file or socket takes their places;
  /// and lets a write to a reader that has gone fail, instead of ending the process in the middle of its work.
  package static func begin() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      // Opened for the other direction: what is written there fails, as it would on a closed one.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
    signal(SIGPIPE, SIG_IGN)
  }

  /// Writes a line to standard output.
  package static func line(_ text: String = "") { write(text + "\n") }

  /// Writes a JSON document to standard output, and ends the line.
  package static func json(_ document: String) { writeAsIs(shownText(document, .json) + "\n") }

  /// Writes text to standard output.
  package static func write(_ text: String) { writeAsIs(shownText(text)) }

  private static func writeAsIs(_ text: String) {
    guard failure.load(ordering: .relaxed) == 0 else { return }
    let number = write(text, to: STDOUT_FILENO)
    if number != 0 { failure.store(number, ordering: .relaxed) }
  }

  /// Writes a line for people to standard error.
  package static func note(_ text: String) { _ = write(shownText(text) + "\n", to: STDERR_FILENO) }

  /// Writes text for people to standard error over the line that a terminal's cursor is in. Of `text` no code point
  /// does anything to the terminal.
  package static func noteAnew(_ text: String) { _ = write("\r\u{1B}[K" + shownText(text), to: STDERR_FILENO) }

  /// Whether nothing more can be written to standard output.
  package static var isUnheard: Bool { failure.load(ordering: .relaxed) != 0 }

  /// Ends the process where nothing more can be written to standard output; for work that is of use only to who reads
  /// it.
  package static func endIfUnheard() {
    if isUnheard { end(Exit.held.rawValue) }
  }

  /// Ends the process with `code`, or with what the state of standard output asks for. Flights that are still under way
  /// are not waited for.
  package static func end(_ code: Int32) -> Never {
    var number = failure.load(ordering: .relaxed)
    // Some file systems say only at closing that nothing was stored.
    if number == 0, close(STDOUT_FILENO) != 0, errno != EBADF, errno != EINTR { number = errno }
    switch number {
    case 0: _exit(code)
    case EPIPE:
      guard code == Exit.held.rawValue else { _exit(code) }
      // By the signal itself, so that a shell sees what it knows.
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
      _exit(128 + SIGPIPE)
    default:
      note("windtunnel: standard output cannot be written (\(String(cString: strerror(number))))")
      _exit(code == Exit.held.rawValue ? Exit.couldNotRun.rawValue : code)
    }
  }

  /// The error number of what went wrong; 0 where all was written.
  private static func write(_ text: String, to descriptor: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count, let start = bytes.baseAddress {
        let count = Foundation.write(descriptor, start + written, bytes.count - written)
        if count >= 0 {
          written += count
          continue
        }
        let number = errno
        switch number {
        case EINTR: continue
        case EAGAIN:
          // The stream was set to not wait by whom we share it with.
          var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = poll(&waiting, 1, -1)
        default: return number
        }
      }
      return 0
    }
  }
}
