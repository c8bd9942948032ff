// From a history to a judgement: the same for registers, partitions, and whatever else is to be linearizable (Herlihy
// and Wing, 1990). A search that gave up shows nothing, and counts as a violation. Requirement: MONITORING-10.

import Linearizability
import Vocabulary

extension Checker {
  /// Judges a history of the flight that `record` tells of, whose clients are nodes of it. `object` names what each of
  /// its partitions is ("partition 3"), `objects` all of them ("partitions"); `judge` bounds the search.
  public func judgement<Model: RecordedModel>(
    of history: History<Model>, in record: FlightRecord, objects: String, by judge: HistoryJudge = HistoryJudge(),
    object: (String) -> String
  ) -> Judgement {
    let result = judge.judge(history)
    var violations: [Violation] = []
    for partition in result.partitions {
      let name = object(partition.key.text)
      switch partition.verdict {
      case .held, .nothingJudged: continue
      case .violated:
        let at = partition.window.map { Instant(nanoseconds: $0.endNanoseconds) }
        let sentence = partition.window?.sentence(
          client: { record.name(of: NodeID(UInt16(clamping: $0))) }, moment: { Instant(nanoseconds: $0).label })
        violations.append(Violation(at: at, "\(name): \(sentence ?? "no order fits")"))
      case .unknown:
        violations.append(Violation("\(name): not shown: the search gave up after \(partition.visitedCount) placements"))
      }
    }
    let effective = history.operations.count { if case .failed = $0.outcome { false } else { true } }
    // An operation without an answer may have any effect, or none: a history of such alone shows nothing.
    let answered = history.operations.count { if case .answered = $0.outcome { true } else { false } }
    return judgement(
      violations, examined: "\(counted(effective, "operation")) on \(result.partitions.count) \(objects), \(answered) answered",
      count: answered)
  }
}
