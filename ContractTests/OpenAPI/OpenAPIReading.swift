// Reads OpenAPI 3.1 documents, as far as exchanges can be held against them; every mistake is named by file, line,
// column and what was expected there. A key that is not known is refused, since what it says would be held against
// nothing. One key is our own: `x-optional-body: true`, at an answer that may come without the body that it describes.

import Vocabulary
import Wire
import YAMLReading

extension OpenAPIDocument {
  /// Reads the document in `yaml`, which came from `file`.
  public init(yaml: String, file: String) throws(TextMistake) {
    var reader = OpenAPIReader()
    self = try reader.document(try YAMLField.parse(yaml, file: file, what: "an OpenAPI document"))
  }
}

/// Reads one document.
private struct OpenAPIReader {
  private var schemas = JSONSchemaReader()
  private var answers: [ExactName: OpenAPIDocument.Answer] = [:]
  private var securitySchemes: [ExactName: String] = [:]

  private static let methods: [(key: String, method: Method)] = [
    ("get", .get), ("head", .head), ("post", .post), ("put", .put), ("patch", .patch), ("delete", .delete), ("options", .options),
  ]

  mutating func document(_ root: YAMLField) throws(TextMistake) -> OpenAPIDocument {
    let members = try root.members(
      knowing: ["openapi", "info", "servers", "paths", "webhooks", "components", "security", "tags"], of: "an OpenAPI document")
    _ = try root.required("openapi", members).value("OpenAPI 3.1, as 3.1.0") { $0.hasPrefix("3.1.") ? $0 : nil }
    let info = try root.required("info", members)
    let about = try info.members(knowing: ["title", "version", "summary", "description"], of: "info")
    for key in ["title", "version"] { _ = try info.required(key, about).text("a text") }
    let components =
      try members["components"]?.members(knowing: ["schemas", "responses", "securitySchemes"], of: "the components") ?? [:]
    var named: [ExactName: JSONSchema] = [:]
    for (key, value) in try components["schemas"]?.pairs(of: "schemas") ?? [] {
      named[ExactName(try key.text("a name"))] = try schemas.schema(value)
    }
    for (key, value) in try components["securitySchemes"]?.pairs(of: "security schemes") ?? [] {
      securitySchemes[ExactName(try key.text("a name"))] = try clientHeader(value)
    }
    for (key, value) in try components["responses"]?.pairs(of: "answers") ?? [] {
      answers[ExactName(try key.text("a name"))] = try answer(value)
    }
    var operations: [OpenAPIDocument.Operation] = []
    for (key, value) in try root.required("paths", members).pairs(of: "paths") {
      operations += try self.operations(
        try key.value("a path, like /rules/{name}") { $0.hasPrefix("/") ? $0 : nil }, at: key, value)
    }
    guard !operations.isEmpty else { throw try root.required("paths", members).expected("a path at least") }
    var webhooks: [OpenAPIDocument.Operation] = []
    for (key, value) in try members["webhooks"]?.pairs(of: "webhooks") ?? [] {
      webhooks += try self.operations(try key.text("a name"), at: key, value)
    }
    for (field, name) in schemas.references where named[ExactName(name)] == nil {
      throw field.mistake(Self.unknown("schema", name, among: named.keys.map(\.text)))
    }
    return OpenAPIDocument(
      file: root.file, prefixes: try prefixes(members["servers"]), operations: operations, webhooks: webhooks, schemas: named)
  }

  private static func unknown(_ what: String, _ name: String, among names: [String]) -> String {
    let near = nearestName(to: name, among: names.sorted()).map { " (did you mean \"\($0)\"?)" } ?? ""
    return "there is no \(what) \"\(name)\" in this document\(near)"
  }

  /// The paths of the servers, the longest first.
  private func prefixes(_ field: YAMLField?) throws(TextMistake) -> [[String]] {
    guard let field else { return [[]] }
    var prefixes: [[String]] = []
    for server in try field.elements(of: "servers") {
      let members = try server.members(knowing: ["url", "description"], of: "a server")
      prefixes.append(
        try server.required("url", members).value("a path, like / or /v1: where a service is, whoever judges it says") { text in
          text.hasPrefix("/") ? text.split(separator: "/").map(String.init) : nil
        })
    }
    guard !prefixes.isEmpty else { throw field.expected("a list of servers that is not empty") }
    return prefixes.sorted { $0.count > $1.count }
  }

  private func clientHeader(_ field: YAMLField) throws(TextMistake) -> String {
    let members = try field.members(knowing: ["type", "in", "name", "description"], of: "a security scheme")
    _ = try field.required("type", members).value("apiKey, the one type that is known") { $0 == "apiKey" ? $0 : nil }
    _ = try field.required("in", members).value("header, the one place that is known") { $0 == "header" ? $0 : nil }
    return try field.required("name", members).text("the name of a header field")
  }

  // MARK: operations

  private mutating func operations(
    _ path: String, at key: YAMLField, _ field: YAMLField
  ) throws(TextMistake) -> [OpenAPIDocument.Operation] {
    let members = try field.members(
      knowing: ["parameters", "summary", "description"] + Self.methods.map(\.key), of: "a path's operations")
    let segments = path.split(separator: "/").map { part -> OpenAPIDocument.Segment in
      part.hasPrefix("{") && part.hasSuffix("}") ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
    }
    let common = try parameters(members["parameters"])
    var operations: [OpenAPIDocument.Operation] = []
    for (key, method) in Self.methods {
      guard let operation = members[key] else { continue }
      operations.append(try self.operation(operation, method, path, segments, common))
    }
    guard !operations.isEmpty else {
      throw key.mistake("expected an operation of \(path): \(Self.methods.map(\.key).joined(separator: ", "))")
    }
    return operations
  }

  private mutating func operation(
    _ field: YAMLField, _ method: Method, _ path: String, _ segments: [OpenAPIDocument.Segment],
    _ common: [OpenAPIDocument.Parameter]
  ) throws(TextMistake) -> OpenAPIDocument.Operation {
    let members = try field.members(
      knowing: ["operationId", "summary", "description", "tags", "deprecated", "security", "parameters", "requestBody", "responses"],
      of: "an operation")
    var operation = OpenAPIDocument.Operation(method: method, path: path, segments: segments)
    operation.parameters = common + (try parameters(members["parameters"]))
    for segment in segments {
      guard case .parameter(let name) = segment else { continue }
      guard operation.parameters.contains(where: { $0.place == .path && sameBytes($0.name, name) }) else {
        throw field.mistake("expected a parameter \"\(name)\" in the path of \(path), found none")
      }
    }
    if let body = members["requestBody"] {
      let known = try body.members(knowing: ["required", "description", "content"], of: "a request's body")
      operation.body = OpenAPIDocument.Body(
        isRequired: try known["required"].map(Self.boolean) ?? false, content: try content(try body.required("content", known)))
    }
    for requirement in try members["security"]?.elements(of: "security requirements") ?? [] {
      for (key, _) in try requirement.pairs(of: "a security requirement") {
        let name = try key.text("the name of a security scheme")
        guard let header = securitySchemes[ExactName(name)] else {
          throw key.mistake(Self.unknown("security scheme", name, among: securitySchemes.keys.map(\.text)))
        }
        operation.clientHeaders.append(header)
      }
    }
    let list = try field.required("responses", members)
    for (key, value) in try list.pairs(of: "statuses and their answers") {
      let statuses: OpenAPIDocument.Statuses = try key.value("a status, like 200 or 4XX") { text in
        if text.utf8.count == 3, text.hasSuffix("XX"), let hundred = Int(text.prefix(1)), (1...5).contains(hundred) {
          return .hundred(hundred)
        }
        guard let status = Int(text), (100...599).contains(status) else { return nil }
        return .one(status)
      }
      guard !operation.answers.contains(where: { $0.statuses == statuses }) else {
        throw key.mistake("the status \(statuses.text) is described twice")
      }
      operation.answers.append((statuses, try answer(value)))
    }
    guard !operation.answers.isEmpty else { throw list.expected("an answer at least") }
    return operation
  }

  private mutating func parameters(_ field: YAMLField?) throws(TextMistake) -> [OpenAPIDocument.Parameter] {
    var parameters: [OpenAPIDocument.Parameter] = []
    for element in try field?.elements(of: "parameters") ?? [] {
      let members = try element.members(
        knowing: ["name", "in", "required", "description", "schema", "deprecated"], of: "a parameter")
      let places = OpenAPIDocument.Parameter.Place.allCases.map(\.rawValue).joined(separator: ", ")
      parameters.append(
        OpenAPIDocument.Parameter(
          name: try element.required("name", members).text("a name"),
          place: try element.required("in", members).value("one of \(places)") { OpenAPIDocument.Parameter.Place(rawValue: $0) },
          isRequired: try members["required"].map(Self.boolean) ?? false,
          schema: try schemas.schema(try element.required("schema", members))))
    }
    return parameters
  }

  // MARK: bodies and answers

  private mutating func content(_ field: YAMLField) throws(TextMistake) -> [OpenAPIDocument.Content] {
    var content: [OpenAPIDocument.Content] = []
    for (key, value) in try field.pairs(of: "media types") {
      let type = try key.value("a media type, like application/json") { $0.contains("/") ? $0.lowercased() : nil }
      let members = try value.members(knowing: ["schema", "example", "examples"], of: "a media type")
      content.append(OpenAPIDocument.Content(mediaType: type, schema: try optionalSchema(members["schema"])))
    }
    guard !content.isEmpty else { throw field.expected("a media type at least") }
    return content
  }

  private mutating func optionalSchema(_ field: YAMLField?) throws(TextMistake) -> JSONSchema? {
    guard let field else { return nil }
    return try schemas.schema(field)
  }

  private mutating func answer(_ field: YAMLField) throws(TextMistake) -> OpenAPIDocument.Answer {
    let members = try field.members(knowing: ["$ref", "description", "headers", "content", "x-optional-body"], of: "an answer")
    if let reference = members["$ref"] {
      guard members.count == 1 else { throw field.mistake("expected nothing beside $ref, which stands for the whole answer") }
      let name = try schemas.component(reference, of: "responses")
      guard let answer = answers[ExactName(name)] else {
        throw reference.mistake(Self.unknown("answer", name, among: answers.keys.map(\.text)))
      }
      return answer
    }
    _ = try field.required("description", members).text("a sentence")
    var answer = OpenAPIDocument.Answer()
    for (key, value) in try members["headers"]?.pairs(of: "header fields") ?? [] {
      let known = try value.members(knowing: ["description", "required", "schema"], of: "a header field")
      answer.headers.append(
        (
          try key.text("a name"), try known["required"].map(Self.boolean) ?? false,
          try schemas.schema(try value.required("schema", known))
        ))
    }
    if let content = members["content"] { answer.content = try self.content(content) }
    answer.isBodyOptional = try members["x-optional-body"].map(Self.boolean) ?? false
    return answer
  }

  private static func boolean(_ field: YAMLField) throws(TextMistake) -> Bool {
    try field.value("true or false") { $0 == "true" ? true : $0 == "false" ? false : nil }
  }
}
