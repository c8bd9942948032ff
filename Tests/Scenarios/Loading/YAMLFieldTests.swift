// YAML values with their places, and the spans that people write in them.

import Scenarios
import Testing
import Vocabulary
import YAMLReading

@Suite struct YAMLFieldTests {
  @Test(arguments: [
    ("a: 1\nb: 2\na: 3\n", "x.yaml:3:1: the key \"a\" stands twice in one mapping; first in line 1"),
    ("list:\n  - key: 1\n    other:\n      key: 5\n    # key: 2\n    key: 3\n", "x.yaml:6:5: the key \"key\""),
    ("a: {b: 1, c: b, b: 3}\n", "x.yaml:1:17: the key \"b\""), ("a: {b: 1,\n  \"b\" : 3}\n", "x.yaml:2:3: the key \"b\""),
    ("x:\n  a: 1\ny:\n  a: 1\n  b: 2\n  'a': 3\n", "x.yaml:6:3: the key \"a\""),
    ("é: 1\r\né: 2\r\n", "x.yaml:2:1: the key \"é\""), ("a: 1\nb: 2\n\"\\x61\": 3\n", "x.yaml:3:1: the key \"a\""),
    ("\"\\x61\": 1\na : 2\n", "x.yaml:2:1: the key \"a\" stands twice in one mapping; first in line 1"),
    ("it's: 1\n'it''s': 2\n", "x.yaml:2:1: the key \"it's\""), ("\"a'b\": 1\n\"a'b\": 2\n", "x.yaml:2:1: the key \"a'b\""),
    ("a: {b: 1, \"\\x62\":2}\n", "x.yaml:1:11: the key \"b\""), ("a: 1\n&x a: 2\n", "x.yaml:2:1: the key \"a\""),
    ("a: 1\n? a\n: 2\n", "x.yaml:1:1: the key \"a\" stands twice in one mapping, for the first time here"),
    ("\u{E9}: 1\nb: 1\ne\u{301}: 2\n", #"x.yaml:3:1: the keys "\u{E9}" (in line 1) and "e\u{301}" are one to Unicode"#),
  ]) func aKeyThatStandsTwiceIsToldAtItsSecondPlace(_ yaml: String, _ expected: String) {
    let mistake = #expect(throws: TextMistake.self) { try YAMLField.parse(yaml, file: "x.yaml", what: "a mapping") }
    #expect(mistake?.description.hasPrefix(expected) == true, "\(mistake?.description ?? "")")
  }

  @Test func aByteOrderMarkIsPassedOver() throws {
    let mistake = #expect(throws: TextMistake.self) { try YAMLField.parse("\u{FEFF}a: 1\na: 2", file: "x.yaml", what: "a mapping") }
    #expect(mistake?.description.hasPrefix("x.yaml:2:1: the key \"a\" stands twice") == true, "\(mistake?.description ?? "")")
  }

  @Test func spansAreReadAsInQueries() {
    let spans: [(text: String, nanoseconds: Int64?)] = [
      ("10s", 10_000_000_000), ("-30s", -30_000_000_000), ("250ms", 250_000_000), ("1.5h", 5_400_000_000_000), ("0s", 0),
      ("1h30m", 5_400_000_000_000), ("2w1d", 1_296_000_000_000_000), ("1m2s3ms4us5ns", 62_003_004_005), ("30m1h", nil), ("1s1s", nil),
      ("1h30", nil), ("1h 30m", nil), ("h", nil), ("", nil), ("-", nil), ("1.5h30m", nil), ("1h1.5m", nil), ("1e3s", nil), ("1S", nil),
      ("--1s", nil), ("1.s", 1_000_000_000), ("99999999999999999999s", nil), ("300000000000000000w", nil),
      ("10416d", 899_942_400_000_000_000), ("10417d", nil), ("1\u{B5}s", nil), ("\u{661}s", nil),
    ]
    for (text, nanoseconds) in spans { #expect(SpanText.span(text)?.nanoseconds == nanoseconds, "\(text)") }
  }
}
