// Holds an exchange against a document: that its path and method are there, or the answer is a refusal (4xx); that its
// status is described; that its header fields and its body fit what is described for it; and where it succeeded (2xx),
// that the request was of the documented form: a request that the document does not know was to be refused.
//
// HEAD is held against GET's answers, without their bodies (RFC 9110, section 9.3.2). Limits: a body is looked into
// where it is JSON; of a longer one than `JSONLimits` reads nothing is said but its media type; values of cookies and
// of several header fields of one name are not looked at.

import Vocabulary
import Wire

/// What of an exchange does not fit its document.
public struct OpenAPIViolation: Hashable, Sendable, CustomStringConvertible {
  /// The document, and the operation in it: "…/OpenAPI/storage.yaml, POST /query, answer 200".
  public var place: String
  /// Where in the exchange, and what was expected and found there. Its path begins with the part: "body.series[0].time".
  public var mistake: FieldMistake

  public var description: String { "\(place): \(mistake)" }
}

extension OpenAPIDocument {
  /// What of an exchange does not fit; nil where all does. `target` is the request's, below the path at which the
  /// service is.
  public func violation(of request: Request, target: String, answeredBy response: Response) -> OpenAPIViolation? {
    let method = request.head.method
    let shown = "\(method.token) \(target.prefix { $0 != "?" }.prefix(80))"
    guard let parsed = try? HTTPTarget(target) else {
      return refused(response, "\(shown), a target that cannot be read")
    }
    let found = operations(at: parsed)
    guard !found.isEmpty else { return refused(response, "\(shown), a path that the document does not have") }
    let operation = found.first { $0.operation.method == method } ?? (method == .head ? found.first { $0.operation.method == .get } : nil)
    guard let operation else {
      let known = found.map(\.operation.method.token).joined(separator: ", ")
      return refused(response, "\(shown), where the document has \(known)")
    }
    let name = "\(method.token) \(operation.operation.path)"
    guard let described = operation.operation.answer(to: response.status) else {
      let known = operation.operation.answers.map(\.statuses.text).joined(separator: ", ")
      return violation("\(name)", FieldMistake(path: "status", expected: "one of \(known)", found: "\(response.status)"))
    }
    if let mistake = mistake(in: response, described.answer, hasBody: method != .head) {
      return violation("\(name), answer \(described.statuses.text)", mistake)
    }
    guard (200...299).contains(response.status) else { return nil }
    return mistake(in: request, parsed, operation.operation, operation.parameters).map { mistake in
      violation(
        "\(name), a request that was answered \(response.status)",
        FieldMistake(path: mistake.path, expected: mistake.expected + ", or a refusal", found: mistake.found))
    }
  }

  /// What of a request that the service made by itself does not fit; nil where all does, or the document describes none
  /// that a service makes.
  public func violation(ofWebhook request: Request) -> OpenAPIViolation? {
    var first: OpenAPIViolation?
    if !webhooks.isEmpty, !webhooks.contains(where: { $0.method == request.head.method }) {
      let known = webhooks.map(\.method.token).joined(separator: ", ")
      return violation("the webhooks", FieldMistake(path: "method", expected: known, found: request.head.method.token))
    }
    for webhook in webhooks {
      guard webhook.method == request.head.method, let target = try? HTTPTarget("/") else { continue }
      guard let mistake = mistake(in: request, target, webhook, []) else { return nil }
      first = first ?? violation("the webhook \(webhook.path)", mistake)
    }
    return first
  }

  private func violation(_ place: String, _ mistake: FieldMistake) -> OpenAPIViolation {
    OpenAPIViolation(place: "\(file), \(place)", mistake: mistake)
  }

  /// What is not in the document must be refused.
  private func refused(_ response: Response, _ place: String) -> OpenAPIViolation? {
    (400...499).contains(response.status)
      ? nil : violation(place, FieldMistake(path: "status", expected: "a refusal (4xx)", found: "\(response.status)"))
  }

  // MARK: finding

  private func operations(at target: HTTPTarget) -> [(operation: Operation, parameters: [NamedText])] {
    for prefix in prefixes {
      let start = target.segments.prefix(prefix.count)
      guard start.count == prefix.count, zip(start, prefix).allSatisfy({ sameBytes($0, $1) }) else { continue }
      let rest = target.segments.dropFirst(prefix.count)
      let found = operations.compactMap { operation in operation.parameters(in: rest).map { (operation, $0) } }
      if !found.isEmpty { return found }
    }
    return []
  }

  // MARK: answers

  private func mistake(in response: Response, _ answer: Answer, hasBody: Bool) -> FieldMistake? {
    for (name, isRequired, schema) in answer.headers {
      guard let text = response.head.headers[name] else {
        if isRequired { return FieldMistake(path: "header \(name)", expected: "a value", found: "none") }
        continue
      }
      if let mistake = mistake(inText: text, schema, at: "header \(name)") { return mistake }
    }
    guard hasBody else { return nil }
    guard !response.body.isEmpty else {
      return answer.content.isEmpty || answer.isBodyOptional
        ? nil : FieldMistake(path: "body", expected: "one of \(answer.content.map(\.mediaType).joined(separator: ", "))", found: "none")
    }
    guard !answer.content.isEmpty else {
      return FieldMistake(path: "body", expected: "none", found: "\(response.body.count) bytes")
    }
    return mistake(inBody: response.body, response.head.headers["content-type"], answer.content)
  }

  private func mistake(inBody body: [UInt8], _ header: String?, _ content: [Content]) -> FieldMistake? {
    let type = header.map { text in
      text.prefix { $0 != ";" }.split(separator: " ").joined().lowercased()
    }
    guard let known = content.first(where: { $0.mediaType == type }) ?? content.first(where: { $0.mediaType == "*/*" }) else {
      let expected = content.map(\.mediaType).joined(separator: ", ")
      return FieldMistake(path: "header content-type", expected: "one of \(expected)", found: type.map { "\"\($0)\"" } ?? "none")
    }
    guard let schema = known.schema, known.mediaType == "application/json" || known.mediaType.hasSuffix("+json") else { return nil }
    guard body.count <= JSONLimits().maximumBytes else { return nil }
    do throws(TextMistake) {
      let value = try JSON(parsing: body)
      return schema.mistake(in: value, schemas).map { mistake in
        let place = mistake.path.isEmpty ? "body" : mistake.path.hasPrefix("[") ? "body\(mistake.path)" : "body.\(mistake.path)"
        return FieldMistake(path: place, expected: mistake.expected, found: mistake.found)
      }
    } catch {
      return FieldMistake(path: "body", expected: "JSON", found: "something else (\(error.description))")
    }
  }

  // MARK: requests

  private func mistake(
    in request: Request, _ target: HTTPTarget, _ operation: Operation, _ parameters: [NamedText]
  ) -> FieldMistake? {
    for name in operation.clientHeaders where request.head.headers[name]?.isEmpty != false {
      return FieldMistake(path: "header \(name)", expected: "who asks", found: "none")
    }
    for parameter in operation.parameters {
      let text =
        switch parameter.place {
        case .path: parameters.first { sameBytes($0.name, parameter.name) }?.text
        case .query: target.items.first { sameBytes($0.name, parameter.name) }?.text
        case .header: request.head.headers[parameter.name]
        }
      let place = "\(parameter.place.rawValue) \(parameter.name)"
      guard let text else {
        if parameter.isRequired { return FieldMistake(path: place, expected: "a value", found: "none") }
        continue
      }
      if let mistake = mistake(inText: text, parameter.schema, at: place) { return mistake }
    }
    let items = operation.parameters.filter { $0.place == .query }.map(\.name)
    for item in target.items where !items.contains(where: { sameBytes($0, item.name) }) {
      let expected = items.isEmpty ? "no query" : "one of \(items.joined(separator: ", "))"
      return FieldMistake(path: "query \(item.name)", expected: expected, found: "this one")
    }
    guard let body = operation.body else {
      return request.body.isEmpty ? nil : FieldMistake(path: "body", expected: "none", found: "\(request.body.count) bytes")
    }
    guard !request.body.isEmpty else {
      return body.isRequired ? FieldMistake(path: "body", expected: "a body", found: "none") : nil
    }
    return mistake(inBody: request.body, request.head.headers["content-type"], body.content)
  }

  /// Where a text that stands in a target or a header field does not fit: numbers and booleans as they are spelled there.
  private func mistake(inText text: String, _ schema: JSONSchema, at path: String) -> FieldMistake? {
    let isText = schema.kinds.isEmpty || schema.kinds.contains(.string)
    let value = isText ? .string(text) : (try? JSON(parsing: text)) ?? .string(text)
    return schema.mistake(in: value, at: path, schemas)
  }
}

extension OpenAPIDocument.Operation {
  /// What is described for a status: that of its own, else that of its hundred.
  fileprivate func answer(to status: Int) -> (statuses: OpenAPIDocument.Statuses, answer: OpenAPIDocument.Answer)? {
    answers.first { $0.statuses == .one(status) } ?? answers.first { $0.statuses == .hundred(status / 100) }
  }

  /// What stands at the path's parameters in `found`; nil where that does not fit.
  fileprivate func parameters(in found: ArraySlice<String>) -> [NamedText]? {
    guard segments.count == found.count else { return nil }
    var parameters: [NamedText] = []
    for (expected, text) in zip(segments, found) {
      switch expected {
      case .literal(let literal): guard sameBytes(literal, text) else { return nil }
      case .parameter(let name): parameters.append(NamedText(name, text))
      }
    }
    return parameters
  }
}
