// What machine a figure was measured on, with which version: a figure without them says nothing. Read from /proc and
// /etc, which may lack some of it.

import Foundation
import Reports
import Wire

/// What machine this is.
package enum MachineText {
  /// "Intel …, 2 cores, 23 GiB, Debian GNU/Linux 12, Linux 6.1.0; windtunnel 0.2.0 (commit 0123…)".
  package static var line: String { "\(hardware); windtunnel \(ProductVersion.withCommit)" }

  /// The same without what runs on it.
  package static var hardware: String {
    let memory = String(format: "%.0f GiB", Double(ProcessInfo.processInfo.physicalMemory) / Double(1 << 30))
    return "\(processor), \(cores) cores, \(memory), \(system), \(kernel)"
  }

  /// {"processor","cores","memory_bytes","system","kernel"}.
  package static var json: JSON {
    [
      "processor": .string(processor), "cores": .integer(Int64(cores)),
      "memory_bytes": .integer(Int64(clamping: ProcessInfo.processInfo.physicalMemory)), "system": .string(system),
      "kernel": .string(kernel),
    ]
  }

  private static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

  private static var processor: String {
    value(of: "model name", in: "/proc/cpuinfo", separator: ":") ?? "unknown processor"
  }

  private static var system: String {
    value(of: "PRETTY_NAME", in: "/etc/os-release", separator: "=").map { String($0.filter { $0 != "\"" }) } ?? "unknown system"
  }

  private static var kernel: String {
    let release = try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
    return "Linux \(release?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "of unknown release")"
  }

  private static func value(of key: String, in path: String, separator: Character) -> String? {
    let line = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n").first { $0.hasPrefix(key) }
    guard let place = line?.firstIndex(of: separator), let text = line?[place...].dropFirst() else { return nil }
    return text.trimmingCharacters(in: .whitespaces)
  }
}
