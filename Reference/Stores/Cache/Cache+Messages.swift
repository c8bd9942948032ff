// Messages to whoever listens when they come, at most once each, in the order in which they came.

import Resilience
import StoresAPI
import Vocabulary
import Wire

extension Cache {
  mutating func subscribe(_ exchange: ExchangeID, _ ask: CacheRequest, _ turn: inout Turn) throws(RequestProblem) {
    try ask.only(["pattern"])
    let pattern = KeyPattern(try ask.name("pattern").text)
    guard listeners.count < configuration.maximumListeners else {
      throw RequestProblem(503, code: "TOO_MANY_LISTENERS", message: "as many listen as may")
    }
    listeners.accept(exchange, pattern, &turn)
  }

  mutating func publish(_ ask: CacheRequest, _ request: Request, _ turn: inout Turn) throws(RequestProblem) -> Response {
    try ask.only(["channel"])
    let channel = try ask.name("channel").text
    let message = try CacheRequest.message(request)
    figures.published += 1
    let receivers = listeners.tell(message, on: channel, &turn) { $0.matches(channel) }.receivers
    return .json(200) { writer in
      writer.beginObject()
      writer.member("receivers", receivers)
      writer.endObject()
    }
  }
}
