// Text as it is shown to people: nothing of it does anything to a terminal, and a JSON document stays one.

import Testing
import Wire

@Suite struct ShownTextTests {
  @Test(arguments: [
    ("plain, gr\u{FC}n, 😀", "plain, gr\u{FC}n, 😀"), ("a\nb\tc", "a\nb\tc"), ("\u{1B}[31mred\r", #"\u{1B}[31mred\u{0D}"#),
    ("\u{9B}2J\u{7F}\u{0}", #"\u{9B}2J\u{7F}\u{00}"#), ("a\u{202E}b\u{2066}c\u{200F}", #"a\u{202E}b\u{2066}c\u{200F}"#),
    ("\u{2028}\u{FEFF}", #"\u{2028}\u{FEFF}"#),
  ]) func whatDoesSomethingIsShownByItsNumber(_ text: String, _ shown: String) {
    #expect(shownText(text) == shown)
  }

  @Test func oneLineHasNoBreak() { #expect(shownText("a\nb\tc", isOneLine: true) == #"a\u{0A}b\u{09}c"#) }

  @Test func aDocumentStaysOneAndMeansTheSame() throws {
    let text = "a\u{202E}\u{E0001}\u{7F}\n\u{1B}é"
    let document = try JSON.array([.string(text)]).serializedText()
    let shown = shownText(document, .json)
    #expect(shown.unicodeScalars.allSatisfy { $0.isASCII && $0.value >= 0x20 && $0.value < 0x7F || $0 == "é" }, "\(shown)")
    #expect(try JSON(parsing: shown) == JSON.array([.string(text)]))
  }
}
