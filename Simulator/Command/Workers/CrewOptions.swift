// Options of commands that fly in processes of their own.

import ArgumentParser
import Console
import Foundation

/// How many processes fly, and how long one may say nothing.
struct CrewOptions: ParsableArguments {
  @Option(help: "Flights at once; by default one for each core.", transform: { try Bounds.jobs.read($0) }) var jobs: Int?
  @Option(
    help: """
      Seconds after which a process that flies is taken for stuck, where it takes no turn, uses no processor time and says nothing: it is ended, and \
      what it flew is flown once more. (default: 300)
      """, transform: { try Bounds.silenceSeconds.read($0) })
  var silence = 300

  /// A crew of so many, each of which is told `words` at its start.
  func crew(_ words: [String]) throws -> FlightCrew {
    try FlightCrew(jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount, words: words, mostSilentSeconds: silence)
  }
}
