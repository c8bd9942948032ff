// Where notices go by default.

import Glibc
import Vocabulary

extension LiveConfiguration {
  /// Writes a notice to standard error as one line.
  public static func printNotice(_ node: NodeID, _ text: String) {
    let line = Array("windtunnel: \(node): \(text)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
  }
}
