// A judgement in lines for people: one for the history, and for every object whose history did not hold, what shows it
// as a table.

extension HistoryJudgement {
  /// Lines to print; `source` names the history, `skipped` what was passed over where it was read.
  public func lines(source: String, skipped: SkippedLines? = nil) -> [String] {
    let held = partitions.count { $0.verdict == .held }
    let judged =
      answeredCount == 0
      ? operationCount == 0 ? "" : ", none of them answered" : ", \(held) of \(Self.counted(partitions.count, "key")) held"
    var lines = [
      "\(source): \(verdict == .violated ? "VIOLATED" : verdict.rawValue)  (\(model), \(Self.counted(operationCount, "operation"))\(judged))"
    ]
    if let skipped, skipped.count > 0 { lines.append("  " + skipped.sentence) }
    for partition in partitions {
      switch partition.verdict {
      case .held, .nothingJudged: break
      case .unknown:
        lines.append("  unknown  \(shown(partition.key)): the search placed operations \(partition.visitedCount) times and gave up")
      case .violated:
        lines.append("  VIOLATED  \(shown(partition.key))")
        if let window = partition.window { lines += window.lines.map { "    " + $0 } }
      }
    }
    return lines
  }

  private static func counted(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }
}

extension ViolationWindow {
  /// The most rows of a table.
  private static var maximumRows: Int { 100 }

  /// The sentence, the state, and the operations as a table; an arrow points to the one that cannot be placed.
  public var lines: [String] {
    var lines = [
      sentence,
      "The \(isExact ? "shortest stretch" : "stretch") that shows it: \(eventCount) of \(totalEventCount) calls and returns, from "
        + "\(startNanoseconds) to \(endNanoseconds); at its beginning \(stateBefore).",
    ]
    let header = ["", "client", "operation", "answer", "call", "return"]
    // In a long history many outcomes stay unknown to the end: whatever they could have brought was tried.
    let late = operations.filter { $0.returnNanoseconds != nil || $0.callNanoseconds >= startNanoseconds }
    // Where no short stretch was found, the end of the long one is what a reader can use.
    let last = late.enumerated().filter { $0.offset >= late.count - Self.maximumRows || $0.element.isMisplaced }.map(\.element)
    let rows = last.map { operation in
      [
        operation.isMisplaced ? "->" : "", "\(operation.client)", operation.input, operation.output, "\(operation.callNanoseconds)",
        operation.returnNanoseconds.map { "\($0)" } ?? "never",
      ]
    }
    let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
    for row in [header] + rows {
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        // Numbers to the right, words to the left.
        line += [1, 4, 5].contains(column) ? space + cell : cell + space
        line += "  "
      }
      while line.last == " " { line.removeLast() }
      lines.append(line)
    }
    if last.count < late.count { lines.append("… and \(late.count - last.count) operations before, which --json has.") }
    let early = operations.count - late.count
    if early > 0 {
      let words = early == 1 ? "1 operation of unknown outcome that was" : "\(early) operations of unknown outcome that were"
      lines.append("Nor does it help to place any of \(words) called before.")
    }
    return lines
  }
}
