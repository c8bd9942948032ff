// What a language model is asked: the request of the chat-completions interface (`POST {base}/chat/completions`), written
// by callers and read by who stands in for a model.
//
// Limits: text only (a message's content is one string; no pictures, tools or several choices). Members that this room
// does not know are passed over when read, as servers of this interface do. The bounds are `ChatLimits`.

import Vocabulary
import Wire

/// Bounds of what is asked of a language model and of what it answers.
public struct ChatLimits: Sendable, Hashable {
  /// Longest body of a request in bytes.
  public var requestBytes = 4 << 20
  /// Most messages of a request.
  public var messages = 4_096
  /// Longest event of a streamed answer in bytes.
  public var eventBytes = 256 << 10
  /// Most events of a streamed answer.
  public var events = 65_536
  /// Longest text of an answer in bytes.
  public var answerBytes = 1 << 20
  /// Longest body of an answer that is not streamed in bytes; of one that tells an error 64 KiB at most are read.
  public var bodyBytes = 2 << 20

  /// The bounds for ordinary service.
  public init() {}
}

/// One message of a conversation with a language model.
public struct ChatMessage: Sendable, Hashable {
  /// Who speaks.
  public enum Role: String, CaseIterable, Sendable {
    /// Whoever runs the service.
    case system
    /// Whoever uses it.
    case user
    /// The model.
    case assistant
  }

  /// Who speaks.
  public var role: Role
  /// What is said.
  public var content: String

  /// A message.
  public init(_ role: Role, _ content: String) {
    self.role = role
    self.content = content
  }

  public static func == (left: ChatMessage, right: ChatMessage) -> Bool {
    left.role == right.role && sameBytes(left.content, right.content)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(role)
    hasher.combine(ExactName(content))
  }
}

/// What a language model is asked.
public struct ChatRequest: Sendable, Hashable {
  /// Which model.
  public var model: ExactName
  /// The conversation so far, oldest first.
  public var messages: [ChatMessage]
  /// Most tokens of the answer; nil leaves it to the server.
  public var maximumTokens: Int64?
  /// From 0 (always the likeliest word) to 2; nil leaves it to the server.
  public var temperature: Double?
  /// Whether the answer is to come in pieces.
  public var isStreamed: Bool
  /// Whether a streamed answer is to say what it used (`stream_options.include_usage`).
  public var includesUsage: Bool

  /// A request.
  public init(
    model: ExactName, _ messages: [ChatMessage], maximumTokens: Int64? = nil, temperature: Double? = nil, isStreamed: Bool = true,
    includesUsage: Bool = true
  ) {
    self.model = model
    self.messages = messages
    self.maximumTokens = maximumTokens
    self.temperature = temperature
    self.isStreamed = isStreamed
    self.includesUsage = includesUsage
  }

  /// Reads a request. Throws what is wrong with it.
  public init(_ field: JSONField, limits: ChatLimits = ChatLimits()) throws(FieldMistake) {
    model = ExactName(try field.member("model").string(maximumBytes: 256, minimumBytes: 1))
    messages = []
    for element in try field.member("messages").elements(maximum: limits.messages, minimum: 1) {
      let role = try element.member("role").word(ChatMessage.Role.self)
      messages.append(ChatMessage(role, try element.member("content").string(maximumBytes: limits.requestBytes)))
    }
    // Newer servers call it by the second name, and take the first.
    var most = try field.optionalMember("max_tokens")
    if most == nil { most = try field.optionalMember("max_completion_tokens") }
    maximumTokens = try most?.integer(in: 1...(1 << 31))
    temperature = try field.optionalMember("temperature")?.finiteDouble()
    if let temperature, !(0...2).contains(temperature) {
      throw try field.member("temperature").mismatch("a number from 0 to 2", found: "\(temperature)")
    }
    isStreamed = try field.optionalMember("stream")?.bool() ?? false
    includesUsage = try field.optionalMember("stream_options")?.optionalMember("include_usage")?.bool() ?? false
  }

  /// Writes the request.
  public func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("model", model.text)
    writer.name("messages")
    writer.beginArray()
    for message in messages {
      writer.beginObject()
      writer.member("role", message.role.rawValue)
      writer.member("content", message.content)
      writer.endObject()
    }
    writer.endArray()
    if let maximumTokens { writer.member("max_tokens", maximumTokens) }
    if let temperature { writer.member("temperature", temperature) }
    writer.member("stream", isStreamed)
    if isStreamed, includesUsage {
      writer.name("stream_options")
      writer.beginObject()
      writer.member("include_usage", true)
      writer.endObject()
    }
    writer.endObject()
  }

  /// The request's body, or why it must not be sent.
  func body(_ limits: ChatLimits) -> Result<[UInt8], ChatFailure> {
    guard messages.count <= limits.messages else {
      return .failure(.unsendable("it has \(messages.count) messages, more than \(limits.messages)"))
    }
    // Looked at before anything is written: escapes make it longer, never shorter.
    let bytes = messages.reduce(0) { $0 + $1.content.utf8.count }
    guard bytes <= limits.requestBytes else { return .failure(.unsendable("it has more than \(limits.requestBytes) bytes")) }
    var writer = JSONWriter(capacity: bytes + 256)
    write(&writer)
    do throws(JSONWriteError) {
      let body = try writer.finish()
      guard body.count <= limits.requestBytes else { return .failure(.unsendable("it has more than \(limits.requestBytes) bytes")) }
      return .success(body)
    } catch {
      return .failure(.unsendable("it holds \(error)"))
    }
  }
}
