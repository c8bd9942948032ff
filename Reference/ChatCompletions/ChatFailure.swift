// Why a language model gave no complete text, in types: who asked decides by them what is worth another model, a shorter
// question, or an apology.

import Vocabulary
import Wire

/// An error as a server of this interface tells it: `{"error":{"message":…,"type":…,"code":…}}`.
public struct ChatError: Sendable, Hashable, CustomStringConvertible {
  /// The longest text of each part that is kept, in bytes.
  public static let partBytes = 1_024

  /// For people; empty where the server says nothing.
  public var message: ExactName
  /// The kind: `invalid_request_error`, `rate_limit_error`, `server_error`; empty where there is none.
  public var type: ExactName
  /// The code: `rate_limit_exceeded`, `content_filter`; a number as its digits; empty where there is none.
  public var code: ExactName

  /// An error. Parts are cut to `partBytes`.
  public init(message: String = "", type: String = "", code: String = "") {
    self.message = ExactName(Self.cut(message))
    self.type = ExactName(Self.cut(type))
    self.code = ExactName(Self.cut(code))
  }

  /// The error of a JSON document; nil where it tells none. Some servers give a text in place of the object.
  public init?(document: JSON) {
    switch document["error"] {
    case .object?:
      let error = document["error"]
      self.init(message: Self.text(error?["message"]), type: Self.text(error?["type"]), code: Self.text(error?["code"]))
    case .string(let text)?: self.init(message: text)
    case .bool?, .integer?, .double?, .decimal?, .array?: self.init()
    case nil, .null?: return nil
    }
  }

  /// The error of an answer's body; without parts where it tells none.
  init(body: [UInt8], limits: ChatLimits) {
    let document = try? JSON(parsing: body, limits: JSONLimits(maximumBytes: Self.bodyBytes, maximumDepth: 16, maximumValues: 1_000))
    self = document.flatMap { ChatError(document: $0) } ?? ChatError()
  }

  /// How much is read of a body that tells an error.
  static let bodyBytes = 64 << 10

  /// Whether it says that there were too many requests or tokens.
  public var isRateLimit: Bool {
    ["rate_limit_exceeded", "rate_limit_error", "429"].contains(code) || ["rate_limit_exceeded", "rate_limit_error"].contains(type)
  }

  /// Whether it says that nothing is left of what was paid for: to come again is of no use.
  public var isQuota: Bool { code == "insufficient_quota" || type == "insufficient_quota" }

  /// Whether it says that what was asked, or would be answered, is not allowed.
  public var isRefusal: Bool { ["content_filter", "content_policy_violation"].contains(code) }

  /// Writes it.
  public func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.name("error")
    writer.beginObject()
    writer.member("message", message.text)
    writer.name("type")
    if type.text.isEmpty { writer.null() } else { writer.value(type.text) }
    writer.name("code")
    if code.text.isEmpty { writer.null() } else { writer.value(code.text) }
    writer.endObject()
    writer.endObject()
  }

  /// For people.
  public var description: String {
    let kind = [type, code].map(\.text).filter { !$0.isEmpty }.joined(separator: ", ")
    return kind.isEmpty ? message.text : "\(message.text) (\(kind))"
  }

  private static func text(_ value: JSON?) -> String {
    switch value {
    case .string(let text)?: text
    case .integer(let integer)?: String(integer)
    case nil, .null?, .bool?, .double?, .decimal?, .array?, .object?: ""
    }
  }

  /// The text up to the last scalar that ends within `partBytes`.
  private static func cut(_ text: String) -> String {
    guard text.utf8.count > partBytes else { return text }
    var (bytes, result) = (0, String.UnicodeScalarView())
    for scalar in text.unicodeScalars {
      bytes += UTF8.width(scalar)
      if bytes > partBytes { break }
      result.append(scalar)
    }
    return String(result)
  }
}

/// A refusal: by a filter, or by the model itself.
public struct ChatRefusal: Sendable, Hashable {
  /// What the model, or the server, said of it; often empty.
  public var words: ExactName
  /// What had come before the refusal; nil where the request was refused before anything was answered.
  public var partial: ChatCompletion?

  /// A refusal.
  public init(_ words: ExactName, partial: ChatCompletion?) {
    self.words = words
    self.partial = partial
  }
}

/// Where a streamed answer cannot be read any further, and why.
public struct ChatStreamMistake: Error, Sendable, Hashable, CustomStringConvertible {
  /// Which event of the stream, from 1.
  public var event: Int
  /// The first byte of the line that is wrong, or of the event that is, counted from the answer's first.
  public var byteOffset: Int64
  /// What is wrong.
  public var problem: ExactName

  /// A mistake at a place.
  public init(event: Int, byteOffset: Int64, problem: String) {
    self.event = event
    self.byteOffset = byteOffset
    self.problem = ExactName(problem)
  }

  /// `event 3, byte 512: …`.
  public var description: String { "event \(event), byte \(byteOffset): \(problem)" }
}

/// Why a completion came to nothing, or to no complete text.
public enum ChatFailure: Error, Sendable, Hashable {
  /// For which span too long was waited.
  public enum Wait: Sendable, Hashable {
    /// Until the first piece of the last attempt.
    case firstPiece
    /// Between two events.
    case betweenPieces
    /// For all of it, with all attempts, or until the caller's deadline.
    case whole
  }

  /// What was too long.
  public enum Bound: Sendable, Hashable {
    /// One event of the stream.
    case event
    /// The number of events.
    case events
    /// The text.
    case answer
    /// The body of an answer that is not streamed.
    case body
  }

  /// The content was refused (`content_filter`, or a refusal of the model's own).
  case refused(ChatRefusal)
  /// The text ends because it reached the most tokens; what there is of it.
  case lengthReached(ChatCompletion)
  /// The text ends for a reason that this interface's requests do not lead to.
  case endedOtherwise(ExactName)
  /// Too many requests or tokens (429), after all attempts; when the server said to come again.
  case rateLimited(comeAgainAfter: TimeSpan?, ChatError)
  /// The server refused the request (4xx, or a status that means nothing here): the same one will be refused again.
  case rejected(status: Int, ChatError)
  /// The server failed (5xx), after all attempts; when it said to come again.
  case serverFailed(status: Int, comeAgainAfter: TimeSpan?, ChatError)
  /// An error came in the middle of the stream; also one that speaks of a rate limit (`ChatError.isRateLimit`).
  case errorInStream(ChatError)
  /// The answer is not what this interface gives.
  case malformed(ChatStreamMistake)
  /// The stream ended without a reason to end and `[DONE]`: never a complete text, however much of it came.
  case brokenOff
  /// Something is longer than `ChatLimits` says.
  case tooLong(Bound)
  /// Something took too long.
  case timedOut(Wait)
  /// No answer came, for this reason.
  case transport(TransportFailure)
  /// As many completions are under way as the client takes: nothing was sent.
  case crowded
  /// The request cannot be written, or is longer than `ChatLimits` says: nothing was sent.
  case unsendable(String)

  /// Whether it is certain that the last attempt's request was not carried out: another try, of whom ever, costs nothing
  /// twice.
  public var wasNotCarriedOut: Bool {
    switch self {
    case .rateLimited, .crowded, .unsendable, .rejected: true
    case .serverFailed(let status, _, _): status == 503
    case .transport(let failure): failure.wasNotCarriedOut
    case .refused, .lengthReached, .endedOtherwise, .errorInStream, .malformed, .brokenOff, .tooLong, .timedOut: false
    }
  }
}
