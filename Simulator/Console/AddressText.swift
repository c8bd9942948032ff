// Addresses on the command line, by the reader of the house (`HostAndPort`), whose words say what was expected.

import ArgumentParser
import Live
import Vocabulary

/// Reads addresses.
package enum AddressText {
  /// `host:port`, where something listens. Throws what was expected.
  package static func read(_ text: String) throws -> NetworkAddress {
    guard let address = NetworkAddress(text) else { throw ValidationError("expected \(HostAndPort.words)") }
    return address
  }
}
