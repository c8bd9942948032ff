// The HTTP interface of one service as its OpenAPI 3.1 document tells it: operations with their parameters, bodies and
// answers, and what the service sends by itself (webhooks). Only what an exchange can be held against is kept. How it
// is read: `OpenAPIReading.swift`; how exchanges are held against it: `OpenAPIDocument+Judging.swift`.

import Vocabulary

/// The document of one service.
public struct OpenAPIDocument: Sendable {
  /// One parameter.
  struct Parameter: Sendable {
    /// Where it stands.
    enum Place: String, CaseIterable {
      case path, query, header
    }

    var name: String
    var place: Place
    var isRequired: Bool
    var schema: JSONSchema
  }

  /// What a body may be: a media type in lower case, or `*/*`, and its schema, if there is one.
  struct Content: Sendable {
    var mediaType: String
    var schema: JSONSchema?
  }

  /// The body of a request.
  struct Body: Sendable {
    var isRequired: Bool
    var content: [Content]
  }

  /// One answer.
  struct Answer: Sendable {
    /// Header fields that it may have.
    var headers: [(name: String, isRequired: Bool, schema: JSONSchema)] = []
    /// What its body may be; none at all where it is empty.
    var content: [Content] = []
    /// Whether it may come without a body though one is described.
    var isBodyOptional = false
  }

  /// The statuses that an answer is described for.
  enum Statuses: Hashable, Sendable {
    case one(Int)
    /// Of these hundreds: 4 for 4XX.
    case hundred(Int)

    /// "404", "4XX".
    var text: String {
      switch self {
      case .one(let status): "\(status)"
      case .hundred(let hundred): "\(hundred)XX"
      }
    }
  }

  /// A segment of a path.
  enum Segment: Sendable {
    case literal(String)
    case parameter(String)
  }

  /// One operation.
  struct Operation: Sendable {
    var method: Method
    /// As it stands in the document: `/rules/{name}`.
    var path: String
    var segments: [Segment]
    var parameters: [Parameter] = []
    var body: Body?
    var answers: [(statuses: Statuses, answer: Answer)] = []
    /// Header fields that name who asks.
    var clientHeaders: [String] = []
  }

  /// Where it stands: `ContractTests/…/OpenAPI/storage.yaml`.
  public var file: String
  /// Paths below which the operations are, as segments; the longest first.
  var prefixes: [[String]]
  var operations: [Operation]
  /// What the service sends to others.
  var webhooks: [Operation]
  /// The schemas that references lead to.
  var schemas: [ExactName: JSONSchema]
}
