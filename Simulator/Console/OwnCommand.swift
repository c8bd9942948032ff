// The command line that this process was started with, as it can be pasted into a shell.

import Foundation
import Wire

/// This process's own command.
package enum OwnCommand {
  /// The path of the program that runs now, for processes of it that this one starts.
  package static var program: String { URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path }

  /// "windtunnel run calm --seed 7": each word as a POSIX shell reads it back.
  package static var text: String { (["windtunnel"] + CommandLine.arguments.dropFirst().map { shellWord($0) }).joined(separator: " ") }
}
