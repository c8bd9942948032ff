// Addresses and URLs on the command line. All are read by the two readers of the house (`HostAndPort`, `HTTPURL`),
// whose words say what was expected.

import ArgumentParser
import ContractJudging
import Live
import MonitoringAPI
import Vocabulary
import Wire

/// Reads addresses.
enum AddressText {
  /// `host:port`, where something listens. Throws what was expected.
  static func read(_ text: String) throws -> NetworkAddress {
    guard let address = NetworkAddress(text) else { throw ValidationError("expected \(HostAndPort.words)") }
    return address
  }
}

/// The address of a service: `http://host:port/prefix`.
struct ServiceURL: Sendable {
  /// Where it is.
  var address: HostAndPort
  /// The path below which its targets are, without a slash at its end.
  var prefix: String

  /// Reads a service's URL. Throws what was expected.
  init(_ text: String) throws {
    let url: HTTPURL
    do { url = try HTTPURL(text) } catch { throw ValidationError(error.description) }
    guard !url.target.utf8.contains(UInt8(ascii: "?")) else {
      throw ValidationError("a query (?…) cannot stand in front of the targets of a service; take it out")
    }
    address = url.address
    prefix = url.target.hasSuffix("/") ? String(url.target.dropLast()) : url.target
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

/// A channel for alerts: `name=http://host:port/path?query`. The target is kept as it was given.
struct WebhookOption: Sendable {
  /// The channel's name, as rules use it.
  var name: String
  /// Where it is.
  var address: NetworkAddress
  /// Path and query of the request.
  var target: String

  /// Reads a channel. Throws what was expected.
  init(_ text: String) throws {
    guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")), equals > text.startIndex else {
      throw ValidationError("expected NAME=http://HOST:PORT/PATH")
    }
    name = String(text[..<equals])
    if let control = NameRule.control(in: name) { throw ValidationError("expected \(NameRule.words), found \(control)") }
    guard name.utf8.count <= AlertingAPI.maximumChannelNameBytes else {
      throw ValidationError("expected a name of at most \(AlertingAPI.maximumChannelNameBytes) bytes")
    }
    let url: HTTPURL
    do { url = try HTTPURL(String(text[text.index(after: equals)...])) } catch { throw ValidationError(error.description) }
    address = NetworkAddress(url.address)
    target = url.target
  }
}
