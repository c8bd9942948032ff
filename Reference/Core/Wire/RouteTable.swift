// The routes of a service: method and path to a case of the service's own enum. Every path also answers under `/v1`
// (MONITORING-28). Unknown paths are 404, known paths with another method 405 with `Allow`.

import Vocabulary

/// The routes of a service.
public struct RouteTable<Route: Sendable>: Sendable {
  /// One row: a method, a path of literal segments and `{name}` parameters, and what it leads to.
  public struct Row: Sendable {
    let method: Method
    let segments: [Segment]
    let route: Route

    /// A row. `path` is a literal of ours: `/rules/{name}`.
    public init(_ method: Method, _ path: String, _ route: Route) {
      self.method = method
      self.route = route
      segments = path.split(separator: "/").map { part in
        part.hasPrefix("{") && part.hasSuffix("}") ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
      }
    }
  }

  enum Segment: Sendable {
    case literal(String)
    case parameter(String)
  }

  /// Where a request leads.
  public struct Match: Sendable {
    /// The service's own case.
    public var route: Route
    /// The parameters of the path, decoded, in order.
    public var parameters: [NamedText]
    /// The decoded target, for its query.
    public var target: HTTPTarget

    /// The parameter named `name`; empty where the row has none of that name.
    public func parameter(_ name: String) -> String { parameters.first { $0.name == name }?.text ?? "" }
  }

  private let rows: [Row]

  /// A table of `rows`; the first that fits wins.
  public init(_ rows: [Row]) { self.rows = rows }

  /// Where `head` leads, or the problem to answer with.
  public func match(_ head: RequestHead) throws(RequestProblem) -> Match {
    let target: HTTPTarget
    do throws(HTTPTargetError) {
      target = try HTTPTarget(head.target)
    } catch {
      throw RequestProblem(error)
    }
    let segments = target.segments.first == "v1" ? target.segments.dropFirst() : target.segments[...]
    var allowed: [String] = []
    for row in rows {
      guard let parameters = Self.parameters(of: row.segments, in: segments) else { continue }
      if row.method == head.method { return Match(route: row.route, parameters: parameters, target: target) }
      allowed.append(row.method.token)
    }
    if allowed.isEmpty { throw RequestProblem(404, code: "NOT_FOUND", message: "there is nothing at this path") }
    var problem = RequestProblem(
      405, code: "METHOD_NOT_ALLOWED", message: "this path takes \(allowed.joined(separator: ", ")), not \(head.method.token)")
    problem.allowed = allowed
    throw problem
  }

  private static func parameters(of row: [Segment], in segments: ArraySlice<String>) -> [NamedText]? {
    guard row.count == segments.count else { return nil }
    var parameters: [NamedText] = []
    for (expected, found) in zip(row, segments) {
      switch expected {
      case .literal(let text): if text != found { return nil }
      case .parameter(let name): parameters.append(NamedText(name, found))
      }
    }
    return parameters
  }
}
