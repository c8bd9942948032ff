// Typed contracts: what is held against them, and which versions may take each other's place.

import ModelServicesAPI
import Testing
import Vocabulary
import Wire

@Suite struct TypedContractTests {
  private func contract(_ text: String) throws -> TypedContract { try TypedContract(JSONField(try JSON(parsing: text))) }

  private func mistake(_ value: JSON, _ fields: [TypedContract.Field]) -> String? {
    do throws(FieldMistake) {
      try TypedContract.check(JSONField(value), fields)
      return nil
    } catch { return error.description }
  }

  @Test func whatIsReadIsWrittenAgain() throws {
    for type in ModelType.allCases {
      for format in ModelType.formats {
        let own = type.contract(format: format)
        var writer = JSONWriter()
        own.write(&writer)
        #expect(try TypedContract(JSONField(JSON(parsing: try writer.finish()))) == own)
        #expect(mistake(type.probeInput, own.input) == nil, "a probe of \(type) is no task")
      }
    }
    #expect(throws: FieldMistake.self) { try contract(#"{"input":{"a":"texts"},"output":{}}"#) }
    #expect(throws: FieldMistake.self) { try contract(#"{"input":{"":"text"},"output":{}}"#) }
    #expect(throws: FieldMistake.self) { try contract(#"{"input":{}}"#) }
  }

  @Test func valuesAreHeldAgainstTheirKinds() throws {
    let fields: [TypedContract.Field] = [.init("pcm", .pcm16), .init("n", .integer, isOptional: true), .init("t", .text, isOptional: true)]
    #expect(mistake(["pcm": "AAABAA=="], fields) == nil)
    #expect(mistake(["pcm": "AAABAA==", "n": 3, "t": "x"], fields) == nil)
    for bad in [
      [:], ["pcm": nil], ["pcm": 1], ["pcm": "AAAA"], ["pcm": "AAABAA="], ["pcm": "AA?A"], ["pcm": "AA==", "n": 1.5],
      ["pcm": "AAABAA==", "n": "3"],
      ["pcm": "AAABAA==", "t": 1], ["pcm": "AAABAA==", "other": 1], "pcm",
    ] as [JSON] {
      #expect(mistake(bad, fields) != nil, "\(bad)")
    }
    #expect(TypedContract.only(fields, of: ["other": 1, "n": 2]) == ["n": 2])
  }

  @Test func blocksOfSamplesComeBack() {
    for samples in [[], [0], [1, -1, Int16.max, Int16.min], [Int16](repeating: -2, count: 480)] as [[Int16]] {
      #expect(PCM16.samples(PCM16.text(samples)) == samples)
    }
    #expect(PCM16.samples(String(repeating: "AAAA", count: 40_000)) == nil, "longer than a block may be")
  }

  @Test func bothFormatsOfEachTypeTakeEachOthersPlace() {
    for type in ModelType.allCases {
      let (old, new) = (type.contract(format: 1), type.contract(format: 2))
      #expect(new.incompatibility(with: old) == nil && old.incompatibility(with: new) == nil)
      #expect(old.lack(of: old) == nil && new.lack(of: new) == nil && old.lack(of: new) == nil)
      #expect(new != old)
    }
  }

  @Test func whatBreaksCallersIsFound() throws {
    let former = try contract(#"{"input":{"a":"number","b":"text?"},"output":{"x":"number","y":"text?"}}"#)
    for (text, part) in [
      (#"{"input":{"a":"number","c":"text"},"output":{"x":"number"}}"#, "which callers do not send"),
      (#"{"input":{"a":"integer"},"output":{"x":"number"}}"#, "callers send number"),
      (#"{"input":{"a":"number","b":"text"},"output":{"x":"number"}}"#, "may leave out"),
      (#"{"input":{"a":"number"},"output":{}}"#, "does not give"),
      (#"{"input":{"a":"number"},"output":{"x":"number?"}}"#, "may leave out"),
      (#"{"input":{"a":"number"},"output":{"x":"text"}}"#, "callers read number"),
    ] {
      let found = try contract(text).incompatibility(with: former)
      #expect(found?.contains(part) == true, "\(text): \(found ?? "compatible")")
    }
    for text in [
      #"{"input":{"a":"number"},"output":{"x":"integer"}}"#, #"{"input":{"a":"number","d":"text?"},"output":{"x":"number","z":"text"}}"#,
    ] {
      #expect(try contract(text).incompatibility(with: former) == nil, "\(text)")
    }
  }

  @Test func aModelThatCannotServeAContractIsFound() throws {
    let model = ModelType.audioAnalysis.contract(format: 1)
    #expect(try contract(#"{"input":{"pcm":"pcm16","room":"text"},"output":{"rms":"number"}}"#).lack(of: model) == nil)
    #expect(try contract(#"{"input":{},"output":{}}"#).lack(of: model) != nil)
    #expect(try contract(#"{"input":{"pcm":"pcm16?"},"output":{}}"#).lack(of: model) != nil)
    #expect(try contract(#"{"input":{"pcm":"pcm16"},"output":{"loudness":"number"}}"#).lack(of: model) != nil)
  }
}
