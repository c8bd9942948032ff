// Labels of recorded series: which file they are of, and that labels by which nothing is watched are refused.

import Load
import MonitoringLoad
import Testing

@Suite struct AnomalyLabelsTests {
  private let window: ClosedRange<Int64> = 35_000...55_000

  /// A series of values from 0 to 9, with one of 90 or 9 within the window.
  private func series(_ name: String, isClear: Bool = true) -> RecordedSeries {
    RecordedSeries(
      name: name,
      rows: (0..<100).map {
        RecordedSeries.Row(timestampMilliseconds: Int64($0) * 1_000, value: isClear && $0 == 45 ? 90 : Double($0 % 10))
      })
  }

  @Test(arguments: [
    ("data/a/cpu.csv", "a/cpu.csv", true), ("cpu.csv", "a/cpu.csv", true), ("a/cpu.csv", "cpu.csv", true),
    ("./a/cpu.csv", "/a/cpu.csv", true),
    ("b/cpu.csv", "a/cpu.csv", true), ("a/other-cpu.csv", "cpu.csv", false), ("a/cpu.csv", "pu.csv", false),
    ("a/CPU.csv", "a/cpu.csv", false),
    ("caf\u{E9}.csv", "cafe\u{301}.csv", false), ("a/cpu.csv", "", false),
  ]) func aLabelIsOfTheFileWhoseLastPartsItNames(_ path: String, _ label: String, _ isFound: Bool) {
    #expect(AnomalyLabels([label: [window]]).windows(ofFileAt: path) == (isFound ? [window] : nil))
  }

  @Test func theLabelThatSaysMostCounts() {
    let labels = AnomalyLabels(["cpu.csv": [1...2], "a/cpu.csv": [3...4], "b/cpu.csv": [5...6]])
    #expect(labels.windows(ofFileAt: "x/a/cpu.csv") == [3...4])
    #expect(labels.windows(ofFileAt: "x/c/cpu.csv") == [1...2])
  }

  /// By the file's name alone only where one label has it.
  @Test func ofSeveralLabelsOfOneNameNoneIsGuessed() {
    let labels = AnomalyLabels(["a/cpu.csv": [3...4], "b/cpu.csv": [5...6], "a/disk.csv": [7...8]])
    #expect(labels.windows(ofFileAt: "x/c/cpu.csv") == nil && labels.windows(ofFileAt: "x/c/disk.csv") == [7...8])
  }

  @Test func aRecordingHasItsLabels() throws {
    let recording = try AnomalyLabels(["a/cpu.csv": [window]]).recording(of: [
      (series("cpu"), "/x/a/cpu.csv"), (series("disk"), "/x/a/disk.csv"),
    ])
    #expect(recording.anomalies == ["cpu": [window]])
    #expect(recording.rules(atMost: 5).map(\.series) == ["cpu"])
  }

  @Test func labelsOfNoneOfTheSeriesAreRefused() {
    #expect(
      throws: LabelMistake(
        description: "expected a labelled window of one of the series /x/a/disk.csv; there are windows of a/cpu.csv: "
          + "a label is of the file whose path ends as it does, or else of the only one of that name")
    ) { try AnomalyLabels(["a/cpu.csv": [window]]).recording(of: [(series("disk"), "/x/a/disk.csv")]) }
    #expect(throws: LabelMistake(description: "expected a labelled window of one of the series /x/a/cpu.csv; no file has any")) {
      try AnomalyLabels(["a/cpu.csv": []]).recording(of: [(series("cpu"), "/x/a/cpu.csv")])
    }
  }

  @Test(arguments: [-5_000...(-1_000), 99_001...120_000] as [ClosedRange<Int64>])
  func aWindowOutsideOfTheTimeOfItsSeriesIsRefused(outside: ClosedRange<Int64>) {
    let mistake = #expect(throws: LabelMistake.self) {
      try AnomalyLabels(["a/cpu.csv": [window, outside]]).recording(of: [(series("cpu"), "/x/a/cpu.csv")])
    }
    let words =
      "expected windows of /x/a/cpu.csv within the time of its rows, from 1970-01-01T00:00:00Z to 1970-01-01T00:01:39Z; found one from "
    #expect(mistake?.description.hasPrefix(words) == true, "\(mistake?.description ?? "")")
  }

  @Test func aWindowThatReachesBeyondItsSeriesIsTaken() throws {
    let recording = try AnomalyLabels(["cpu.csv": [35_000...120_000]]).recording(of: [(series("cpu"), "cpu.csv")])
    #expect(recording.rules(atMost: 1).count == 1)
  }

  @Test func labelsOfWhatIsNotToBeSeenAreRefused() {
    #expect(throws: LabelMistake.self) {
      try AnomalyLabels(["cpu.csv": [window]]).recording(of: [(series("cpu", isClear: false), "cpu.csv")])
    }
  }
}
