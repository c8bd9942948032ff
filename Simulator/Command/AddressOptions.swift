// URLs of services on the command line. All are read by the reader of the house (`Destination.url`), whose words say what
// was expected.

import ArgumentParser
import Console
import ContractJudging
import Live
import Vocabulary

/// The address of a service: `http://host:port/prefix`.
struct ServiceURL: Sendable {
  /// Where it is.
  var address: HostAndPort
  /// The path below which its targets are, without a slash at its end.
  var prefix: String

  /// Reads a service's URL. Throws what was expected.
  init(_ text: String) throws {
    let (destination, target): (Destination, String)
    do { (destination, target) = try Destination.url(text, namedBy: .operator) } catch { throw ValidationError(error.description) }
    guard case .network(.http, let address) = destination.place else {
      throw ValidationError("expected http://: services are not asked by another scheme here")
    }
    guard !target.utf8.contains(UInt8(ascii: "?")) else {
      throw ValidationError("a query (?…) cannot stand in front of the targets of a service; take it out")
    }
    self.address = address
    prefix = target.hasSuffix("/") ? String(target.dropLast()) : target
  }

  /// The service `index` ports behind this one.
  func service(_ index: Int) -> LiveService {
    LiveService(NetworkAddress(host: address.host, port: address.port + index), prefix: prefix)
  }
}

/// Where a service is: `service=http://host:port/prefix`, or the URL alone.
struct ServiceAddress: Sendable {
  /// The service's name; nil where the URL stands alone.
  var service: String?
  /// Where it is.
  var url: ServiceURL

  /// Reads it. Throws what was expected.
  init(_ text: String) throws {
    // A URL has its scheme before anything that could be taken for a name.
    guard let equals = text.firstIndex(of: "="), !text[..<equals].contains(":") else {
      url = try ServiceURL(text)
      return
    }
    service = String(text[..<equals])
    url = try ServiceURL(String(text[text.index(after: equals)...]))
  }
}
