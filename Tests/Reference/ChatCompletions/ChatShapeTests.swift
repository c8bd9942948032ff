// The shapes of the interface: what is written is read as the same, and what is wrong is said.

import ChatCompletions
import Testing
import Vocabulary
import Wire

@Suite struct ChatShapeTests {
  private func written(_ write: (inout JSONWriter) -> Void) throws -> String {
    var writer = JSONWriter()
    write(&writer)
    return String(decoding: try writer.finish(), as: UTF8.self)
  }

  @Test func aRequestIsWrittenAndRead() throws {
    let request = ChatRequest(
      model: "small", [ChatMessage(.system, "Be brief."), ChatMessage(.user, "\"naïve\"\n")], maximumTokens: 20, temperature: 0.5)
    let text = try written { request.write(&$0) }
    #expect(
      text
        == #"{"model":"small","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"\"naïve\"\n"}],"#
        + #""max_tokens":20,"temperature":0.5,"stream":true,"stream_options":{"include_usage":true}}"#)
    #expect(try ChatRequest(JSONField(JSON(parsing: text))) == request)
    let plain = ChatRequest(model: "m", [ChatMessage(.user, "x")], isStreamed: false, includesUsage: false)
    #expect(try written { plain.write(&$0) } == #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":false}"#)
    #expect(ChatMessage(.user, "e\u{301}") != ChatMessage(.user, "é"), "compared by bytes")
  }

  @Test(arguments: [
    (#"{"messages":[{"role":"user","content":""}]}"#, "model: expected a value, found none"),
    (#"{"model":"m","messages":[]}"#, "messages: expected at least 1 element, found 0"),
    (
      #"{"model":"m","messages":[{"role":"usr","content":""}]}"#,
      #"messages[0].role: expected one of "system", "user", "assistant", found "usr" (did you mean "user"?)"#
    ),
    (#"{"model":"m","messages":[{"role":"user","content":[]}]}"#, "messages[0].content: expected a string, found an array"),
    (
      #"{"model":"m","messages":[{"role":"user","content":""}],"max_tokens":0}"#,
      "max_tokens: expected an integer from 1 to 2147483648, found 0"
    ),
    (
      #"{"model":"m","messages":[{"role":"user","content":""}],"temperature":2.5}"#,
      "temperature: expected a number from 0 to 2, found 2.5"
    ),
  ])
  func aWrongRequestSaysWhere(_ text: String, _ mistake: String) throws {
    #expect {
      _ = try ChatRequest(JSONField(JSON(parsing: text)))
    } throws: {
      "\($0)" == mistake
    }
  }

  @Test func aWholeAnswerIsWrittenAndRead() throws {
    let answer = ChatAnswer(
      id: "chatcmpl-1", model: "small", createdSeconds: 7, content: "é", finish: .length,
      usage: ChatUsage(promptTokens: 3, completionTokens: 1))
    let text = try written { answer.write(&$0) }
    #expect(
      text
        == #"{"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"small","choices":[{"index":0,"#
        + #""message":{"role":"assistant","content":"é"},"finish_reason":"length"}],"#
        + #""usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#)
    let read = try ChatAnswer(JSONField(JSON(parsing: text)))
    #expect(read.content == "é" && read.finish == .length && read.usage?.totalTokens == 4)
    #expect(throws: FieldMistake.self) { _ = try ChatAnswer(JSONField(JSON(parsing: #"{"choices":[{"message":{"content":"x"}}]}"#))) }
  }

  @Test func anErrorIsCutAndItsKeyNeverShown() throws {
    let long = ChatError(message: String(repeating: "é", count: 2_000))
    #expect(long.message.text == String(repeating: "é", count: ChatError.partBytes / 2))
    let odd = ChatError(message: "x" + String(repeating: "é", count: 2_000))
    #expect(odd.message.text.utf8.count == ChatError.partBytes - 1, "no half a scalar")
    let key = try #require(BearerKey("sk-secret"))
    for shown in ["\(key)", String(reflecting: key), String(reflecting: ChatServer(.endpoint(Endpoint(1)), key: key))] {
      #expect(!shown.contains("secret"))
    }
    var dumped = ""
    dump(ChatServer(.endpoint(Endpoint(1)), key: key), to: &dumped)
    #expect(!dumped.contains("secret"))
    for wrong in ["", "a b", "a\r\nx: y", "é", String(repeating: "a", count: 4_097)] { #expect(BearerKey(wrong) == nil) }
  }

  @Test func whereAServerIs() throws {
    #expect(ChatServer(.endpoint(Endpoint(1))).target == "/v1/chat/completions")
    #expect(ChatServer(.endpoint(Endpoint(1)), path: "/").target == "/chat/completions")
    let server = try ChatServer(baseURL: "https://models.example/openai/v1/?api-version=2", namedBy: .operator)
    #expect(server.target == "/openai/v1/chat/completions?api-version=2")
    #expect(server.callee.description == "https://models.example:443")
    #expect(throws: DestinationMistake.self) { _ = try ChatServer(baseURL: "models.example", namedBy: .operator) }
  }
}
