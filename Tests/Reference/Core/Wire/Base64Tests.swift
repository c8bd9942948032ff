// Base64: what is written is read, and nothing else is.

import TestChance
import Testing
import Vocabulary
import Wire

@Suite struct Base64Tests {
  @Test func whatIsWrittenIsRead() {
    var random = RandomStream(seed: 4, name: "base64")
    for count in 0..<300 {
      let bytes = random.bytes(count)
      #expect(Base64.bytes(of: String(base64: bytes)) == bytes)
    }
  }

  @Test func vectorsOfTheStandard() {
    // RFC 4648, section 10.
    for (text, written) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
      #expect(String(base64: Array(text.utf8)) == written && Base64.bytes(of: written) == Array(text.utf8))
    }
  }

  @Test func whatIsNoneIsRefused() {
    for text in [
      "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "=g==", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm-_", "Zm9v=", "====", "Z===", "\u{E9}aaa",
    ] {
      #expect(Base64.bytes(of: text) == nil, "\(text)")
    }
  }
}
