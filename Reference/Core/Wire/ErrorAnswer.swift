// What a caller reads out of an error answer of any of our services: {"error":{"code","message"[,"field"]}}; and
// requests as JSON.

import Vocabulary

/// An error answer as its caller reads it.
public struct ErrorAnswer: Sendable, Hashable {
  /// The word for programs; empty where the answer has none.
  public var code: String
  /// The sentence for people; empty where the answer has none.
  public var message: String

  /// Reads what there is; an answer of another shape gives empty texts.
  public init(_ response: Response) {
    let error = (try? response.document(limits: JSONLimits(maximumBytes: 1 << 16)))?.value["error"]
    code = Self.text(error?["code"])
    message = Self.text(error?["message"])
  }

  private static func text(_ value: JSON?) -> String {
    guard case .string(let text)? = value else { return "" }
    return text
  }
}

extension Request {
  /// A request with a JSON body. A document that cannot be written (a number that JSON has no form for) is a defect of
  /// ours and goes out with an empty body, which every service refuses.
  public static func json(_ method: Method, _ target: String, headers: Headers = Headers(), _ write: (inout JSONWriter) -> Void) -> Request
  {
    var writer = JSONWriter()
    write(&writer)
    var headers = headers
    headers.append("content-type", "application/json")
    return Request(method, target, headers: headers, body: (try? writer.finish()) ?? [])
  }
}
