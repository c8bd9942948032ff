// A commit of a consumer group's offsets as its exchange tells it, for all that judge groups.

import Checking
import MonitoringAPI
import Vocabulary
import Wire

/// One commit.
struct OffsetCommit {
  /// The group.
  var group: String
  /// What was sent.
  var request: CommitRequest
  /// Whether it was answered with 200. Else it may have come to pass, or not.
  var isAnswered: Bool

  /// Nil where the exchange is no commit.
  init?(_ exchange: ExchangeRecord) {
    guard exchange.request.head.method == .post, let path = try? HTTPTarget(exchange.request.head.target).segments, path.count == 3,
      path[0] == "groups", path[2] == "offsets", let body = try? exchange.request.decoded(CommitRequest.init(_:))
    else { return nil }
    group = path[1]
    request = body
    if case .answered(let response) = exchange.outcome { isAnswered = response.status == 200 } else { isAnswered = false }
  }
}
