// Every exchange that a case makes is held against the document of its service, and every notification against those
// that describe one, beside what the case itself expects. What does not fit fails the case that made the exchange, with
// the document, the operation and the place in the exchange.
//
// Limit: a notification is looked at where it says the name that the case made up, since others may be of cases before.

import OpenAPI
import Vocabulary
import Wire

/// A request that is held against a document once it is answered.
struct SentRequest {
  var service: String
  /// The request's target below the path at which its service is.
  var target: String
  var request: Request
}

extension ContractCaller {
  /// Sends a request to a service.
  mutating func send(_ request: Request, _ name: String, _ service: ContractService, _ turn: inout Turn) -> ExchangeID {
    let id = turn.call(service.endpoint, request, .immediately)
    if plan.documents[name] != nil {
      sent[id] = SentRequest(service: name, target: String(request.head.target.dropFirst(service.prefix.count)), request: request)
    }
    return id
  }

  /// What of an exchange does not fit its service's document; nil where all does.
  mutating func violation(_ answer: CallAnswer, _ id: ExchangeID) -> OpenAPIViolation? {
    guard let sent = sent.removeValue(forKey: id), case .answered(let response) = answer else { return nil }
    return plan.documents[sent.service]?.violation(of: sent.request, target: sent.target, answeredBy: response)
  }

  /// What of a notification does not fit the documents; nil where all does, or it is not of this case.
  func violation(ofNotification request: Request) -> OpenAPIViolation? {
    guard closing.isEmpty, case .string(let run)? = variables["run"],
      JSONMatcher.contains(String(decoding: request.body, as: UTF8.self), run)
    else { return nil }
    return plan.documents.sorted { $0.key < $1.key }.lazy.compactMap { $0.value.violation(ofWebhook: request) }.first
  }

  /// The case fails by an exchange that does not fit its document, whatever else its steps expect.
  mutating func fails(by violation: OpenAPIViolation, _ turn: inout Turn) {
    let mistake = violation.mistake
    failHere(
      expected: "\(mistake.path): \(mistake.expected), as \(violation.place) has it", found: mistake.found, &turn)
  }
}
