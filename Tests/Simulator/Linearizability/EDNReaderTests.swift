// EDN: every kind of form is read as what it is, and what is none is told with its place.

import TestChance
import Testing
import Vocabulary

@testable import Linearizability

@Suite struct EDNReaderTests {
  private func read(_ text: String) throws(TextMistake) -> EDNForm {
    var reader = EDNReader(Array(text.utf8))
    return try reader.form()
  }

  /// A scalar as EDN.
  private func scalar(_ text: String) throws -> String? { try read(text).scalarText()?.text }

  private func mistake(_ text: String) -> String {
    do throws(TextMistake) {
      _ = try read(text)
      return "none"
    } catch {
      return error.description
    }
  }

  @Test(arguments: [
    ("nil", "nil"), ("true", "true"), ("false", "false"), ("0", "0"), ("-0", "0"), ("+7", "7"), ("-7", "-7"), ("7N", "7"),
    ("123456789012345678901234567890N", "123456789012345678901234567890"), ("1.50", "1.50"), ("1.", "1."), ("-1e10", "-1e10"),
    ("2.5E-3M", "2.5E-3M"),
    ("1M", "1M"), ("1/3", "1/3"), ("0x1F", "0x1F"), ("##Inf", "##Inf"), (":a", ":a"), (":jepsen/op", ":jepsen/op"),
    ("a.b/c-d?", "a.b/c-d?"),
    ("-", "-"), ("-a", "-a"), ("\"a\"", "\"a\""), ("\\a", "\\a"), ("\\newline", "\\newline"), ("\\(", "\\("),
    ("#inst \"2024\"", "#inst \"2024\""),
    (" , ; a comment\n ,7 8", "7"), ("#_ 1 #_[2 #_3] 4", "4"),
  ]) func scalarsAreWhatTheyLookLike(_ text: String, _ expected: String) throws {
    #expect(try scalar(text) == expected)
  }

  @Test func stringsHaveEscapes() throws {
    #expect(try read(#""a\n\t\"\\\u00e9\ud83d\ude00é""#).value == .string("a\n\t\"\\\u{E9}\u{1F600}\u{E9}"))
    #expect(try read("\"two\nlines\"").value == .string("two\nlines"))
    // By bytes.
    #expect(try read("\"\u{E9}\"").value != read("\"e\u{301}\"").value)
    #expect(try read("1").value != read("\"1\"").value)
  }

  @Test func collectionsHoldForms() throws {
    guard case .map(let elements) = try read("{:a [1 (2 3)], :b #{4} :c #x.y{:d nil}}").value else {
      Issue.record("no map")
      return
    }
    #expect(elements.map(\.offset) == [1, 4, 15, 18, 23, 26])
    #expect(elements.map(\.kind) == [":a", "a vector", ":b", "a set", ":c", "a form tagged #x.y"])
    #expect(elements[1].pair?.first.value == .integer("1"))
    #expect(elements[5].untagged.kind == "a map")
    #expect(elements[1].scalarText() == nil && elements[5].scalarText() == nil)
  }

  @Test func mistakesHaveTheirPlaces() {
    #expect(mistake("") == "line 1, column 1: expected a form, found the end of the text")
    #expect(mistake("\n [1 2") == "line 2, column 6: expected ']' at the end of the vector, found the end of the text")
    #expect(mistake("[1 2)") == "line 1, column 5: expected a form, found ')'")
    #expect(mistake("{:a 1 :b}") == "line 1, column 1: a map with a key that has no value: it has 3 forms")
    #expect(mistake("{:a 1 :a 2}") == "line 1, column 7: the key :a stands twice in one map")
    #expect(mistake("\"a") == "line 1, column 1: a string without its closing '\"'")
    #expect(mistake(#""\x""#) == #"line 1, column 2: unknown escape: expected one of \" \\ \b \f \n \r \t \u"#)
    #expect(mistake(#""\ud83d""#) == "line 1, column 2: a lone surrogate")
    #expect(mistake(#""\u12""#) == "line 1, column 4: expected four hexadecimal digits after \\u")
    #expect(mistake("01") == "line 1, column 1: expected a number without leading zeros, found \"01\"")
    #expect(mistake("1x") == "line 1, column 1: expected a number, found \"1x\"")
    #expect(mistake("1e") == "line 1, column 1: expected a number, found \"1e\"")
    #expect(mistake("1/") == "line 1, column 1: expected a number, found \"1/\"")
    #expect(mistake(": a") == "line 1, column 2: expected a keyword's name behind ':', found a space")
    #expect(mistake("#") == "line 1, column 2: expected a tag behind '#', found the end of the text")
    #expect(mistake("#a") == "line 1, column 3: expected a form, found the end of the text")
    #expect(mistake(String(repeating: "[", count: 100)) == "line 1, column 65: nested more than 64 levels deep")
    #expect(mistake(String(repeating: "#_", count: 100)).hasSuffix("nested more than 64 levels deep"))
    #expect(mistake(String(repeating: "a", count: 5_000)) == "line 1, column 1: a word of 5000 bytes, more than the 4096 allowed")
    #expect(mistake("\"" + String(repeating: "a", count: 1 << 20) + "\"") == "none")
    #expect(mistake("\"" + String(repeating: "a", count: 1 << 20) + "a\"") == "line 1, column 1: a string of more than 1048576 bytes")
  }

  @Test func invalidBytesAreRefused() {
    for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x3A, 0xC3], [0x61, 0x80], [0x5C, 0xC3]] {
      var reader = EDNReader(bytes)
      #expect(throws: TextMistake.self) { try reader.form() }
    }
  }

  @Test func anyBytesAreReadOrRefused() {
    var random = RandomStream(seed: 5)
    let good = Array(##"{:process 0, :type :ok #_x :f "a\n" [1.5e3 -2N 1/2] #{\a nil} ; c"##.utf8)
    for _ in 0..<5_000 {
      var bytes = good
      for _ in 0...random.index(below: 3) { bytes[random.index(below: bytes.count)] = UInt8(random.index(below: 256)) }
      if random.chance(1, of: 3) { bytes.removeLast(random.index(below: bytes.count)) }
      var reader = EDNReader(bytes)
      while let form = try? reader.form() { #expect(form.offset < bytes.count) }
    }
  }
}
