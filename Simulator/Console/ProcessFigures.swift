// What the system tells of a process (`/proc`, proc(5)). A process that is gone has no figures.

import Foundation

/// Figures of a process.
package enum ProcessFigures {
  /// Units of processor time in a second.
  package static let ticksPerSecond = max(1, sysconf(Int32(_SC_CLK_TCK)))

  /// Processor time that all its threads have used, in units; nil where it is gone.
  package static func processorTicks(_ id: Int32) -> Int? {
    guard let text = file(id, "stat"), let name = text.lastIndex(of: ")") else { return nil }
    // Behind the name: the state, and from the eleventh field on utime and stime.
    let fields = text[text.index(after: name)...].split(separator: " ")
    guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return nil }
    return user + system
  }

  /// Bytes of memory that it has; nil where it is gone.
  package static func residentBytes(_ id: Int32) -> Int? {
    guard let text = file(id, "statm") else { return nil }
    let fields = text.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
    return pages * sysconf(Int32(_SC_PAGESIZE))
  }

  /// The most memory that it had so far, in bytes; nil where it is gone.
  package static func peakResidentBytes(_ id: Int32) -> Int? {
    guard let line = file(id, "status")?.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }) else { return nil }
    return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
  }

  private static func file(_ id: Int32, _ name: String) -> String? {
    try? String(contentsOfFile: "/proc/\(id)/\(name)", encoding: .utf8)
  }
}
