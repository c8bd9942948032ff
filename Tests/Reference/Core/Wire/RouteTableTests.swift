// Where requests lead: HEAD where GET does, 405 with all that a path takes, 404 where nothing is.

import Testing
import Vocabulary
import Wire

@Suite struct RouteTableTests {
  private enum Route {
    case rules, rule, create, headOfItsOwn
  }

  private static let rows: [RouteTable<Route>.Row] = [
    .init(.get, "/rules", .rules), .init(.post, "/rules", .create), .init(.get, "/rules/{name}", .rule), .init(.get, "/own", .rules),
    .init(.head, "/own", .headOfItsOwn),
  ]
  private let routes = RouteTable(Self.rows)

  private func problem(_ method: Method, _ target: String) -> RequestProblem? {
    do throws(RequestProblem) {
      _ = try routes.match(RequestHead(method: method, target: target))
      return nil
    } catch {
      return error
    }
  }

  @Test func headLeadsWhereGetDoes() throws {
    #expect(try routes.match(RequestHead(method: .head, target: "/rules")).route == .rules)
    let match = try routes.match(RequestHead(method: .head, target: "/rules/a%20b?x=1"))
    #expect(match.route == .rule && match.parameter("name") == "a b")
    #expect(try routes.match(RequestHead(method: .head, target: "/own")).route == .headOfItsOwn, "unless it has a row of its own")
    #expect(try routes.match(RequestHead(method: .post, target: "/rules")).route == .create)
  }

  @Test func aPrefixIsTheTablesOwn() throws {
    let versioned = RouteTable(Self.rows, alsoBelow: "v2")
    for target in ["/rules/a", "/v2/rules/a"] {
      #expect(try versioned.match(RequestHead(method: .get, target: target)).parameter("name") == "a")
    }
    for target in ["/v1/rules", "/v2/v2/rules", "/v2"] {
      #expect(throws: RequestProblem.self) { try versioned.match(RequestHead(method: .get, target: target)) }
    }
    #expect(problem(.get, "/v1/rules")?.status == 404, "where the table says none")
  }

  @Test func whatAPathTakesIsToldWithHead() {
    #expect(problem(.put, "/rules")?.status == 405)
    #expect(problem(.put, "/rules")?.allowed == ["GET", "HEAD", "POST"])
    #expect(problem(.delete, "/rules/x")?.response.head.headers["allow"] == "GET, HEAD")
    #expect(problem(.head, "/nothing")?.status == 404)
    #expect(problem(.other("BREW"), "/rules")?.status == 405)
  }
}
