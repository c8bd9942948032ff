// The small key-value store on rows in the place of a journal, with the same face: what proves the journal in both hosts
// proves the relational database too.

import ProvingGround
import Relational
import Vocabulary
import Wire

/// The store. GET, PUT and DELETE of `/keys/{key}`, as `KeyValueStore`.
public struct RowStore: Machine {
  private static let routes = RouteTable<Method>([
    .init(.put, "/keys/{key}", .put), .init(.get, "/keys/{key}", .get), .init(.delete, "/keys/{key}", .delete),
  ])

  private var database: RelationalDatabase?

  /// A store that has not started.
  public init() {}

  public mutating func start(_ turn: inout Turn) throws(StartRefusal) {
    var limits = RelationalDatabase.Limits()
    limits.logBytes = 50_000
    do throws(RelationalFailure) {
      database = try RelationalDatabase(
        FileName(fixed: "rows.db"),
        migrations: [Migration("CREATE TABLE entries (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID")], limits: limits, &turn)
    } catch {
      throw StartRefusal("\(error)")
    }
  }

  public mutating func handle(_ event: Event, _ turn: inout Turn) {
    guard case .request(let exchange, let request) = event, let database else { return }
    Self.routes.serve(exchange, request, &turn) { (match, turn) throws(RequestProblem) in
      do throws(RelationalFailure) {
        turn.reply(exchange, try answer(match, request, database, &turn))
      } catch {
        turn.reply(exchange, .failure(503, code: "STORE", message: "\(error)"))
      }
    }
  }

  private func answer(
    _ match: RouteTable<Method>.Match, _ request: Request, _ database: RelationalDatabase, _ turn: inout Turn
  ) throws(RelationalFailure) -> Response {
    let name = RowValue.text(match.parameter("key"))
    switch match.route {
    case .put:
      try database.write(&turn) { (transaction) throws(RelationalFailure) in
        _ = try transaction.run("INSERT OR REPLACE INTO entries VALUES (?, ?)", [name, .blob(request.body)])
      }
      return Response(status: 204)
    case .delete:
      try database.write(&turn) { (transaction) throws(RelationalFailure) in
        _ = try transaction.run("DELETE FROM entries WHERE name = ?", [name])
      }
      return Response(status: 204)
    case .get, .head, .post, .patch, .options, .other:
      let found = try database.read(&turn) { (transaction) throws(RelationalFailure) in
        try transaction.rows("SELECT body FROM entries WHERE name = ?", [name]).first?.blob(0)
      }
      return found.map { Response(status: 200, body: $0) } ?? Response(status: 404)
    }
  }
}
