// The command line that this process was started with, as it can be pasted into a shell.

import Foundation
import Wire

/// This process's own command.
package enum OwnCommand {
  /// The program that runs now, for processes of it that this one starts.
  package static var program: URL { URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath() }

  /// "windtunnel run calm --seed 7": each word as a POSIX shell reads it back.
  package static var text: String { (["windtunnel"] + CommandLine.arguments.dropFirst().map { shellWord($0) }).joined(separator: " ") }
}
