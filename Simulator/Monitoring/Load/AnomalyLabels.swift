// Labelled anomalies: which windows of which recorded file are known to be wrong. A label names a file by a path that
// may begin elsewhere than the path by which the file was given, so the two are compared part by part from their ends.
// Files are also given from folders of other names than those that were labelled: then the file's name decides, where
// one label alone has it.

import MonitoringAPI
import Vocabulary

/// Labels that nothing can be judged by.
public struct LabelMistake: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was expected, and what there is.
  public var description: String

  /// A mistake.
  public init(description: String) { self.description = description }
}

/// Windows of anomalies, by the path of the file whose series they are in.
public struct AnomalyLabels: Sendable {
  /// Windows in milliseconds since 1970, by file.
  private let labelled: [(file: [Substring], windows: [ClosedRange<Int64>])]

  /// Labels of files; windows in milliseconds since 1970.
  public init(_ labels: [String: [ClosedRange<Int64>]]) {
    labelled = labels.map { (file: Self.parts($0.key), windows: $0.value) }.sorted { Self.precedes($0.file, $1.file) }
  }

  /// The windows of the file at `path`: of the label with which it shares the most last parts, where that is all parts
  /// of one of the two; else of the only label of its last part. A file `b.csv` is not `a-b.csv`. Nil where no label is
  /// of it, or several of that name may be.
  public func windows(ofFileAt path: String) -> [ClosedRange<Int64>]? {
    let path = Self.parts(path)
    var best: (shared: Int, windows: [ClosedRange<Int64>])?
    for (file, windows) in labelled {
      let shared = zip(path.reversed(), file.reversed()).prefix { Array($0.utf8) == Array($1.utf8) }.count
      if shared > 0, shared == min(path.count, file.count), shared > best?.shared ?? 0 { best = (shared, windows) }
    }
    if let best { return best.windows }
    let sameNames = labelled.filter { label in
      guard let name = label.file.last, let own = path.last else { return false }
      return name.utf8.elementsEqual(own.utf8)
    }
    return sameNames.count == 1 ? sameNames[0].windows : nil
  }

  /// What these labels make of `series`, each read from the file at its path: the recording at its own speed. Throws
  /// where no rule can be made of them, so that no anomaly would be watched.
  public func recording(of series: [(series: RecordedSeries, path: String)]) throws(LabelMistake) -> Recording {
    var anomalies: [ExactName: [ClosedRange<Int64>]] = [:]
    for (series, path) in series { anomalies[ExactName(series.name)] = windows(ofFileAt: path) }
    let recording = Recording(series: series.map(\.series), anomalies: anomalies, speed: 1)
    guard anomalies.values.contains(where: { !$0.isEmpty }) else {
      let files = labelled.filter { !$0.windows.isEmpty }.map { $0.file.joined(separator: "/") }
      throw LabelMistake(
        description: "expected a labelled window of one of the series \(Self.list(series.map(\.path))); "
          + (files.isEmpty
            ? "no file has any"
            : "there are windows of \(Self.list(files)): a label is of the file whose path ends as it does, or else of the only one of that name")
      )
    }
    for (series, path) in series {
      guard let first = series.rows.first?.timestampMilliseconds, let last = series.rows.last?.timestampMilliseconds else { continue }
      for window in anomalies[ExactName(series.name)] ?? [] where window.upperBound < first || window.lowerBound > last {
        throw LabelMistake(
          description: "expected windows of \(path) within the time of its rows, from \(Self.moment(first)) to \(Self.moment(last)); "
            + "found one from \(Self.moment(window.lowerBound)) to \(Self.moment(window.upperBound))")
      }
    }
    guard !recording.rules(atMost: 1).isEmpty else {
      let names = anomalies.filter { !$0.value.isEmpty }.keys.sorted().map(\.text)
      throw LabelMistake(
        description: "expected a labelled window in which a series leaves the range that it has elsewhere, by a twentieth of it at least, "
          + "so that a rule can watch it; in those of \(Self.list(names)) it stays within")
    }
    return recording
  }

  private static func moment(_ milliseconds: Int64) -> String {
    InstantText.text(nanoseconds: WallTime(milliseconds: milliseconds).nanoseconds)
  }

  /// The parts of a path, without those that name its own folder.
  private static func parts(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }

  private static func precedes(_ one: [Substring], _ other: [Substring]) -> Bool {
    one.joined(separator: "/").utf8.lexicographicallyPrecedes(other.joined(separator: "/").utf8)
  }

  /// The first of some names, and how many more there are.
  private static func list(_ names: [String]) -> String {
    names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
  }
}
