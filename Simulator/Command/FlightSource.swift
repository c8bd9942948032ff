// How a command names a scenario again: by its name, or by the path of its file, its folder, and what it was given from
// outside.

import Console
import Flight
import Scenarios
import Wire

/// The words that name a flight's scenario.
enum FlightSource {
  /// How a command names `scenario`, in words of a shell, which was given as one of `names`, with a folder of scenarios
  /// and what flights are given from outside; nil where its name says it all.
  static func text(of scenario: Scenario, names: [String], folder: String?, inputs: some FlightInputOptions) -> String? {
    let file = names.first { $0.hasSuffix(".yaml") && (try? ScenarioLibrary.read(path: $0))?.name == scenario.name }
    let given = inputs.words(for: scenario)
    guard file != nil || folder != nil || !given.isEmpty else { return nil }
    var words = [file ?? scenario.name]
    // A file is read from where it is, whatever the folder.
    if file == nil, let folder { words += ["--scenarios", folder] }
    return (words + given).map { shellWord($0) }.joined(separator: " ")
  }
}
