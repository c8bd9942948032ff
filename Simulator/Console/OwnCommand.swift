// The command line that this process was started with, as it can be pasted into a shell.

import Wire

/// This process's own command.
package enum OwnCommand {
  /// "windtunnel run calm --seed 7": each word as a POSIX shell reads it back.
  package static var text: String { (["windtunnel"] + CommandLine.arguments.dropFirst().map { shellWord($0) }).joined(separator: " ") }
}
