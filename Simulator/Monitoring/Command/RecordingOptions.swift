// `--csv` and `--labels`: recorded series from files, for whatever replays some.

import ArgumentParser
import Console
import Flight
import Foundation
import Load
import MonitoringAPI
import MonitoringFlight
import MonitoringLoad
import Scenarios
import Vocabulary

/// Options that name recorded series.
package struct RecordingOptions: FlightInputOptions {
  @Option(
    name: .customLong("csv"), parsing: .upToNextOption,
    help: "Files of recorded series (columns timestamp,value) to replay; where none is given, what is replayed is a synthetic series.",
    transform: { try PathText.read($0) })
  var csv: [String] = []
  @Option(
    help: """
      A JSON file of labelled anomalies: {\"folder/file.csv\": [[\"from\", \"to\"], …]}. A label is of the file whose path ends as it does; where \
      there is none, of the only one of that name.
      """, transform: { try PathText.read($0) })
  var labels: String?

  package init() {}

  package func words(for scenario: Scenario) -> [String] {
    guard Self.hasReplay(scenario), !csv.isEmpty else { return [] }
    return ["--csv"] + csv + (labels.map { ["--labels", $0] } ?? [])
  }

  /// The recording that the files hold, at its own speed; nil where no file is named.
  func recording() throws -> Recording? {
    guard !csv.isEmpty else {
      if labels != nil { throw InputProblem(description: "--labels goes with --csv") }
      return nil
    }
    var series: [(series: RecordedSeries, path: String)] = []
    for path in csv {
      let text = try InputFile.text(path, atMost: InputFile.mostDataBytes)
      let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
      if let control = NameRule.control(in: name) {
        throw InputProblem(description: "--csv: a file's name becomes that of its series: expected \(NameRule.words), found \(control)")
      }
      guard !series.contains(where: { sameBytes($0.series.name, name) }) else {
        throw InputProblem(description: "\(path): a series \(name) was given before")
      }
      do {
        series.append((try RecordedSeries(csv: text, name: name, file: path), path))
      } catch {
        throw InputProblem(description: error.description)
      }
    }
    let unlabelled = Recording(series: series.map(\.series), anomalies: [:], speed: 1)
    guard unlabelled.end - unlabelled.start < .forever else {
      throw InputProblem(description: "--csv: expected rows of at most 292 years (64 bits of nanoseconds), found rows \(unlabelled.times)")
    }
    guard let labels else { return unlabelled }
    // Labels name files by the last parts of their paths, of which a name given from within their folder does not have
    // all.
    let placed = series.map { (series: $0.series, path: URL(fileURLWithPath: $0.path).path) }
    do {
      return try AnomalyLabels(Self.labelled(labels)).recording(of: placed)
    } catch let mistake as LabelMistake {
      throw InputProblem(description: "--labels \(labels): \(mistake)")
    }
  }

  package func input(for scenarios: [Scenario]) throws -> (any FlightInput)? {
    let recording = try recording()
    guard recording == nil || scenarios.contains(where: Self.hasReplay) else {
      throw InputProblem(
        description: "--csv: expected a scenario with a replay, which would send the series, found "
          + scenarios.map(\.name).joined(separator: ", "))
    }
    for scenario in scenarios {
      guard var sent = recording, let speed = Self.replaySpeed(scenario) else { continue }
      sent.speed = speed
      guard sent.duration <= Recording.longestDuration else {
        throw InputProblem(
          description: "--csv: expected rows that \(scenario.name) sends within "
            + "\(Int(Recording.longestDuration.seconds / 86_400)) days of virtual time, \(speed) times as fast as they were recorded; found rows \(sent.times), "
            + "which take more than \(Int(sent.duration.seconds / 86_400))")
      }
    }
    return recording
  }

  private static func hasReplay(_ scenario: Scenario) -> Bool { replaySpeed(scenario) != nil }

  /// How many times as fast as it was recorded a scenario sends a recording; nil where it sends none.
  private static func replaySpeed(_ scenario: Scenario) -> Int64? {
    scenario.flown.lazy.compactMap { ($0.part as? MonitoringPart)?.replaySpeed }.first
  }

  private static func labelled(_ path: String) throws -> [String: [ClosedRange<Int64>]] {
    func problem(_ what: String) -> InputProblem { InputProblem(description: "\(path): \(what)") }
    let bytes = try InputFile.bytes(path)
    guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: [[String]]] else {
      throw problem("expected an object of file names with lists of two times each")
    }
    var result: [String: [ClosedRange<Int64>]] = [:]
    for (file, windows) in object {
      result[file] = try windows.map { window in
        guard window.count == 2, let from = milliseconds(window[0]), let to = milliseconds(window[1]), from <= to else {
          throw problem("\(file): expected two times \(InstantText.range), the earlier first, found \(window)")
        }
        return from...to
      }
    }
    return result
  }

  private static func milliseconds(_ text: String) -> Int64? {
    InstantText.nanoseconds(of: text).map { WallTime(nanoseconds: $0).milliseconds }
  }
}
