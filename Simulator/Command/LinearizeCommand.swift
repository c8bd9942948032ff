// `windtunnel linearize`: judges recorded histories of registers, logs and key-value stores, of whatever service they
// come from.

import ArgumentParser
import Console
import Foundation
import Linearizability
import Synchronization
import Vocabulary
import Wire

extension HistoryFormat: ExpressibleByArgument {}
extension FailedSwaps: ExpressibleByArgument {}

struct LinearizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "linearize", abstract: "Judge recorded histories: is there an order of operations that explains every answer?",
    discussion: """
      A history file has one operation a line: who asked, when, what, and what was answered (Simulator/Linearizability/History.md); or it is a history \
      of Jepsen's, on registers (:read, :write, :cas) or keys (:get, :put, :append): history.edn, or its log. Which of them it is, is told by how it \
      begins, else by its name (.jsonl, .edn, .log, .txt), or by --format. Each key is judged by itself. Where no order exists, the first operation \
      that cannot be placed is named, with the shortest stretch that shows it. Deciding this can take exponential time; a search that reaches \
      --states says unknown, never held.

      Exit code 0: all held. 1: one is violated. 2: bad input. 3: none is violated, but a search was given up, or nothing was judged, as a file has no \
      operation that was answered.

      EXAMPLES
        windtunnel linearize history.jsonl
        windtunnel linearize runs/*.jsonl --json > judgements.json
        windtunnel linearize hard.jsonl --states 20000000
        windtunnel linearize jepsen/etcd/latest/history.edn
        windtunnel linearize etcd_000.log --failed-swaps mismatch
      """)

  @Argument(help: "History files, of at most 1 GiB each; - is standard input.", transform: { try PathText.read($0) }) var histories:
    [String]
  @Option(help: "The files' form: jsonl, edn or log. Without it each file tells its own.") var format: HistoryFormat?
  @Option(
    help: """
      What a :cas that ended with :fail says in a Jepsen history: no-effect, that it did not happen; or mismatch, that the register held \
      something else than expected, which tells the judge more.
      """) var failedSwaps = FailedSwaps.noEffect
  @Flag(help: "Print one JSON object with all judgements to standard output.") var json = false
  @Option(
    help: "How many times a search may place an operation before it gives up. (default: \(HistoryJudge.defaultMaximumStates))",
    transform: { try Bounds.states.read($0) })
  var states = HistoryJudge.defaultMaximumStates

  func run() throws {
    let judge = HistoryJudge(maximumStates: states)
    // All are read first: a mistake in the last file is told before the time that the first one takes.
    let files = try histories.map { (path: $0, read: try read($0)) }
    Interruption.listen()
    let finished = FinishedJudgements()
    // A search looks at nothing but its history, so that it runs beside what listens for signals.
    let thread = Thread {
      for (path, read) in files { finished.add(path, judge.judge(read.history)) }
    }
    thread.stackSize = 64 << 20
    thread.start()
    var judgements: [(path: String, judgement: HistoryJudgement)] = []
    while judgements.count < files.count, !Interruption.isAsked {
      guard let next = finished.wait(for: judgements.count) else { continue }
      let skipped = files[judgements.count].read.skipped
      judgements.append(next)
      if !json { Output.line(next.judgement.lines(source: next.path, skipped: skipped).joined(separator: "\n")) }
    }
    if json {
      let histories = zip(judgements, files).map { $0.judgement.json(source: $0.path, skipped: $1.read.skipped) }
      let document: JSON = ["histories": .array(histories)]
      Output.json(try document.serializedText())
    }
    let verdicts = judgements.map(\.judgement.verdict)
    if verdicts.contains(.violated) { throw Exit.failed }
    if judgements.count < files.count {
      try Interruption.check("\(judgements.count) of \(files.count) \(files.count == 1 ? "history" : "histories")")
    }
    if verdicts.contains(.unknown) || verdicts.contains(.nothingJudged) { throw Exit.couldNotRun }
  }

  private func read(_ path: String) throws -> HistoryFile {
    let bytes = try InputFile.stream(path)
    do {
      return try HistoryFile(parsing: bytes, format, file: path, failedSwaps: failedSwaps)
    } catch {
      throw InputProblem(description: error.description)
    }
  }
}

/// Judgements as a thread comes by them.
private final class FinishedJudgements: Sendable {
  private let all = Mutex<[(path: String, judgement: HistoryJudgement)]>([])
  private let isThere = DispatchSemaphore(value: 0)

  func add(_ path: String, _ judgement: HistoryJudgement) {
    all.withLock { $0.append((path, judgement)) }
    isThere.signal()
  }

  /// Judgement number `index`; nil where it did not come within a moment.
  func wait(for index: Int) -> (path: String, judgement: HistoryJudgement)? {
    guard isThere.wait(timeout: .now() + .milliseconds(50)) == .success else { return nil }
    return all.withLock { index < $0.count ? $0[index] : nil }
  }
}
