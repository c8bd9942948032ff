// Exchanges held against a document: good ones pass, and each way in which one can be bad is told with its place.

import OpenAPI
import Testing
import Vocabulary
import Wire

private let document = """
  openapi: 3.1.0
  info: {title: Shelf, version: '1'}
  servers: [{url: /}, {url: /v1}]
  paths:
    /books:
      get:
        parameters:
          - {name: count, in: query, schema: {type: integer, format: int64, minimum: 1, maximum: 100}}
          - {name: after, in: query, schema: {type: string, minLength: 1}}
        responses:
          '200': {description: All., content: {application/json: {schema: {type: object, required: [books], properties: {books: {type: array, items: {$ref: '#/components/schemas/Book'}}}}}}}
          '429': {description: Too many., headers: {Retry-After: {required: true, schema: {type: integer, minimum: 1}}}, content: {application/json: {schema: {$ref: '#/components/schemas/Error'}}}}
          4XX: {$ref: '#/components/responses/Refused'}
      post:
        security: [{client: []}]
        requestBody: {required: true, content: {application/json: {schema: {anyOf: [{$ref: '#/components/schemas/Book'}, {type: object, required: [books], properties: {books: {type: array, minItems: 1, items: {$ref: '#/components/schemas/Book'}}}, additionalProperties: false}]}}, application/octet-stream: {}}}
        responses:
          '201': {description: Kept., content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}, '*/*': {}}, x-optional-body: true}
          4XX: {$ref: '#/components/responses/Refused'}
    /books/{name}:
      parameters: [{name: name, in: path, required: true, schema: {type: string, maxLength: 8}}]
      delete:
        responses:
          '204': {description: Gone.}
          '404': {$ref: '#/components/responses/Refused'}
  webhooks:
    borrowed:
      post:
        parameters: [{name: Key, in: header, required: true, schema: {type: string, minLength: 1}}]
        requestBody: {required: true, content: {application/json: {schema: {type: object, required: [by], properties: {by: {type: string}}}}}}
        responses: {2XX: {description: Taken.}}
  components:
    schemas:
      Book:
        type: object
        required: [title, pages]
        properties:
          title: {type: string, minLength: 1}
          pages: {type: integer, format: int64, minimum: 0}
          kind: {type: [string, 'null'], enum: [novel, poems, null]}
          marks: {type: object, additionalProperties: {type: number}}
        additionalProperties: false
      Error: {type: object, required: [error], properties: {error: {type: [object, string], minLength: 1}}}
    responses:
      Refused: {description: Refused., content: {application/json: {schema: {$ref: '#/components/schemas/Error'}}}}
    securitySchemes: {client: {type: apiKey, in: header, name: Authorization}}
  """

struct ExchangeTests {
  private let shelf: OpenAPIDocument

  init() throws { shelf = try OpenAPIDocument(yaml: document, file: "shelf.yaml") }

  private func judge(
    _ method: Method, _ target: String, sends body: String = "", headers: Headers = [:], _ status: Int, _ answer: String = "",
    type: String? = "application/json", also: Headers = [:]
  ) -> String? {
    var given = headers
    if !body.isEmpty, headers["content-type"] == nil { given.append("content-type", "application/json") }
    var told = also
    if let type, !answer.isEmpty { told.append("content-type", type) }
    let request = Request(method, target, headers: given, body: Array(body.utf8))
    return shelf.violation(of: request, target: target, answeredBy: Response(status: status, headers: told, body: Array(answer.utf8)))?
      .description
  }

  private let book = #"{"title":"Emma","pages":474}"#
  private let error = #"{"error":{"code":"X","message":"y"}}"#
  private var client: Headers { ["authorization": "me"] }

  @Test func whatIsDocumentedPasses() {
    #expect(judge(.get, "/books", 200, #"{"books":[]}"#) == nil)
    #expect(
      judge(.get, "/v1/books?count=100&after=a", 200, #"{"books":[\#(book)],"more":true}"#, type: "Application/JSON; charset=utf-8") == nil)
    #expect(judge(.post, "/books", sends: book, headers: client, 201, book) == nil)
    #expect(judge(.post, "/books", sends: #"{"books":[\#(book)]}"#, headers: client, 201) == nil)
    #expect(judge(.post, "/books", sends: book, headers: client, 201, "kept", type: "text/plain") == nil)
    #expect(judge(.post, "/books", sends: "x", headers: ["authorization": "me", "content-type": "application/octet-stream"], 201) == nil)
    #expect(judge(.delete, "/books/emma", 204) == nil)
    #expect(judge(.get, "/books", 429, error, also: ["retry-after": "1"]) == nil)
    #expect(judge(.get, "/books", 418, #"{"error":"tea"}"#) == nil)
  }

  /// What is refused may be of any form.
  @Test func badRequestsMayBeMadeWhereTheyAreRefused() {
    #expect(judge(.get, "/books?count=0", 400, error) == nil)
    #expect(judge(.post, "/books", sends: "{", 400, error) == nil)
    #expect(judge(.get, "/nothing", 404, "nothing", type: "text/plain") == nil)
    #expect(judge(.put, "/books", 405) == nil)
    #expect(judge(.get, "/books/%zz", 400) == nil)
  }

  @Test func headIsGetWithoutABody() {
    #expect(judge(.head, "/books", 200) == nil)
    #expect(judge(.head, "/books", 500)?.contains("expected one of 200, 429, 4XX, found 500") == true)
    #expect(judge(.head, "/books/emma", 200)?.contains("where the document has DELETE") == true)
  }

  @Test(arguments: [
    (#"{"books":[{"title":"Emma"}]}"#, "body.books[0].pages: expected a value, found none"),
    (#"{"books":[{"title":"","pages":1}]}"#, "body.books[0].title: expected at least 1 characters, found 0"),
    (#"{"books":[{"title":"E","pages":-1}]}"#, "body.books[0].pages: expected at least 0, found -1"),
    (#"{"books":[{"title":"E","pages":1.5}]}"#, "body.books[0].pages: expected an integer, found 1.5"),
    (#"{"books":[{"title":"E","pages":18446744073709551615}]}"#, "body.books[0].pages: expected an integer of 64 bits"),
    (#"{"books":[{"title":"E","pages":1,"kind":"play"}]}"#, #"body.books[0].kind: expected one of "novel", "poems", null, found "play""#),
    (#"{"books":[{"title":"E","pages":1,"marks":{"a":"b"}}]}"#, #"body.books[0].marks.a: expected a number, found "b""#),
    (
      #"{"books":[{"title":"E","pages":1,"titel":"F"}]}"#,
      #"body.books[0].titel: expected one of the members title, pages, kind, marks (did you mean "title"?)"#
    ),
    (#"{"books":{}}"#, "body.books: expected an array, found an object"), ("[]", "body: expected an object, found an array"),
    ("{", "body: expected JSON"), ("", "body: expected one of application/json, found none"),
  ])
  func anAnswerThatDoesNotFitIsToldWithItsPlace(_ answer: String, _ told: String) {
    let violation = judge(.get, "/books", 200, answer)
    #expect(violation?.hasPrefix("shelf.yaml, GET /books, answer 200: ") == true)
    #expect(violation?.contains(told) == true, "\(violation ?? "none")")
  }

  @Test func otherAnswersThatDoNotFit() {
    #expect(
      judge(.get, "/books", 200, "<p>", type: "text/html")?.contains(#"content-type: expected one of application/json, found "text/html""#)
        == true)
    #expect(judge(.get, "/books", 200, #"{"books":[]}"#, type: nil)?.contains("content-type") == true)
    #expect(judge(.get, "/books", 302)?.contains("expected one of 200, 429, 4XX, found 302") == true)
    #expect(judge(.get, "/books", 429, error)?.contains("header Retry-After: expected a value, found none") == true)
    #expect(judge(.get, "/books", 429, error, also: ["retry-after": "soon"])?.contains("header Retry-After: expected an integer") == true)
    #expect(judge(.get, "/books", 404, #"{"error":""}"#)?.contains("answer 4XX: body.error: expected at least 1 characters") == true)
    #expect(judge(.delete, "/books/emma", 204, "gone", type: "text/plain")?.contains("body: expected none, found 4 bytes") == true)
  }

  @Test func whatIsNotThereMustBeRefused() {
    #expect(
      judge(.get, "/shelves", 200, "{}")?.contains("a path that the document does not have: status: expected a refusal (4xx), found 200")
        == true)
    #expect(judge(.patch, "/books", 200)?.contains("where the document has GET, POST") == true)
    #expect(judge(.get, "/books/%zz", 200)?.contains("a target that cannot be read") == true)
    #expect(judge(.get, "/v2/books", 503)?.contains("found 503") == true)
  }

  @Test(arguments: [
    (Method.get, "/books?count=101", "", "query count: expected at most 100, or a refusal, found 101"),
    (Method.get, "/books?count=ten", "", "query count: expected an integer, or a refusal"),
    (Method.get, "/books?cuont=1", "", "query cuont: expected one of count, after, or a refusal"),
    (Method.post, "/books", #"{"title":"Emma","pages":474}"#, "header Authorization: expected who asks"),
  ])
  func aBadRequestThatSucceedsIsAViolation(_ method: Method, _ target: String, _ body: String, _ told: String) {
    let violation = judge(method, target, sends: body, method == .get ? 200 : 201, method == .get ? #"{"books":[]}"# : "")
    #expect(violation?.contains(told) == true, "\(violation ?? "none")")
    #expect(violation?.contains("a request that was answered") == true)
  }

  @Test func aBadBodyThatSucceedsIsAViolation() {
    let twice = judge(.post, "/books", sends: #"{"title":"Emma","pages":474,"shelf":3}"#, headers: client, 201)
    #expect(twice?.contains("of the nearest: one of the members title, pages, kind, marks") == true, "\(twice ?? "none")")
    #expect(judge(.post, "/books", sends: "", headers: client, 201)?.contains("body: expected a body, or a refusal, found none") == true)
    #expect(judge(.delete, "/books/northanger", 204)?.contains("path name: expected at most 8 characters") == true)
  }

  @Test func webhooksAreHeldToo() {
    func judge(_ body: String, _ headers: Headers) -> String? {
      var headers = headers
      headers.append("content-type", "application/json")
      return shelf.violation(ofWebhook: Request(.post, "/hook", headers: headers, body: Array(body.utf8)))?.description
    }
    #expect(judge(#"{"by":"Ann"}"#, ["key": "k"]) == nil)
    #expect(judge(#"{"by":"Ann"}"#, [:])?.contains("the webhook borrowed: header Key: expected a value, found none") == true)
    #expect(judge(#"{"by":7}"#, ["key": "k"])?.contains("body.by: expected a string, found 7") == true)
    let put = shelf.violation(ofWebhook: Request(.put, "/hook", headers: ["key": "k"], body: []))?.description
    #expect(put?.contains("method: expected POST, found PUT") == true, "\(put ?? "none")")
  }

  @Test func aBodyThatNobodyAskedForIsNotTaken() {
    let taken = judge(.get, "/books", sends: #"{"title":"Emma"}"#, 200, #"{"books":[]}"#)
    #expect(taken?.contains("body: expected none, or a refusal, found 16 bytes") == true, "\(taken ?? "none")")
    #expect(judge(.get, "/books", sends: "{}", 400, #"{"error":{"code":"x","message":"y"}}"#)?.contains("body: expected none") != true)
  }
}
