// The reader of streamed answers: whole answers in any pieces, and hostile ones split at each position.

import ChatCompletions
import Testing
import Vocabulary
import Wire

/// What a reader came to.
private struct Reading: Equatable {
  var text: [UInt8] = []
  var pieces = 0
  var ended: [Result<ChatCompletion, ChatFailure>] = []

  init(_ pieces: [[UInt8]], limits: ChatLimits = ChatLimits()) {
    var reader = ChatStreamReader(limits: limits)
    for bytes in pieces {
      for part in reader.receive(bytes) {
        switch part {
        case .event: break
        case .piece(let text):
          self.text += Array(text.utf8)
          self.pieces += 1
        case .ended(let result): ended.append(result)
        }
      }
    }
    if let result = reader.end() { ended.append(result) }
  }
}

/// Every way to cut the bytes in two, all of them at once, and each by itself.
private func cuts(_ bytes: [UInt8]) -> [[[UInt8]]] {
  [[bytes], bytes.map { [$0] }] + (0...bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
}

private func event(_ chunk: ChatChunk, id: Int? = nil) -> [UInt8] {
  var writer = JSONWriter()
  chunk.write(&writer)
  guard let data = try? writer.finish() else { return [] }
  return EventStreamWriter.event(id: id.map(String.init), String(decoding: data, as: UTF8.self))
}

private func chunk(_ content: String? = nil, finish: ChatFinish? = nil, usage: ChatUsage? = nil, namesRole: Bool = false) -> ChatChunk {
  ChatChunk(
    id: "chatcmpl-1", model: "small", createdSeconds: 7, namesRole: namesRole, content: content, finish: finish, usage: usage)
}

private let done = Array("data: [DONE]\n\n".utf8)
private let pieces = ["Na", "ïve ", "e", "\u{301}", "", "\"\n", "🌬", "[DONE]", "data: x\r\n\r\n", "\u{0}"]
private let whole: [UInt8] =
  event(chunk("", namesRole: true)) + pieces.flatMap { event(chunk($0)) } + event(chunk(finish: .stop))
  + event(chunk(usage: ChatUsage(promptTokens: 3, completionTokens: 10))) + done

@Suite struct ChatStreamReaderTests {
  @Test func aWholeAnswerIsReadInAnyPieces() {
    let completion = ChatCompletion(
      text: pieces.joined(), usage: ChatUsage(promptTokens: 3, completionTokens: 10), model: "small")
    for cut in cuts(whole) {
      let reading = Reading(cut)
      #expect(reading.ended == [.success(completion)])
      #expect(reading.text == Array(pieces.joined().utf8) && reading.pieces == pieces.count - 1, "empty pieces are none")
    }
    // What stands behind the end is nobody's.
    #expect(Reading([whole + whole, [0xFF]]).ended == [.success(completion)])
  }

  /// Line ends of all kinds, comments, a byte order mark, and what the format allows beside.
  @Test func theFormatIsTakenAsItIs() {
    for end in ["\n", "\r\n", "\r"] {
      let text =
        "\u{FEFF}: hello\n\nretry: 5\nid: 1\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n:\n\n"
        + "event: ping\ndata: {}\n\nid: 2\ndata: {\"choices\":[{\"delta\":{\"content\":null},\"finish_reason\":\ndata: \"stop\"}],\"usage\":null}\n\n"
        + "data:[DONE]\n\n"
      let bytes = Array(text.replacing("\n", with: end).utf8)
      for cut in cuts(bytes) {
        #expect(Reading(cut).ended == [.success(ChatCompletion(text: "a", usage: nil, model: ""))], "\(end.debugDescription)")
      }
    }
  }

  /// However it is cut off, it is never taken for complete.
  @Test func everyBeginningIsBrokenOff() {
    for length in 0..<(whole.count - 1) {
      #expect(Reading([Array(whole[..<length])]).ended == [.failure(.brokenOff)], "after \(length) bytes")
    }
    // The end without a reason, and the reason without the end.
    #expect(Reading([event(chunk("a")) + done]).ended == [.failure(.brokenOff)])
    #expect(Reading([event(chunk("a", finish: .stop))]).ended == [.failure(.brokenOff)])
  }

  @Test func whyItEndsDecides() {
    let partial = ChatCompletion(text: "a", usage: nil, model: "small")
    let cases: [(ChatFinish, Result<ChatCompletion, ChatFailure>)] = [
      (.stop, .success(partial)), (.length, .failure(.lengthReached(partial))),
      (.contentFilter, .failure(.refused(ChatRefusal("", partial: partial)))),
      (.other("tool_calls"), .failure(.endedOtherwise("tool_calls"))),
    ]
    for (finish, result) in cases {
      #expect(Reading([event(chunk("a")) + event(chunk(finish: finish)) + done]).ended == [result])
    }
    var refusal = chunk(finish: .stop)
    refusal.refusal = "No."
    #expect(
      Reading([event(chunk("a")) + event(refusal) + done]).ended == [.failure(.refused(ChatRefusal("No.", partial: partial)))],
      "a refusal of the model's own")
  }

  @Test func anErrorInTheStreamEndsIt() throws {
    let cases: [(String, ChatFailure)] = [
      (
        #"{"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}"#,
        .errorInStream(ChatError(message: "slow down", type: "rate_limit_error", code: "rate_limit_exceeded"))
      ),
      (#"{"error":{"message":"x","code":429}}"#, .errorInStream(ChatError(message: "x", code: "429"))),
      (#"{"error":"x"}"#, .errorInStream(ChatError(message: "x"))), (#"{"error":1}"#, .errorInStream(ChatError())),
      (
        #"{"error":{"message":"no","code":"content_filter"}}"#,
        .refused(ChatRefusal("no", partial: ChatCompletion(text: "a", usage: nil, model: "small")))
      ),
    ]
    for (data, failure) in cases {
      for name in ["", "event: error\n"] {
        let bytes = event(chunk("a")) + Array("\(name)data: \(data)\n\n".utf8) + event(chunk("b", finish: .stop)) + done
        for cut in cuts(bytes) { #expect(Reading(cut).ended == [.failure(failure)]) }
      }
    }
    #expect(ChatError(message: "", type: "", code: "429").isRateLimit && !ChatError(message: "429").isRateLimit)
  }

  /// What is no answer says where it stops being one, however it is cut; and nothing behind it is read.
  @Test func hostileBytesAreRefusedWhereTheyStand() {
    let before = event(chunk("a"))
    let at = Int64(before.count)
    let cases: [(hostile: [UInt8], event: Int, offset: Int64, problem: String)] = [
      ([0xFF, 0x0A, 0x0A], 2, at, "bytes that are no UTF-8"),
      (Array("data: ".utf8) + [0xC3] + Array("\n\n".utf8), 2, at, "bytes that are no UTF-8"),
      (Array(": x\n: ".utf8) + [0xED, 0xA0, 0x80, 0x0A], 2, at + 4, "bytes that are no UTF-8"),
      (Array("<html>502</html>\n\n".utf8), 2, at, "a line that is no field of an event stream"),
      (Array("{\"choices\":[]}\n\n".utf8), 2, at, "a line that is no field of an event stream"),
      (Array("event: x\nDATA: {}\n\n".utf8), 2, at + 9, "a line that is no field of an event stream"),
      (Array("event: other\ndata: {}\n\n".utf8), 2, at, "an event of type \"other\""),
      (Array("data: {\"choices\":[\n\n".utf8), 2, at, "line 1, column 13: expected a value, found the end of the text"),
      (Array("data\n\n".utf8), 2, at, "line 1, column 1: expected a value, found the end of the text"),
      (Array("data: [DONE] \n\n".utf8), 2, at, "line 1, column 2: expected a value, found 'D'"),
      (Array("data: []\n\n".utf8), 2, at, "the document: expected an object, found an array"),
      (
        Array("data: {\"choices\":[{\"delta\":{\"content\":7}}]}\n\n".utf8), 2, at,
        "choices[0].delta.content: expected a string, found a number"
      ),
      (
        Array("data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n".utf8), 2, at,
        "choices[0].index: expected an integer from 0 to 0, found 1"
      ),
      (Array("data: {\"choices\":[{},{}]}\n\n".utf8), 2, at, "choices: expected at most 1 element, found 2"),
      (
        event(chunk(finish: .stop)) + event(chunk("b")), 3, at + Int64(event(chunk(finish: .stop)).count),
        "more of the answer behind its end"
      ),
      (
        event(chunk(finish: .stop)) + event(chunk(finish: .stop)), 3, at + Int64(event(chunk(finish: .stop)).count),
        "more of the answer behind its end"
      ),
    ]
    for (hostile, number, offset, problem) in cases {
      let expected = ChatFailure.malformed(ChatStreamMistake(event: number, byteOffset: offset, problem: problem))
      for cut in cuts(before + hostile + event(chunk("c", finish: .stop)) + done) {
        let reading = Reading(cut)
        #expect(reading.ended == [.failure(expected)])
        #expect(reading.text == Array("a".utf8), "\(problem)")
      }
    }
  }

  @Test func whatComesTwiceIsSeenThroughWhereItIsNumbered() {
    func read(_ events: [[UInt8]]) -> [[UInt8]] {
      cuts(Array(events.joined()) + done).map { cut in
        let reading = Reading(cut)
        guard case .success(let completion)? = reading.ended.first, reading.ended.count == 1 else { return Array("failed".utf8) }
        return Array(completion.text.utf8)
      }
    }
    func all(_ text: String) -> ([UInt8]) -> Bool { { $0 == Array(text.utf8) } }
    let end = event(chunk(finish: .stop), id: 9)
    #expect(read([event(chunk("ha"), id: 1), event(chunk("ha"), id: 1), end, end]).allSatisfy(all("ha")))
    #expect(read([event(chunk("ha"), id: 1), event(chunk("ha"), id: 2), end]).allSatisfy(all("haha")), "two numbers")
    #expect(read([event(chunk("ha")), event(chunk("ha")), end]).allSatisfy(all("haha")), "no numbers")
    #expect(read([event(chunk("ha"), id: 1), event(chunk("ha")), event(chunk("ha")), end]).allSatisfy(all("hahaha")), "one number")
    #expect(read([event(chunk("ha"), id: 1), event(chunk("ho"), id: 1), end]).allSatisfy(all("haho")), "another event")
    // With line ends of two bytes too.
    let twice = "id: 1\ndata: {\"choices\":[{\"delta\":{\"content\":\"ha\"}}]}\n\n"
    let bytes = Array((twice + twice).replacing("\n", with: "\r\n").utf8)
    #expect(read([bytes, end]).allSatisfy(all("ha")))
  }

  @Test func everythingIsBounded() {
    var limits = ChatLimits()
    limits.eventBytes = 400
    #expect(Reading([Array(repeating: UInt8(ascii: "d"), count: 401)], limits: limits).ended == [.failure(.tooLong(.event))])
    let long = Array("data: \(String(repeating: " ", count: 200))\n".utf8)
    #expect(Reading([long, long, long], limits: limits).ended == [.failure(.tooLong(.event))])
    limits.answerBytes = 4
    let two = event(chunk("éé")) + event(chunk(finish: .stop)) + done
    #expect(Reading([two], limits: limits).ended == [.success(ChatCompletion(text: "éé", usage: nil, model: "small"))])
    #expect(Reading([event(chunk("x")) + two], limits: limits).ended == [.failure(.tooLong(.answer))])
    limits.events = 3
    #expect(Reading([two], limits: limits).ended == [.success(ChatCompletion(text: "éé", usage: nil, model: "small"))])
    #expect(Reading([event(chunk(namesRole: true)) + two], limits: limits).ended == [.failure(.tooLong(.events))])
  }

  /// Seeded garbage in place of the rest: it never traps, ends once, and never makes a text of it.
  @Test func garbageIsNeverATextAndEndsOnce() {
    var random = RandomStream(seed: 7)
    let alphabet = Array("data: {}[]\",:\n\r\\u0dDONEchoices".utf8)
    for _ in 0..<3_000 {
      let kept = Int(random.below(UInt64(whole.count - done.count)))
      var bytes = Array(whole[..<kept])
      let isText = random.chance(0.5)
      for _ in 0..<random.below(200) {
        bytes.append(isText ? alphabet[Int(random.below(UInt64(alphabet.count)))] : UInt8(truncatingIfNeeded: random.next()))
      }
      let reading = Reading([bytes])
      #expect(reading.ended.count == 1)
      if case .success? = reading.ended.first { Issue.record("a text out of garbage: \(String(decoding: bytes, as: UTF8.self))") }
    }
  }
}
