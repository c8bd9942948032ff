// What a scripted language model says to a request: a function of the request and a seed alone, so that a checker knows
// the right text from what was asked.
//
// Limits: the text means nothing. It is of the kind that breaks careless readers: words of several scripts, quotes, line
// ends, and letters whose parts come in different pieces.

import ChatCompletions
import Vocabulary

/// The answer of a scripted model to a request, where nothing befalls it.
public struct ScriptedCompletion: Sendable {
  /// The tokens, in order; never empty ones.
  public var pieces: [String]
  /// Why it ends: complete, cut at the most tokens that were asked for, or refused by its marker.
  public var finish: ChatFinish
  /// What it uses.
  public var usage: ChatUsage

  /// The whole text.
  public var text: String { pieces.joined() }
}

extension ScriptedLanguageModel {
  /// A text that has a message refused, wherever it stands in it.
  public static let refusalMarker = "[refuse this]"
  /// What stands before the number of tokens that an answer is to have, in the last message: `[tokens=200]`, at most
  /// `mostTokens`.
  public static let tokensMarker = "[tokens="
  /// Most tokens of an answer.
  public static let mostTokens = 4_096

  private static let words = [
    "wind", " tunnel", " of", " a", " the", " naïve", " e", "\u{301}", " \"quoted\"", " back\\slash", ".\n", ", and", " 風洞", " поток",
    " 🌬", "️", " 0", " 1", " false", " null", " {\"data\":", " [DONE]", "\t", "\r\n", " data: x", "ﬁ", " ‏עברית", "\u{0}", " ha", " ha",
  ]

  /// What the model answers to `request` where nothing befalls it. Neither the temperature nor how the answer is to come
  /// changes it; the most tokens cut it.
  public static func completion(of request: ChatRequest, seed: UInt64 = 0) -> ScriptedCompletion {
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    func take(_ text: String) {
      for byte in text.utf8 { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
      // So that texts behind each other are not one.
      digest = (digest ^ 0xFF) &* 0x0000_0100_0000_01B3
    }
    take(request.model.text)
    for message in request.messages {
      take(message.role.rawValue)
      take(message.content)
    }
    var random = RandomStream(seed: seed ^ digest, name: "scripted completion")
    let isRefused = request.messages.contains { $0.content.utf8.firstRange(of: refusalMarker.utf8) != nil }
    let drawn = 4 + Int(random.below(44))
    let wanted = isRefused ? Int(random.below(4)) : request.messages.last.flatMap { tokens(wantedBy: $0.content) } ?? drawn
    let most = request.maximumTokens.map { Int(min($0, Int64(mostTokens))) } ?? mostTokens
    let pieces = (0..<min(wanted, most)).map { _ in words[Int(random.below(UInt64(words.count)))] }
    let finish: ChatFinish = isRefused ? .contentFilter : wanted > most ? .length : .stop
    return ScriptedCompletion(
      pieces: pieces, finish: finish, usage: ChatUsage(promptTokens: promptTokens(of: request), completionTokens: Int64(pieces.count)))
  }

  /// How many tokens a request has: one for each four bytes, and four for each message.
  public static func promptTokens(of request: ChatRequest) -> Int64 {
    request.messages.reduce(0) { $0 + 4 + Int64(($1.content.utf8.count + 3) / 4) }
  }

  private static func tokens(wantedBy content: String) -> Int? {
    let bytes = Array(content.utf8)
    guard let marker = bytes.firstRange(of: Array(tokensMarker.utf8)) else { return nil }
    let digits = bytes[marker.upperBound...].prefix { (0x30...0x39).contains($0) }
    guard bytes[digits.endIndex...].first == UInt8(ascii: "]"), let count = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
    return (1...mostTokens).contains(count) ? count : nil
  }
}
