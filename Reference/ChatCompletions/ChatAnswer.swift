// What a language model answers: one piece of a streamed answer, and a whole one, written and read.
//
// Limits: one choice (index 0); an answer with more, or with calls of tools, is not one that this room's requests ask for,
// and is refused as malformed or by its reason to end.

import Vocabulary
import Wire

/// Why a model's answer ends.
public enum ChatFinish: Sendable, Hashable {
  /// It is complete.
  case stop
  /// It reached the most tokens that it may have.
  case length
  /// A filter left something out.
  case contentFilter
  /// Any other reason, as it came.
  case other(ExactName)

  /// The word on the wire.
  public var word: String {
    switch self {
    case .stop: "stop"
    case .length: "length"
    case .contentFilter: "content_filter"
    case .other(let word): word.text
    }
  }

  /// The reason of this `word`.
  public init(word: String) {
    switch ExactName(word) {
    case "stop": self = .stop
    case "length": self = .length
    case "content_filter": self = .contentFilter
    case let other: self = .other(other)
    }
  }

  init(_ field: JSONField) throws(FieldMistake) { self.init(word: try field.string(maximumBytes: 64, minimumBytes: 1)) }
}

/// What an answer used, in tokens, as the server counts them.
public struct ChatUsage: Sendable, Hashable {
  /// Tokens of what was asked.
  public var promptTokens: Int64
  /// Tokens of the answer.
  public var completionTokens: Int64

  /// A usage.
  public init(promptTokens: Int64, completionTokens: Int64) {
    self.promptTokens = promptTokens
    self.completionTokens = completionTokens
  }

  /// Both together, saturating.
  public var totalTokens: Int64 {
    let (sum, overflow) = promptTokens.addingReportingOverflow(completionTokens)
    return overflow ? .max : sum
  }

  init(_ field: JSONField) throws(FieldMistake) {
    promptTokens = try field.member("prompt_tokens").integer(in: 0...(1 << 53))
    completionTokens = try field.optionalMember("completion_tokens")?.integer(in: 0...(1 << 53)) ?? 0
  }

  func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("prompt_tokens", promptTokens)
    writer.member("completion_tokens", completionTokens)
    writer.member("total_tokens", totalTokens)
    writer.endObject()
  }
}

/// One event of a streamed answer.
public struct ChatChunk: Sendable {
  /// The answer's name, the same in all its events.
  public var id: ExactName
  /// The model that answers.
  public var model: ExactName
  /// When it was begun, in seconds since 1970.
  public var createdSeconds: Int64
  /// Whether it says that the assistant speaks: the first event does.
  public var namesRole: Bool
  /// The next piece of the text; nil where there is none.
  public var content: String?
  /// The next piece of a refusal; nil where there is none.
  public var refusal: String?
  /// Why the answer ends; nil where it goes on.
  public var finish: ChatFinish?
  /// What it used; nil where that is not said.
  public var usage: ChatUsage?

  /// An event.
  public init(
    id: ExactName, model: ExactName, createdSeconds: Int64, namesRole: Bool = false, content: String? = nil, refusal: String? = nil,
    finish: ChatFinish? = nil, usage: ChatUsage? = nil
  ) {
    self.id = id
    self.model = model
    self.createdSeconds = createdSeconds
    self.namesRole = namesRole
    self.content = content
    self.refusal = refusal
    self.finish = finish
    self.usage = usage
  }

  /// Reads an event.
  public init(_ field: JSONField, limits: ChatLimits = ChatLimits()) throws(FieldMistake) {
    id = ExactName(try field.optionalMember("id")?.string(maximumBytes: 256) ?? "")
    model = ExactName(try field.optionalMember("model")?.string(maximumBytes: 256) ?? "")
    createdSeconds = try field.optionalMember("created")?.integer() ?? 0
    usage = nil
    if let member = try field.optionalMember("usage") { usage = try ChatUsage(member) }
    (namesRole, content, refusal, finish) = (false, nil, nil, nil)
    // An event without a choice tells what was used, or something that this room does not know.
    guard let choice = try field.optionalMember("choices")?.elements(maximum: 1).first else { return }
    if let index = try choice.optionalMember("index") { _ = try index.integer(in: 0...0) }
    if let delta = try choice.optionalMember("delta") {
      namesRole = try delta.optionalMember("role") != nil
      content = try delta.optionalMember("content")?.string(maximumBytes: limits.eventBytes)
      refusal = try delta.optionalMember("refusal")?.string(maximumBytes: limits.eventBytes)
    }
    if let reason = try choice.optionalMember("finish_reason") { finish = try ChatFinish(reason) }
  }

  /// Writes the event's data.
  public func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("id", id.text)
    writer.member("object", "chat.completion.chunk")
    writer.member("created", createdSeconds)
    writer.member("model", model.text)
    writer.name("choices")
    writer.beginArray()
    if namesRole || content != nil || refusal != nil || finish != nil {
      writer.beginObject()
      writer.member("index", 0)
      writer.name("delta")
      writer.beginObject()
      if namesRole { writer.member("role", ChatMessage.Role.assistant.rawValue) }
      if let content { writer.member("content", content) }
      if let refusal { writer.member("refusal", refusal) }
      writer.endObject()
      writer.name("finish_reason")
      if let finish { writer.value(finish.word) } else { writer.null() }
      writer.endObject()
    }
    writer.endArray()
    if let usage {
      writer.name("usage")
      usage.write(&writer)
    }
    writer.endObject()
  }
}

/// A whole answer.
public struct ChatAnswer: Sendable {
  /// The answer's name.
  public var id: ExactName
  /// The model that answered.
  public var model: ExactName
  /// When, in seconds since 1970.
  public var createdSeconds: Int64
  /// The text.
  public var content: String
  /// Why it was refused; nil where it was not.
  public var refusal: String?
  /// Why it ends.
  public var finish: ChatFinish
  /// What it used; nil where that is not said.
  public var usage: ChatUsage?

  /// An answer.
  public init(
    id: ExactName, model: ExactName, createdSeconds: Int64, content: String, refusal: String? = nil, finish: ChatFinish,
    usage: ChatUsage? = nil
  ) {
    self.id = id
    self.model = model
    self.createdSeconds = createdSeconds
    self.content = content
    self.refusal = refusal
    self.finish = finish
    self.usage = usage
  }

  /// Reads an answer. Throws what is wrong with it; without a reason to end it is none.
  public init(_ field: JSONField, limits: ChatLimits = ChatLimits()) throws(FieldMistake) {
    id = ExactName(try field.optionalMember("id")?.string(maximumBytes: 256) ?? "")
    model = ExactName(try field.optionalMember("model")?.string(maximumBytes: 256) ?? "")
    createdSeconds = try field.optionalMember("created")?.integer() ?? 0
    usage = nil
    if let member = try field.optionalMember("usage") { usage = try ChatUsage(member) }
    let choices = try field.member("choices").elements(maximum: 1, minimum: 1)
    let choice = choices[choices.startIndex]
    if let index = try choice.optionalMember("index") { _ = try index.integer(in: 0...0) }
    finish = try ChatFinish(try choice.member("finish_reason"))
    let message = try choice.member("message")
    refusal = try message.optionalMember("refusal")?.string(maximumBytes: limits.answerBytes)
    content = try message.optionalMember("content")?.string(maximumBytes: limits.answerBytes) ?? ""
  }

  /// Writes the answer.
  public func write(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("id", id.text)
    writer.member("object", "chat.completion")
    writer.member("created", createdSeconds)
    writer.member("model", model.text)
    writer.name("choices")
    writer.beginArray()
    writer.beginObject()
    writer.member("index", 0)
    writer.name("message")
    writer.beginObject()
    writer.member("role", ChatMessage.Role.assistant.rawValue)
    writer.member("content", content)
    if let refusal { writer.member("refusal", refusal) }
    writer.endObject()
    writer.member("finish_reason", finish.word)
    writer.endObject()
    writer.endArray()
    if let usage {
      writer.name("usage")
      usage.write(&writer)
    }
    writer.endObject()
  }

  /// What the answer means to who asked.
  var result: Result<ChatCompletion, ChatFailure> {
    ChatCompletion(text: content, usage: usage, model: model).judged(finish, refusal: refusal ?? "")
  }
}

/// A text that a model completed.
public struct ChatCompletion: Sendable, Hashable {
  /// The text.
  public var text: String
  /// What it used; nil where the server did not say.
  public var usage: ChatUsage?
  /// The model that answered, as the server names it; empty where it does not.
  public var model: ExactName

  /// A completion.
  public init(text: String, usage: ChatUsage?, model: ExactName) {
    self.text = text
    self.usage = usage
    self.model = model
  }

  public static func == (left: ChatCompletion, right: ChatCompletion) -> Bool {
    sameBytes(left.text, right.text) && left.usage == right.usage && left.model == right.model
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(ExactName(text))
    hasher.combine(usage)
  }

  /// What it means by the reason for its end.
  func judged(_ finish: ChatFinish, refusal: String) -> Result<ChatCompletion, ChatFailure> {
    switch finish {
    case .stop: refusal.isEmpty ? .success(self) : .failure(.refused(ChatRefusal(ExactName(refusal), partial: self)))
    case .length: .failure(.lengthReached(self))
    case .contentFilter: .failure(.refused(ChatRefusal(ExactName(refusal), partial: self)))
    case .other(let word): .failure(.endedOtherwise(word))
    }
  }
}
