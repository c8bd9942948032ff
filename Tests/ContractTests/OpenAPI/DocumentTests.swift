// Documents as they are read: our own all are, and each mistake in one is told with its place.

import Foundation
import OpenAPI
import TestBench
import Testing
import Vocabulary

struct DocumentTests {
  private static let head = "openapi: 3.1.0\ninfo: {title: x, version: '1'}\n"

  /// A document with one operation whose answer has this schema.
  private static func schema(_ schema: String) -> String {
    head + "paths:\n  /a:\n    get:\n      responses:\n        '200': {description: x, content: {application/json: {schema: \(schema)}}}\n"
  }

  private func mistake(_ yaml: String) -> String {
    do throws(TextMistake) {
      _ = try OpenAPIDocument(yaml: yaml, file: "d.yaml")
      return "none"
    } catch {
      return error.description
    }
  }

  @Test func ourOwnAreRead() throws {
    let files = try FileManager.default.subpathsOfDirectory(atPath: Repository.file("ContractTests").path).filter {
      $0.contains("/OpenAPI/")
    }
    #expect(files.count >= 5)
    for file in files {
      let path = Repository.file("ContractTests/\(file)").path
      _ = try OpenAPIDocument(yaml: try String(contentsOfFile: path, encoding: .utf8), file: file)
    }
  }

  @Test(arguments: [
    (
      "{type: object, requierd: [a]}",
      #"d.yaml:7:85: "requierd" is not known of a schema (did you mean "required"?): it would hold nothing"#
    ),
    ("{type: strnig}", "expected a type: null, boolean, integer, number, string, array, object"),
    ("{type: string, pattern: a+}", #""pattern" is not known of a schema"#), ("{type: string, format: date}", "expected int64"),
    ("{$ref: '#/components/schemas/Book'}", #"there is no schema "Book" in this document"#),
    ("{$ref: 'other.yaml#/Book'}", "expected a component of this document, like #/components/schemas/NAME"),
    ("{type: array, minItems: -1}", "expected a number from 0 on"), ("{enum: [1]}", "expected a text, a boolean or null"),
    ("{type: []}", "expected a list of types that is not empty"), ("7", "expected a schema (a mapping)"),
    ("{additionalProperties: no}", "expected true, false, or a schema"), ("{minimum: 0.5}", "expected an integer"),
  ])
  func aSchemaThatCannotBeHeldIsRefused(_ schema: String, _ told: String) {
    let found = mistake(Self.schema(schema))
    #expect(found.contains(told), "\(found)")
  }

  @Test(arguments: [
    ("openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {}\n", "d.yaml:1:10: expected OpenAPI 3.1, as 3.1.0"),
    (head + "paths: {}\n", "expected a path at least"),
    (head + "pahts: {}\n", #""pahts" is not known of an OpenAPI document (did you mean "paths"?)"#),
    (head + "paths: {/a: {get: {responses: {}}}}\n", "expected an answer at least"),
    (head + "paths: {/a: {get: {responses: {'99': {description: x}}}}}\n", "expected a status, like 200 or 4XX"),
    (head + "paths: {/a: {get: {responses: {'200': {$ref: '#/components/responses/B'}}}}}\n", #"there is no answer "B""#),
    (head + "paths: {'/a/{b}': {get: {responses: {'200': {description: x}}}}}\n", #"expected a parameter "b" in the path"#),
    (head + "paths: {/a: {get: {callbacks: {}, responses: {}}}}\n", #""callbacks" is not known of an operation"#),
    (head + "paths: {/a: {get: {security: [{x: []}], responses: {'200': {description: x}}}}}\n", #"there is no security scheme "x""#),
    ("", "d.yaml:1:1: expected an OpenAPI document, found an empty file"),
  ])
  func aDocumentThatCannotBeReadIsRefused(_ yaml: String, _ told: String) {
    let found = mistake(yaml)
    #expect(found.contains(told), "\(found)")
  }

  /// Schemas that stand in each other without end, in a file and by their references.
  @Test func deepAndEndlessSchemasEnd() throws {
    let deep = String(repeating: "{items: ", count: 200) + "{}" + String(repeating: "}", count: 200)
    #expect(mistake(Self.schema(deep)).contains("expected at most 64 schemas in each other"))
    let endless = Self.schema("{$ref: '#/components/schemas/A'}") + "components: {schemas: {A: {$ref: '#/components/schemas/A'}}}\n"
    let document = try OpenAPIDocument(yaml: endless, file: "d.yaml")
    let answer = Response(status: 200, headers: ["content-type": "application/json"], body: Array("1".utf8))
    let violation = document.violation(of: Request(.get, "/a"), target: "/a", answeredBy: answer)
    #expect(violation?.mistake.expected == "a schema that ends")
  }
}
