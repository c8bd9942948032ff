// A text in a history: a key, a value that was written, a producer's name. By its bytes: a service that turns a
// precomposed letter into its decomposed form has lost what a client wrote.

import Vocabulary

/// A text of a history, by its bytes.
public typealias HistoryValue = ExactName
