// What a system adds to the command line beside its scenarios and its contract.

import ArgumentParser

/// Commands of one system.
package struct SystemCommands: Sendable {
  /// How it is served: commands below `windtunnel serve`.
  package var serving: [any ParsableCommand.Type]
  /// What is measured of it: commands below `windtunnel bench`.
  package var benches: [any ParsableCommand.Type]
  /// Its own verbs.
  package var verbs: [any ParsableCommand.Type]

  /// Commands; none where nothing is said.
  package init(
    serving: [any ParsableCommand.Type] = [], benches: [any ParsableCommand.Type] = [], verbs: [any ParsableCommand.Type] = []
  ) {
    self.serving = serving
    self.benches = benches
    self.verbs = verbs
  }
}
