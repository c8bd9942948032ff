// The routes of a service: method and path to a case of the service's own enum, and the front that every service has
// before them. Where a table says so, every path also answers below a prefix. Unknown paths are 404, known paths with another
// method 405 with `Allow`. HEAD leads where GET does (RFC 9110, section 9.3.2): the service answers as to GET, and the
// host sends the head of that alone, with the length that the body would have. A body in an encoding
// (`Content-Encoding`) is 415: none is understood.
//
// The table is generic over the service's enum and is looked at for every request, so only the thin part that knows the
// enum is generic; the search among the paths is one piece of code for all.

import Vocabulary

/// The routes of a service.
public struct RouteTable<Route: Sendable>: Sendable {
  /// One row: a method, a path of literal segments and `{name}` parameters, and what it leads to.
  public struct Row: Sendable {
    fileprivate let path: RoutePath
    fileprivate let route: Route

    /// A row. `path` is a literal of ours: `/rules/{name}`.
    public init(_ method: Method, _ path: String, _ route: Route) {
      self.path = RoutePath(method, path)
      self.route = route
    }
  }

  /// Where a request leads.
  public struct Match: Sendable {
    /// The service's own case.
    public var route: Route
    fileprivate let found: RoutePath.Found

    /// The decoded target, for its query.
    public var target: HTTPTarget { found.target }

    /// The parameter named `name` of the path, decoded; empty where the row has none of that name.
    public func parameter(_ name: String) -> String { found.parameter(name) }
  }

  private let paths: [RoutePath]
  private let routes: [Route]
  private let prefix: String?

  /// A table of `rows`; the first that fits wins. Each path also answers below `prefix`, a segment, where there is one.
  public init(_ rows: [Row], alsoBelow prefix: String? = nil) {
    paths = rows.map { $0.path }
    routes = rows.map { $0.route }
    self.prefix = prefix
  }

  /// Where `head` leads, or the problem to answer with.
  public func match(_ head: RequestHead) throws(RequestProblem) -> Match {
    let found = try RoutePath.match(head, among: paths, alsoBelow: prefix)
    return Match(route: routes[found.row], found: found)
  }

  /// The route to which `head` leads, as `serve` finds it; nil where it leads nowhere. For a machine's intake.
  public func route(_ head: RequestHead) -> Route? {
    do throws(RequestProblem) { return try match(head).route } catch { return nil }
  }

  /// The front of a service: finds where `request` leads and hands it to `take`, which answers it now or later. A
  /// problem that either of them throws is the answer.
  public func serve(
    _ exchange: ExchangeID, _ request: Request, _ turn: inout Turn, _ take: (Match, inout Turn) throws(RequestProblem) -> Void
  ) {
    do throws(RequestProblem) {
      let found = try match(request.head)
      try request.checkEncoding()
      try take(found, &turn)
    } catch {
      turn.reply(exchange, error.response)
    }
  }
}

/// A method and a path of literal segments and parameters, and the search among them.
private struct RoutePath: Sendable {
  private enum Segment: Sendable {
    case literal(String)
    case parameter(String)
  }

  /// Which path fits a request.
  struct Found: Sendable {
    /// Its place in the table.
    let row: Int
    /// The decoded target.
    let target: HTTPTarget
    /// The parameters of the path, decoded, in order.
    let parameters: [NamedText]

    func parameter(_ name: String) -> String { parameters.first { sameBytes($0.name, name) }?.text ?? "" }
  }

  private let method: Method
  private let segments: [Segment]

  init(_ method: Method, _ path: String) {
    self.method = method
    segments = path.split(separator: "/").map { part in
      part.hasPrefix("{") && part.hasSuffix("}") ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
    }
  }

  /// The first of `paths` that fits, or the problem to answer with.
  static func match(_ head: RequestHead, among paths: [RoutePath], alsoBelow prefix: String?) throws(RequestProblem) -> Found {
    let target: HTTPTarget
    do throws(HTTPTargetError) {
      target = try HTTPTarget(head.target)
    } catch {
      throw RequestProblem(error)
    }
    var segments = target.segments[...]
    if let prefix, let first = segments.first, sameBytes(first, prefix) { segments.removeFirst() }
    var allowed: [String] = []
    var get: Found?
    for (row, path) in paths.enumerated() {
      guard let parameters = path.parameters(in: segments) else { continue }
      let found = Found(row: row, target: target, parameters: parameters)
      if path.method == head.method { return found }
      allowed.append(path.method.token)
      if path.method == .get {
        get = get ?? found
        allowed.append(Method.head.token)
      }
    }
    if head.method == .head, let get { return get }
    if allowed.isEmpty { throw RequestProblem(404, code: "NOT_FOUND", message: "there is nothing at this path") }
    var problem = RequestProblem(
      405, code: "METHOD_NOT_ALLOWED", message: "this path takes \(allowed.joined(separator: ", ")), not \(head.method.token)")
    problem.allowed = allowed
    throw problem
  }

  /// What stands at the path's parameters in `found`; nil where that does not fit.
  private func parameters(in found: ArraySlice<String>) -> [NamedText]? {
    guard segments.count == found.count else { return nil }
    var parameters: [NamedText] = []
    for (expected, found) in zip(segments, found) {
      switch expected {
      case .literal(let text): if !sameBytes(text, found) { return nil }
      case .parameter(let name): parameters.append(NamedText(name, found))
      }
    }
    return parameters
  }
}
