// `--recording`: recorded requests to language models from a file, for whatever sends some as tasks.

import ArgumentParser
import Console
import Flight
import ModelServicesFlight
import ModelServicesLoad
import Scenarios
import Vocabulary

/// The option that names recorded requests.
package struct TaskRecordingOptions: FlightInputOptions {
  @Option(
    help: """
      A file of recorded requests to language models, for scenarios with recorded tasks: rows TIMESTAMP,ContextTokens,GeneratedTokens, or an \
      object a line: {\"timestamp\": milliseconds, \"input_length\", \"output_length\", \"hash_ids\": [keys]}. Where none is given, what is sent \
      is synthetic.
      """, transform: { try PathText.read($0) })
  var recording: String?

  /// The longest that a flight may take to send a recording, in virtual time.
  private static let longestDuration = TimeSpan.hours(24)

  package init() {}

  package func words(for scenario: Scenario) -> [String] {
    guard Self.speed(scenario) != nil, let recording else { return [] }
    return ["--recording", recording]
  }

  package func input(for scenarios: [Scenario]) throws -> (any FlightInput)? {
    guard let path = recording else { return nil }
    let read = try Self.read(path)
    guard scenarios.contains(where: { Self.speed($0) != nil }) else {
      throw InputProblem(
        description: "--recording: expected a scenario with recorded tasks, which would send them, found "
          + scenarios.map(\.name).joined(separator: ", "))
    }
    for scenario in scenarios {
      guard let speed = Self.speed(scenario) else { continue }
      let duration = ModelsSystem.duration(of: read, speed: speed)
      guard duration <= Self.longestDuration else {
        throw InputProblem(
          description:
            "--recording: expected requests that \(scenario.name) sends within \(Int(Self.longestDuration.seconds / 3_600)) hours of virtual "
            + "time, \(speed) times as fast as they were recorded; found such as take \(Int(duration.seconds / 3_600)) hours")
      }
    }
    return read
  }

  /// The requests that a file holds.
  static func read(_ path: String) throws -> TaskRecording {
    let bytes = try InputFile.bytes(path, atMost: InputFile.mostDataBytes)
    do throws(TextMistake) {
      return try TaskRecording(reading: bytes, file: path)
    } catch { throw InputProblem(description: error.description) }
  }

  /// How many times as fast as it was recorded a scenario sends a recording, at the slowest; nil where it sends none.
  private static func speed(_ scenario: Scenario) -> Int64? {
    scenario.flown.lazy.compactMap { ($0.part as? ModelsPart)?.recordedSpeed }.min()
  }
}
