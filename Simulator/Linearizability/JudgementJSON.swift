// A judgement for programs. Names as in `windtunnel run --json`: snake case, times in nanoseconds.

import Wire

extension HistoryJudgement {
  /// The judgement as a JSON object; `source` names the history, `skipped` what was passed over where it was read.
  public func json(source: String, skipped: SkippedLines? = nil) -> JSON {
    [
      "history": .string(source), "model": .string(model), "verdict": .string(verdict.rawValue),
      "operations": .integer(Int64(operationCount)), "answered": .integer(Int64(answeredCount)),
      "skipped_lines": .integer(Int64(skipped?.count ?? 0)),
      "keys": .array(partitions.map(\.json)),
    ]
  }
}

extension PartitionJudgement {
  fileprivate var json: JSON {
    [
      "key": .string(key.text), "verdict": .string(verdict.rawValue), "operations": .integer(Int64(operationCount)),
      "answered": .integer(Int64(answeredCount)), "unknown_outcomes": .integer(Int64(unknownCount)),
      "visited_states": .integer(Int64(visitedCount)),
      "window": window?.json ?? .null,
    ]
  }
}

extension ViolationWindow {
  fileprivate var json: JSON {
    [
      "sentence": .string(sentence), "state_before": .string(stateBefore), "start_nanoseconds": .integer(startNanoseconds),
      "end_nanoseconds": .integer(endNanoseconds), "events": .integer(Int64(eventCount)),
      "total_events": .integer(Int64(totalEventCount)), "is_exact": .bool(isExact), "operations": .array(operations.map(\.json)),
    ]
  }
}

extension WindowOperation {
  fileprivate var json: JSON {
    [
      "client": .integer(client), "input": .string(input), "output": .string(output), "call": .integer(callNanoseconds),
      "return": returnNanoseconds.map { .integer($0) } ?? .null, "is_misplaced": .bool(isMisplaced),
    ]
  }
}
