// Reads a streamed answer of a language model, in whatever pieces its bytes come.
//
// A text is complete only by a reason to end and `[DONE]` behind it. Stricter than the format of event streams: bytes
// that are no UTF-8, fields that it does not have, and events of types that this interface does not use end the reading
// with an error that says where. By the format's own rules they would be passed over, and a text would lack what they
// damaged without anybody knowing. An event that comes twice in a row is seen through where the server numbers its
// events (a field `id` of digits); elsewhere two equal events are two equal pieces. Limits: `ChatLimits`; beyond them it is
// an error too. What is damaged and still reads as an event is not known for damaged.

import Vocabulary
import Wire

/// Reads one streamed answer.
public struct ChatStreamReader: Sendable {
  /// What was read.
  public enum Part: Sendable {
    /// An event came, which has no text.
    case event
    /// The next piece of the text.
    case piece(String)
    /// The answer has ended. The last part of any stream.
    case ended(Result<ChatCompletion, ChatFailure>)
  }

  private let limits: ChatLimits
  private var events: EventStreamReader
  private var encoding = UTF8Validator()
  private var line = LineHead()
  private var bytesBefore: Int64 = 0
  /// The first byte of the event at hand.
  private var eventStartsAt: Int64 = 0
  private var endedWithCarriageReturn = false
  /// Whether the event at hand has a number of its own.
  private var isNumbered = false
  /// The last event with a number, for what comes twice.
  private var lastNumbered: ServerSentEvent?
  private var eventCount = 0
  private var text = ""
  private var refusal = ""
  private var model: ExactName = ""
  private var usage: ChatUsage?
  private var finish: ChatFinish?
  /// Whether the end was told.
  public private(set) var isEnded = false

  /// A reader at the start of an answer.
  public init(limits: ChatLimits = ChatLimits()) {
    self.limits = limits
    events = EventStreamReader(limitBytes: limits.eventBytes)
  }

  /// Takes the next bytes. Nothing is read behind the end.
  public mutating func receive(_ bytes: [UInt8]) -> [Part] {
    guard !isEnded else { return [] }
    var parts: [Part] = []
    let wrong = encoding.firstInvalidByte(in: bytes.span)
    // What came before the wrong byte is read as if nothing had followed it.
    take(bytes[..<(wrong ?? bytes.count)], &parts)
    if wrong != nil, !isEnded {
      fail(.malformed(mistake("bytes that are no UTF-8", at: line.startsAt)), &parts)
    }
    return parts
  }

  /// The stream has ended, in order or not. Returns nil where the answer's end was told before.
  public mutating func end() -> Result<ChatCompletion, ChatFailure>? {
    guard !isEnded else { return nil }
    isEnded = true
    return .failure(.brokenOff)
  }

  private mutating func take(_ bytes: ArraySlice<UInt8>, _ parts: inout [Part]) {
    var rest = bytes
    // Line by line, so that each line's field is known when its event is complete.
    while !rest.isEmpty, !isEnded {
      let end = rest.firstIndex { $0 == 0x0A || $0 == 0x0D }
      let piece = end.map { rest[...$0] } ?? rest
      rest = rest[piece.endIndex...]
      line.take(end.map { piece[..<$0] } ?? piece)
      let complete: [ServerSentEvent]
      do throws(EventStreamMistake) {
        complete = try events.receive(piece)
      } catch {
        return fail(.tooLong(.event), &parts)
      }
      bytesBefore += Int64(piece.count)
      let isRestOfEnd = endedWithCarriageReturn && piece.first == 0x0A
      if !piece.isEmpty { endedWithCarriageReturn = piece.last == 0x0D }
      guard end != nil else { continue }
      switch line.field {
      case .blank where isRestOfEnd: if eventStartsAt == line.startsAt { eventStartsAt = bytesBefore }
      case .unknown: return fail(.malformed(mistake("a line that is no field of an event stream", at: line.startsAt)), &parts)
      case .id: isNumbered = true
      case .known: break
      case .blank:
        for event in complete where !isEnded { process(event, &parts) }
        isNumbered = false
        eventStartsAt = bytesBefore
      }
      line = LineHead(startsAt: bytesBefore)
    }
  }

  private mutating func process(_ event: ServerSentEvent, _ parts: inout [Part]) {
    if isNumbered, !event.lastEventID.isEmpty, event.lastEventID.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      if let lastNumbered, sameBytes(lastNumbered.lastEventID, event.lastEventID), sameBytes(lastNumbered.data, event.data) { return }
      lastNumbered = event
    } else {
      lastNumbered = nil
    }
    eventCount += 1
    guard eventCount <= limits.events else { return fail(.tooLong(.events), &parts) }
    switch ExactName(event.type) {
    case "message", "error": break
    case "ping": return parts.append(.event)
    default: return fail(.malformed(mistake("an event of type \(quoted(event.type))")), &parts)
    }
    if sameBytes(event.data, "[DONE]") { return conclude(&parts) }
    do throws(TextMistake) {
      let limits = JSONLimits(maximumBytes: limits.eventBytes, maximumDepth: 32, maximumValues: 10_000)
      let document = try JSON(parsing: event.data, limits: limits)
      if let error = ChatError(document: document) { return fail(error, &parts) }
      do throws(FieldMistake) {
        take(try ChatChunk(JSONField(document), limits: self.limits), &parts)
      } catch {
        fail(.malformed(mistake(error.description)), &parts)
      }
    } catch {
      fail(.malformed(mistake(error.description)), &parts)
    }
  }

  private mutating func take(_ chunk: ChatChunk, _ parts: inout [Part]) {
    if let said = chunk.usage { usage = said }
    if model.text.isEmpty { model = chunk.model }
    let content = chunk.content ?? ""
    let refused = chunk.refusal ?? ""
    if finish != nil, !content.isEmpty || !refused.isEmpty || chunk.finish != nil {
      return fail(.malformed(mistake("more of the answer behind its end")), &parts)
    }
    guard text.utf8.count + refusal.utf8.count + content.utf8.count + refused.utf8.count <= limits.answerBytes else {
      return fail(.tooLong(.answer), &parts)
    }
    text += content
    refusal += refused
    finish = chunk.finish ?? finish
    parts.append(content.isEmpty ? .event : .piece(content))
  }

  /// `[DONE]` has come.
  private mutating func conclude(_ parts: inout [Part]) {
    guard let finish else { return fail(.brokenOff, &parts) }
    isEnded = true
    parts.append(.ended(ChatCompletion(text: text, usage: usage, model: model).judged(finish, refusal: refusal)))
  }

  private mutating func fail(_ error: ChatError, _ parts: inout [Part]) {
    guard error.isRefusal else { return fail(.errorInStream(error), &parts) }
    fail(.refused(ChatRefusal(error.message, partial: ChatCompletion(text: text, usage: usage, model: model))), &parts)
  }

  private mutating func fail(_ failure: ChatFailure, _ parts: inout [Part]) {
    isEnded = true
    parts.append(.ended(.failure(failure)))
  }

  private func mistake(_ problem: String, at byteOffset: Int64? = nil) -> ChatStreamMistake {
    ChatStreamMistake(event: byteOffset == nil ? eventCount : eventCount + 1, byteOffset: byteOffset ?? eventStartsAt, problem: problem)
  }
}

/// The beginning of a line of an event stream: enough to tell its field.
private struct LineHead: Sendable {
  enum Field { case blank, id, known, unknown }

  /// The longest name of a field, and a byte order mark, and one more.
  private static let keptBytes = 10
  /// Of the line's first byte.
  let startsAt: Int64
  private var bytes: [UInt8] = []

  init(startsAt: Int64 = 0) { self.startsAt = startsAt }

  mutating func take(_ piece: ArraySlice<UInt8>) {
    if bytes.count < Self.keptBytes { bytes += piece.prefix(Self.keptBytes - bytes.count) }
  }

  /// The field of a complete line.
  var field: Field {
    var name = bytes[...]
    if startsAt == 0, name.starts(with: [0xEF, 0xBB, 0xBF]) { name = name.dropFirst(3) }
    guard !name.isEmpty else { return .blank }
    name = name.prefix { $0 != UInt8(ascii: ":") }
    if name.elementsEqual("id".utf8) { return .id }
    return ["", "data", "event", "retry"].contains { name.elementsEqual($0.utf8) } ? .known : .unknown
  }
}
