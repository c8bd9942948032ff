// What the real host alone refuses; what both hosts refuse stands in the vocabulary (`HTTPRefusal`).

import Vocabulary

extension HTTPRefusal {
  /// A message that breaks the syntax of HTTP/1.1.
  static func malformed(_ message: String) -> HTTPRefusal { HTTPRefusal(400, "MALFORMED_REQUEST", message) }
  /// Nothing is there.
  static let notFound = HTTPRefusal(404, "NOT_FOUND", "there is nothing at this path")
  /// Who asks may not change the cluster: the node has a key.
  static let unprovedAdministration = HTTPRefusal(
    401, "UNPROVED", "this changes the cluster: it is for who proves the key of its peers, for this very request")
  /// Who asks may not change the cluster: the proof is of another time.
  static let untimelyAdministration = HTTPRefusal(
    401, "UNTIMELY", "the proof is of another time: its clock and this node's must agree by two minutes")
  /// A request that changes the cluster comes again: somebody repeats it, or brokers sent it round.
  static let repeatedAdministration = HTTPRefusal(
    409, "REPEATED", "this very request was taken before: ask again with a proof of its own")
  /// Who asks may not change the cluster: the node has no key.
  static let administeredHere = HTTPRefusal(
    403, "NOT_FROM_HERE", "this changes the cluster: without a key that could be proved it is for clients on this node's own machine")
  /// Who asks may not change the cluster: it is a page that a browser shows, wherever that is and whatever it proves.
  static let administeredByNoPage = HTTPRefusal(
    403, "NOT_FROM_A_PAGE", "this changes the cluster: no page of a browser may ask for it (the request has an Origin field)")
  static let tooManyConnections = HTTPRefusal(503, "TOO_MANY_CONNECTIONS", "this server has as many connections as it may have")
  static let tooManyBodies = HTTPRefusal(
    503, "OVERLOADED", "this server holds as many bytes of requests as it may; try again later")
  static let tooManyAnswers = HTTPRefusal(
    503, "OVERLOADED", "this server holds as many bytes of answers as it may; try again later")
  static let slowBody = HTTPRefusal(408, "REQUEST_TIMEOUT", "the request's body comes too slowly")
  static let stopping = HTTPRefusal(503, "STOPPING", "this server is stopping")
  static let down = HTTPRefusal(503, "UNAVAILABLE", "this service is not running")
}
