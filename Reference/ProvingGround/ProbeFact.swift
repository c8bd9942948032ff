// What the machines of the proving ground state: whatever a proof wants to see.

import Vocabulary

extension Fact {
  /// Whatever a proof wants to see; its machine says what the words mean.
  public static let probe = Fact("proof/probe")
}
