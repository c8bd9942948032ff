// Redirects: what a call asks next where it is answered that what it wants is elsewhere (RFC 9110, 15.4).
//
// Each hop is a call of the host's: its destination is resolved and held against the address policy anew. The method
// becomes GET, without the body, after 303 (but for HEAD), and after 301 and 302 where it was POST, as clients have done
// it for ever; after 307 and 308 request and body stay. What proves who asks (`authorization`, `cookie`,
// `proxy-authorization`) is dropped for good where scheme, host or port become others. From https to http goes an
// operator's call, and a user's only where the policy of the call allows it. A destination that a hop leads to was named
// by whoever named the first: what an operator calls may lead him anywhere.
//
// Limits: hops are bounded by the call's policy, and the deadline is that of the whole call. An endpoint has no URL, so
// a location without a host leads to the same endpoint. 300 and 304 are answers like others.

import Vocabulary

/// Which redirects a call follows.
public struct Redirects: Sendable, Hashable {
  /// Most hops behind the first request; 0 follows none, and a redirect is an answer like any other.
  public var maximumHops: Int
  /// Whether a user's call may go on in the clear where it began with TLS.
  public var mayLeaveTLS: Bool

  /// None is followed.
  public static let none = Redirects(maximumHops: 0)

  /// Redirects that are followed.
  public init(maximumHops: Int, mayLeaveTLS: Bool = false) {
    invariant(maximumHops >= 0 && maximumHops <= 20, "\(maximumHops) hops")
    self.maximumHops = maximumHops
    self.mayLeaveTLS = mayLeaveTLS
  }
}

/// Why a redirect was not followed.
public enum RedirectMistake: Hashable, Sendable {
  /// There were as many hops as there may be.
  case tooManyHops
  /// The answer does not say where to, or not in a way that is understood.
  case noLocation
  /// It leads from https to http.
  case leavesTLS
}

/// One step of a redirected call.
enum RedirectStep: Hashable {
  /// The answer is no redirect, or none that is followed.
  case answer
  /// The call goes on here.
  case next(Callee, Request)
  /// It must not go on.
  case mistake(RedirectMistake)
}

extension Redirects {
  /// What follows `response` to `request`, with so many hops made before.
  func step(after response: Response, to callee: Callee, _ request: Request, hopsMade: Int) -> RedirectStep {
    guard maximumHops > 0, [301, 302, 303, 307, 308].contains(response.status) else { return .answer }
    guard hopsMade < maximumHops else { return .mistake(.tooManyHops) }
    guard response.head.headers.count(of: "location") == 1, let location = response.head.headers["location"],
      let (next, target) = Self.resolve(location, against: callee, request.head.target)
    else { return .mistake(.noLocation) }
    if case .destination(let before) = callee, case .destination(let after) = next, before.namedBy == .user, !mayLeaveTLS,
      before.scheme == .https, after.scheme == .http
    {
      return .mistake(.leavesTLS)
    }
    var hop = request
    hop.head.target = target
    let becomesGET =
      response.status == 303 ? request.head.method != .head : response.status <= 302 && request.head.method == .post
    if becomesGET {
      hop.head.method = .get
      hop.body = []
      hop.head.headers.remove(["content-type", "content-length", "content-encoding", "content-language", "content-location", "digest"])
    }
    if next != callee { hop.head.headers.remove(["authorization", "cookie", "proxy-authorization"]) }
    return .next(next, hop)
  }

  /// Where `location` leads from a request for `target` (RFC 3986, 5.2); nil where it is none that is understood.
  static func resolve(_ location: String, against callee: Callee, _ target: String) -> (Callee, target: String)? {
    var bytes = Array(location.utf8)
    // A fragment is for who reads the answer.
    if let hash = bytes.firstIndex(of: UInt8(ascii: "#")) { bytes.removeSubrange(hash...) }
    guard bytes.count <= 8_192, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else { return nil }
    var text = String(decoding: bytes, as: UTF8.self)
    let namer: Destination.Namer
    switch callee {
    case .endpoint: namer = .operator
    case .destination(let destination): namer = destination.namedBy
    }
    if bytes.starts(with: "//".utf8) {
      guard case .destination(let destination) = callee, let scheme = destination.scheme else { return nil }
      text = "\(scheme.text):\(text)"
    }
    if hasScheme(bytes) || bytes.starts(with: "//".utf8) {
      guard let (destination, behind) = try? Destination.url(text, namedBy: namer) else { return nil }
      return (.destination(destination), withoutDots(behind))
    }
    let base = target.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false).first ?? target.utf8[...]
    switch bytes.first {
    case nil: return (callee, target)
    case UInt8(ascii: "/"): return (callee, withoutDots(text))
    case UInt8(ascii: "?"): return (callee, "\(String(Substring(base)))\(text)")
    case .some:
      let folder = base.lastIndex(of: UInt8(ascii: "/")).map { String(Substring(base[...$0])) } ?? "/"
      return (callee, withoutDots(folder + text))
    }
  }

  /// Whether a reference begins with a scheme (RFC 3986, 3.1).
  private static func hasScheme(_ bytes: [UInt8]) -> Bool {
    guard let end = bytes.firstIndex(where: { [UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "?")].contains($0) }),
      bytes[end] == UInt8(ascii: ":"), let first = bytes.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first | 0x20)
    else { return false }
    return true
  }

  /// A target whose path has no `.` and `..` (RFC 3986, 5.2.4).
  private static func withoutDots(_ target: String) -> String {
    let parts = target.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = parts.first, path.contains(UInt8(ascii: ".")) else { return target }
    var segments: [Substring] = []
    let all = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Substring($0) }
    // The first is what stands before the first slash: nothing.
    for (place, segment) in all.enumerated().dropFirst() {
      let isLast = place == all.count - 1
      if sameBytes(String(segment), ".") || sameBytes(String(segment), "..") {
        if segment.utf8.count == 2, !segments.isEmpty { segments.removeLast() }
        if isLast { segments.append("") }
      } else {
        segments.append(segment)
      }
    }
    let query = parts.count > 1 ? "?\(String(Substring(parts[1])))" : ""
    return "/\(segments.joined(separator: "/"))\(query)"
  }
}

extension Destination {
  /// What is spoken there; nil at a socket.
  fileprivate var scheme: Scheme? {
    switch place {
    case .network(let scheme, _): scheme
    case .localSocket: nil
    }
  }
}

extension Headers {
  /// Removes all fields of these names.
  fileprivate mutating func remove(_ names: [String]) {
    fields.removeAll { field in names.contains { Headers([field])[$0] != nil } }
  }
}
