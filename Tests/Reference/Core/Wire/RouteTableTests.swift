// Where requests lead: HEAD where GET does, 405 with all that a path takes, 404 where nothing is.

import Testing
import Vocabulary
import Wire

@Suite struct RouteTableTests {
  private enum Route {
    case rules, rule, create, headOfItsOwn
  }

  private let routes = RouteTable<Route>([
    .init(.get, "/rules", .rules), .init(.post, "/rules", .create), .init(.get, "/rules/{name}", .rule), .init(.get, "/own", .rules),
    .init(.head, "/own", .headOfItsOwn),
  ])

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
    let match = try routes.match(RequestHead(method: .head, target: "/v1/rules/a%20b?x=1"))
    #expect(match.route == .rule && match.parameter("name") == "a b")
    #expect(try routes.match(RequestHead(method: .head, target: "/own")).route == .headOfItsOwn, "unless it has a row of its own")
    #expect(try routes.match(RequestHead(method: .post, target: "/rules")).route == .create)
  }

  @Test func whatAPathTakesIsToldWithHead() {
    #expect(problem(.put, "/rules")?.status == 405)
    #expect(problem(.put, "/rules")?.allowed == ["GET", "HEAD", "POST"])
    #expect(problem(.delete, "/rules/x")?.response.head.headers["allow"] == "GET, HEAD")
    #expect(problem(.head, "/nothing")?.status == 404)
    #expect(problem(.other("BREW"), "/rules")?.status == 405)
  }
}
