// Responses as every service gives them: JSON bodies, and one shape of error:
// {"error":{"code":"INVALID_FIELD","message":"…","field":"metrics[3].value"}}.

import Vocabulary

extension Response {
  /// A JSON response. A document that cannot be written (a number that JSON has no form for) is a defect of ours and
  /// answered 500.
  public static func json(_ status: Int, headers: Headers = Headers(), _ write: (inout JSONWriter) -> Void) -> Response {
    var writer = JSONWriter()
    write(&writer)
    var headers = headers
    headers.append("content-type", "application/json")
    do {
      return Response(status: status, headers: headers, body: try writer.finish())
    } catch {
      return .failure(500, code: "UNWRITABLE", message: "the answer holds something that JSON cannot: \(error)")
    }
  }

  /// The answer to `GET /health`: the service is up. `write` adds members of the service's own; `reasons` (mostly none)
  /// say in `degraded` what an operator should look at.
  public static func up(degraded reasons: [String] = [], _ write: (inout JSONWriter) -> Void = { _ in }) -> Response {
    health(200, "up", reasons, write)
  }

  /// The answer to `GET /health` of a service that cannot do what it is for: 503, so that whoever balances load asks
  /// another.
  public static func unavailable(degraded reasons: [String], _ write: (inout JSONWriter) -> Void = { _ in }) -> Response {
    health(503, "unavailable", reasons, write)
  }

  private static func health(_ status: Int, _ word: String, _ reasons: [String], _ write: (inout JSONWriter) -> Void) -> Response {
    .json(status) { writer in
      writer.beginObject()
      writer.member("status", word)
      write(&writer)
      if !reasons.isEmpty {
        writer.name("degraded")
        writer.beginArray()
        for reason in reasons { writer.value(reason) }
        writer.endArray()
      }
      writer.endObject()
    }
  }

  /// An error response. `field` names what in the request is at fault; `retryAfter` is rounded up to whole seconds.
  public static func failure(
    _ status: Int, code: String, message: String, field: String? = nil, retryAfter: TimeSpan? = nil
  ) -> Response {
    var headers = Headers()
    if let retryAfter {
      headers.append("retry-after", String(max(1, (retryAfter + .nanoseconds(999_999_999)).nanoseconds / 1_000_000_000)))
    }
    return .json(status, headers: headers) { writer in
      writer.beginObject()
      writer.name("error")
      writer.beginObject()
      writer.member("code", code)
      writer.member("message", message)
      if let field { writer.member("field", field) }
      writer.endObject()
      writer.endObject()
    }
  }
}

/// What is wrong with a request, as its client is told.
public struct RequestProblem: Error, Hashable, Sendable {
  /// The response's status, 4xx or 5xx.
  public var status: Int
  /// A word for programs: `INVALID_FIELD`.
  public var code: String
  /// A sentence for people: where, and what was expected.
  public var message: String
  /// The field at fault, as a path: `metrics[3].value`.
  public var field: String?
  /// The encodings of bodies that are understood, for a 415 about them (RFC 9110, section 15.5.16); nil for any other.
  public var acceptedEncodings: String?
  /// The methods that the path takes, for a 405, which must name them (RFC 9110, section 15.5.6); empty for any other.
  public var allowed: [String] = []

  /// A problem.
  public init(_ status: Int, code: String, message: String, field: String? = nil) {
    self.status = status
    self.code = code
    self.message = message
    self.field = field
  }

  /// The body is not JSON.
  public init(malformedJSON error: TextMistake) { self.init(400, code: "MALFORMED_JSON", message: error.description) }
  /// The body's JSON is not what the endpoint takes.
  public init(_ error: FieldMistake) { self.init(400, code: "INVALID_FIELD", message: error.description, field: error.path) }
  /// The target's path or query is wrong.
  public init(_ error: HTTPTargetError) {
    self.init(400, code: "INVALID_TARGET", message: error.description, field: error.itemName)
  }

  /// The response that tells the client; a 503 tells when to come again.
  public var response: Response {
    var response = Response.failure(status, code: code, message: message, field: field, retryAfter: status == 503 ? .seconds(1) : nil)
    if let acceptedEncodings { response.head.headers.append("accept-encoding", acceptedEncodings) }
    if !allowed.isEmpty { response.head.headers.append("allow", allowed.joined(separator: ", ")) }
    return response
  }
}

extension Request {
  /// Throws where the body is in an encoding, none of which is understood: what is compressed is not to be read as if
  /// it were plain.
  func checkEncoding() throws(RequestProblem) {
    guard !body.isEmpty else { return }
    for field in head.headers.fields where field.name.isSameToken(as: "content-encoding") {
      for word in field.value.split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" }) where !word.isSameToken(as: "identity") {
        var problem = RequestProblem(
          415, code: "UNSUPPORTED_ENCODING",
          message: "bodies are taken without an encoding; this one's Content-Encoding is \(field.value.debugDescription)",
          field: "content-encoding")
        problem.acceptedEncodings = "identity"
        throw problem
      }
    }
  }

  /// The body as JSON.
  public func document(limits: JSONLimits = JSONLimits()) throws(RequestProblem) -> JSONField {
    guard !body.isEmpty else { throw RequestProblem(400, code: "MALFORMED_JSON", message: "expected a JSON document, found an empty body") }
    do throws(TextMistake) {
      return JSONField(try JSON(parsing: body, limits: limits))
    } catch {
      throw RequestProblem(malformedJSON: error)
    }
  }

  /// The body as the value that `read` makes of its JSON. What is wrong with it is the client's problem.
  public func decoded<Body>(_ read: (JSONField) throws(FieldMistake) -> Body) throws(RequestProblem) -> Body {
    let document = try document()
    do throws(FieldMistake) {
      return try read(document)
    } catch {
      throw RequestProblem(error)
    }
  }
}

extension Response {
  /// The body as JSON, for callers. Throws where it is none. It may be deeper than a request, since it may hold values
  /// of many requests.
  public func document(limits: JSONLimits = JSONLimits(maximumBytes: 256 << 20, maximumDepth: 128, maximumValues: 50_000_000))
    throws(TextMistake) -> JSONField
  {
    JSONField(try JSON(parsing: body, limits: limits))
  }
}
