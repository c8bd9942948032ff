// `--costs FILE`: the costs that flights are flown with.

import ArgumentParser
import Console
import Flight
import Foundation
import Wire
import World

/// The option of commands that fly.
struct CostsOption: ParsableArguments {
  @Option(
    name: .customLong("costs"), help: "A file of costs (`windtunnel calibrate`).", transform: { try PathText.read($0) })
  var file: String?

  /// The costs; those that are shipped where none are given.
  func costs() throws -> Costs {
    guard let file else { return .shipped }
    let text = try InputFile.text(file, as: "--costs \(file)")
    do {
      return try Costs(yaml: text, file: file)
    } catch {
      throw InputProblem(description: error.description)
    }
  }

  /// The way in which a command that repeats a flight says so, behind `source`.
  func source(_ source: String?, _ scenario: String) -> String? {
    guard let file else { return source }
    return "\(source ?? scenario) --costs \(shellWord(file))"
  }

  /// A name of costs.
  static func name(_ text: String) throws -> String {
    guard (1...64).contains(text.utf8.count),
      text.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
    else { throw ValidationError("expected 1 to 64 lower-case letters, digits and hyphens") }
    return text
  }
}
