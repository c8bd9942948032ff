// `windtunnel linearize`: judges recorded histories of registers and logs, of whatever service they come from.

import ArgumentParser
import Foundation
import Linearizability
import Vocabulary
import Wire

struct LinearizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "linearize", abstract: "Judge recorded histories: is there an order of operations that explains every answer?",
    discussion: """
      A history file has one operation a line: who asked, when, what, and what was answered (Simulator/Linearizability/History.md). Each key is \
      judged by itself. Where no order exists, the first operation that cannot be placed is named, with the shortest stretch that shows it. \
      Deciding this can take exponential time; a search that reaches --states says unknown, never held.

      Exit code 0: all held. 1: one is violated. 2: bad input. 3: none is violated, but a search was given up.

      EXAMPLES
        windtunnel linearize history.jsonl
        windtunnel linearize runs/*.jsonl --json > judgements.json
        windtunnel linearize hard.jsonl --states 20000000
      """)

  @Argument(help: "History files.", transform: { try PathText.read($0) }) var histories: [String]
  @Flag(help: "Print one JSON object with all judgements to standard output.") var json = false
  @Option(help: "How many times a search may place an operation before it gives up.", transform: { try Bounds.states.read($0) })
  var states = HistoryJudge.defaultMaximumStates

  func run() throws {
    let judge = HistoryJudge(maximumStates: states)
    // All are read first: a mistake in the last file is told before the time that the first one takes.
    let read = try histories.map { (path: $0, history: try Self.read($0)) }
    var judgements: [(path: String, judgement: HistoryJudgement)] = []
    for (path, history) in read {
      let judgement = judge.judge(history)
      judgements.append((path, judgement))
      if !json { Output.line(judgement.lines(source: path).joined(separator: "\n")) }
    }
    if json {
      let document: JSON = ["histories": .array(judgements.map { $0.judgement.json(source: $0.path) })]
      Output.line(try document.serializedText())
    }
    let verdicts = judgements.map(\.judgement.verdict)
    if verdicts.contains(.violated) { throw Exit.failed }
    if verdicts.contains(.unknown) { throw Exit.couldNotRun }
  }

  private static func read(_ path: String) throws -> AnyHistory {
    let bytes: Data
    do {
      bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw InputProblem(description: "\(path): expected a readable history file (\(InputProblem.reason(error)))")
    }
    do {
      return try AnyHistory(parsing: Array(bytes), file: path)
    } catch {
      throw InputProblem(description: error.description)
    }
  }
}
