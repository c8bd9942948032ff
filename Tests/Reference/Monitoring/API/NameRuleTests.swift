// Names are printable; the names of rules can also stand in a path.

import MonitoringAPI
import Testing
import Vocabulary
import Wire

struct NameRuleTests {
  /// The fields at fault where `body` is refused; nil where it is taken.
  private func refusal(_ read: (JSONField) throws -> Void, _ body: String) throws -> String? {
    let document = JSONField(try JSON(parsing: body))
    do {
      try read(document)
      return nil
    } catch let error as FieldMistake {
      return error.path
    }
  }

  private func metric(_ body: String) throws -> String? { try refusal({ _ = try MetricsRequest($0) }, #"{"metrics":[\#(body)]}"#) }

  private func rule(_ name: String, channel: String = "c") throws -> String? {
    try refusal(
      { _ = try RuleBody($0) }, #"{"name":"\#(name)","query":"avg(a) > 1","duration":"1s","channels":["\#(channel)"]}"#)
  }

  @Test func controlCharactersAreNamed() {
    #expect(NameRule.control(in: "a\u{0}") == "U+0000")
    #expect(NameRule.control(in: "\u{1F}b\u{7F}") == "U+001F")
    #expect(NameRule.control(in: "\u{9F}") == "U+009F")
    // A line break of two scalars is one character.
    #expect(NameRule.control(in: "a\r\nb") == "U+000D")
    #expect(NameRule.control(in: "Größe > 80 % ☃\u{A0}\u{20}~") == nil)
  }

  @Test func whatClientsNameIsPrintable() throws {
    #expect(try metric(#"{"name":"größe ☃","value":1,"tags":{"é":"line\nbreak"}}"#) == nil)
    #expect(try metric(#"{"name":"a\u0085","value":1}"#) == "metrics[0].name")
    #expect(try metric(#"{"name":"a","value":1,"tags":{"b\t":"v"}}"#) == "metrics[0].tags")
    let point = { (field: JSONField) throws in _ = try WriteRequest(field) }
    #expect(try refusal(point, #"{"measurement":"a\n","fields":{"v":1},"timestamp":1}"#) == "measurement")
    #expect(try refusal(point, #"{"measurement":"a","tags":{"b\n":"v"},"fields":{"v":1},"timestamp":1}"#) == "tags")
    #expect(try refusal(point, #"{"measurement":"a","fields":{"v\n":1},"timestamp":1}"#) == "fields")
    let produce = { (field: JSONField) throws in _ = try ProduceRequest(field) }
    #expect(try refusal(produce, #"{"topic":"t\n","key":"k\n","value":1}"#) == "topic")
    #expect(try refusal(produce, #"{"topic":"t","key":"k\n","value":1}"#) == nil, "a key is no name")
    #expect(throws: HTTPTargetError.self) { try ConsumeRequest(HTTPTarget("/consume?topic=t%0A&partition=0&offset=0")) }
  }

  @Test func whatWasStoredBeforeCanBeRead() throws {
    let answer = #"{"data_points":[{"timestamp":1,"tags":{"b\n":"v"},"fields":{"v\n":1}}]}"#
    #expect(try refusal({ _ = try StorageQueryResponse($0) }, answer) == nil)
    #expect(try refusal({ _ = try StorageQueryRequest($0) }, #"{"measurement":"a\n","start":0,"end":1,"filters":{"b\n":"v"}}"#) == nil)
  }

  @Test func everyNameOfARuleCanStandInAPath() throws {
    #expect(try rule("../x") == "name")
    #expect(try rule("..") == "name")
    #expect(try rule(".") == "name")
    #expect(try rule("...") == nil)
    // A slash under an accent is one character, and still a slash in a path.
    #expect(try rule("a/\u{338}") == "name")
    #expect(try rule("x", channel: #"\u0007"#) == "channels[0]")
    for value in UInt32(0)...0x1_100 {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let name = "a\(Character(scalar))"
      guard NameRule.flaw(ofSegment: name) == nil else { continue }
      let encoded = name.utf8.map { byte in "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
      #expect(try HTTPTarget("/rules/\(encoded)").segments == ["rules", name])
    }
  }
}
